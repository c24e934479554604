"""Lesions of known kind, strength and place, in slices of healthy brains (lab 13).

No scan of a patient is drawn here: these are imitations whose truth is known to the pixel. Always call them synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from course_lib._checks import check_count, check_image, check_number

#: The kinds of lesion; `add_lesions` says what each of them does.
KINDS = ("bright", "dark", "texture", "mass")
#: Beyond it, a mass would push tissue through itself.
STRONGEST_MASS = 0.3


@dataclass(frozen=True)
class Lesions:
    """N slices with one lesion each.

    Attributes:
        images: float32 (N, 1, H, W), in [0, 1].
        masks: bool (N, 1, H, W), the lesion.
        rows: int64 (N,): which of the healthy slices each one was; those with too little brain are left out.
        kind: one of `KINDS`.
        strength: as asked.
    """

    images: torch.Tensor
    masks: torch.Tensor
    rows: torch.Tensor
    kind: str
    strength: float

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class _Place:
    """Where a lesion lies and how it is shaped, whatever its kind: centre, radius, soft share of each pixel."""

    centre: tuple[float, float]
    radius: float
    share: np.ndarray
    rng: np.random.Generator


def add_lesions(
    images: torch.Tensor, brain_masks: torch.Tensor, kind: str, strength: float, *, seed: int = 0
) -> Lesions:
    """One synthetic lesion in each slice that has room for it.

    Place, size and outline of a slice's lesion come from the seed and the slice's number alone, so that kinds and
    strengths can be compared in pairs. Its radius is 3 to 7 % of a side, its outline bumpy, its rim soft; it lies at
    least a sixteenth of a side inside the brain. The images are clipped to [0, 1], as the healthy ones are.

    Args:
        images: (N, 1, H, W), healthy, in [0, 1], 0 outside the brain; sides of at least 32.
        brain_masks: bool (N, 1, H, W).
        kind: "bright" or "dark": `strength` is added or taken away, in units of grey. "texture": the mean stays, and
            unstructured grain of standard deviation `strength` / 2 takes the place of the anatomy. "mass": tissue grows
            in the place and pushes the rest aside, by `strength` · 2 · radius at most; no grey value is new, and the
            mask is where the shift is at least half of that, with all inside it.
        strength: above 0, at most 1; at most 0.3 for "mass".
        seed: of place, size, outline and grain.

    Returns:
        The slices with their lesions.

    Raises:
        TypeError, ValueError: bad input, or no slice with room.

    Source: the lesions are ours.
    Lab: 13.
    """
    check_image(images, "images")
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    strength = check_number(strength, "strength", low=0, high=STRONGEST_MASS if kind == "mass" else 1)
    seed = check_count(seed, "seed", low=0)
    if strength == 0:
        raise ValueError("strength: expected one above 0, got 0: that is no lesion")
    if not isinstance(images, torch.Tensor) or images.ndim != 4 or images.shape[1] != 1 or min(images.shape[-2:]) < 32:
        raise ValueError(f"images: expected a tensor (N, 1, H, W) with sides of at least 32, got {tuple(images.shape)}")
    if brain_masks.shape != images.shape or brain_masks.dtype != torch.bool:
        raise ValueError(f"brain_masks: expected booleans {tuple(images.shape)}, got {tuple(brain_masks.shape)}")
    found = []
    for row, (image, brain) in enumerate(zip(images[:, 0].numpy(), brain_masks[:, 0].numpy(), strict=True)):
        place = _place(brain, seed, row)
        if place is not None:
            found.append((row, *_lesion(image, brain, kind, strength, place)))
    if not found:
        raise ValueError("brain_masks: expected a slice with room for a lesion, got none")
    rows, changed, masks = zip(*found, strict=True)
    return Lesions(
        torch.from_numpy(np.stack(changed))[:, None],  # (N, H, W) -> (N, 1, H, W)
        torch.from_numpy(np.stack(masks))[:, None],
        torch.tensor(rows),
        kind,
        strength,
    )


def _place(brain: np.ndarray, seed: int, row: int) -> _Place | None:
    """None where the brain has no room."""
    from scipy import ndimage

    rng = np.random.default_rng([seed, row])
    height, width = brain.shape
    side = min(height, width)
    # the image's border counts as outside: a brain that is cut off there has its rim there
    room = np.argwhere(ndimage.binary_erosion(brain, iterations=max(1, side // 16)))
    if len(room) < side // 2:
        return None
    y, x = room[rng.integers(len(room))]
    radius, stretch = side * rng.uniform(0.03, 0.07), rng.uniform(0.8, 1.25)
    bumps = ndimage.gaussian_filter(rng.normal(size=brain.shape), side / 32, mode="wrap")
    down, right = np.mgrid[:height, :width]
    bumps = 1 + 0.25 * np.clip(bumps / bumps.std(), -1.5, 1.5)  # a bump far away must not become a second lesion
    distance = np.hypot((down - y) * stretch, (right - x) / stretch) / radius * bumps
    share = 1 / (1 + np.exp(np.clip(6 * (distance - 1), -50, 50)))
    return _Place((float(y), float(x)), radius, np.where(share > 0.02, share, 0), rng)


def _lesion(
    image: np.ndarray, brain: np.ndarray, kind: str, strength: float, place: _Place
) -> tuple[np.ndarray, np.ndarray]:
    from scipy import ndimage

    share, mask = place.share, (place.share > 0.5) & brain
    if kind == "mass":
        changed, mask = _pushed(image, strength, place)
        mask &= brain
    elif kind == "texture":
        grain = ndimage.gaussian_filter(place.rng.normal(size=image.shape), image.shape[0] / 128)
        grain *= 0.5 * strength / grain[mask].std()
        mean = np.average(image, weights=share)
        changed = image + share * (mean + grain - np.average(grain, weights=share) - image)
    else:
        changed = image + (strength if kind == "bright" else -strength) * share
    return (np.clip(changed, 0, 1) * brain).astype(np.float32), mask


def _pushed(image: np.ndarray, strength: float, place: _Place) -> tuple[np.ndarray, np.ndarray]:
    """Tissue at t radii from the centre moves outwards by 2·strength·t·exp((1 - t²)/2) radii: the most at t = 1."""
    from scipy import ndimage

    down, right = np.mgrid[: image.shape[0], : image.shape[1]]
    t = np.hypot(down - place.centre[0], right - place.centre[1]) / place.radius
    ratio = 2 * strength * np.exp((1 - t**2) / 2)  # the shift as a share of the distance
    where = [middle + (grid - middle) * (1 - ratio) for grid, middle in zip((down, right), place.centre, strict=True)]
    outer = 1.92  # t · exp((1 - t²)/2) is a half there
    return ndimage.map_coordinates(image, where, order=1, mode="nearest"), t < outer
