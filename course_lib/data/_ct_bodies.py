"""A synthetic slice through an abdomen: organs as warped ellipses of usual size and density, each body another."""

from __future__ import annotations

import numpy as np

from course_lib.data._ct_shapes import Canvas, texture

Point = tuple[float, float]


def body(rng: np.random.Generator, size: int) -> np.ndarray:
    """float32 (size, size) in Hounsfield units; about seven of ten have contrast medium in their vessels."""
    canvas = Canvas(rng, size, warp=float(rng.uniform(0.01, 0.025)))
    contrast = bool(rng.random() < 0.7)
    centre = (canvas.between(-0.04, 0.04), canvas.between(-0.04, 0.04))
    whole, cavity, wide, deep = _wall(canvas, centre)
    _organs(canvas, centre, cavity, wide, deep, contrast)
    _vessels(canvas, centre, cavity, wide, deep, contrast)
    _spine(canvas, centre, deep, whole)
    _ribs(canvas, centre, wide, deep)
    _textures(canvas)
    return canvas.finished()


def _wall(canvas: Canvas, centre: Point) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Skin, fat and muscle; returns what lies within the fat and the cavity, both masks, and the cavity's half axes."""
    turn, between = canvas.between(-0.1, 0.1), canvas.between
    wide, deep, fat = between(0.62, 0.9), between(0.45, 0.68), between(0.02, 0.14)
    canvas.paint(canvas.ellipse(centre, (wide, deep), turn), between(20, 50))  # skin
    canvas.paint(canvas.ellipse(centre, (wide - 0.012, deep - 0.012), turn), between(-115, -85))
    wide, deep = wide - fat, deep - fat * between(0.6, 1.2)
    whole = canvas.paint(canvas.ellipse(centre, (wide, deep), turn), between(40, 65))  # muscle
    wide, deep = wide - between(0.03, 0.07), deep - between(0.03, 0.07)
    cavity = canvas.paint(canvas.ellipse(centre, (wide, deep), turn), between(-110, -70))  # fat between the organs
    return whole, cavity, wide, deep


def _organs(canvas: Canvas, centre: Point, cavity: np.ndarray, wide: float, deep: float, contrast: bool) -> None:
    """Liver, spleen, kidneys, then bowel, some of it with gas; in each a few vessels and lesions."""
    between, side, across, along = canvas.between, float(canvas.rng.choice([-1, 1])), wide / 0.7, deep / 0.55
    solid: list[tuple[Point, Point, float]] = [
        (
            (side * 0.42 * across, -0.05),
            (0.38 * across, 0.42 * along),
            between(90, 125) if contrast else between(45, 65),
        ),
        ((-side * 0.55 * across, 0.05), (0.15, 0.25), between(100, 135) if contrast else between(40, 60)),
    ]
    for kidney in (-1, 1):
        value = between(120, 190) if contrast else between(25, 40)
        solid.append(((kidney * 0.33 * across, 0.22 * along), (0.11, 0.15), value))
    for place, radii, value in solid:
        organ = _organ(canvas, centre, place, radii, value, between(-0.6, 0.6), cavity)
        for _ in range(int(canvas.rng.integers(0, 8))):
            _spot(canvas, centre, place, radii, value, organ)
    for _ in range(int(canvas.rng.integers(3, 9))):
        place = (between(-0.5, 0.5) * across, between(-0.5, 0.2) * along)
        radii, value, turn = (between(0.05, 0.16), between(0.04, 0.12)), between(0, 70), between(0, 3.1)
        organ = _organ(canvas, centre, place, radii, value, turn, cavity)
        if canvas.rng.random() < 0.4:  # gas rises: people lie on their backs
            gas = (centre[0] + place[0], centre[1] + place[1] - 0.2 * radii[1])
            canvas.paint(canvas.ellipse(gas, (0.6 * radii[0], 0.5 * radii[1]), turn, cavity), between(-950, -700))
        _spot(canvas, centre, place, radii, value, organ)


def _organ(
    canvas: Canvas, centre: Point, place: Point, radii: Point, value: float, turn: float, cavity: np.ndarray
) -> np.ndarray:
    at = (centre[0] + place[0], centre[1] + place[1])
    return canvas.paint(canvas.ellipse(at, radii, turn, cavity), value)


