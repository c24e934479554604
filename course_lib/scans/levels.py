"""What noise a scan has: its kind from the air, its level from air or tissue, and whether its neighbours are alike."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from course_lib import noise
from course_lib._checks import check_number
from course_lib.models.noise_map import cleared

KINDS = ("gaussian", "rician")
#: So many slices are looked at for what is one number for the whole scan.
_LOOKED_AT = 24
#: Finest wavelets below this share of sigma: neighbours are correlated.
WHITE = 0.8
#: Shares of the brightest 0.5 % below which fine structure passes for noise.
_FAINT = 0.03
#: Slices whose level departs more than this from the median get their own.
_UNEVEN = 0.15


@dataclass(frozen=True)
class ScanNoise:
    """The noise of a scan.

    Attributes:
        kind: "rician" or "gaussian".
        sigma: float64 (S,), of one channel, for each slice, in units of the scan.
        whiteness: what the finest wavelets find, as a share of sigma: 1 for white noise.
        air: "noisy", "cleared" (exactly one value), or "none" that could be told.
        doubts: what the reader should know, in sentences.
    """

    kind: str
    sigma: np.ndarray
    whiteness: float
    air: str
    doubts: tuple[str, ...]

    def __str__(self) -> str:
        low, high = float(self.sigma.min()), float(self.sigma.max())
        level = f"{low:.4g}" if high <= low * 1.001 else f"{low:.4g} to {high:.4g}"
        words = "white" if self.whiteness >= WHITE else f"correlated (its finest part is {self.whiteness:.2f} of it)"
        return f"{self.kind} noise of sigma {level}, {words}; air {self.air}"


def measure_noise(stack: np.ndarray, *, kind: str = "auto", sigma: float | str = "auto") -> ScanNoise:
    """Find kind and level of the noise in the slices of a scan.

    Noisy air shows both best: there is nothing else in it, so neither structure nor correlation disturbs. Without it
    (the scanner cleared it, or the brain was extracted) tissue must do, by `noise.estimate_noise`.

    Args:
        stack: float32 (S, H, W), any units; cleared voxels are exactly 0.
        kind: "gaussian", "rician" or "auto": Rician where no voxel is negative.
        sigma: a number, in units of the scan, or "auto".

    Returns:
        What was found, and what is doubtful about it.

    Raises:
        TypeError, ValueError: bad input, and a scan in which no level can be found: give one.

    Lab: 14.
    """
    if not isinstance(stack, np.ndarray) or stack.ndim != 3 or stack.dtype != np.float32:
        raise ValueError("stack: expected float32 slices (S, H, W)")
    if kind not in (*KINDS, "auto"):
        raise ValueError(f"kind: expected 'gaussian', 'rician' or 'auto', got {kind!r}")
    chosen = stack[np.unique(np.linspace(0, len(stack) - 1, _LOOKED_AT + 2).round().astype(int)[1:-1])]
    bright = float(np.percentile(np.abs(chosen), 99.5))
    if bright == 0:
        raise ValueError("stack: expected an image, got 0 nearly everywhere")
    if kind == "auto":
        kind = "gaussian" if bool((stack < 0).any()) else "rician"
    doubts: list[str] = []
    empty = cleared(torch.from_numpy(np.ascontiguousarray(chosen))[:, None])[:, 0].numpy()
    level = _of_air(chosen, bright) if kind == "rician" else None
    air = "noisy" if level is not None else "cleared" if float(empty.mean()) > 0.02 else "none"
    tissue, finest = _of_tissue(chosen, bright)
    if sigma != "auto":
        given = check_number(sigma, "sigma", low=0, above=True)
        found = level if level is not None else tissue
        if found is not None and not 2 / 3 < given / found < 1.5:
            doubts.append(f"you gave sigma {given:.4g}, and the scan looks like {found:.4g}")
        whiteness = 1.0 if finest is None else min(1.0, finest / given)
        return ScanNoise(kind, np.full(len(stack), given), whiteness, air, tuple(doubts))
    if level is None and tissue is None:
        raise ValueError("no level of noise can be found: the slices are too small or too empty; give sigma")
    if level is not None:
        whiteness = 1.0 if finest is None else min(1.0, finest / level)
        if finest is not None and finest > 1.5 * level and finest > _FAINT * bright:
            doubts.append(
                f"the noise looks stronger in tissue ({finest:.4g}) than in air ({level:.4g}): filtered air, or several"
                " coils; sigma is that of the air"
            )
    else:
        assert tissue is not None and finest is not None
        level, whiteness = tissue, finest / tissue
        if whiteness < WHITE and tissue < _FAINT * bright:
            level, whiteness = finest, 1.0
            doubts.append(
                f"sigma lies between {finest:.4g} and {tissue:.4g}: noise that is so weak cannot be told from fine"
                " structure; the smaller one is taken"
            )
    if whiteness < WHITE:
        doubts.append(
            "neighbouring pixels share their noise (the scan was interpolated, zero-filled or filtered): less of it can"
            " be taken away than of white noise"
        )
    return ScanNoise(kind, level * _unevenness(stack, bright), float(whiteness), air, tuple(doubts))


def head_mask(stack: np.ndarray, bright: float) -> np.ndarray:
    """Where something is: smoothed values above a tenth of the brightest, bool (S, H, W)."""
    return np.stack([ndimage.gaussian_filter(plane, 1.5) > 0.1 * bright for plane in stack])


def _of_air(stack: np.ndarray, bright: float) -> float | None:
    """Sigma by the air of a magnitude, over the slices that have noisy air; None where fewer than a third have.

    Where the automatic background refuses, the median of what lies well outside the head is taken if it is roughly
    Rayleigh: the air of real scans is often shaded, filtered at the rim, or holds a little ringing.
    """
    found = []
    for plane in stack:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                level: float | None = float(noise.estimate_sigma_background(np.ascontiguousarray(plane)))
            except (ValueError, UserWarning):
                level = _outside(plane, bright)
        found += [level] if level else []
    return float(np.median(found)) if 3 * len(found) >= len(stack) else None


def _outside(plane: np.ndarray, bright: float) -> float | None:
    head = ndimage.binary_dilation(head_mask(plane[None], bright)[0], iterations=5)
    empty = cleared(torch.from_numpy(np.ascontiguousarray(plane))[None, None])[0, 0].numpy()
    values = plane[~head & ~ndimage.binary_dilation(empty, iterations=2)].astype(np.float64)
    if values.size < 0.02 * plane.size or not values.any():
        return None
    shape = values.mean() / np.sqrt((values**2).mean())  # 0.886 for Rayleigh noise; 0.80 for half a Gaussian
    return float(np.median(values)) / math.sqrt(2 * math.log(2)) if 0.82 < shape < 0.92 else None


def _of_tissue(stack: np.ndarray, bright: float) -> tuple[float | None, float | None]:
    """Sigma in tissue, and what the finest wavelets say; None where no wavelet fits."""
    try:
        found = noise.estimate_noise(stack, mask=head_mask(stack, bright))
    except ValueError:
        return None, None
    return (found.sigma, found.finest) if found.finest > 0 else (None, None)


def _unevenness(stack: np.ndarray, bright: float) -> np.ndarray:
    """Level of each slice as a share of the median one, (S,): 1 where slices differ by chance alone."""
    levels = np.full(len(stack), np.nan)
    for number, plane in enumerate(stack):
        mask = head_mask(plane[None], bright)
        if mask.mean() < 0.05:
            continue
        try:
            levels[number] = noise.estimate_noise(plane[None], mask=mask).finest
        except ValueError:
            continue
    known = np.flatnonzero(levels > 0)
    if len(known) < 5:
        return np.ones(len(stack))
    smooth = ndimage.median_filter(levels[known], min(9, len(known)), mode="nearest")
    share = np.interp(np.arange(len(stack)), known, smooth / np.median(smooth))
    low, high = np.percentile(share, [5, 95])
    return share if high / low > (1 + _UNEVEN) ** 2 else np.ones(len(stack))
