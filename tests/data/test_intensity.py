"""`normalise`: one scale for scanners with different units, and nothing of the test set in it."""

import numpy as np
import pytest

from course_lib.data import intensity

RNG = np.random.default_rng(0)
TRAIN, TEST = RNG.exponential(1, (3, 7, 5, 4)), RNG.exponential(1, (2, 7, 5, 4))


def test_the_training_voxels_have_mean_0_and_deviation_1():
    train, _ = intensity.normalise(TRAIN, TEST)
    assert train.mean() == pytest.approx(0, abs=1e-12) and train.std() == pytest.approx(1)


def test_units_do_not_matter():
    scale = np.array([1e-3, 40, 9000]).reshape(3, 1, 1, 1)
    for first, second in zip(
        intensity.normalise(TRAIN, TEST), intensity.normalise(scale * TRAIN, 7 * TEST), strict=True
    ):
        assert first == pytest.approx(second)


def test_a_test_volume_is_scaled_as_if_it_were_alone():
    _, together = intensity.normalise(TRAIN, TEST)
    for volume, expected in zip(TEST, together, strict=True):
        assert np.array_equal(intensity.normalise(TRAIN, volume[None])[1][0], expected)


def test_by_hand():
    volume = np.arange(101).reshape(1, 101, 1, 1)  # whole numbers: percentiles 1 and 99
    train, test = intensity.normalise(volume, volume[:, ::-1])
    scaled = np.clip((np.arange(101) - 1) / 98, 0, 1)
    assert train.ravel() == pytest.approx((scaled - scaled.mean()) / scaled.std())
    assert test.ravel() == pytest.approx(train.ravel()[::-1])


@pytest.mark.parametrize("wrong", [TRAIN[0], TRAIN[:0], TRAIN.tolist(), np.ones((1, 3, 3, 3))])
def test_bad_input_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        intensity.normalise(wrong, TEST)
