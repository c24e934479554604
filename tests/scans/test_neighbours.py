"""Near is decided by the file's voxel size and, under white noise, by the images: files may be wrong."""

import nibabel
import numpy as np
import pytest

from course_lib import noise
from course_lib.cli import main
from course_lib.data.anatomy import colin27
from course_lib.data.real_heads import real_heads
from course_lib.scans import denoise_file, denoise_volume
from course_lib.scans.neighbours import neighbours_are_near

CORRUPT = {"gaussian": noise.gaussian, "rician": noise.rician}
#: Millimetres between slices, whether they pass, sigma. Up to 3 pass at any level, 4 where the noise is strong.
CASES = [(step, step < 4, sigma) for step in (1, 2, 3, 8) for sigma in (0.0, 0.02, 0.1, 0.25)]
CASES += [(4, False, 0.02), (4, True, 0.1), (5, False, 0.02), (5, False, 0.1)]


def slices(step, count=8):
    return np.ascontiguousarray(np.moveaxis(colin27().data[..., 50 : 50 + step * count : step], 2, 0))


@pytest.mark.parametrize(("step", "near", "sigma"), CASES)
@pytest.mark.parametrize("kind", CORRUPT)
def test_distance_in_a_real_head_by_the_images(step, near, sigma, kind):
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


def piece(step):
    """(64, 70, 4), four slices so many mm apart, with white noise of 0.02."""
    noisy = noise.rician(slices(step, 4), 0.02, generator=np.random.default_rng(0)).astype(np.float32)
    return np.moveaxis(noisy, 0, 2)[60:124, 70:140]


@pytest.mark.parametrize(
    ("step", "voxel", "neighbours"), [(1, (1, 1, 1), 2), (8, (1, 1, 1), 0), (1, (1, 1, 2.4), 2), (1, (1, 1, 2.6), 0)]
)
def test_denoising_says_what_the_network_was_shown(step, voxel, neighbours):
    found = denoise_volume(piece(step), voxel, method="network", sigma=0.02, progress=False)
    assert found.neighbours == neighbours
    words = "with 2 above and 2 below" if neighbours else "without its neighbours"
    assert found.how() == f"network, each slice {words}"
    other = denoise_volume(piece(step), method="nlm", sigma=0.02, progress=False)
    assert other.how() == "nlm, each slice alone" and other.neighbours == 0


@pytest.mark.parametrize("step", [1, 8])
def test_the_choice_can_be_overruled(step):
    settings = dict(method="network", sigma=0.02, progress=False)
    assert denoise_volume(piece(step), neighbours=True, **settings).neighbours == 2
    assert denoise_volume(piece(step), neighbours=False, **settings).neighbours == 0


@pytest.mark.parametrize(("filter", "strength"), [("zero-filled", 0.6), ("interpolated", 0.5), ("smoothed", 0.8)])
@pytest.mark.parametrize(("step", "neighbours"), [(1, 2), (6, 0)])
def test_where_neighbouring_pixels_share_their_noise_the_voxel_size_decides(filter, strength, step, neighbours):
    clean = slices(step, 4)
    stored = noise.correlated(
        clean, 0.1, filter=filter, strength=strength, magnitude=True, generator=np.random.default_rng(0)
    )
    volume = np.moveaxis(stored, 0, 2).astype(np.float32)
    found = denoise_volume(volume, (1, 1, step), method="network", progress=False)
    assert found.noise.whiteness < 0.8 and found.neighbours == neighbours


def test_smooth_noise_would_mislead_the_images():
    """Of these slices 1 mm apart the images say that they are far: pixels two steps aside share their noise."""
    stored = noise.correlated(
        slices(1, 4), 0.2, filter="smoothed", strength=0.8, magnitude=True, generator=np.random.default_rng(0)
    ).astype(np.float32)
    assert not neighbours_are_near(stored, 1.0)
    found = denoise_volume(np.moveaxis(stored, 0, 2), method="network", progress=False)
    assert found.noise.whiteness < 0.8 and found.neighbours == 2


def test_a_series_is_decided_once(tmp_path):
    """The second volume alone would be decided otherwise: nothing may flicker along time."""
    series = np.stack([piece(1), piece(8)], -1)
    nibabel.save(nibabel.Nifti1Image(series, np.eye(4)), tmp_path / "in.nii.gz")
    found = denoise_file(tmp_path / "in.nii.gz", tmp_path / "out.nii.gz", sigma=0.02, method="network", progress=False)
    assert [one.neighbours for one in found] == [2, 2]
    found = denoise_file(
        tmp_path / "in.nii.gz", tmp_path / "out.nii.gz", sigma=0.02, method="network", neighbours=False, progress=False
    )
    assert [one.neighbours for one in found] == [0, 0]


@pytest.mark.parametrize(("asked", "words"), [("yes", "with 2 above and 2 below"), ("no", "without its neighbours")])
@pytest.mark.parametrize("step", [1, 8])
def test_the_command_can_overrule_and_says_what_was_done(tmp_path, capsys, asked, words, step):
    nibabel.save(nibabel.Nifti1Image(piece(step), np.eye(4)), tmp_path / "in.nii")
    options = ["--method", "network", "--sigma", "0.02", "--neighbours", asked]
    assert main(["denoise", str(tmp_path / "in.nii"), str(tmp_path / "out.nii"), *options]) == 0
    assert f"denoised by network, each slice {words}" in capsys.readouterr().out
    written = nibabel.load(tmp_path / "out.nii").get_fdata()
    expected = denoise_volume(piece(step), method="network", sigma=0.02, neighbours=asked == "yes", progress=False)
    np.testing.assert_allclose(written, expected.volume, atol=1e-5)


@pytest.mark.parametrize("voxel", [(0, 0, 0), (1, 1, 0), (-1, 1, -1)])
def test_a_header_without_sizes_leaves_it_to_the_images(voxel):
    for step, neighbours in ((1, 2), (8, 0)):
        found = denoise_volume(piece(step), voxel, method="network", plane="axial", sigma=0.02, progress=False)
        assert found.neighbours == neighbours
