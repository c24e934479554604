"""Thick slices: how a scanner makes them, interpolation between them, and a projection onto what was measured.

All three are linear along one axis, so each is a matrix: `thick_slices` multiplies by A, `thick_slices_adjoint` by its
transpose, and `keep_measured` takes what A does not see from a guess and the rest from the measurement. numpy in, numpy
out; torch in, torch out (same device, differentiable). Shapes are free; the axis is named.
"""

from __future__ import annotations

from course_lib.resolution.interpolation import METHODS, between_slices
from course_lib.resolution.profiles import PROFILES
from course_lib.resolution.slices import keep_measured, thick_slices, thick_slices_adjoint

__all__ = [
    "METHODS",
    "PROFILES",
    "between_slices",
    "keep_measured",
    "thick_slices",
    "thick_slices_adjoint",
]
