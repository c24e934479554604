"""Mammograms for lab 07: synthetic ones by formula, and mini-MIAS where it can be downloaded.

No mammogram may be shipped with the course, so what is embedded is a formula. **Its pictures are synthetic: noise with
the spectrum of breast tissue, round masses and bright spots.** No person, no anatomy. In return the truth is known:
where every spot is and how bright, and what the same picture looks like without them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from course_lib._checks import check_count, check_number
from course_lib.data._mias import MINI_MIAS_SPLITS, Finding, mini_mias, mini_mias_findings

__all__ = [
    "MINI_MIAS_SPLITS", "PIXEL", "SPOT_WIDTH", "Finding", "SyntheticMammograms", "mini_mias", "mini_mias_findings",
    "synthetic_mammograms",
]  # fmt: skip

#: Side of a pixel in mm, that of mini-MIAS.
PIXEL = 0.2
#: Standard deviation of a calcification's Gaussian profile in pixels: 0.38 mm wide at half its height.
SPOT_WIDTH = 0.8

_MEAN, _DEVIATION = 0.45, 0.10  # of the texture
_MASS_RADIUS = (2.0, 4.5)  # mm
_MASS_CONTRAST = (0.08, 0.16)
_CLUSTER_RADIUS = 4.0  # mm: with five spots or more in a square centimetre, radiologists call it a cluster
_SPOTS = (5, 10)
_APART = 6  # pixels between two spots at least, so that no spot overlaps another
_MARGIN = 8  # pixels between a spot and the border


@dataclass(frozen=True)
class SyntheticMammograms:
    """N synthetic pictures and where everything is. All but the lists are tensors (N, 1, H, W).

    Attributes:
        images: float32 in [0, 1], noise-free.
        backgrounds: the same without calcifications.
        masses: bool, inside a mass.
        calcifications: bool, where a spot has at least a tenth of its height: 9 pixels.
        positions: for each picture int64 (K, 2), row and column of its spots.
        contrasts: for each picture float32 (K,), the heights of its spots.
        seed: of the pictures.
    """

    images: torch.Tensor
    backgrounds: torch.Tensor
    masses: torch.Tensor
    calcifications: torch.Tensor
    positions: tuple[torch.Tensor, ...]
    contrasts: tuple[torch.Tensor, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.images)


def synthetic_mammograms(
    n: int,
    seed: int,
    *,
    size: int = 128,
    beta: float = 3.0,
    contrast: float = 0.25,
    masses: int = 1,
    clusters: int = 1,
) -> SyntheticMammograms:
    """`n` synthetic mammograms of size x size pixels of 0.2 mm; picture k of a seed is the same whatever `n`.

    Texture: Gaussian noise with a power spectrum of 1 / f^beta, mean 0.45, standard deviation 0.10, clipped to [0, 1]
    at the very end. Where bright texture under a spot is clipped, the spot is less high than said. The global random
    state is untouched.

    Args:
        n: how many pictures.
        seed: of the pictures.
        size: pixels a side, at least 64.
        beta: 0 (white) to 4 (mammograms: about 3).
        contrast: height of the brightest possible spot; each has 60 to 100 % of it.
        masses: how many, each A (1 - (r/R)^2)^1.5 within an ellipse of radius 2 to 4.5 mm.
        clusters: how many, each of 5 to 10 calcifications within 4 mm, all Gaussian spots of 0.8 pixels around the
            centre of a pixel, at least 6 pixels apart; at most size // 32, for which there is room.

    Returns:
        The pictures, and where everything is.

    Raises:
        TypeError, ValueError: bad input.

    Source: Burgess, Jacobson, Judy: Human observer detection experiments with mammograms and power-law noise. Medical
        Physics 28(4), 419-437, 2001 (texture and profile of the masses).
    Lab: 07.
    """
    n, seed, size = check_count(n, "n"), check_count(seed, "seed", low=0), check_count(size, "size", low=64)
    masses, clusters = check_count(masses, "masses", low=0), check_count(clusters, "clusters", low=0)
    if clusters > size // 32:
        raise ValueError(
            f"clusters: expected at most {size // 32}, for which a size of {size} has room, got {clusters}"
        )
    beta = check_number(beta, "beta", low=0, high=4)
    contrast = check_number(contrast, "contrast", low=0, high=1)
    drawn = [_draw(np.random.default_rng([seed, k]), size, beta, contrast, masses, clusters) for k in range(n)]
    parts = list(zip(*drawn, strict=True))
    images, backgrounds, inside, calcified = (torch.from_numpy(np.stack(part)[:, None]) for part in parts[:4])
    positions, heights = (tuple(torch.from_numpy(one[part]) for one in drawn) for part in (4, 5))
    return SyntheticMammograms(images, backgrounds, inside, calcified, positions, heights, seed)


def _draw(
    rng: np.random.Generator, size: int, beta: float, contrast: float, masses: int, clusters: int
) -> tuple[np.ndarray, ...]:
    """Image, background, masses, calcifications (H, W); positions (K, 2); heights (K,)."""
    background = _MEAN + _DEVIATION * _power_law(rng, size, beta)
    rows, columns = np.mgrid[:size, :size]
    inside = np.zeros((size, size), dtype=bool)
    for _ in range(masses):
        profile = _mass(rng, rows, columns)
        background += rng.uniform(*_MASS_CONTRAST) * profile
        inside |= profile > 0
    positions = _positions(rng, size, clusters)
    heights = (contrast * rng.uniform(0.6, 1.0, len(positions))).astype(np.float32)
    spots, calcified = np.zeros((size, size)), np.zeros((size, size), dtype=bool)
    for (row, column), height in zip(positions, heights, strict=True):
        spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * SPOT_WIDTH**2))
        spots += height * spot
        calcified |= spot >= 0.1
    image, ground = (np.clip(picture, 0, 1).astype(np.float32) for picture in (background + spots, background))
    return image, ground, inside, calcified, positions, heights


def _power_law(rng: np.random.Generator, size: int, beta: float) -> np.ndarray:
    """(size, size), mean 0, standard deviation 1. Cut from a field twice as wide, which is periodic; a cut is not."""
    wide = 2 * size
    frequency = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))  # (2H, W + 1)
    frequency[0, 0] = np.inf if beta else 1  # no mean
    spectrum = np.fft.rfft2(rng.standard_normal((wide, wide))) * frequency ** (-beta / 2)
    field = np.fft.irfft2(spectrum, s=(wide, wide))[:size, :size]
    return (field - field.mean()) / field.std()


def _mass(rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The designer nodule of Burgess et al., made an ellipse: 1 in its middle, 0 with no slope at its border."""
    size, turn = len(rows), rng.uniform(0, math.pi)
    radii = rng.uniform(*_MASS_RADIUS, 2) / PIXEL
    row, column = rng.uniform(0.2 * size, 0.8 * size, 2)
    down, right = rows - row, columns - column
    first, second = math.cos(turn) * down - math.sin(turn) * right, math.sin(turn) * down + math.cos(turn) * right
    return np.clip(1 - (first / radii[0]) ** 2 - (second / radii[1]) ** 2, 0, None) ** 1.5


def _positions(rng: np.random.Generator, size: int, clusters: int) -> np.ndarray:
    """int64 (K, 2). A cluster that got stuck between earlier ones is drawn again elsewhere."""
    radius = _CLUSTER_RADIUS / PIXEL
    placed: list[np.ndarray] = []
    for _ in range(clusters):
        wanted = int(rng.integers(_SPOTS[0], _SPOTS[1] + 1))
        cluster: list[np.ndarray] = []
        while len(cluster) < wanted:
            centre, cluster = rng.uniform(_MARGIN + radius, size - 1 - _MARGIN - radius, 2), []
            for _ in range(50 * wanted):
                spot = np.round(centre + rng.uniform(-radius, radius, 2))
                near = [other for other in placed + cluster if np.hypot(*(spot - other)) < _APART]
                if not near and np.hypot(*(spot - centre)) <= radius and len(cluster) < wanted:
                    cluster.append(spot)
        placed += cluster
    return np.array(placed, dtype=np.int64).reshape(-1, 2)
