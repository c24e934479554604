"""Two real heads for training: what they are, and that neither is the test head."""

import numpy as np
import pytest
import torch

from course_lib.data.brains import brain_slices
from course_lib.data.real_heads import real_heads


def test_sizes_ranges_and_no_empty_slices():
    heads = real_heads()
    assert {name: len(slices) for name, slices in heads.items()} == {"T1": 247, "PD": 60}
    for image in [*heads["T1"], *heads["PD"]]:
        assert image.dtype == torch.float32 and image.ndim == 3 and image.shape[0] == 1 and min(image.shape[1:]) >= 80
        assert 0 <= image.min() and image.max() <= 1 and image.std() > 0.05


def test_a_slice_comes_with_its_neighbours_and_in_sizes():
    alone, stacks = real_heads(), real_heads(reach=2, enlarged=(1.0, 2.0))
    assert all(image.shape[0] == 5 for images in stacks.values() for image in images)
    for one, stack in zip(alone["T1"], stacks["T1"], strict=False):
        assert torch.equal(one[0], stack[2])
    axial = [image for image in stacks["T1"] if image.shape[-2:] == (109, 91)]
    assert torch.equal(axial[30][3], axial[31][2]) and torch.equal(axial[30][0], axial[28][2])
    large = [image for image in stacks["T1"] if image.shape[-2:] == (218, 182)]
    assert len(large) == pytest.approx(2 * len(axial), abs=2) and 0 <= large[60].min() and large[60].max() <= 1
    # twice as many slices: what lies between two slices is between them
    difference = [float((image[2] - image[1]).std()) for image in (large[60], axial[30])]
    assert difference[0] < 0.7 * difference[1]


def test_air_of_the_first_head_is_cleared():
    middle = [image for image in real_heads()["T1"] if image.shape[-2:] == (109, 91)][30]
    assert float((middle == 0).float().mean()) > 0.2


def test_it_is_not_colin27():
    """The same slice of the same head would correlate nearly perfectly, at whatever height."""
    test = brain_slices("colin27", slices=40).images
    small = torch.nn.functional.interpolate(test, size=(109, 91), mode="bilinear", antialias=True).flatten(1)
    axial = torch.stack([image for image in real_heads()["T1"] if image.shape[-2:] == (109, 91)]).flatten(1)
    best = np.corrcoef(small.numpy(), axial.numpy())[: len(small), len(small) :].max()
    assert best < 0.95


def test_the_front_of_the_head_is_up_as_in_the_test_head():
    """Upside down, heads are less alike."""
    test = brain_slices("colin27", slices=9).images[4:5]
    small = torch.nn.functional.interpolate(test, size=(109, 91), mode="bilinear", antialias=True)[0, 0]
    axial = [image[0] for image in real_heads()["T1"] if image.shape[-2:] == (109, 91)]
    upright, turned = (
        max(np.corrcoef(one.flatten(), small.flatten())[0, 1] for one in planes)
        for planes in (axial, [image.flip(0) for image in axial])
    )
    assert upright > turned + 0.05
