"""Can a small bright spot still be found? Matched filter, d' and AUC, before and after denoising (lab 07).

PSNR and SSIM average over all pixels; a microcalcification covers a handful. So this asks the task itself: a filter
that knows the spot's shape scores places with a spot and without: how well do the two score distributions separate?
Scores are heights, in units of the image: what is left of a spot's height says directly how much of it was erased.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from course_lib._checks import AnyArray, Array, as_tensor, check_image, check_number


@dataclass(frozen=True)
class Detectability:
    """How well two score distributions separate.

    Attributes:
        contrast: mean score with a spot less mean score without: the height that is left of the spots.
        d_prime: the same in standard deviations, sqrt of the mean of both variances; 0: not at all.
        auc: share of pairs (with, without) in which the one with a spot scores higher; 0.5: chance, 1: always.
        auc_error: its standard error, scores independent.
        present, absent: how many scores of each.

    Source: auc_error: DeLong, DeLong, Clarke-Pearson, Biometrics 44(3), 837-845, 1988.
    """

    contrast: float
    d_prime: float
    auc: float
    auc_error: float
    present: int
    absent: int

    def __str__(self) -> str:
        return f"contrast {self.contrast:.3f}, d' {self.d_prime:.2f}, AUC {self.auc:.3f} ± {self.auc_error:.3f}"


def spot(width: float) -> np.ndarray:
    """A Gaussian spot, 1 in its middle.

    Args:
        width: its standard deviation, in pixels.

    Returns:
        float32 (K, K), K odd; K reaches three standard deviations and a pixel more to all sides.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 07.
    """
    width = check_number(width, "width", low=0, above=True)
    reach = math.ceil(3 * width) + 1
    profile = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * width**2))
    return np.outer(profile, profile).astype(np.float32)


def matched_filter(image: Array, template: np.ndarray) -> Array:
    """At each pixel the height of the spot that fits best there, on a flat ground of any brightness (least squares).

    With g the template less its mean: sum(g * image) / sum(g * g), the best linear filter in white noise. Its result is
    A in the middle of a spot of height A, 0 on flat ground and on a slope, and has the standard deviation sigma /
    sqrt(sum(g * g)) under white noise of sigma. On texture it is not the best, only the same for everybody.

    Args:
        image: (H, W) or (N, C, H, W), floating point, numpy or torch. Borders are mirrored; sides at least as long as
            the template.
        template: (K, K), K odd, not constant.

    Returns:
        The heights, in units of the image: the same as came.

    Raises:
        TypeError, ValueError: bad input.

    Source: Barrett, Myers: Foundations of Image Science, 2004, section 13.2.
    Lab: 07.
    """
    check_image(image, shapes=True)
    centred = _centred(template)
    side = len(centred)
    if min(image.shape[-2:]) < side:
        raise ValueError(f"image: expected sides of at least {side}, those of the template, got {tuple(image.shape)}")
    batch = as_tensor(image).reshape(-1, 1, *image.shape[-2:])  # (H, W) or (N, C, H, W) -> (N * C, 1, H, W)
    weights = torch.from_numpy(centred / (centred**2).sum()).to(batch)[None, None]  # (K, K) -> (1, 1, K, K)
    heights = F.conv2d(F.pad(batch, (side // 2,) * 4, mode="reflect"), weights).reshape(image.shape)
    return heights if isinstance(image, torch.Tensor) else heights.numpy()


def ideal_detectability(template: np.ndarray, contrast: float, sigma: float) -> float:
    """d' of the matched filter by formula, in white noise on flat ground: contrast * sqrt(sum(g * g)) / sigma.

    Also called the SNR of the task.

    Args:
        template: (K, K), g is it less its mean.
        contrast: height of the spot.
        sigma: of the noise.

    Returns:
        d', without unit.

    Raises:
        TypeError, ValueError: bad input.

    Source: Barrett, Myers 2004, section 13.2.
    Lab: 07.
    """
    contrast = check_number(contrast, "contrast")
    sigma = check_number(sigma, "sigma", low=0, above=True)
    return contrast * math.sqrt((_centred(template) ** 2).sum()) / sigma


def auc_of(d_prime: float) -> float:
    """The AUC that belongs to a d' when both distributions are Gaussian and equally wide: Phi(d' / sqrt(2)).

    Args:
        d_prime: in standard deviations, as in `Detectability`.

    Returns:
        The AUC, from 0 to 1.

    Lab: 07.
    """
    return 0.5 * (1 + math.erf(check_number(d_prime, "d_prime") / 2))


def detectability(present: AnyArray | Sequence[float], absent: AnyArray | Sequence[float]) -> Detectability:
    """Compare scores where a spot is with scores where none is.

    Ties count half. Where no score varies at all, d' is 0 without contrast and infinite with it.

    Args:
        present, absent: at least two scores of each, finite, in any shape.

    Returns:
        How well the two score distributions separate.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 07.
    """
    spots, grounds = _scores(present, "present"), _scores(absent, "absent")
    contrast = float(spots.mean() - grounds.mean())
    spread = math.sqrt((spots.var(ddof=1) + grounds.var(ddof=1)) / 2)
    d_prime = contrast / spread if spread > 0 else math.copysign(math.inf, contrast) if contrast else 0.0
    # for each score, the share of the other scores that lie on its right side
    of_present = _share_below(grounds, spots)
    of_absent = 1 - _share_below(spots, grounds)
    variance = of_present.var(ddof=1) / len(spots) + of_absent.var(ddof=1) / len(grounds)
    auc = float(of_present.mean())
    return Detectability(contrast, d_prime, auc, math.sqrt(variance), len(spots), len(grounds))


def spot_detectability(
    present: Array, absent: Array, positions: Sequence[Array], template: np.ndarray
) -> Detectability:
    """Matched-filter scores at known places, in pictures with spots and in the same kind of pictures without them.

    The observer knows the shape of the spot and where to look; only whether there is one is the question. Before
    denoising: give the noisy pictures; after: the denoised ones. Noise of both must be independent.

    Args:
        present, absent: (N, C, H, W) alike, for example images and backgrounds of
            `data.mammograms.synthetic_mammograms`, each with noise of its own.
        positions: for each picture whole numbers (K, 2), row and column, K may be 0.
        template: as for `matched_filter`.

    Returns:
        How well the two score distributions separate.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 07.
    """
    if tuple(present.shape) != tuple(absent.shape) or present.ndim != 4:
        raise ValueError(
            "present and absent: expected the same shape (N, C, H, W),"
            f" got {tuple(present.shape)} and {tuple(absent.shape)}"
        )
    if len(positions) != len(present):
        raise ValueError(f"positions: expected one list for each of {len(present)} pictures, got {len(positions)}")
    height, width = present.shape[-2:]
    places = [_places(one, (height, width)) for one in positions]
    scores = []
    for images in (present, absent):
        heights = torch.as_tensor(matched_filter(images, template)).detach().cpu().numpy()
        scores.append(np.concatenate([
            height[:, one[:, 0], one[:, 1]].ravel() for height, one in zip(heights, places, strict=True)
        ]))  # fmt: skip
    return detectability(*scores)


def _centred(template: np.ndarray) -> np.ndarray:
    """float64, mean 0."""
    check_image(template, "template")
    if template.ndim != 2 or template.shape[0] != template.shape[1] or len(template) % 2 == 0:
        raise ValueError(f"template: expected a square (K, K) with K odd, got {tuple(template.shape)}")
    values = np.asarray(template, dtype=np.float64)
    if values.min() == values.max():
        raise ValueError("template: expected a spot, got the same value everywhere")
    return values - values.mean()


def _scores(scores: AnyArray | Sequence[float], name: str) -> np.ndarray:
    if isinstance(scores, torch.Tensor):
        scores = scores.detach().cpu().numpy()
    values = np.asarray(scores, dtype=np.float64).ravel()
    if len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"{name}: expected at least two finite scores, got {len(values)}, NaN and infinity included")
    return values


def _share_below(others: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each score the share of the others below it, ties counted half."""
    others = np.sort(others)
    return (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / (2 * len(others))


def _places(positions: Array, size: tuple[int, int]) -> np.ndarray:
    """int (K, 2) inside an image of this size."""
    places = np.asarray(positions)
    if places.ndim != 2 or places.shape[1] != 2 or not np.issubdtype(places.dtype, np.integer):
        raise ValueError(f"positions: expected whole numbers (K, 2), got {places.dtype} {places.shape}")
    if len(places) and (places.min() < 0 or (places >= size).any()):
        raise ValueError(f"positions: expected rows and columns inside {size}, got up to {places.max(0).tolist()}")
    return places
