"""The brain extractor against known masks: a real head, synthetic ones, and what scanners do to them."""

from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from course_lib import noise
from course_lib.data import anatomy, heads
from course_lib.data.extraction import brain_mask, dice

MM = (1.0, 1.0, 1.0)


def colin():
    head = anatomy.colin27()
    return head.data, head.brain_mask


def test_dice_of_masks_that_can_be_counted():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    one[:2], other[1:3] = True, True
    assert dice(one, other) == 0.5 and dice(one, one) == 1 and dice(one, ~one) == 0
    with pytest.raises(ValueError, match="two empty masks"):
        dice(one & ~one, one & ~one)
    with pytest.raises(ValueError, match="boolean masks"):
        dice(one, other.astype(float))
    with pytest.raises(ValueError, match="one shape"):
        dice(one, other[:2])


def test_colin27():
    data, mask = colin()
    found = brain_mask(data, MM)
    assert found.dtype == bool and found.shape == data.shape
    assert dice(found, mask) > 0.955
    assert ndimage.label(found)[1] <= 3
    # scale does not matter, nor do a few shining voxels, nor where the head lies in the picture
    np.testing.assert_array_equal(brain_mask(1000 * data, MM), found)
    spiky = np.where(np.random.default_rng(0).random(data.shape) < 1e-5, np.float32(5), data)
    assert dice(brain_mask(spiky, MM), mask) > 0.95


def test_icbm152_without_skull():
    template = anatomy.icbm152()
    assert dice(brain_mask(template.t1, MM), template.brain_mask) > 0.98


@lru_cache
def synthetic(number):
    """Every fourth plane of a synthetic head: as a scan with slices of 4 mm."""
    images, masks, _ = heads.synthetic_head(7, number).paint(np.arange(0, heads.SHAPE[2], 4))
    back = lambda pictures: np.ascontiguousarray(pictures[:, ::-1].transpose(2, 1, 0))  # noqa: E731
    return back(images), back(masks)


@pytest.mark.parametrize("number", [0, 1])
def test_synthetic_heads_with_scalp(number):
    data, mask = synthetic(number)
    assert dice(brain_mask(data, (1.0, 1.0, 4.0)), mask) > 0.95


@pytest.mark.parametrize("change", ["noise", "bias", "neck", "thick", "ixi grid", "less around"])
def test_what_scanners_do(change):
    data, mask = colin()
    size = MM
    if change == "noise":
        data = noise.rician(np.ascontiguousarray(data), 0.1, generator=np.random.default_rng(0))
    elif change == "bias":
        axes = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in data.shape], indexing="ij", sparse=True)
        data = data * np.exp(0.23 * (axes[0] - axes[1] + axes[2]))  # 0.5 to 2
    elif change == "neck":
        data, mask = (
            np.concatenate([np.repeat(data[:, :, :1], 80, 2), data], 2),
            np.pad(mask, ((0, 0), (0, 0), (80, 0))),
        )
    elif change == "thick":
        data, mask, size = data[:, :, 2:177].reshape(181, 217, 35, 5).mean(3), mask[:, :, 4:177:5], (1.0, 1.0, 5.0)
    elif change == "ixi grid":
        size = (1.2, 0.9375, 0.9375)
        zoom = [1 / side for side in size]
        data = np.pad(ndimage.zoom(data, zoom, order=1), ((0, 0), (12, 12), (30, 30)))
        mask = np.pad(ndimage.zoom(mask.astype(np.float32), zoom, order=1), ((0, 0), (12, 12), (30, 30))) > 0.5
    else:
        cropped = (slice(10, -10), slice(20, -15), slice(5, -2))
        data, mask = data[cropped], mask[cropped]
    assert dice(brain_mask(data, size), mask) > {"bias": 0.94, "less around": 0.94}.get(change, 0.95)


def test_a_whole_head_threshold_would_not_do():
    """The bars above are far from what the easy way reaches."""
    data, mask = colin()
    assert dice(data > 0.2, mask) < 0.8


def test_balls():
    """One larger than any brain is kept whole; a hollow one holds none."""
    x, y, z = np.ogrid[-50:50, -50:50, -50:50]
    radius = 2 * np.sqrt(x**2 + y**2 + z**2)  # mm
    ball = ((radius < 85) * (1 + 0.1 * np.sin(x + y))).astype(np.float32)
    assert (ball > 0).sum() * 8 > 2.5e6 and dice(brain_mask(ball, (2, 2, 2)), ball > 0) > 0.97
    with pytest.raises(ValueError, match="found no brain"):
        brain_mask(ball * (radius > 70), (2, 2, 2))


@pytest.mark.parametrize(
    ("data", "size", "error", "message"),
    [
        (np.zeros((9, 9, 9), np.float32), MM, ValueError, "found no brain"),
        (np.ones((9, 9, 9), np.float32), MM, ValueError, "found no brain"),
        (np.eye(30, dtype=np.float32)[:, :, None].repeat(30, 2), MM, ValueError, "found no brain"),
        (np.zeros((9, 9, 9), np.int16), MM, TypeError, "floating-point"),
        (np.zeros((9, 9), np.float32), MM, ValueError, "X, Y, Z"),
        (np.zeros((9, 9, 9), np.float32), (1, 1), ValueError, "three voxel sizes"),
        (np.zeros((9, 9, 9), np.float32), (1, 1, 0), ValueError, "voxel_size: expected"),
        (np.full((9, 9, 9), np.nan, np.float32), MM, ValueError, "finite"),
    ],
)
def test_bad_input(data, size, error, message):
    with pytest.raises(error, match=message):
        brain_mask(data, size)
