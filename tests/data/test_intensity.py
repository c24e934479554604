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


# --- volumes that reach below zero ---


def head():
    """A ball of tissue in noisy air, 0 and more; where the ball is."""
    place = np.linspace(-1, 1, 40)
    radius = np.sqrt(np.add.outer(np.add.outer(place**2, place**2), place**2))
    tissue = 300 + 200 * np.sin(20 * radius)
    air = np.abs(RNG.normal(0, 10, radius.shape))
    return np.where(radius < 0.7, tissue, air).astype(np.float32), radius < 0.7


def test_a_volume_without_values_below_zero_is_the_same_object():
    volume, _ = head()
    assert intensity.from_zero(volume) is volume


@pytest.mark.parametrize("padding", [-32768, -1024, -5])
@pytest.mark.parametrize("where", ["corner", "all of the air"])
def test_padding_below_the_head_becomes_0_and_the_head_keeps_its_contrast(padding, where):
    volume, ball = head()
    filled = ~ball if where == "all of the air" else np.zeros_like(ball)
    filled[:6] = filled[:, :, -3:] = True
    found = intensity.from_zero(np.where(filled, np.float32(padding), volume))
    assert found.dtype == np.float32 and found.min() == 0 and (found[filled] == 0).all()
    kept = ball & ~filled
    # one shift for all, but for the few that are clipped to 0
    shift = (volume - found)[kept]
    assert np.median(shift) <= (105 if where == "all of the air" else 1)
    assert (np.abs(shift - np.median(shift)) < 1e-3).mean() > 0.98
    whole = intensity.unit_range(found)
    assert whole[kept].std() > 0.2  # it was .004 for -32768


def test_a_z_scored_brain_in_zeros_lies_above_them():
    volume, ball = head()
    scored = np.where(ball, (volume - volume[ball].mean()) / volume[ball].std(), 0).astype(np.float32)
    found = intensity.from_zero(scored)
    assert (found[~ball] == 0).all() and (found[ball] > 0).mean() > 0.98
    assert np.corrcoef(found[ball], volume[ball])[0, 1] > 0.999


def test_whole_numbers_of_noise_around_0_are_no_padding():
    """A real-valued image of noise: 0 is its most frequent value, but no region."""
    volume = np.round(RNG.normal(0, 3, (30, 30, 30))).astype(np.float32)
    found = intensity.from_zero(volume)
    np.testing.assert_array_equal(found, np.maximum(volume - np.percentile(volume, 0.5), 0))


def test_a_few_values_below_zero_change_nothing():
    volume, _ = head()
    volume[0, 0, :5] = -3
    assert intensity.from_zero(volume) is volume
    with pytest.raises(ValueError, match="X, Y, Z"):
        intensity.from_zero(volume[0])
