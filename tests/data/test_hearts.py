"""Synthetic hearts: seed-exact, the same shape on every grid, anatomy as it is named, and blots that hide it."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib import metrics
from course_lib.data import hearts
from course_lib.data.hearts import LABELS, lose_signal, synthetic_hearts

ALL = ("normal", "dilated", "thickened", "aneurysm")


@pytest.fixture(scope="module")
def twelve():
    return synthetic_hearts(12, 3, kinds=ALL)


def test_a_smaller_set_is_the_beginning_and_seeds_differ(twelve):
    again = synthetic_hearts(5, 3, kinds=ALL)
    assert torch.equal(again.images, twelve.images[:5]) and torch.equal(again.labels, twelve.labels[:5])
    assert again.kinds == twelve.kinds[:5] == (*ALL, "normal")
    assert not torch.equal(twelve.labels[0], twelve.labels[4]), "two normal hearts are two shapes"
    assert not torch.equal(synthetic_hearts(1, 4).labels, synthetic_hearts(1, 3).labels)


def test_shapes_dtypes_and_spacing(twelve):
    assert twelve.images.shape == (12, 1, 12, 64, 64) and twelve.images.dtype == torch.float32
    assert twelve.labels.shape == (12, 12, 64, 64) and twelve.labels.dtype == torch.uint8 and len(twelve) == 12
    assert twelve.spacing == (8, 2, 2) and float(twelve.images.min()) >= 0 and float(twelve.images.max()) <= 1
    odd = synthetic_hearts(2, 0, slices=7, size=45)
    assert odd.images.shape == (2, 1, 7, 45, 45) and odd.spacing == pytest.approx((8, 128 / 45, 128 / 45))


@pytest.mark.parametrize("kind", ALL)
def test_every_grid_shows_the_same_heart(kind):
    coarse, fine = (synthetic_hearts(1, 1, size=size, kinds=[kind]).labels for size in (40, 120))
    for label in LABELS.values():
        areas = [float((one == label).sum()) * (128 / one.shape[-1]) ** 2 for one in (coarse, fine)]
        assert areas[0] == pytest.approx(areas[1], rel=0.04)
        middle = (fine == label)[..., 1::3, 1::3]  # the pixels in the middle of 3×3
        assert metrics.dice((coarse == label)[0], middle[0]) > 0.999


def test_anatomy(twelve):
    """One cavity in one closed wall, a right ventricle on the left of the picture, all of it inside."""
    for labels, kind in zip(twelve.labels.numpy(), twelve.kinds, strict=True):
        for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1], labels[-1]):
            assert not (edge == LABELS["cavity"]).any() and not (edge == LABELS["right ventricle"]).any(), kind
        shown = [one for one in labels if (one == LABELS["cavity"]).any()]
        assert 6 <= len(shown) <= 11
        for one in shown:
            assert ndimage.label(one == LABELS["wall"])[1] == 1
            cavity = one == LABELS["cavity"]
            around = ndimage.binary_dilation(cavity) & ~cavity
            assert (one[around] == LABELS["wall"]).all(), "the wall is closed around the cavity"
        columns = [np.nonzero(labels == LABELS[name])[2].mean() for name in ("right ventricle", "wall")]
        assert columns[0] < columns[1] - 8


def test_kinds_are_what_they_are_called():
    found = {}
    for kind in ALL:
        labels = synthetic_hearts(8, 5, kinds=[kind]).labels
        cavity, wall = ((labels == LABELS[name]).flatten(1).sum(1) * 8 * 4 / 1000 for name in ("cavity", "wall"))  # ml
        found[kind] = cavity.mean().item(), (wall / cavity).mean().item()
    assert 60 < found["normal"][0] < 120 and found["dilated"][0] > 1.5 * found["normal"][0]
    assert found["thickened"][0] < 0.7 * found["normal"][0] and found["thickened"][1] > 2 * found["normal"][1]
    assert found["dilated"][1] < 0.7 * found["normal"][1]
    assert roundness("aneurysm") < roundness("normal") - 0.1, "a bulge is not round"


def roundness(kind):
    """Of cavities near the apex: their area, over that of the circle as wide as they reach from their centre."""
    values = []
    for labels in synthetic_hearts(8, 5, kinds=[kind]).labels.numpy():
        places = np.argwhere(labels[7] == LABELS["cavity"])
        values.append(len(places) / (np.pi * ((places - places.mean(0)) ** 2).sum(1).max()))
    return np.mean(values)


def test_blood_is_bright_and_the_wall_dark(twelve):
    images, labels = twelve.images[:, 0].numpy(), twelve.labels.numpy()
    for image, label in zip(images, labels, strict=True):
        inner = {name: ndimage.binary_erosion(label == number, np.ones((3, 3, 3))) for name, number in LABELS.items()}
        assert np.median(image[inner["cavity"]]) > 2 * np.median(image[ndimage.binary_erosion(label == 2)])
    muscles = (images < 0.45) & (labels == LABELS["cavity"])
    assert 0.01 < muscles.sum() / (labels == LABELS["cavity"]).sum() < 0.2, "papillary muscles, cavity by label"


def test_slices_are_those_with_wall_and_know_their_subject(twelve):
    images, labels, subjects = twelve.slices()
    assert images.shape[1:] == (1, 64, 64) and len(images) == len(labels) == len(subjects)
    assert (labels == LABELS["wall"]).flatten(1).any(1).all()
    first = (twelve.labels[0] == LABELS["wall"]).flatten(1).any(1)
    assert torch.equal(labels[subjects == 0], twelve.labels[0][first])
    assert torch.equal(images[subjects == 0], twelve.images[0].movedim(1, 0)[first])
    assert sorted(set(subjects.tolist())) == list(range(12))


def test_lost_signal(twelve):
    image = twelve.images[:4]
    draw = lambda seed, losses=3.0: lose_signal(image, losses, generator=torch.Generator().manual_seed(seed))  # noqa: E731
    found = draw(0)
    assert found.shape == image.shape and torch.equal(found, draw(0)) and not torch.equal(found, draw(1))
    assert torch.equal(draw(0, 0.0), image) and 0 <= found.min() and found.max() <= 1
    changed = (found - image).abs() > 0.02
    share = changed.float().mean().item()
    assert 0.005 < share < 0.2
    touched = changed.flatten(3).any(3).float().mean().item()  # by Poisson 1 - exp(-3) = 0.95 of 48 slices, ± 0.03
    assert 0.8 < touched
    assert lose_signal(image[0, 0, 0], 1).shape == (64, 64)


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state(), str(np.random.mtrand._rand.get_state())
    lose_signal(synthetic_hearts(1, 0, slices=2, size=32).images)
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == str(np.random.mtrand._rand.get_state())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"n": 0}, "n: expected"), ({"size": 16}, "size"), ({"kinds": []}, "kinds"), ({"kinds": "normal"}, "kinds"),
     ({"kinds": ["healthy"]}, "'aneurysm'")],
)  # fmt: skip
def test_bad_arguments_are_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        synthetic_hearts(**({"n": 1, "seed": 0} | arguments))
    with pytest.raises(TypeError, match="tensor"):
        hearts.lose_signal(np.zeros((8, 8), np.float32))


def test_one_hot_has_a_map_for_each_class_the_background_first(twelve):
    labels = twelve.labels[0, 5:7]
    maps = hearts.one_hot(labels)
    assert maps.shape == (2, 4, 64, 64) and maps.dtype == torch.float32
    assert torch.equal(maps.sum(1), torch.ones(2, 64, 64)) and torch.equal(maps.argmax(1), labels.long())
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        hearts.one_hot(labels + 3)
