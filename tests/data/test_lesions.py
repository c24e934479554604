"""Lesions: where they are and are not, what each kind leaves alone, pairs across kinds, seeds."""

import numpy as np
import pytest
import torch

from course_lib.data.lesions import KINDS, add_lesions


@pytest.fixture(scope="module")
def brains():
    """Ellipses with smooth stripes: (N, 1, H, W) and their masks; the last is too small for a lesion."""
    down, right = torch.meshgrid(torch.linspace(-1.1, 1.1, 72), torch.linspace(-1, 1, 64), indexing="ij")
    masks = torch.stack([(down**2 + (right / 0.9) ** 2 < size) for size in (0.9, 0.7, 0.5, 0.002)])[:, None]
    stripes = 0.5 + 0.1 * torch.sin(9 * down) * torch.cos(7 * right)
    return stripes * masks, masks


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changes_far_away_or_outside_the_brain(brains, kind):
    images, masks = brains
    found = add_lesions(images, masks, kind, 0.25, seed=3)
    assert found.rows.tolist() == [0, 1, 2] and len(found) == 3
    assert found.images.dtype == torch.float32 and found.masks.dtype == torch.bool
    changed = (found.images - images[found.rows]).abs() > 1e-6
    assert not (changed & ~masks[found.rows]).any() and not (found.masks & ~masks[found.rows]).any()
    assert float(found.images.min()) >= 0 and float(found.images.max()) <= 1
    for difference, mask in zip(changed[:, 0], found.masks[:, 0], strict=True):
        places = mask.nonzero().float()
        reach = (difference.nonzero().float()[:, None] - places.mean(0)).norm(dim=-1).max()
        radius = (places - places.mean(0)).norm(dim=1).max()
        assert reach < 2.6 * radius + 2, "the rim ends near the lesion"
        assert 8 < mask.sum() < 450


def test_place_and_outline_are_the_same_for_all_kinds_and_strengths(brains):
    images, masks = brains
    one = add_lesions(images, masks, "bright", 0.1, seed=5)
    for kind, strength in (("dark", 0.4), ("texture", 0.2)):
        assert torch.equal(add_lesions(images, masks, kind, strength, seed=5).masks, one.masks)
    mass = add_lesions(images, masks, "mass", 0.3, seed=5)

    def middle(mask):
        return mask.nonzero().float().mean(0)

    for round_one, bumpy in zip(mass.masks[:, 0], one.masks[:, 0], strict=True):
        assert (middle(round_one) - middle(bumpy)).norm() < 2.5
    assert not torch.equal(add_lesions(images, masks, "bright", 0.1, seed=6).masks, one.masks)
    alone = add_lesions(images[:2], masks[:2], "bright", 0.1, seed=5)
    assert torch.equal(alone.images, one.images[:2]), "a slice's lesion does not depend on the other slices"


def test_strength_is_in_units_of_grey(brains):
    images, masks = brains
    bright, dark = (add_lesions(images, masks, kind, 0.2, seed=1) for kind in ("bright", "dark"))
    up, down = bright.images - images[bright.rows], images[dark.rows] - dark.images
    assert torch.allclose(up, down, atol=1e-6)
    for difference, mask in zip(up[:, 0], bright.masks[:, 0], strict=True):
        assert 0.15 < difference.max() <= 0.2 + 1e-6 and (difference[mask] > 0.1 - 1e-6).all()
        assert float(difference[~mask].max()) <= 0.1 + 1e-6
    twice = add_lesions(images, masks, "bright", 0.4, seed=1).images - images[bright.rows]
    assert torch.allclose(twice, 2 * up, atol=1e-6)


def test_texture_keeps_the_mean_and_makes_grain(brains):
    images, masks = brains
    found = add_lesions(images, masks, "texture", 0.3, seed=2)
    for new, old, mask in zip(found.images[:, 0], images[found.rows, 0], found.masks[:, 0], strict=True):
        assert abs(float((new - old)[mask].mean())) < 0.03, "the mean stays, but for the rim"
        assert float(new[mask].std()) > 2 * float(old[mask].std())
        assert 0.09 < float(new[mask].std()) < 0.19


def test_a_mass_brings_no_new_grey_value_and_folds_nothing(brains):
    images, masks = brains
    down = torch.linspace(0.2, 0.8, 72)[:, None].expand(72, 64)[None, None].expand(4, 1, 72, 64)
    found = add_lesions(down * masks, masks, "mass", 0.3, seed=4)
    for new, old, mask, brain in zip(
        found.images[:, 0], (down * masks)[found.rows, 0], found.masks[:, 0], masks[found.rows, 0], strict=True
    ):
        near = mask & brain
        assert float(new[near].max()) <= float(old[brain].max()) + 1e-6 and float(new[near].min()) >= 0.0
        row = int(near.nonzero().float().mean(0)[1])  # a column through the centre
        inside = near[:, row]
        assert (new[:, row][inside].diff() > -1e-6).all(), "what rises, still rises: no tissue has changed places"
        shift = (new - old).abs()[near].max() / (0.6 / 71)
        assert 0.6 < shift < 3.2, "pixels, at most 2 · strength · radius"


def test_the_global_random_state_is_left_alone(brains):
    images, masks = brains
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first, again = (add_lesions(images, masks, "texture", 0.3, seed=2).images for _ in range(2))
    assert torch.equal(first, again)
    assert (before[0] == np.random.get_state()[1]).all() and torch.equal(before[1], torch.get_rng_state())  # noqa: NPY002


def test_refusals(brains):
    images, masks = brains
    with pytest.raises(ValueError, match="kind"):
        add_lesions(images, masks, "grey", 0.1)
    with pytest.raises(ValueError, match="from 0 to 0.3"):
        add_lesions(images, masks, "mass", 0.4)
    with pytest.raises(ValueError, match="no lesion"):
        add_lesions(images, masks, "dark", 0)
    with pytest.raises(ValueError, match="room"):
        add_lesions(images[3:], masks[3:], "dark", 0.1)
    with pytest.raises(ValueError, match="brain_masks"):
        add_lesions(images, masks[:2], "dark", 0.1)
    with pytest.raises(ValueError, match="at least 32"):
        add_lesions(images[..., :20], masks[..., :20], "dark", 0.1)
