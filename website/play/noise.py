"""The noise slider of lab 00, Gaussian beside Rician: what happens to the air?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from course_lib import metrics, noise
from website.play.charts import Axes
from website.play.head import Head
from website.play.sprites import difference_strip, grey_strip
from website.play.widget import Widget, decibels, number

KINDS: dict[str, Callable[..., Any]] = {"gaussian": noise.gaussian, "rician": noise.rician}
NAMES = {"gaussian": "Gaussian", "rician": "Rician"}
SIGMAS = tuple(round(0.025 * step, 3) for step in range(9))
START = ("gaussian", 4)
SEED = 0
EDGES = tuple(np.linspace(-0.4, 0.9, 66).round(3).tolist())
AXES = Axes(220, 264, x=(EDGES[0], EDGES[-1]), y=(0, 1.08), left=10, top=12)


def corrupted(head: Head, kind: str, sigma: float) -> np.ndarray:
    """The same pattern of noise at every level, so that the slider changes its size alone."""
    return np.asarray(KINDS[kind](head.clean, sigma, generator=np.random.default_rng(SEED)))


def measure(head: Head, kind: str, sigma: float) -> dict[str, Any]:
    """PSNR, means of air and brain, and their histograms, each as high as 1."""
    noisy = corrupted(head, kind, sigma)
    found: dict[str, Any] = {
        "psnr": float(metrics.psnr(noisy, head.clean, data_range=1.0)) if sigma else None,
        "air": float(noisy[head.air].mean(dtype=np.float64)),
        "brain": float(noisy[head.brain].mean(dtype=np.float64)),
    }
    for region in ("air", "brain"):
        counts = np.histogram(noisy[getattr(head, region)], EDGES)[0]
        found[f"{region}_histogram"] = (counts / counts.max()).round(3).tolist()
    return found


def words(kind: str, sigma: float, now: dict[str, Any], truth: float) -> dict[str, str]:
    """What the page says and draws at one level."""
    level = f"{sigma:.3f}"
    score = decibels(now["psnr"])
    return {
        "readout": level,
        "told": f"sigma {level}: PSNR {score}",
        "psnr": score,
        "air": number(now["air"]),
        "brain": number(now["brain"]),
        "noisy": (
            f"Axial slice of a head with {NAMES[kind]} noise of sigma {level}, PSNR {score}"
            if sigma
            else "Axial slice of a head without noise"
        ),
        "difference": (
            f"Noisy minus clean: on average {number(now['air'], sign=True)} in the air"
            f" and {number(now['brain'] - truth, sign=True)} in the brain"
        ),
        "histogram": (
            f"Histograms of the pixels: the air has mean {number(now['air'])} where the truth is 0,"
            f" the brain {number(now['brain'])} where it is {number(truth)}"
        ),
        "air-bars": AXES.steps(EDGES, now["air_histogram"]),
        "brain-bars": AXES.steps(EDGES, now["brain_histogram"]),
        "air-mean": AXES.shift(now["air"]),
        "brain-mean": AXES.shift(now["brain"]),
    }


def widget(head: Head) -> Widget:
    """All frames of both kinds of noise."""
    strips: dict[str, dict[str, bytes]] = {"noisy": {}, "difference": {}}
    states, numbers = {}, {}
    truth = float(head.clean[head.brain].mean(dtype=np.float64))
    for kind in KINDS:
        images = [corrupted(head, kind, sigma) for sigma in SIGMAS]
        strips["noisy"][kind] = grey_strip(images, head.white)
        strips["difference"][kind] = difference_strip([image - head.clean for image in images])
        measured = [measure(head, kind, sigma) for sigma in SIGMAS]
        states[kind] = [words(kind, sigma, now, truth) for sigma, now in zip(SIGMAS, measured, strict=True)]
        names = ("psnr", "air", "brain")
        numbers[kind] = {"sigma": list(SIGMAS)} | {name: [now[name] for now in measured] for name in names}
    return Widget((head.clean.shape[1], head.clean.shape[0]), START, strips, states, numbers)
