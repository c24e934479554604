"""AUROC, AP and Dice against scikit-learn and by hand, ties included; the threshold's promise on healthy scores."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from course_lib import detection, normative


def cases():
    rng = np.random.default_rng(0)
    for number, share, levels in [(7, 0.4, None), (300, 0.02, None), (300, 0.3, 4), (50, 0.5, 1), (4000, 0.02, 30)]:
        labels = rng.random(number) < share
        labels[:2] = True, False
        scores = rng.normal(0, 1, number) + labels
        yield (scores if levels is None else np.round(scores * levels / 8)), labels


@pytest.mark.parametrize(("scores", "labels"), list(cases()))
def test_they_are_what_scikit_learn_finds(scores, labels):
    assert normative.area_under_curve(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    expected = average_precision_score(labels, scores)
    assert normative.average_precision(scores, labels) == pytest.approx(expected, abs=1e-12)
    dice = max(2 * (labels & (scores >= t)).sum() / (labels.sum() + (scores >= t).sum()) for t in scores)
    assert normative.best_dice(scores, labels) == pytest.approx(dice, abs=1e-12)


def test_the_area_is_that_of_lab_07():
    scores, labels = list(cases())[2]
    expected = detection.detectability(scores[labels], scores[~labels]).auc
    assert normative.area_under_curve(scores, labels) == pytest.approx(expected, abs=1e-12)


def test_any_shape_numpy_or_torch_and_no_order():
    scores, labels = list(cases())[1]
    mixed = np.random.default_rng(1).permutation(len(scores))
    for measure in (normative.area_under_curve, normative.average_precision, normative.best_dice):
        value = measure(scores, labels)
        assert measure(scores[mixed].reshape(3, 100), labels[mixed].reshape(3, 100)) == pytest.approx(value, abs=1e-12)
        assert measure(torch.from_numpy(scores), torch.from_numpy(labels)) == value
        assert measure(np.exp(scores), labels) == value, "only the order counts"


def test_scores_that_say_nothing_get_what_chance_gets():
    labels = np.arange(200) < 6
    assert normative.area_under_curve(np.zeros(200), labels) == 0.5
    assert normative.average_precision(np.zeros(200), labels) == pytest.approx(0.03)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.29, 0.5, 0.999])
@pytest.mark.parametrize("number", [1, 19, 100])
def test_the_threshold_keeps_its_promise_and_no_lower_score_does(number, share):
    scores = np.round(np.random.default_rng(number).normal(0, 3, number))  # with ties
    threshold = normative.threshold_for(scores, share)
    assert threshold in scores and (scores > threshold).mean() <= share + 1e-12
    lower = scores[scores < threshold]
    assert len(lower) == 0 or (scores > lower.max()).mean() > share


def test_whole_numbers_of_cases_survive_binary_fractions():
    assert normative.threshold_for(np.arange(100.0), 0.29) == 70
    assert normative.threshold_for(np.arange(30.0), 0.1) == 26


def test_refusals():
    with pytest.raises(TypeError, match="booleans"):
        normative.average_precision(np.arange(3.0), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match="only one kind"):
        normative.area_under_curve(np.arange(3.0), np.ones(3, bool))
    with pytest.raises(ValueError, match="one for each of 3"):
        normative.best_dice(np.arange(3.0), np.array([True, False]))
    with pytest.raises(ValueError, match="finite"):
        normative.threshold_for(np.array([1, np.nan]), 0.1)
    with pytest.raises(ValueError, match="calls everybody ill"):
        normative.threshold_for(np.arange(3.0), 1.0)
