"""`enough_images` against a definition written another way, and by hand."""

import numpy as np
import pytest
from scipy import stats

from course_lib.evaluation import enough_images

CURVE = [[27.0, 29.0, 31.0, 30.0], [29.0, 29.2, 31.2, 30.2]]  # means 28, 29.1, 31.1, 30.1; errors 1, 0.1, 0.1, 0.1


@pytest.mark.parametrize(
    ("reference", "wanted"), [(25.9, 50), (26.1, 100), (28.8, 100), (29.0, 200), (29.85, 200), (30.0, None), (31, None)]
)
def test_by_hand(reference, wanted):
    assert enough_images([50, 100, 200, 300], CURVE, reference) == wanted


def test_the_order_of_the_counts_does_not_matter():
    order = [2, 0, 3, 1]
    shuffled = np.array(CURVE)[:, order]
    assert enough_images(np.array([50, 100, 200, 300])[order], shuffled, 28.8) == 100


@pytest.mark.parametrize("seed", range(40))
def test_it_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    counts = rng.permutation(900)[:5]
    scores = 30 + rng.normal(0, 0.5, (rng.integers(2, 6), 5)) + rng.uniform(0, 1) * np.argsort(np.argsort(counts))
    beats = {n: column.mean() - 2 * stats.sem(column) > 30.5 for n, column in zip(counts, scores.T, strict=True)}
    able = [n for n in counts if all(beats[m] for m in counts if m >= n)]
    assert enough_images(counts, scores, 30.5) == (min(able) if able else None)


@pytest.mark.parametrize(
    ("counts", "scores"),
    [
        ([50, 50], np.ones((3, 2))),
        ([], np.ones((3, 0))),
        ([50, 100], np.ones((1, 2))),
        ([50, 100], np.ones((2, 3))),
        ([50, 100], [[1, np.nan], [1, 2]]),
    ],
)
def test_bad_input_is_refused(counts, scores):
    with pytest.raises(ValueError, match="expected"):
        enough_images(counts, scores, 0)
