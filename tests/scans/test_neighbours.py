"""Near is decided by the images: near slices are, far ones and strange ones are not, at any level of noise."""

import numpy as np
import pytest

from course_lib import noise
from course_lib.data.anatomy import colin27
from course_lib.data.real_heads import real_heads
from course_lib.scans import denoise_volume
from course_lib.scans.neighbours import neighbours_are_near

CORRUPT = {"gaussian": noise.gaussian, "rician": noise.rician}
CASES = [(step, step < 3, sigma) for step in (1, 2, 8) for sigma in (0.0, 0.02, 0.1, 0.25)]
CASES += [(5, False, sigma) for sigma in (0.0, 0.02, 0.1)]


def slices(step, count=8):
    return np.ascontiguousarray(np.moveaxis(colin27().data[..., 50 : 50 + step * count : step], 2, 0))


@pytest.mark.parametrize(("step", "near", "sigma"), CASES)
@pytest.mark.parametrize("kind", CORRUPT)
def test_distance_in_a_real_head(step, near, sigma, kind):
    stack = slices(step)
    if sigma:
        stack = CORRUPT[kind](stack, sigma, generator=np.random.default_rng(0)).astype(np.float32)
    assert neighbours_are_near(stack, 1.0) is near
    assert neighbours_are_near(900 * stack, 900.0) is near


def test_other_heads():
    """T1 with voxels of 2 mm on all sides, and slices of proton density 5 mm apart, with pixels of 1.2 mm."""
    heads = real_heads()
    cube = np.stack([image[0].numpy() for image in heads["T1"] if image.shape[-2:] == (109, 91)])
    assert neighbours_are_near(cube, 1.0)
    thick = np.stack([image[0].numpy() for image in heads["PD"][40:]])  # the largest of three sizes
    assert not neighbours_are_near(thick, 1.0)


def test_pictures_that_were_piled_up_are_no_volume():
    stack = slices(1)
    stack[1::2] = stack[1::2, ::-1]  # turned upside down
    assert not neighbours_are_near(stack, 1.0)


def test_one_slice_and_an_empty_scan_have_none():
    assert not neighbours_are_near(slices(1)[:1], 1.0)
    assert not neighbours_are_near(np.zeros((3, 40, 40), np.float32), 1.0)


@pytest.mark.parametrize(("step", "neighbours"), [(1, 2), (8, 0)])
def test_denoising_says_what_the_network_was_shown(step, neighbours):
    volume = np.moveaxis(slices(step, 4), 0, 2)[60:124, 70:140]
    found = denoise_volume(volume, method="network", sigma=0.02, progress=False)
    assert found.neighbours == neighbours
    assert found.how() == "network, each slice " + ("with 2 neighbours on either side" if neighbours else "alone")
    assert denoise_volume(volume, method="nlm", sigma=0.02, progress=False).how() == "nlm, each slice alone"
