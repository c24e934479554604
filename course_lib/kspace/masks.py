"""Which places of k-space are measured: masks of lines, points, spokes and spirals. A part of `kspace`.

A mask is boolean, True where measured. Every one here measures an exact number of places. The Cartesian ones share one
rule, systematic sampling: each line gets a probability, their sum is the number of lines to measure; laid end to end
they tile that many units of length, and the lines that cover the marks u, u + 1, u + 2, … are measured. One random u
then fulfils every line's probability exactly. Lines in their own order give a regular mask, shuffled a random one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from course_lib._checks import AnyArray, check_count, check_number
from course_lib.kspace.checks import check_mask_alone

KINDS = ("random", "regular", "variable_density")
GOLDEN = (math.sqrt(5) - 1) / 2


def cartesian_mask(
    shape: Sequence[int],
    acceleration: float,
    center_fraction: float,
    *,
    kind: str = "random",
    points: bool = False,
    decay: float = 3.0,
    generator: Any = None,
) -> AnyArray:
    """Measure whole columns of k-space (lines along the rows' direction, as fastMRI does), or single points.

    Args:
        shape: the image's, of which the last two sides (H, W) count.
        acceleration: >= 1; exactly round(W / acceleration) lines are measured, the centre included.
        center_fraction: of all lines, from 0 to 1; exactly round(W · center_fraction) of them, at fastMRI's place, are
            always measured.
        kind: how the other lines are chosen.
            - "random": all are equally likely, with fastMRI's probability (W / R - low) / (W - low).
            - "regular": spaced by fastMRI's (W - low) / (W / R - low), from a random start; the count goes on beyond
              the centre as if that were not there.
            - "variable_density": likely near the zero frequency, with a density that falls as (1 - distance)^decay.
        points: True for a 3D scan seen from the front, with two directions of phase encoding: exactly round(H·W /
            acceleration) points, of which round(H·W · center_fraction), the ones nearest to the zero frequency, are
            always measured; "regular" is then a sheared lattice (as CAIPIRINHA's).
        decay: the power of "variable_density".
        generator: numpy Generator, torch.Generator or None (fresh entropy).

    Returns:
        Booleans (H, W), True = measured: a numpy mask for a numpy Generator and for None, a torch mask on the
        generator's device for a torch.Generator.

    Raises:
        TypeError, ValueError: bad input, also where the centre alone needs more than may be measured.

    Source: fastMRI RandomMaskFunc and EquispacedMaskFunc; Lustig 2007 (variable density).
    Lab: 08.
    """
    height, width, count, low = _check_cartesian(shape, acceleration, center_fraction, kind, points)
    decay = check_number(decay, "decay", low=0)
    draw = _Draw(generator)
    centre = _disc(height, width, low) if points else _band(width, low)
    if points and kind == "regular":
        return draw.deliver(_lattice(centre, count, draw.uniform()))
    marginals = _marginals(centre, count, decay if kind == "variable_density" else 0.0)
    order = np.arange(centre.size) if kind == "regular" else draw.permutation(centre.size)
    chosen = _systematic(marginals, order, draw.uniform()).reshape(centre.shape)
    return draw.deliver(chosen if points else np.broadcast_to(chosen, (height, width)))


def interleaved_mask(
    frames: int,
    shape: Sequence[int],
    acceleration: float,
    center_fraction: float,
    *,
    kind: str = "random",
    decay: float = 3.0,
    generator: Any = None,
) -> AnyArray:
    """Measure other lines in each frame of a film: neighbouring frames fill each other's gaps.

    Each frame is a `cartesian_mask` of lines, with the same centre and exactly as many lines; laws as there. With
    "random" and "regular", no line outside the centre comes again before all have had their turn; "regular" moves on by
    one line a frame.

    Args:
        frames: >= 1.
        shape, acceleration, center_fraction, kind, decay, generator: as for `cartesian_mask`.

    Returns:
        Booleans (frames, H, W).

    Raises:
        TypeError, ValueError: as `cartesian_mask`.

    Source: Tsao 2003 (k-t BLAST: regular); Schlemper 2018, section III (2D+t).
    Lab: 09.
    """
    frames = check_count(frames, "frames")
    height, width, count, low = _check_cartesian(shape, acceleration, center_fraction, kind, points=False)
    decay = check_number(decay, "decay", low=0)
    draw = _Draw(generator)
    centre = _band(width, low)
    marginals = _marginals(centre, count, decay if kind == "variable_density" else 0.0)
    order = np.arange(width) if kind == "regular" else draw.permutation(width)
    # the marks move on by the probability of one line, so that the next line in order is measured
    step = GOLDEN if kind == "variable_density" else (count - low) / max(width - low, 1)
    start = draw.uniform()
    chosen = np.stack([_systematic(marginals, order, (start - frame * step) % 1) for frame in range(frames)])
    return draw.deliver(np.broadcast_to(chosen[:, None, :], (frames, height, width)))


def radial_mask(shape: Sequence[int], acceleration: float, *, generator: Any = None) -> AnyArray:
    """Spokes through the zero frequency, drawn on the grid: a picture of radial sampling, for play.

    Real spokes do not lie on a grid, and their reconstruction needs gridding; here the round(H·W / acceleration) grid
    points nearest to evenly turned spokes are measured.

    Args:
        shape: the last two sides (H, W) count.
        acceleration: places over measured places, >= 1.
        generator: None (the first spoke then lies along the rows), or a numpy Generator or torch.Generator, which turns
            the spokes.

    Returns:
        Booleans (H, W): numpy without a generator or with a numpy Generator, torch with a torch.Generator.

    Raises:
        TypeError, ValueError: bad input.

    Source: Lauterbur 1973.
    Lab: 08.
    """
    height, width = check_shape(shape)
    count = _budget(height * width, acceleration, "points")
    draw = _Draw(generator)
    turn = 0.0 if generator is None else math.pi * draw.uniform()
    y, x = _frequencies(height, width)
    radius, angle = np.hypot(y, x), np.arctan2(y, x) - turn
    # so many spokes, a grid step wide, cover `count` points of the disc: they merge within a radius of spokes / π
    reach = math.sqrt(height * width) / 2
    spokes = max(1, round(math.pi * (reach - math.sqrt(max(reach**2 - count / math.pi, 0)))))
    gap = math.pi / spokes
    distance = radius * np.abs(np.sin((angle + gap / 2) % gap - gap / 2))
    return draw.deliver(_nearest(distance, radius, count))


def spiral_mask(shape: Sequence[int], acceleration: float, *, generator: Any = None) -> AnyArray:
    """One spiral outwards from the zero frequency, drawn on the grid: for play, as `radial_mask`.

    The round(H·W / acceleration) grid points nearest to it are measured; its turns are so far apart that it is about a
    grid step thick.

    Args:
        shape, acceleration: as for `radial_mask`.
        generator: as for `radial_mask`; it turns the spiral.

    Returns:
        Booleans (H, W), of the kinds of `radial_mask`.

    Raises:
        TypeError, ValueError: as `radial_mask`.

    Source: Ahn, Kim and Cho 1986.
    Lab: 08.
    """
    height, width = check_shape(shape)
    count = _budget(height * width, acceleration, "points")
    draw = _Draw(generator)
    turn = 0.0 if generator is None else draw.uniform()
    y, x = _frequencies(height, width)
    radius = np.hypot(y, x)
    # the disc's area over the gap between turns is the spiral's length in grid steps
    gap = max(1.0, math.pi / 4 * height * width / count) / math.sqrt(height * width)
    phase = radius / gap - np.arctan2(y, x) / (2 * math.pi) - turn
    return draw.deliver(_nearest(np.abs(phase - np.round(phase)) * gap, radius, count))


def acceleration_of(mask: AnyArray) -> float:
    """What was really achieved: places over measured places, over all masks together.

    Args:
        mask: booleans (…, H, W), True = measured.

    Returns:
        A number, without unit.

    Raises:
        TypeError, ValueError: the mask is not boolean, is no (…, H, W), or one measures nothing.

    Lab: 08.
    """
    check_mask_alone(mask)
    return math.prod(mask.shape) / int(mask.sum())


def center_fraction_of(mask: AnyArray) -> float:
    """What part of k-space is measured without a gap around the zero frequency, in every one of the masks.

    Of lines: the columns of the gapless middle over W; of points: those nearer to the zero frequency than the first
    gap, over H·W. A line that chance puts beside the centre counts, so this may be a little more than was asked for.

    Args:
        mask: booleans (…, H, W), True = measured.

    Returns:
        A number from 0 to 1.

    Raises:
        TypeError, ValueError: as `acceleration_of`.

    Lab: 08.
    """
    check_mask_alone(mask)
    every = mask.detach().cpu().numpy() if isinstance(mask, torch.Tensor) else mask
    places = np.asarray(every.reshape(-1, *every.shape[-2:]).all(axis=0))  # (…, H, W) -> (H, W)
    height, width = places.shape
    if (places == places[:1]).all():
        line = places[0]
        if not line[width // 2]:
            return 0.0
        left, right = line[: width // 2 + 1][::-1], line[width // 2 :]
        return (_run(left) + _run(right) - 1) / width
    return _run(places.ravel()[_by_distance(height, width)]) / places.size


class _Draw:
    """Random numbers from the caller's generator, and the mask in that generator's kind."""

    def __init__(self, generator: Any):
        if generator is None:
            generator = np.random.default_rng()
        if not isinstance(generator, (np.random.Generator, torch.Generator)):
            raise TypeError(
                "generator: expected a numpy.random.Generator (numpy mask), a torch.Generator (torch mask) or None,"
                f" got {type(generator).__name__}"
            )
        self.generator = generator

    def permutation(self, count: int) -> np.ndarray:
        if isinstance(self.generator, torch.Generator):
            return torch.randperm(count, generator=self.generator, device=self.generator.device).cpu().numpy()
        return self.generator.permutation(count)

    def uniform(self) -> float:
        if isinstance(self.generator, torch.Generator):
            device = self.generator.device
            return float(torch.rand((), generator=self.generator, device=device, dtype=torch.float64))
        return float(self.generator.random())

    def deliver(self, mask: np.ndarray) -> AnyArray:
        mask = np.array(mask)  # a broadcast view becomes an array of its own
        if isinstance(self.generator, torch.Generator):
            return torch.from_numpy(mask).to(self.generator.device)
        return mask


def check_shape(shape: Any) -> tuple[int, int]:
    try:
        sides = [check_count(side, "shape") for side in shape]
    except TypeError:
        raise TypeError(f"shape: expected (H, W) in whole numbers, or the image's shape, got {shape!r}") from None
    if len(sides) < 2:
        raise ValueError(f"shape: expected (H, W), or the image's shape (…, H, W), got {shape!r}")
    return sides[-2], sides[-1]


def _budget(total: int, acceleration: float, what: str) -> int:
    acceleration = check_number(acceleration, "acceleration", low=1)
    count = round(total / acceleration)
    if count < 1:
        raise ValueError(f"acceleration: expected at most {total}, the number of {what}, got {acceleration:g}")
    return count


def _check_cartesian(
    shape: Any, acceleration: float, center_fraction: float, kind: str, points: bool
) -> tuple[int, int, int, int]:
    """H, W, the number of places to measure, and how many of them are the centre's."""
    height, width = check_shape(shape)
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    if not isinstance(points, bool):
        raise TypeError(f"points: expected True or False, got {points!r}")
    total, what = (height * width, "points") if points else (width, "lines")
    count = _budget(total, acceleration, what)
    center_fraction = check_number(center_fraction, "center_fraction", low=0, high=1)
    low = round(total * center_fraction)
    if low > count:
        raise ValueError(
            f"center_fraction: expected at most {count / total:.3g} at acceleration {float(acceleration):g} (its centre"
            f" alone would need {low} of the {count} {what} that may be measured), got {center_fraction:g}"
        )
    return height, width, count, low


def _band(width: int, low: int) -> np.ndarray:
    """The `low` columns in the middle, where fastMRI has them: (W,)."""
    centre = np.zeros(width, dtype=bool)
    first = (width - low + 1) // 2
    centre[first : first + low] = True
    return centre


def _disc(height: int, width: int, low: int) -> np.ndarray:
    """The `low` points nearest to the zero frequency: (H, W)."""
    centre = np.zeros(height * width, dtype=bool)
    centre[_by_distance(height, width)[:low]] = True
    return centre.reshape(height, width)


def _frequencies(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequency of each row (H, 1) and column (1, W) in cycles a pixel, 0 at [H // 2, W // 2]."""
    y = (np.arange(height) - height // 2) / height
    x = (np.arange(width) - width // 2) / width
    return y[:, None], x[None, :]


def _by_distance(height: int, width: int) -> np.ndarray:
    """Flat indices of all points, the nearest to the zero frequency first."""
    y, x = _frequencies(height, width)
    return np.argsort(np.hypot(y, x).ravel(), kind="stable")


def _nearest(distance: np.ndarray, radius: np.ndarray, count: int) -> np.ndarray:
    """The `count` points nearest to a trajectory that starts at the zero frequency and stays within the disc."""
    rank = np.where(radius == 0, -1.0, np.where(radius <= 0.5, distance, 1 + distance))
    chosen = np.zeros(rank.size, dtype=bool)
    chosen[np.argsort(rank, axis=None, kind="stable")[:count]] = True
    return chosen.reshape(rank.shape)


def _marginals(centre: np.ndarray, count: int, decay: float) -> np.ndarray:
    """How likely each place is to be measured: 1 in the centre, in all `count`; flat.

    Outside, in proportion to (1 - distance from the zero frequency)^decay; what would be above 1 is 1.
    """
    if centre.ndim == 1:
        distance = np.abs(np.arange(len(centre)) - len(centre) // 2).astype(np.float64)
    else:
        distance = np.hypot(*_frequencies(*centre.shape)).ravel()
    # beyond the last place, so that none is impossible
    weight = (1 - distance / (distance.max() * (1 + 1 / max(centre.shape)) or 1)) ** decay
    probability = np.where(centre.ravel(), 1.0, 0.0)
    open_places = ~centre.ravel()
    while (left := count - round(probability.sum())) > 0:
        share = weight * open_places
        share *= left / share.sum()
        sure = share >= 1 - 1e-9
        if not sure.any():
            return probability + share
        probability[sure] = 1.0
        open_places &= ~sure
    return probability


def _systematic(marginals: np.ndarray, order: np.ndarray, start: float) -> np.ndarray:
    """Choose places with exactly these probabilities, and exactly as many as they sum to: booleans, flat."""
    sure = marginals >= 1
    chosen = sure.copy()
    order = order[~sure[order]]
    ends = np.cumsum(marginals[order])
    if len(ends):
        ends[-1] = round(ends[-1])
    marks = np.floor(ends + start)  # how many marks lie before the end of each place
    chosen[order] = np.diff(marks, prepend=0.0) > 0
    return chosen


def _lattice(centre: np.ndarray, count: int, start: float) -> np.ndarray:
    """`count` points: the centre, and others on a lattice whose rows are shifted against each other: (H, W)."""
    height, width = centre.shape
    open_places, left = ~centre, count - int(centre.sum())
    if left == 0:
        return centre
    spacing = open_places.sum() / left
    shift = max(1, round(math.sqrt(spacing)))
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    # where a point lies between two of the lattice: the `left` points nearest behind one are measured
    phase = (columns + shift * rows + start * spacing) % spacing
    phase[centre] = np.inf
    chosen = centre.copy().ravel()
    chosen[np.argsort(phase, axis=None, kind="stable")[:left]] = True
    return chosen.reshape(height, width)


def _run(line: np.ndarray) -> int:
    """How many places from the first on are measured without a gap."""
    gaps = np.flatnonzero(~line)
    return int(gaps[0]) if len(gaps) else len(line)
