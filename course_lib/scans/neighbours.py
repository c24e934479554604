"""Whether the next slice of a scan shows nearly the same: only then does it help to denoise this one.

On synthetic heads a network gains from neighbours up to about two pixels away; from three on it loses a little where
the noise is weak. So slices that are thick, as the file says, are denoised alone; and slices whose images differ, too:
some files are wrong about their size, have gaps, or hold pictures that were merely piled up.
"""

from __future__ import annotations

import numpy as np

from course_lib.scans.levels import head_mask

#: In pixels of the slice: what lies further away is far.
FURTHEST = 2.5
#: A slice is near if it is more alike than pixels so many steps aside.
STEPS = 2
_LOOKED_AT = 24


def neighbours_are_near(stack: np.ndarray, bright: float) -> bool:
    """Compare what changes from slice to slice with what changes within a slice.

    White noise enlarges the one as much as the other. Still, the stronger it is, the further away is what passes: of
    Colin27 slices 3 mm apart pass at any level, 4 mm apart at sigma 0.1. Noise whose neighbouring pixels are alike
    disturbs the comparison: do not ask then.

    Args:
        stack: float32 (S, H, W), any units.
        bright: what is bright in the scan, in these units.

    Returns:
        False too where there is but one slice, or nothing in common to compare.
    """
    if len(stack) < 2:
        return False
    between = within = 0.0
    for number in np.unique(np.linspace(0, len(stack) - 2, _LOOKED_AT).round().astype(int)):
        pair = stack[number : number + 2].astype(np.float64)
        masks = head_mask(pair, bright)
        inside = masks[0] & masks[1]
        between += 4 * _change(pair[0], pair[1], inside)
        for plane in pair:
            for one, other in ((np.s_[STEPS:], np.s_[:-STEPS]), (np.s_[:, STEPS:], np.s_[:, :-STEPS])):
                within += _change(plane[one], plane[other], inside[one] & inside[other])
    return between < within


def _change(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """Mean size of the difference of two images; 0 where there is none. Squares would see little but the head's rim."""
    return float(np.abs(one - other)[where].mean()) if where.any() else 0.0
