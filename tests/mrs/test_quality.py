"""What a spectroscopist measures: a known width, a known height over known noise, and the four numbers."""

import numpy as np
import pytest

from course_lib.mrs import (
    ARTEFACTS,
    COMPONENTS,
    Scanner,
    linewidth,
    quality_numbers,
    signal_to_noise,
    signals,
    simulate,
)

CREATINE = np.eye(len(COMPONENTS))[COMPONENTS.index("Cr")]


def noise(count, seed=0):
    real, imaginary = np.random.default_rng(seed).normal(size=(2, count, 512))
    return real + 1j * imaginary


@pytest.mark.parametrize("width", [4.0, 7.0, 10.0])
def test_the_width_of_a_line_is_that_of_its_decay(width):
    """Gaussian of this width and Lorentzian of 1 / (π·T2) = 2.1 Hz: Olivero and Longbothum's formula for both."""
    lorentz = 1 / (np.pi * 0.15)
    voigt = 0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + width**2)
    assert linewidth(signals(20 * CREATINE, width=width)[None]) == pytest.approx(voigt, rel=0.04)


def test_signal_to_noise_is_height_over_deviation():
    """A creatine of 20 mM is a known height: the sum of half the first point and all others."""
    clean = signals(20 * CREATINE, width=6.0)
    near = clean * np.exp(-2j * np.pi * (3.027 - 4.7) * 123.25 * Scanner().time)  # turned to 0 Hz
    height = (near.real.sum() - near[0].real / 2) / np.sqrt(512)
    found = signal_to_noise(clean + 2.0 * noise(200))
    # the largest of three noisy places is a little higher than one
    assert np.median(found) == pytest.approx(height / 2, rel=0.08)
    assert np.median(signal_to_noise(clean + 4.0 * noise(200))) == pytest.approx(height / 4, rel=0.12)


def test_each_number_finds_its_artefact():
    cohort = simulate(100, tumours=0.0, generator=np.random.default_rng(0))
    numbers = quality_numbers(cohort.fids)
    assert list(numbers) == ["signal to noise", "line width", "fat", "water"]
    middle = {
        kind: {name: np.median(values[cohort.kinds == kind]) for name, values in numbers.items()}
        for kind in ("good", *ARTEFACTS)
    }
    good = middle["good"]
    assert middle["low signal"]["signal to noise"] < 0.3 * good["signal to noise"]
    assert middle["broad lines"]["line width"] > 1.6 * good["line width"]
    assert middle["lipid"]["fat"] > 3 * good["fat"] and middle["water"]["water"] > 3 * good["water"]
    assert all(np.isfinite(values).all() and values.shape == (800,) for values in numbers.values())
