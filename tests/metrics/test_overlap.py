"""Overlaps of masks against MONAI, SimpleITK and sets; what the square of the generalised Dice does; empty masks."""

import numpy as np
import pytest
import torch

from course_lib import metrics

SHAPES = [(7, 9), (5, 6, 11)]


def masks(shape, seed=0, structures=None):
    """Two random masks that overlap; with `structures`, a batch of two images with so many channels."""
    rng = np.random.default_rng(seed)
    whole = shape if structures is None else (2, structures, *shape)
    target = rng.random(whole) < 0.4
    return target ^ (rng.random(whole) < 0.15), target


def classes(shape, number=3, seed=0):
    """Probabilities and a one-hot target, (2, C, …), the classes unequally large."""
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(2, number, *shape, generator=generator, dtype=torch.float64).softmax(1)
    share = torch.tensor([0.7, 0.25, 0.05], dtype=torch.float64)[:number]
    labels = torch.multinomial(share, 2 * int(np.prod(shape)), True, generator=generator).reshape(2, *shape)
    return probabilities, torch.nn.functional.one_hot(labels, number).movedim(-1, 1).double()


@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_sets_of_voxels(shape):
    prediction, target = masks(shape)
    a, b = (set(map(tuple, np.argwhere(mask))) for mask in (prediction, target))
    assert metrics.dice(prediction, target) == pytest.approx(2 * len(a & b) / (len(a) + len(b)), abs=1e-15)
    expected = 1 - abs(len(a) - len(b)) / (len(a) + len(b))
    assert metrics.volumetric_similarity(prediction, target) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
def test_dice_agrees_with_monai(shape):
    peer = pytest.importorskip("monai.metrics")
    prediction, target = (torch.from_numpy(mask) for mask in masks(shape, structures=3))
    expected = peer.compute_dice(prediction.float(), target.float())
    assert torch.allclose(metrics.dice(prediction, target), expected, atol=1e-6)


def test_agrees_with_simpleitk_whose_volume_similarity_has_a_sign():
    sitk = pytest.importorskip("SimpleITK")
    prediction, target = masks((5, 6, 11), seed=3)
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (prediction, target)))
    assert metrics.dice(prediction, target) == pytest.approx(measure.GetDiceCoefficient(), abs=1e-12)
    signed = measure.GetVolumeSimilarity()
    assert abs(signed) > 0.01
    assert metrics.volumetric_similarity(prediction, target) == pytest.approx(1 - abs(signed) / 2, abs=1e-12)


@pytest.mark.parametrize("name", ["dice", "volumetric_similarity"])
def test_a_batch_gives_one_value_for_each_structure(name):
    score = getattr(metrics, name)
    prediction, target = masks((5, 6, 7), structures=3)
    values = score(prediction, target)
    assert values.shape == (2, 3) and values.dtype == np.float64
    for n, c in np.ndindex(2, 3):
        assert values[n, c] == score(prediction[n, c], target[n, c])
    tensors = score(torch.from_numpy(prediction), torch.from_numpy(target))
    assert tensors.dtype == torch.float32 and np.allclose(tensors.numpy(), values, atol=1e-6)


def test_volumetric_similarity_is_blind_to_place():
    one, other = np.zeros((6, 9), bool), np.zeros((6, 9), bool)
    one[:2, :3], other[-3:, -2:] = True, True
    assert metrics.volumetric_similarity(one, other) == 1 and metrics.dice(one, other) == 0


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_empty_masks(kind):
    some, nothing = kind(masks((5, 7))[1]), kind(np.zeros((5, 7), bool))
    for score in (metrics.dice, metrics.volumetric_similarity):
        assert float(score(nothing, nothing)) == 1
        assert float(score(nothing, some)) == float(score(some, nothing)) == 0


@pytest.mark.parametrize("shape", [(6, 7), (3, 5, 4)])
def test_generalised_dice_agrees_with_monai(shape):
    peer = pytest.importorskip("monai.losses")
    probabilities, target = classes(shape)
    target[1, 2] = 0  # a class that the second image lacks
    score = metrics.generalised_dice(probabilities, target)
    # the least that MONAI can add is a number that float64 does not see
    loss = peer.GeneralizedDiceLoss(w_type="square", smooth_nr=1e-30, smooth_dr=1e-30, reduction="none")
    assert torch.allclose(1 - score, loss(probabilities, target).flatten(), atol=1e-12)
    simple = peer.GeneralizedDiceLoss(w_type="simple", smooth_nr=1e-30, smooth_dr=1e-30, reduction="none")
    assert (1 - score - simple(probabilities, target).flatten()).abs().min() > 1e-3  # the slide's weights
    arrays = metrics.generalised_dice(probabilities.numpy(), target.numpy())
    assert arrays.shape == (2,) and np.array_equal(arrays, score.numpy())


def test_where_the_volumes_are_right_it_is_the_mean_of_dice_weighted_by_one_over_volume():
    _, target = classes((9, 11))
    target = target.bool()
    prediction = target.roll(3, -1)  # every class as large as before
    dice, volume = metrics.dice(prediction, target).double(), target.sum((2, 3)).double()
    expected = (dice / volume).sum(1) / (1 / volume).sum(1)
    score = metrics.generalised_dice(prediction, target).double()
    assert torch.allclose(score, expected, atol=1e-6)
    assert (score - dice.mean(1)).abs().max() > 0.01  # 1 / volume, as the slide has it


def test_generalised_dice_where_classes_are_absent():
    target = torch.zeros(1, 2, 8, 8)
    target[0, 0], target[0, 1, :2, :2], target[0, 0, :2, :2] = 1, 1, 0
    missed = torch.stack([torch.ones(8, 8), torch.zeros(8, 8)])[None]
    assert metrics.generalised_dice(missed, target) == pytest.approx(120 / (124 + 4 * 225))  # 225 = (60 / 4)²
    nothing = torch.zeros_like(target)
    assert metrics.generalised_dice(nothing, nothing) == 1
    assert metrics.generalised_dice(missed, nothing) == 0
    # voxels given to a class that the image lacks cost something
    background = torch.stack([torch.ones(8, 8), torch.zeros(8, 8)])[None]
    assert metrics.generalised_dice(target, background) < 0.97
    assert metrics.generalised_dice(background, background) == 1


def test_refusals():
    prediction, target = masks((5, 7))
    with pytest.raises(TypeError, match="booleans"):
        metrics.dice(prediction.astype(np.uint8), target)
    with pytest.raises(TypeError, match="two numpy arrays or two torch tensors"):
        metrics.dice(torch.from_numpy(prediction), target)
    with pytest.raises(TypeError, match="list"):
        metrics.volumetric_similarity([[True]], target)
    with pytest.raises(ValueError, match="same shape"):
        metrics.dice(prediction, target[1:])
    with pytest.raises(ValueError, match="or a batch"):
        metrics.dice(prediction[0], target[0])
    with pytest.raises(ValueError, match="one device"):
        metrics.dice(torch.from_numpy(prediction), torch.from_numpy(target).to("meta"))
    with pytest.raises(TypeError, match="two numpy arrays or two torch tensors"):
        metrics.generalised_dice(torch.rand(1, 2, 3, 3), np.zeros((1, 2, 3, 3)))
    with pytest.raises(ValueError, match="same shape"):
        metrics.generalised_dice(torch.rand(2, 3, 3), torch.rand(2, 3, 3))
