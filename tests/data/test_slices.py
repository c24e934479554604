"""Three ways to score slices, three rules: against SciPy and by hand, and where each way fails."""

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib.data import slices
from course_lib.data.brains import colin27
from course_lib.data.planes import cut

KINDS = [np.asarray, torch.as_tensor]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_by_hand(kind):
    images = np.zeros((3, 2, 4), np.float32)
    images[0, 0] = [1, 2, 0, -3]
    images[1, 1, 1] = 0.5
    for stack in (images, images[:, None]):  # (N, H, W) and (N, C, H, W)
        count, mean = slices.nonzero_count(kind(stack)), slices.nonzero_mean(kind(stack))
        assert type(count) is type(mean) is type(kind(stack))
        assert count.tolist() == [3, 1, 0] and mean.tolist() == [0, 0.5, 0]
        assert slices.brain_share(kind(stack != 0)).tolist() == [3 / 8, 1 / 8, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_limits_agree_with_scipy(kind):
    scores = np.random.default_rng(0).gamma(3, 2, 401)
    spread = stats.iqr(scores)
    first = np.quantile(scores, 0.25)
    expected = {"3 sigma": scores.mean() - 3 * stats.tstd(scores) * np.sqrt(400 / 401), "iqr": first - 1.5 * spread}
    expected["q1"] = first
    assert set(expected) == set(slices.RULES)
    for rule, value in expected.items():
        assert slices.low_limit(kind(scores), rule) == pytest.approx(value)
        kept = slices.relevant(kind(scores), rule)
        assert type(kept) is type(kind(scores)) and kept.tolist() == (scores >= value).tolist()
    assert slices.relevant(kind(scores), "q1").sum() == 301  # 100 of 401 lie below the quartile, one on it


def test_low_outliers_are_found_and_high_ones_kept():
    scores = np.concatenate([np.random.default_rng(0).normal(100, 5, 200), [0, 1, 500]])
    assert (~slices.relevant(scores, "iqr")).nonzero()[0].tolist() == [200, 201]
    assert slices.relevant(np.ones(5), "3 sigma").all()  # equal scores have no outlier
    assert slices.relevant(np.ones(5), "iqr").all() and slices.relevant(np.ones(5), "q1").all()


@pytest.mark.parametrize("kind", KINDS)
def test_brain_share_rule_includes_its_limit(kind):
    masks = np.zeros((4, 1, 20, 50), bool)
    for row, count in enumerate([44, 45, 46, 0]):
        masks[row].flat[:count] = True
    assert slices.has_brain(kind(masks)).tolist() == [False, True, True, False]
    assert slices.has_brain(kind(masks), 0).all() and slices.has_brain(kind(masks), 0.046).sum() == 1


def test_the_first_two_ways_fail_where_the_third_does_not():
    """The thesis's finding: noise fools the count, bright points fool the mean, and neither knows brain from neck."""
    head = colin27()
    images, masks = cut(head.data), cut(head.brain_mask)
    truth = slices.has_brain(masks)
    empty = np.flatnonzero(masks.sum(axis=(1, 2)) == 0)
    assert len(empty) > 10
    noisy = np.abs(images + 0.01 * np.random.default_rng(0).standard_normal(images.shape).astype(np.float32))
    assert slices.relevant(slices.nonzero_count(noisy), "iqr")[empty].all()  # all pixels of all slices count
    spiky = images.copy()
    spiky[empty[-1]] = 0
    spiky[empty[-1], 3, 4] = 1  # a slice of air with one bright point
    for rule in slices.RULES:
        assert slices.relevant(slices.nonzero_mean(spiky), rule)[empty[-1]]
    for score in (slices.nonzero_count, slices.nonzero_mean):
        for rule in slices.RULES:
            assert (slices.relevant(score(images), rule) != truth).sum() >= 5, (score, rule)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: slices.nonzero_count(np.zeros((2, 3, 3), np.uint8)), TypeError, "floating-point"),
        (lambda: slices.nonzero_mean(np.zeros((3, 3))), ValueError, "N, H, W"),
        (lambda: slices.brain_share(np.zeros((2, 3, 3))), TypeError, "booleans"),
        (lambda: slices.brain_share(np.zeros((3, 3), bool)), ValueError, "N, H, W"),
        (lambda: slices.low_limit(np.zeros((3, 3))), ValueError, "scores: expected"),
        (lambda: slices.low_limit(np.array([])), ValueError, "scores: expected"),
        (lambda: slices.low_limit(np.array([1, np.nan])), ValueError, "scores: expected finite"),
        (lambda: slices.low_limit(np.arange(4.0), "median"), ValueError, "3 sigma, iqr, q1"),
        (lambda: slices.has_brain(np.zeros((2, 3, 3), bool), 1.5), ValueError, "share: expected"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
