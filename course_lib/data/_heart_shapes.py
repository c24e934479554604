"""How a synthetic heart is drawn: two half ellipsoids, one in the other, with waves, and a third beside them. In mm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from course_lib.data.dynamic import BRIGHTNESS

LABELS = {"cavity": 1, "wall": 2, "right ventricle": 3}
#: Radius of the cavity at the base and thickness of the wall, smallest and largest, in mm.
KINDS = {
    "normal": ((21.0, 26.0), (7.0, 10.0)),
    "dilated": ((29.0, 34.0), (5.0, 7.0)),
    "thickened": ((15.0, 19.0), (13.0, 17.0)),
    "aneurysm": ((23.0, 28.0), (6.0, 8.0)),
}


def heart(
    key: Sequence[int], kind: str, planes: np.ndarray, thickness: float, size: int, pixel: float
) -> tuple[np.ndarray, np.ndarray]:
    """Image float32 and labels uint8, both (planes, size, size); the shape depends on key and kind alone."""
    shape = _Shape(np.random.default_rng([*key, 0]), kind)
    rng = np.random.default_rng([*key, 1])
    labels, _ = shape.at(planes, size, pixel)
    levels: dict[int, Any] = {
        0: np.clip(0.35 + 0.22 * _texture(rng, labels.shape, (1.0, 9 / pixel, 9 / pixel)), 0.04, 0.85),
        LABELS["cavity"]: rng.uniform(*BRIGHTNESS["blood"]),
        LABELS["wall"]: rng.uniform(*BRIGHTNESS["wall"]),
        LABELS["right ventricle"]: rng.uniform(*BRIGHTNESS["blood"]),
    }
    image = np.zeros(labels.shape)
    depths = (-1 / 3, 0.0, 1 / 3)  # three planes within the thickness of a slice
    for depth in depths:
        here, papillary = shape.at(planes + depth * thickness, size, pixel)
        painted = np.select([here == label for label in levels], list(levels.values()))
        image += np.where(papillary, levels[LABELS["wall"]], painted) / len(depths)
    image *= 1 + 0.04 * _texture(rng, labels.shape, (0.5, 1.5 / pixel, 1.5 / pixel))
    image *= np.exp(0.15 * _texture(rng, labels.shape, (3.0, 30 / pixel, 30 / pixel)))
    image = ndimage.gaussian_filter(image, (0, 1 / pixel, 1 / pixel))
    return np.clip(image, 0, 1).astype(np.float32), labels


class _Shape:
    """One heart: all its random numbers are drawn here, so that it is the same on every grid."""

    def __init__(self, rng: np.random.Generator, kind: str):
        radii, walls = KINDS[kind]
        self.bulges = kind == "aneurysm"
        self.radius, self.wall, self.length = rng.uniform(*radii), rng.uniform(*walls), rng.uniform(60, 72)
        self.power, self.base = rng.uniform(0.8, 1.2), -self.length / 2 - rng.uniform(2, 6)
        self.centre, self.drift = rng.uniform(-5, 5, 2) + (0, 9), rng.uniform(-4, 4, 2)  # y, x; from base to apex
        self.waves = [(m, rng.normal() * a / m, rng.uniform(0, 2 * np.pi), b)
                      for m in (2, 3) for a, b in ((0.05, "cavity"), (0.1, "wall"))]  # fmt: skip
        self.right = rng.uniform(-0.5, 0.5), rng.uniform(22, 28), rng.uniform(21, 27)  # where, long and short radius
        self.muscles = rng.uniform(0, 2 * np.pi) + np.array([0, rng.uniform(1.6, 2.4)])
        self.bulge = rng.uniform(-1.2, 1.2), rng.uniform(0.5, 0.7)  # away from the right ventricle, towards the apex

    def at(self, planes: np.ndarray, size: int, pixel: float) -> tuple[np.ndarray, np.ndarray]:
        """Labels uint8 (planes, size, size), and boolean: papillary muscles in the cavity."""
        grid = (np.arange(size) - (size - 1) / 2) * pixel
        z, y, x = np.meshgrid(planes - self.base, grid, grid, indexing="ij")
        share = z / self.length  # 0 at the base, 1 at the apex of the cavity
        middle = [self.centre[axis] + self.drift[axis] * share for axis in (0, 1)]
        v, u = y - middle[0], x - middle[1]
        distance, angle = np.hypot(v, u), np.arctan2(v, u)
        cavity = self.radius * self._profile(share) * self._wave(angle, "cavity")
        outer = self.radius * self._wave(angle, "cavity") + self.wall * self._wave(angle, "wall")
        outer = outer * self._profile(z / (self.length + self.wall))
        if self.bulges:
            away = np.angle(np.exp(1j * (angle - self.bulge[0])))
            bump = np.exp(-((away / 0.5) ** 2) - ((share - self.bulge[1]) / 0.25) ** 2)
            thick = outer - cavity
            cavity = cavity * (1 + 0.6 * bump)
            outer = cavity + thick * (1 - 0.5 * bump)
        below = z >= 0
        labels = np.zeros(z.shape, np.uint8)
        turn, long, short = self.right
        reach = 0.85 * (self.radius + self.wall)
        a, b = v - reach * np.sin(turn), u + reach * np.cos(turn)
        along, across = np.cos(turn) * a + np.sin(turn) * b, np.cos(turn) * b - np.sin(turn) * a
        narrowing = np.maximum(self._profile(z / (0.85 * self.length)), 1e-6)
        labels[((along / long) ** 2 + (across / short) ** 2 < narrowing**2) & below] = LABELS["right ventricle"]
        labels[(distance < outer) & below] = LABELS["wall"]
        labels[(distance < cavity) & below] = LABELS["cavity"]
        papillary = np.zeros(z.shape, bool)
        for where in self.muscles:
            v0, u0 = 0.6 * cavity * np.sin(where), 0.6 * cavity * np.cos(where)
            papillary |= np.hypot(v - v0, u - u0) < 3.5
        return labels, papillary & (labels == LABELS["cavity"]) & (share > 0.2) & (share < 0.75)

    def _profile(self, share: np.ndarray) -> np.ndarray:
        """1 at the base, 0 from the apex on."""
        return np.sqrt(np.clip(1 - share**2, 0, 1)) ** self.power

    def _wave(self, angle: np.ndarray, of: str) -> np.ndarray:
        wave = np.ones_like(angle)
        for m, height, phase, what in self.waves:
            if what == of:
                wave += height * np.cos(m * angle + phase)
        return wave


def _texture(rng: np.random.Generator, shape: tuple[int, ...], width: tuple[float, float, float]) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
    return field / field.std()
