"""Hearts that beat, drawn by formula: sequences for 2D+t reconstruction that need no download (lab 09).

A short-axis view of the chest in one heartbeat: ventricles with their wall, papillary muscles, lungs with vessels,
liver, spine, muscle, fat, all of them textured. These are phantoms, no people: always call them synthetic.
How the heart moves: its wall keeps its area while it shortens and thickens, it turns, what is around follows less and
less, and the texture moves with the tissue. Every frame is painted where its points came from, so no frame is blurred.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_lib._checks import check_count, check_number

#: Brightness of each tissue, smallest and largest: that of balanced steady-state cine images, blood and fat bright.
BRIGHTNESS = {
    "air": (0.0, 0.0), "fat": (0.70, 0.95), "muscle": (0.22, 0.36), "lung": (0.03, 0.09), "liver": (0.30, 0.48),
    "spine": (0.35, 0.55), "fluid": (0.55, 0.80), "wall": (0.18, 0.32), "blood": (0.70, 0.92),
}  # fmt: skip

# End of systole, as a share of the heartbeat.
_SYSTOLE = 0.35


@dataclass(frozen=True)
class BeatingHearts:
    """N sequences of T frames of one heartbeat each: the frame after the last is the first.

    Attributes:
        images: (N, T, H, W) in [0, 1], float32; complex64 with these magnitudes where a phase was asked for.
        hearts: bool (N, 1, H, W), the heart at its largest: what moves most lies in it. Score inside it too.
        seed: of the subjects.
    """

    images: torch.Tensor
    hearts: torch.Tensor
    seed: int

    def __len__(self) -> int:
        return len(self.images)


def beating_hearts(n: int, seed: int, *, frames: int = 16, size: int = 128, phase: float = 0.0) -> BeatingHearts:
    """`n` synthetic subjects, each with a chest, a heart and a heartbeat of its own.

    Subject k of a seed is the same whatever `n`; a size of 64 shows the same chest as one of 256, and frame t of T the
    same moment t / T of the beat. Noise-free. The global random state is untouched.

    Args:
        n: how many subjects.
        seed: of the subjects.
        frames: of one beat, >= 2.
        size: pixels a side, >= 32.
        phase: largest size in radians of a smooth phase, as coils and the field give it, the same in all frames; 0
            gives real images.

    Returns:
        The sequences, and where the hearts are.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 09.
    """
    n, frames, size = check_count(n, "n"), check_count(frames, "frames", low=2), check_count(size, "size", low=32)
    seed, phase = check_count(seed, "seed", low=0), check_number(phase, "phase", low=0)
    subjects = [_subject(np.random.default_rng([seed, number]), frames, size, phase) for number in range(n)]
    images, hearts = (np.stack(parts) for parts in zip(*subjects, strict=True))
    return BeatingHearts(torch.from_numpy(images), torch.from_numpy(hearts), seed)


def contraction(moment: np.ndarray) -> np.ndarray:
    """How far the heart has contracted at a moment of the beat: fast first, slowly back.

    Args:
        moment: of the beat, period 1.

    Returns:
        0 to 1.
    """
    moment = np.asarray(moment, dtype=np.float64) % 1
    return np.sin(math.pi * moment ** (math.log(0.5) / math.log(_SYSTOLE))) ** 2


def _subject(rng: np.random.Generator, frames: int, size: int, phase: float) -> tuple[np.ndarray, np.ndarray]:
    """One sequence (T, H, W) and where its heart is (1, H, W). Lengths are in half sizes of the image."""
    axis = ((np.arange(size) - (size - 1) / 2) * (2 / size)).astype(np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")  # (H, W)
    edge = 0.8 / size  # of the sigmoid: a border from 10 to 90 % over 1.8 pixels
    level = {name: rng.uniform(*bounds) for name, bounds in BRIGHTNESS.items()}
    heart = _Heart(rng)
    chest = _Chest(rng, heart)
    coarse, fine = _Waves(rng, 1.5, 6.0), _Waves(rng, 6.0, 30.0)
    bias = np.exp(0.25 * _Waves(rng, 0.2, 0.8, count=6)(y, x))
    images = np.empty((frames, size, size), dtype=np.float32)
    for frame, contracted in enumerate(contraction(np.arange(frames) / frames).tolist()):
        v, u = heart.origin(y, x, contracted)  # where what is here now was at the start of the beat
        picture = chest.paint(v, u, edge, level)
        picture = heart.paint(picture, v, u, edge, level)
        texture = 1 + 0.06 * coarse(v, u) + 0.06 * fine(v, u)
        images[frame] = np.clip(picture * texture * bias, 0, 1)
    inside = heart.outline(y, x) < 0
    if phase == 0:
        return images, inside[None]
    smooth = _Waves(rng, 0.1, 0.7, count=6)(y, x)
    smooth *= phase / float(np.abs(smooth).max())
    return (images * np.exp(1j * smooth)).astype(np.complex64), inside[None]


class _Waves:
    """A smooth random field that any point can ask: cosines of random direction, wave number and phase; variance 1."""

    def __init__(self, rng: np.random.Generator, low: float, high: float, count: int = 24):
        number, angle = rng.uniform(low, high, count), rng.uniform(0, 2 * math.pi, count)
        self.rows, self.columns = (
            (math.pi * number * np.sin(angle)).tolist(),
            (math.pi * number * np.cos(angle)).tolist(),
        )
        self.start, self.scale = rng.uniform(0, 2 * math.pi, count).tolist(), math.sqrt(2 / count)

    def __call__(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        field = np.zeros_like(y)
        for row, column, start in zip(self.rows, self.columns, self.start, strict=True):
            field += np.cos(row * y + column * x + start)
        return self.scale * field


def _share(distance: np.ndarray, edge: float) -> np.ndarray:
    """1 inside (distance < 0), 0 outside, over a border of width `edge`."""
    return 1 / (1 + np.exp(np.clip(distance / edge, -30, 30)))


def _cover(picture: np.ndarray, distance: np.ndarray, edge: float, value: float) -> np.ndarray:
    return picture + _share(distance, edge) * (value - picture)


def _ellipse(
    y: np.ndarray, x: np.ndarray, centre: Sequence[float], radii: Sequence[float], turn: float = 0.0
) -> np.ndarray:
    """Signed distance to an ellipse, about; negative inside."""
    v, u = y - centre[0], x - centre[1]
    v, u = math.cos(turn) * v - math.sin(turn) * u, math.sin(turn) * v + math.cos(turn) * u
    return (np.hypot(v / radii[0], u / radii[1]) - 1) * min(radii)


class _Heart:
    """Left ventricle, a disc of blood in a ring of muscle; right ventricle, a crescent beside it; what moves them."""

    def __init__(self, rng: np.random.Generator):
        self.centre = rng.uniform(-0.18, 0.02), rng.uniform(0.02, 0.22)
        self.pool = rng.uniform(0.17, 0.22)  # radius of the blood at the start of the beat
        self.ring = self.pool + rng.uniform(0.055, 0.085)
        self.shortening = rng.uniform(0.22, 0.42)  # share of the radius: an ejection fraction of 0.4 to 0.66
        self.twist = rng.uniform(0.05, 0.20)
        self.shift = rng.uniform(-0.02, 0.02), rng.uniform(-0.02, 0.02)
        self.turn = rng.uniform(-0.5, 0.3)
        self.reach = rng.uniform(0.30, 0.40)  # beyond the wall the motion fades over this length
        self.bump = rng.uniform(0.0, 0.06), rng.uniform(0, 2 * math.pi)
        angles = rng.uniform(1.6, 2.4) + np.array([0.0, rng.uniform(1.8, 2.6)])
        self.papillary = [
            (self.pool * 0.68 * math.sin(a), self.pool * 0.68 * math.cos(a), rng.uniform(0.022, 0.034))
            for a in angles.tolist()
        ]
        self.right = rng.uniform(0.24, 0.29), rng.uniform(0.20, 0.26)
        self.fluid = rng.uniform(0.010, 0.022)

    def origin(self, y: np.ndarray, x: np.ndarray, contracted: float) -> tuple[np.ndarray, np.ndarray]:
        """Where the points (y, x) of a contracted heart were when it was full, in image coordinates."""
        v, u = y - self.centre[0] - contracted * self.shift[0], x - self.centre[1] - contracted * self.shift[1]
        radius, angle = np.hypot(v, u), np.arctan2(v, u)
        inner = self.pool * (1 - self.shortening * contracted)
        # the muscle keeps its area: radius² grows by the same amount in the whole ring, and less and less outside
        gained = self.pool**2 - inner**2
        outer = math.sqrt(self.ring**2 - gained)
        fading = np.exp(-((np.maximum(radius - outer, 0) / self.reach) ** 2))
        before = np.where(radius < inner, radius * (self.pool / inner), np.sqrt(radius**2 + gained * fading))
        angle = angle - self.twist * contracted * fading
        still = 1 - fading  # far away not even the shift is left
        return (
            self.centre[0] + before * np.sin(angle) + contracted * self.shift[0] * still,
            self.centre[1] + before * np.cos(angle) + contracted * self.shift[1] * still,
        )

    def outline(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Signed distance to both ventricles together, at the start of the beat."""
        v, u = y - self.centre[0], x - self.centre[1]
        return np.minimum(np.hypot(v, u) - self.ring, self._crescent(v, u) - 0.02)

    def paint(self, picture: np.ndarray, y: np.ndarray, x: np.ndarray, edge: float, level: dict) -> np.ndarray:
        v, u = y - self.centre[0], x - self.centre[1]
        radius = np.hypot(v, u)
        amount, where = self.bump
        radius = radius * (1 + amount * np.cos(2 * np.arctan2(v, u) + where))
        both = np.minimum(radius - self.ring, self._crescent(v, u) - 0.02)
        picture = _cover(picture, both - self.fluid, edge, level["fluid"])
        picture = _cover(picture, both, edge, level["wall"])
        picture = _cover(picture, self._crescent(v, u), edge, 0.95 * level["blood"])
        picture = _cover(picture, radius - self.ring, edge, level["wall"])
        picture = _cover(picture, radius - self.pool, edge, level["blood"])
        for row, column, size in self.papillary:
            picture = _cover(picture, np.hypot(v - row, u - column) - size, edge, level["wall"])
        return picture

    def _crescent(self, v: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The right ventricle, an ellipse that the left one covers in part."""
        away = 0.85 * self.ring
        centre = away * math.sin(self.turn) - 0.03, -away * math.cos(self.turn)
        return _ellipse(v, u, centre, self.right, self.turn)


class _Chest:
    """Skin, fat, muscle, two lungs with vessels, liver, spine and aorta."""

    def __init__(self, rng: np.random.Generator, heart: _Heart):
        height, width = rng.uniform(0.66, 0.78), rng.uniform(0.86, 0.95)
        self.body = height, width
        self.fat, self.muscle = rng.uniform(0.03, 0.09), rng.uniform(0.06, 0.10)
        self.lungs = [
            (
                (rng.uniform(-0.02, 0.06), side * width * 0.52),
                (height * 0.66, width * 0.34),
                side * rng.uniform(-0.1, 0.25),
            )
            for side in (-1, 1)
        ]
        self.liver = (height * 0.55, -width * rng.uniform(0.30, 0.45)), (rng.uniform(0.24, 0.34), width * 0.42)
        self.spine = (height * 0.66, rng.uniform(-0.04, 0.04)), (rng.uniform(0.11, 0.15), rng.uniform(0.13, 0.17))
        self.aorta = (height * 0.45, rng.uniform(0.12, 0.20)), rng.uniform(0.045, 0.06)
        self.vessels = []
        for (row, column), (tall, wide), _ in self.lungs:
            for _ in range(14):
                far, angle = math.sqrt(rng.uniform(0, 0.7)), rng.uniform(0, 2 * math.pi)
                place = row + far * tall * math.sin(angle), column + far * wide * math.cos(angle)
                self.vessels.append((place, rng.uniform(0.008, 0.022), rng.uniform(0.25, 0.7)))

    def paint(self, y: np.ndarray, x: np.ndarray, edge: float, level: dict) -> np.ndarray:
        surface = _ellipse(y, x, (0.0, 0.0), self.body)
        picture = np.zeros_like(y)
        picture = _cover(picture, surface, edge, level["muscle"] * 1.3)  # skin
        picture = _cover(picture, surface + 0.015, edge, level["fat"])
        picture = _cover(picture, surface + 0.015 + self.fat, edge, level["muscle"])
        inside = surface + 0.015 + self.fat + self.muscle
        for centre, radii, turn in self.lungs:
            picture = _cover(picture, np.maximum(_ellipse(y, x, centre, radii, turn), inside), edge, level["lung"])
        for place, size, bright in self.vessels:
            far = (y - place[0]) ** 2 + (x - place[1]) ** 2
            # a vessel is seen where there is lung: it adds little to what is bright already
            picture = picture + (1 - picture) * bright * level["blood"] * np.exp(-far / size**2) * (picture < 0.15)
        picture = _cover(picture, np.maximum(_ellipse(y, x, *self.liver), inside), edge, level["liver"])
        picture = _cover(picture, np.maximum(_ellipse(y, x, *self.spine), inside), edge, level["spine"])
        centre, radius = self.aorta
        return _cover(picture, np.hypot(y - centre[0], x - centre[1]) - radius, edge, level["blood"])
