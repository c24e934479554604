"""The sampling slider of lab 08: which lines are measured, and what becomes of the head without the others?"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from course_lib import kspace, metrics
from website.play.head import Head
from website.play.sprites import difference_strip, grey_strip, mask_strip
from website.play.widget import Widget, decibels

KINDS = ("regular", "random", "variable_density")
NAMES = {"regular": "evenly spaced", "random": "random", "variable_density": "random, denser in the middle"}
CENTER = 0.08  # of all lines, fastMRI's share at acceleration 4
ACCELERATIONS = (1, 2, 3, 4, 5, 6, 8)
START = ("regular-centre", 3)
SEED = 0
DRAWS = 20


def choices() -> dict[str, tuple[str, float]]:
    """{choice: (kind of mask, share of the lines that is kept in the centre)}."""
    plain = {kind: (kind, 0.0) for kind in KINDS}
    return plain | {f"{kind}-centre": (kind, CENTER) for kind in KINDS}


def mask_of(shape: tuple[int, ...], choice: str, acceleration: float, seed: int = SEED) -> np.ndarray:
    """A mask of lines, True where measured."""
    kind, center = choices()[choice]
    generator = np.random.default_rng(seed)
    return np.asarray(kspace.cartesian_mask(shape, acceleration, center, kind=kind, generator=generator))


def scan(head: Head) -> np.ndarray:
    """The complex image: the head with a smooth phase, as in lab 08."""
    return np.asarray(kspace.with_phase(head.clean, generator=np.random.default_rng(0))).astype(np.complex64)


def zero_filled(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The magnitude, with 0 for every line that was not measured."""
    return np.abs(np.asarray(kspace.zero_filled(kspace.undersample(image, mask))))


def score(head: Head, answer: np.ndarray) -> float:
    """PSNR in dB of the magnitude, clipped to [0, 1]."""
    return float(metrics.psnr(answer.clip(0, 1), head.clean, data_range=1.0))


def measure(head: Head, image: np.ndarray, choice: str, acceleration: float) -> dict[str, Any]:
    """PSNR of this mask, lines, the largest side lobe; and the PSNR of twenty such masks, sorted."""
    if acceleration == 1:
        return {"psnr": None, "lines": head.clean.shape[1], "lobe": 0.0, "draws": []}
    mask = mask_of(head.clean.shape, choice, acceleration)
    others = [mask_of(head.clean.shape, choice, acceleration, seed) for seed in range(DRAWS)]

    @cache
    def scored(lines: bytes) -> float:  # an evenly spaced mask knows only a few starts
        columns = np.frombuffer(lines, dtype=bool)
        return score(head, zero_filled(image, np.broadcast_to(columns, head.clean.shape)))

    return {
        "psnr": score(head, zero_filled(image, mask)),
        "lines": int(mask[0].sum()),
        "lobe": float(kspace.incoherence(mask)),
        "draws": sorted(scored(np.ascontiguousarray(other[0]).tobytes()) for other in others),
    }


def words(choice: str, acceleration: float, now: dict[str, Any], width: int) -> dict[str, str]:
    """What the page says at one acceleration."""
    kind, center = choices()[choice]
    lines = f"{now['lines']} of {width}"
    pattern = NAMES[kind] + (", centre kept" if center else "")
    psnr = decibels(now["psnr"])
    draws = f"{now['draws'][0]:.1f}–{now['draws'][-1]:.1f} dB" if now["draws"] else "infinite"
    whole = acceleration == 1
    return {
        "readout": f"{acceleration:g}",
        "told": f"acceleration {acceleration:g}: {lines} lines, PSNR {psnr}",
        "psnr": psnr,
        "draws": draws,
        "lines": lines,
        "lobe": f"{100 * now['lobe']:.0f} %",
        "mask": "Mask: every line of k-space is measured" if whole else f"Mask: {lines} lines of k-space, {pattern}",
        "image": (
            "The head from all lines"
            if whole
            else f"The head from {lines} lines, {pattern}, the others set to 0; PSNR {psnr}"
        ),
        "difference": "No difference" if whole else f"Zero-filled minus true head, acceleration {acceleration:g}",
    }


def widget(head: Head) -> Widget:
    """All frames of the three kinds of mask, with and without the centre."""
    strips: dict[str, dict[str, bytes]] = {"mask": {}, "image": {}, "difference": {}}
    states, numbers = {}, {}
    image = scan(head)
    height, width = head.clean.shape
    for choice in choices():
        masks = [
            np.ones((height, width), dtype=bool) if factor == 1 else mask_of((height, width), choice, factor)
            for factor in ACCELERATIONS
        ]
        answers = [zero_filled(image, mask) for mask in masks]
        strips["mask"][choice] = mask_strip(masks)
        strips["image"][choice] = grey_strip(answers, head.white)
        strips["difference"][choice] = difference_strip([answer - head.clean for answer in answers])
        measured = [measure(head, image, choice, factor) for factor in ACCELERATIONS]
        states[choice] = [
            words(choice, factor, now, width) for factor, now in zip(ACCELERATIONS, measured, strict=True)
        ]
        numbers[choice] = {"acceleration": list(ACCELERATIONS)} | {
            name: [now[name] for now in measured] for name in measured[0]
        }
    return Widget((width, height), START, strips, states, numbers)
