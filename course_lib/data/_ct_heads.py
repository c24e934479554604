"""A synthetic slice through a head: skull in three layers, brain, ventricles, and sometimes the base of the skull."""

from __future__ import annotations

import numpy as np

from course_lib.data._ct_shapes import Canvas, texture

Point = tuple[float, float]


def head(rng: np.random.Generator, size: int) -> np.ndarray:
    """float32 (size, size) in Hounsfield units."""
    canvas = Canvas(rng, size, warp=float(rng.uniform(0.01, 0.03)))
    centre = (canvas.between(-0.04, 0.04), canvas.between(-0.04, 0.04))
    wide, deep, turn = canvas.between(0.5, 0.65), canvas.between(0.65, 0.8), canvas.between(-0.15, 0.15)
    inside, wide, deep = _skull(canvas, centre, wide, deep, turn)
    brain = _brain(canvas, centre, wide, deep, turn)
    _spots(canvas, centre, wide, deep, brain)
    if rng.random() < 0.5:
        _base_of_the_skull(canvas, centre, wide, deep, inside)
    tissue = canvas.hounsfield > -300
    fine = texture(canvas.rng, size, canvas.between(0.8, 2) * size / 256)
    canvas.hounsfield += tissue * canvas.between(1, 4) * fine
    return canvas.finished()


def _skull(canvas: Canvas, centre: Point, wide: float, deep: float, turn: float) -> tuple[np.ndarray, float, float]:
    """Skin, fat, outer table, diploe, inner table; returns what lies inside, a mask, and its half axes."""
    between = canvas.between
    scalp, bone = between(0.03, 0.06), between(0.06, 0.1)
    layers = [
        (0.0, between(20, 50)),
        (0.02, between(-100, 20)),
        (scalp, between(1000, 1600)),
        (scalp + 0.35 * bone, between(400, 900)),
        (scalp + 0.65 * bone, between(1000, 1600)),
        (scalp + bone, 8.0),  # fluid
    ]
    for depth, value in layers:
        inside = canvas.paint(canvas.ellipse(centre, (wide - depth, deep - depth), turn), value)
    return inside, wide - depth, deep - depth


def _brain(canvas: Canvas, centre: Point, wide: float, deep: float, turn: float) -> np.ndarray:
    """Grey and white matter, and ventricles; returns the brain, a mask."""
    between = canvas.between
    brain = canvas.ellipse(centre, (wide - 0.02, deep - 0.02), turn)
    folds = texture(canvas.rng, canvas.size, between(3, 9) * canvas.size / 256)
    canvas.hounsfield[brain] = np.where(folds > 0, between(34, 42), between(24, 31))[brain]
    for side in (-1, 1):
        at = (centre[0] + side * between(0.05, 0.1), centre[1] + between(-0.2, 0.1))
        shape = (0.035, between(0.08, 0.22))
        canvas.paint(canvas.ellipse(at, shape, side * between(-0.4, 0.4), brain), between(3, 12))
    return brain


def _spots(canvas: Canvas, centre: Point, wide: float, deep: float, brain: np.ndarray) -> None:
    """Small cysts, old infarcts, vessels and blood: 5 to 70 HU."""
    between = canvas.between
    for _ in range(int(canvas.rng.integers(8, 40))):
        radius = between(0.006, 0.05)
        at = (centre[0] + between(-0.6, 0.6) * wide, centre[1] + between(-0.7, 0.7) * deep)
        shape = (radius, radius * between(0.2, 1))
        canvas.paint(
            canvas.ellipse(at, shape, between(0, 3.1), brain), float(canvas.rng.choice([5, 10, 20, 45, 60, 70]))
        )


def _base_of_the_skull(canvas: Canvas, centre: Point, wide: float, deep: float, inside: np.ndarray) -> None:
    """Blocks of bone, and air cells."""
    between = canvas.between
    for _ in range(int(canvas.rng.integers(3, 12))):
        radius = between(0.03, 0.15)
        at = (centre[0] + between(-0.9, 0.9) * wide, centre[1] + between(-0.9, 0.9) * deep)
        shape = (radius, radius * between(0.15, 0.6))
        value = between(300, 1300) if canvas.rng.random() < 0.7 else -900.0
        canvas.paint(canvas.ellipse(at, shape, between(0, 3.1), inside), value)
