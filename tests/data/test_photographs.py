"""The photographs that come with scikit-image: what they are, that nothing is downloaded, and patches of them."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import skimage.data
import torch

from course_lib.data import photographs as module
from course_lib.data.photographs import PHOTOGRAPHS, patches, photographs


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_all_are_there_and_grey():
    found = photographs()
    assert len(found) == len(PHOTOGRAPHS) == 16
    for name, image in zip(PHOTOGRAPHS, found, strict=True):
        assert image.ndim == 3 and image.shape[0] == 1 and min(image.shape[-2:]) >= 256, name
        assert image.dtype == torch.float32 and 0 <= image.min() and image.max() <= 1 and image.std() > 0.04, name


def test_they_are_those_of_scikit_image():
    """Grey ones exactly; colours by the weights of CCIR 601, rounded to a byte."""
    camera, cat = photographs(["camera", "cat"])
    assert torch.equal(camera[0], torch.from_numpy(skimage.data.camera().astype(np.float32)) / 255)
    expected = skimage.data.chelsea() @ np.array([0.299, 0.587, 0.114])
    assert np.abs(255 * cat[0].numpy() - expected).max() < 0.51
    assert torch.equal(photographs("cat")[0], cat)


def test_unknown_and_missing_ones_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="names: expected some of astronaut.*got .'dog'"):
        photographs(["camera", "dog"])
    with pytest.raises(ValueError, match="names: expected"):
        photographs([])
    monkeypatch.setitem(PHOTOGRAPHS, "camera", ("no_such_file.png", ""))
    with pytest.raises(FileNotFoundError, match="'camera' did not come with scikit-image .*Leave it out"):
        photographs()


def test_patches_depend_on_seed_and_number_alone():
    state = torch.get_rng_state()
    four = patches(4, 33, seed=3)
    assert four.shape == (4, 1, 33, 33) and four.dtype == torch.float32
    assert torch.equal(patches(9, 33, seed=3)[:4], four) and not torch.equal(patches(4, 33, seed=4), four)
    assert torch.equal(state, torch.get_rng_state())
    assert len({image.numpy().tobytes() for image in four}) == 4


def test_patches_without_shrinking_are_pieces_of_a_photograph():
    camera = photographs("camera")[0][0]
    windows = camera.unfold(0, 9, 1).unfold(1, 9, 1)
    for patch in patches(3, 9, smallest=1, names=["camera"])[:, 0]:
        assert (windows == patch).all(-1).all(-1).any()


def test_half_of_the_patches_are_made_smaller(monkeypatch):
    """On a picture of columns 0, 1, 2, ... the step from pixel to pixel is the factor."""
    ramp = torch.arange(1000.0).expand(1, 1000, 1000) / 1000
    monkeypatch.setattr(module, "photographs", lambda names: [ramp])
    found = patches(400, 20, smallest=0.5)
    steps = (1000 * (found[:, 0, :, 14] - found[:, 0, :, 5]).mean(-1)) / 9  # away from the border
    larger = steps > 1.001
    # half, give or take 4 standard deviations; drawn from [0.5, 1]: steps of 1 to 2, evenly in 1 / step
    assert abs(larger.float().mean() - 0.5) < 0.1 + 0.03 and 1.9 < steps.max() < 2.01
    assert abs((1 / steps[larger]).mean() - 0.75) < 0.05


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"count": 0}, ValueError, "count: expected at least 1"),
        ({"size": 301}, ValueError, "size: expected at most 300, the shortest"),
        ({"size": 2.5}, TypeError, "size: expected a whole number"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"smallest": 0}, ValueError, "smallest: expected a number from 0.05 to 1"),
        ({"smallest": 1.5}, ValueError, "smallest: expected"),
        ({"names": ["dog"]}, ValueError, "names: expected"),
    ],
)
def test_bad_arguments_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        patches(**({"count": 1, "size": 8} | change))
