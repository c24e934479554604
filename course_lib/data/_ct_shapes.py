"""What synthetic CT slices are drawn with: ellipses on a warped grid, and smooth random texture."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def texture(rng: np.random.Generator, size: int, width: float) -> np.ndarray:
    """A smooth random field of mean 0 and standard deviation 1, (size, size); width: of its structures, in pixels."""
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), width, mode="wrap")
    return field / field.std()


class Canvas:
    """A slice in Hounsfield units, drawn organ by organ; coordinates from -1 to 1, x to the right and y downwards.

    The grid is warped smoothly, so that no organ is an ellipse in the end.
    """

    def __init__(self, rng: np.random.Generator, size: int, warp: float):
        self.rng, self.size = rng, size
        grid = (np.arange(size) - (size - 1) / 2) / (size / 2)
        x, y = np.meshgrid(grid, grid)
        self.x = x + warp * texture(rng, size, size / 12)
        self.y = y + warp * texture(rng, size, size / 12)
        self.hounsfield = np.full((size, size), -1000.0)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        turn: float = 0.0,
        within: np.ndarray | None = None,
    ) -> np.ndarray:
        """Boolean (size, size): the ellipse, or what of it lies within a mask."""
        cos, sin = np.cos(turn), np.sin(turn)
        x, y = self.x - centre[0], self.y - centre[1]
        inside = ((x * cos + y * sin) / radii[0]) ** 2 + ((y * cos - x * sin) / radii[1]) ** 2 < 1
        return inside if within is None else inside & within

    def paint(self, where: np.ndarray, value: float) -> np.ndarray:
        """Set a mask to a value; returns the mask."""
        self.hounsfield[where] = value
        return where

    def between(self, low: float, high: float) -> float:
        """A random number."""
        return float(self.rng.uniform(low, high))

    def finished(self, blur: tuple[float, float] = (0.4, 0.8)) -> np.ndarray:
        """float32 (size, size), edges as soft as a scanner's."""
        return ndimage.gaussian_filter(self.hounsfield, self.between(*blur)).astype(np.float32)
