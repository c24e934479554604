"""The brain extractor against known masks: a real head, synthetic ones, and what scanners do to them."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from course_lib import noise
from course_lib.data import anatomy, heads
from course_lib.data.extraction import brain_mask, dice, find_brain, implausible

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
    assert dice(brain_mask(template.t1, MM), template.brain_mask) > 0.985


# mean intensities
CONTRASTS = {
    "T2": dict(white=0.30, gray=0.42, csf=0.75, bone=0.04, marrow=0.20, fat=0.40, skin=0.3, muscle=0.14),
    "PD": dict(white=0.45, gray=0.55, csf=0.48, bone=0.05, marrow=0.25, fat=0.55, skin=0.4, muscle=0.33),
    "FLAIR": dict(white=0.40, gray=0.50, csf=0.07, bone=0.04, marrow=0.20, fat=0.50, skin=0.4, muscle=0.28),
}


@lru_cache
def synthetic(number, contrast=None):
    """Every fourth plane of a synthetic head: slices of 4 mm. contrast: cortex / white matter, or a name."""
    head = heads.synthetic_head(7, number)
    if isinstance(contrast, float):
        gray = contrast * head.level["white"]
        head = replace(head, level=head.level | {"gray": gray, "csf": min(head.level["csf"], 0.6 * gray)})
    elif contrast is not None:
        head = replace(head, level=head.level | CONTRASTS[contrast])
    images, masks, _ = head.paint(np.arange(0, heads.SHAPE[2], 4))
    back = lambda pictures: np.ascontiguousarray(pictures[:, ::-1].transpose(2, 1, 0))  # noqa: E731
    return back(images), back(masks)


@pytest.mark.parametrize("number", [0, 1])
def test_synthetic_heads_with_scalp(number):
    data, mask = synthetic(number)
    assert dice(brain_mask(data, (1.0, 1.0, 4.0)), mask) > 0.95


def field(shape, direction):
    """Brightness from 0.7 to 1.3 of itself along a direction."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
    slope = sum(part * axis for part, axis in zip(direction, axes, strict=True)) / sum(map(abs, direction))
    return 1 + 0.3 * slope


def with_neck(data, mask, planes):
    below = np.repeat(data[:, :, :1], planes, 2)
    return np.concatenate([below, data], 2), np.pad(mask, ((0, 0), (0, 0), (planes, 0)))


@pytest.mark.parametrize("change", ["none", "field along y", "field across", "neck"])
@pytest.mark.parametrize("contrast", [0.5, 0.65, 0.8])
def test_cortex_may_be_dark_beside_white_matter(contrast, change):
    """No fixed threshold does: .6 of the median, as it was, found .57 to .97 of such brains (Dice)."""
    data, mask = synthetic(0, contrast)
    if change == "neck":
        data, mask = with_neck(data, mask, 18)
    elif change != "none":
        data = data * field(data.shape, (0, 1, 0) if "y" in change else (1, -1, 1))
    assert dice(brain_mask(data, (1.0, 1.0, 4.0)), mask) > 0.95


@pytest.mark.parametrize("gamma", [0.6, 1.8, 2.2])
def test_a_real_head_of_other_contrast(gamma):
    """Colin27 to a power: cortex / white matter from .85 to .55."""
    data, mask = colin()
    assert dice(brain_mask(data**gamma, MM), mask) > 0.95


@pytest.mark.parametrize(("contrast", "bound"), [("T2", 0.91), ("PD", 0.94), ("FLAIR", 0.95)])
def test_other_contrasts_than_t1(contrast, bound):
    """In T2 the CSF around the brain is as bright as the brain, and counts with it."""
    data, mask = synthetic(0, contrast)
    assert dice(brain_mask(data, (1.0, 1.0, 4.0)), mask) > bound


@pytest.mark.parametrize("contrast", [0.5, "T2"])
def test_a_head_without_skull_is_taken_as_it_is(contrast):
    data, mask = synthetic(1, contrast)
    assert dice(brain_mask(np.where(mask, data, 0), (1.0, 1.0, 4.0)), mask) > 0.97
    # air that was cleared around a whole head is another thing
    assert dice(brain_mask(np.where(data < 0.02, 0, data), (1.0, 1.0, 4.0)), mask) > 0.91


def test_colin27_without_skull_z_scored_and_padded():
    data, mask = colin()
    assert dice(brain_mask(np.where(mask, data, 0), MM), mask) > 0.975
    scored = np.where(mask, (data - data[mask].mean()) / data[mask].std(), 0)
    assert dice(brain_mask(scored.astype(np.float32), MM), mask) > 0.95
    assert dice(brain_mask(np.where(data < 0.005, np.float32(-32768), data), MM), mask) > 0.95


@pytest.mark.parametrize(("first", "bound"), [(40, 0.92), (60, 0.95), (90, 0.95), (120, 0.94)])
def test_slabs_of_18_planes(first, bound):
    data, mask = (part[:, :, first : first + 18] for part in colin())
    assert dice(brain_mask(data, MM), mask) > bound


def test_a_volume_that_is_no_brains_is_told(recwarn):
    _, mask = colin()
    assert implausible(mask, MM) is None and implausible(mask[:, :, 60:78], MM) is None
    cube = np.zeros((120, 120, 120), bool)
    cube[:60, :60, :60] = True
    assert "0.22 litres, expected 0.7 to 2.3" in implausible(cube, MM)
    assert "litres" in implausible(np.ones((150, 150, 150), bool), MM)
    assert "in the planes of a slab" in implausible(np.ones((200, 200, 18), bool), MM)
    brain_mask(colin()[0], MM)
    assert not recwarn.list
    x, y, z = np.ogrid[-50:50, -50:50, -50:50]
    ball = (np.sqrt(x**2 + y**2 + z**2) < 20).astype(np.float32) * (2 + 0.1 * np.sin(x + y))
    with pytest.warns(UserWarning, match="0.2[0-9] litres.*masks="):
        brain_mask(ball.astype(np.float32), (2, 2, 2))


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
    assert (ball > 0).sum() * 8 > 2.5e6 and dice(find_brain(ball, (2, 2, 2)), ball > 0) > 0.97
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
