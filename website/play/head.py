"""The one slice that all widgets show: the middle of Colin27, the course's test head, as labs 00 and 04 show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from course_lib import viz
from course_lib.data.brains import brain_slices


class Head(NamedTuple):
    """A clean slice (H, W) in [0, 1], its brain, its air (which is 0 exactly), and the value that is drawn white."""

    clean: np.ndarray
    brain: np.ndarray
    air: np.ndarray
    white: float


def middle_slice() -> Head:
    """The fifth of nine slices, the one that lab 00 shows."""
    slices = brain_slices("colin27", slices=9, progress=False)
    clean = slices.images[4, 0].numpy()
    return Head(clean, slices.brain_masks[4, 0].numpy(), clean == 0, viz.window(clean)[1])
