"""Smooth random fields and invertible deformations on cubic B-splines.

A field is a small grid of random coefficients; its value at any point is a weighted sum of the 4 x 4 x 4
coefficients around it (Rueckert et al. 1999, IEEE TMI 18(8), 712-721, eq. 1). On a regular lattice of points
this factors into three sparse matrix products, so a field comes on a few planes without the volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

#: Mean of the sum of squared cubic B-spline weights over one cell, 151/315: the variance that is
#: left of unit-variance coefficients along each axis.
_VARIANCE_KEPT = 151 / 315

#: Random displacement, coarse to fine: spacing of the coefficients and standard deviation, in mm.
DISPLACEMENT = ((70.0, 4.5), (20.0, 1.2))


def basis(positions: np.ndarray, spacing: float, *, derivative: bool = False) -> sparse.csr_matrix:
    """Cubic B-spline weights of positions on evenly spaced coefficients; one row a position.

    Args:
        positions: mm, >= 0.
        spacing: of the coefficients, in mm.
        derivative: True: the weights of the first derivative, in 1/mm.

    Returns:
        A sparse matrix, (positions, coefficients).
    """
    cell, fraction = np.divmod(np.asarray(positions, dtype=np.float64) / spacing, 1)
    t = fraction[:, None]
    if derivative:
        weights = np.hstack([-((1 - t) ** 2), 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2]) / (2 * spacing)
    else:
        inner = [3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1]
        weights = np.hstack([(1 - t) ** 3, *inner, t**3]) / 6
    columns = cell.astype(np.int64)[:, None] + np.arange(4)
    rows = np.arange(len(columns) + 1) * 4
    return sparse.csr_matrix((weights.ravel(), columns.ravel(), rows))


def coefficient_count(length: float, spacing: float) -> int:
    """How many coefficients cover [0, length].

    Args:
        length: mm.
        spacing: of the coefficients, in mm.

    Returns:
        Their number along one axis.
    """
    return int(length // spacing) + 4


def _along(axis: int, matrix: sparse.csr_matrix, array: np.ndarray) -> np.ndarray:
    """`matrix` (m, n) applied to one axis of `array`."""
    moved = np.moveaxis(array, axis, 0)
    # positions may stop short of the last coefficients
    moved = moved[: matrix.shape[1]]
    product = matrix @ moved.reshape(len(moved), -1)
    return np.moveaxis(product.reshape(len(product), *moved.shape[1:]), 0, axis)


@dataclass(frozen=True)
class SplineField:
    """A smooth field.

    Attributes:
        coefficients: (..., gx, gy, gz).
        spacing: mm between coefficients along each axis.
    """

    coefficients: np.ndarray
    spacing: float

    def on(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, *, derivative: int | None = None) -> np.ndarray:
        """Values on the lattice x × y × z, or their derivative.

        Args:
            x: positions along axis 0, in mm.
            y: positions along axis 1, in mm.
            z: positions along axis 2, in mm.
            derivative: along axis 0, 1 or 2; None: the values.

        Returns:
            (..., X, Y, Z).
        """
        values = self.coefficients
        # the planes come first: they are few, which keeps the larger products small
        for axis, positions in ((2, z), (1, y), (0, x)):
            matrix = basis(positions, self.spacing, derivative=derivative == axis)
            values = _along(axis - 3, matrix, values)
        return values


def random_field(
    rng: np.random.Generator,
    extent: tuple[float, float, float],
    spacing: float,
    channels: tuple[int, ...] = (),
) -> SplineField:
    """A field with mean 0 and standard deviation 1 over [0, extent], correlated over `spacing`.

    Args:
        rng: of the coefficients.
        extent: mm along each axis.
        spacing: mm.
        channels: the axes before x, y, z.

    Returns:
        The field.
    """
    counts = [coefficient_count(length, spacing) for length in extent]
    coefficients = rng.standard_normal((*channels, *counts)) / _VARIANCE_KEPT**1.5
    return SplineField(coefficients, spacing)


def texture_plane(
    key: Sequence[int], plane: float, width: int, height: int, spacing: float, through: float
) -> np.ndarray:
    """One plane of a 3D texture with mean 0 and deviation 1, made without the others.

    Layers of coefficients lie `through` apart, each with a generator of its own, and a plane mixes the four around it:
    so it is the same whichever planes are asked for. It is scaled by their weights: taken alone, each plane follows one
    law, wherever it lies between the layers.

    Args:
        key: of the texture; a layer's generator has its number besides.
        plane: position along z, >= 0, in px.
        width: pixels.
        height: pixels.
        spacing: over which a plane is correlated, in px.
        through: over which planes are correlated, in px.

    Returns:
        (width, height).
    """
    counts = coefficient_count(width - 1, spacing), coefficient_count(height - 1, spacing)
    mixed = basis(np.array([plane]), through)
    layers = [np.random.default_rng([*key, layer]).standard_normal(counts) for layer in mixed.indices.tolist()]
    weights = mixed.data / np.linalg.norm(mixed.data)
    coefficients = np.einsum("l,lij->ij", weights, np.stack(layers)) / _VARIANCE_KEPT
    texture = _along(1, basis(np.arange(height), spacing), coefficients)
    return _along(0, basis(np.arange(width), spacing), texture)


def rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation about x, then y, then z.

    Args:
        angles: radian, (3,).

    Returns:
        Rotation matrix (3, 3).
    """
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@dataclass(frozen=True)
class Deformation:
    """Template position of point p (mm) of a synthetic head: matrix (p + u(p) - centre) + centre + shift.

    u is the sum of `fields`. The Jacobian determinant is
    det(matrix) det(I + ∇u): positive everywhere means smooth and invertible, no fold.

    Attributes:
        matrix: (3, 3), rotation and size.
        centre: mm, (3,).
        shift: mm, (3,).
        fields: each with 3 channels in mm.
    """

    matrix: np.ndarray
    centre: np.ndarray
    shift: np.ndarray
    fields: tuple[SplineField, ...]

    def displacement(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """u on the lattice x × y × z.

        Args:
            x: positions in mm.
            y: positions in mm.
            z: positions in mm.

        Returns:
            (3, X, Y, Z), mm.
        """
        first, *others = (field.on(x, y, z) for field in self.fields)
        return sum(others, start=first)

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Template positions in mm of the lattice x × y × z; (3, X, Y, Z)."""
        points = self.displacement(x, y, z)
        points += np.stack(np.meshgrid(x, y, z, indexing="ij")) - self.centre[:, None, None, None]
        moved = np.einsum("ij,j...->i...", self.matrix, points)
        return moved + (self.centre + self.shift)[:, None, None, None]

    def jacobian_determinant(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Analytic determinant of the Jacobian on the lattice x × y × z.

        Args:
            x: positions in mm.
            y: positions in mm.
            z: positions in mm.

        Returns:
            (X, Y, Z).
        """
        slopes = [sum(f.on(x, y, z, derivative=axis) for f in self.fields) for axis in range(3)]
        gradient = np.stack(slopes, axis=1)  # (3 components, 3 axes, X, Y, Z)
        gradient = np.moveaxis(gradient, (0, 1), (-2, -1)) + np.eye(3)
        return np.linalg.det(gradient) * np.linalg.det(self.matrix)


def random_deformation(rng: np.random.Generator, extent: tuple[float, float, float]) -> Deformation:
    """A random head shape and pose: rotation to ±5°, size, smooth displacement.

    The displacement shrinks until its Jacobian determinant is at least 0.25 on a 4 mm lattice, which is five
    times finer than its finest detail: no fold fits between the points.

    Args:
        rng: of all draws.
        extent: mm along each axis; the deformation covers [0, extent].

    Returns:
        The deformation.
    """
    matrix = rotation(np.radians(rng.uniform(-5, 5, 3)))
    # > 1: the template is larger than most heads, and this map runs from the head to the template
    matrix = matrix @ np.diag(rng.uniform(1.02, 1.12) * rng.uniform(0.985, 1.03, 3))
    shift = rng.uniform(-2, 2, 3)
    levels = []
    for spacing, size in DISPLACEMENT:
        field = random_field(rng, extent, spacing, (3,))
        levels.append(SplineField(size * field.coefficients, spacing))
    lattice = [np.arange(0, length + 0.5, 4.0) for length in extent]
    centre = np.array(extent) / 2
    while True:
        smooth = Deformation(np.eye(3), centre, shift, tuple(levels))
        if smooth.jacobian_determinant(*lattice).min() >= 0.25:
            return Deformation(matrix, centre, shift, tuple(levels))
        levels = [SplineField(0.85 * level.coefficients, level.spacing) for level in levels]