def _spot(canvas: Canvas, centre: Point, place: Point, radii: Point, value: float, organ: np.ndarray) -> None:
    """A vessel or a lesion within an organ: 10 to 60 HU lighter or darker."""
    x, y = (float(step) for step in canvas.rng.uniform(-0.56, 0.56, 2))
    at = (centre[0] + place[0] + x * radii[0], centre[1] + place[1] + y * radii[1])
    radius = canvas.between(0.006, 0.04)
    spot = canvas.ellipse(at, (radius, radius * canvas.between(0.5, 1)), canvas.between(0, 3.1), organ)
    canvas.paint(spot, value + float(canvas.rng.choice([-1, 1])) * canvas.between(10, 60))


def _vessels(canvas: Canvas, centre: Point, cavity: np.ndarray, wide: float, deep: float, contrast: bool) -> None:
    """Small vessels and strands in the fat, aorta and vena cava."""
    between = canvas.between
    for _ in range(int(canvas.rng.integers(10, 60))):
        radius = between(0.004, 0.02)
        at = (centre[0] + between(-0.6, 0.6) * wide, centre[1] + between(-0.7, 0.5) * deep)
        shape = (radius, radius * between(0.5, 3))
        canvas.paint(canvas.ellipse(at, shape, between(0, 3.1), cavity), between(20, 150))
    aorta, cava = (centre[0] + 0.06, centre[1] + 0.32 * deep), (centre[0] - 0.08, centre[1] + 0.28 * deep)
    canvas.paint(canvas.ellipse(aorta, (0.045, 0.045)), between(130, 220) if contrast else 45.0)
    canvas.paint(canvas.ellipse(cava, (0.05, 0.035)), between(100, 170) if contrast else 42.0)


def _spine(canvas: Canvas, centre: Point, deep: float, whole: np.ndarray) -> None:
    """Psoas and back muscles, a vertebra with its marrow, canal and processes."""
    between, x, y = canvas.between, centre[0], centre[1] + 0.66 * deep
    for side in (-1, 1):
        canvas.paint(canvas.ellipse((x + side * 0.16, y - 0.02), (0.07, 0.09)), between(45, 65))
        canvas.paint(canvas.ellipse((x + side * 0.17, y + 0.22), (0.15, 0.1), 0, whole), between(40, 60))
    processes = canvas.ellipse((x, y + 0.2), (0.018, 0.07), 0, whole)
    for side in (-1, 1):
        processes |= canvas.ellipse((x + side * 0.1, y + 0.11), (0.07, 0.016), -side * 0.3, whole)
    canvas.paint(processes, between(300, 800))
    canvas.paint(canvas.ellipse((x, y + 0.12), (0.05, 0.045), 0, whole), between(250, 600))
    canvas.paint(canvas.ellipse((x, y + 0.12), (0.036, 0.03), 0, whole), between(10, 40))
    canvas.paint(canvas.ellipse((x, y), (0.12, 0.09)), between(350, 700))
    canvas.paint(canvas.ellipse((x, y), (0.105, 0.077)), between(120, 260))


def _ribs(canvas: Canvas, centre: Point, wide: float, deep: float) -> None:
    for _ in range(int(canvas.rng.integers(4, 12))):
        angle = canvas.between(0, 2 * np.pi)
        at = (centre[0] + (wide + 0.025) * np.cos(angle), centre[1] + (deep + 0.025) * np.sin(angle))
        canvas.paint(canvas.ellipse(at, (0.05, 0.018), angle + np.pi / 2), canvas.between(300, 700))


def _textures(canvas: Canvas) -> None:
    """No tissue is flat: fine and coarse texture, more of it in fat."""
    between, size, image = canvas.between, canvas.size, canvas.hounsfield
    tissue = image > -300
    fat = tissue & (image < -50)
    fine = between(2, 8) * texture(canvas.rng, size, between(0.8, 2.5) * size / 256)
    coarse = between(1, 6) * texture(canvas.rng, size, between(4, 10) * size / 256)
    image += tissue * (fine + coarse)
    image += fat * between(2, 10) * texture(canvas.rng, size, 2 * size / 256)
