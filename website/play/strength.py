"""The strength slider of lab 04: how much noise should a filter be told of?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_lib import metrics, noise
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from website.play.charts import Axes
from website.play.head import Head
from website.play.sprites import difference_strip, grey_strip
from website.play.widget import Widget, decibels, number

METHODS: dict[str, Callable[..., Any]] = {
    "nlm": filters.non_local_means,
    "bm3d": bm3d,
    "gaussian": filters.gaussian,
}
NAMES = {"nlm": "non-local means", "bm3d": "BM3D", "gaussian": "Gaussian filter"}
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
SIGMA = 0.1
START = ("nlm", 4)
SEED = 0
AXES = Axes(220, 264, x=(0, STRENGTHS[-1] * SIGMA), y=(18, 34), left=28, top=24)


def noisy_slice(head: Head) -> np.ndarray:
    """The head with Gaussian noise of the true sigma."""
    return np.asarray(noise.gaussian(head.clean, SIGMA, generator=np.random.default_rng(SEED)))


def denoised(noisy: np.ndarray, method: str, strength: float) -> np.ndarray:
    """The answer of a method that is told `strength` times the true sigma; told 0, none does anything."""
    return np.asarray(METHODS[method](noisy, strength * SIGMA)) if strength else noisy


def measure(head: Head, noisy: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    """PSNR of the answer, clipped to [0, 1] unless it is the noisy image itself, and the size of what was removed."""
    removed = (noisy - answer).astype(np.float64)
    shown = answer if answer is noisy else answer.clip(0, 1)
    return {
        "psnr": float(metrics.psnr(shown, head.clean, data_range=1.0)),
        "brain_psnr": float(metrics.psnr(shown, head.clean, data_range=1.0, mask=head.brain)),
        "removed": float(removed.std()),
        "noise": float((noisy - head.clean).std(dtype=np.float64)),
    }


def best(scores: Sequence[float]) -> int:
    """Where the highest PSNR stands."""
    return int(np.argmax(scores))


def words(method: str, step: int, measured: Sequence[dict[str, float]]) -> dict[str, str]:
    """What the page says and draws at one strength."""
    now, told = measured[step], STRENGTHS[step] * SIGMA
    scores = [one["psnr"] for one in measured]
    top = best(scores)
    levels = [strength * SIGMA for strength in STRENGTHS]
    truth = " (the truth)" if STRENGTHS[step] == 1 else ""
    return {
        "readout": f"{told:.3f}{truth}",
        "told": f"told sigma {told:.3f}{truth}: PSNR {decibels(now['psnr'])}",
        "psnr": decibels(now["psnr"]),
        "brain-psnr": decibels(now["brain_psnr"]),
        "removed": number(now["removed"]),
        "denoised": f"The head after {NAMES[method]}, told sigma {told:.3f}; PSNR {decibels(now['psnr'])}",
        "difference": (
            f"Noisy minus denoised, what was removed: standard deviation {number(now['removed'])},"
            f" the noise has {number(now['noise'])}"
        ),
        "curve": (
            f"PSNR against the sigma that {NAMES[method]} is told: now {decibels(now['psnr'])},"
            f" at most {decibels(scores[top])}, at {levels[top]:.3f}"
        ),
        "curve-line": AXES.curve(zip(levels, scores, strict=True)),
        "curve-now": AXES.shift(told, now["psnr"]),
        "curve-best": AXES.shift(levels[top], scores[top]),
    }


def widget(head: Head) -> Widget:
    """All frames of all methods."""
    strips: dict[str, dict[str, bytes]] = {"denoised": {}, "difference": {}}
    states: dict[str, list[dict[str, str]]] = {}
    numbers: dict[str, dict[str, list[Any]]] = {}
    noisy = noisy_slice(head)
    for method in METHODS:
        answers = [denoised(noisy, method, strength) for strength in STRENGTHS]
        strips["denoised"][method] = grey_strip(answers, head.white)
        strips["difference"][method] = difference_strip([noisy - answer for answer in answers])
        measured = [measure(head, noisy, answer) for answer in answers]
        states[method] = [words(method, step, measured) for step in range(len(STRENGTHS))]
        numbers[method] = {"told": [round(strength * SIGMA, 3) for strength in STRENGTHS]} | {
            name: [now[name] for now in measured] for name in measured[0]
        }
    return Widget((head.clean.shape[1], head.clean.shape[0]), START, strips, states, numbers)
