"""Computed tomography: projections, their adjoint and reconstruction, Hounsfield units, and what a lower dose costs.

`project` and `backproject` are an exact pair; `fbp` reconstructs; `low_dose` counts photons; `scan` does it all. Slices
are (N, C, H, H) in Hounsfield units, sinograms (N, C, views, detectors). Everything is batched, differentiable, linear
where physics is, and runs where its tensors lie.
"""

from __future__ import annotations

from course_lib.ct.dose import ELECTRONIC, FULL_DOSE, low_dose
from course_lib.ct.hounsfield import (
    AIR,
    WATER,
    WINDOWS,
    rescale_stored,
    to_attenuation,
    to_hounsfield,
    unwindow,
    window,
)
from course_lib.ct.projection import backproject, parallel_angles, project
from course_lib.ct.quality import noise_power_spectrum, roi_statistics
from course_lib.ct.reconstruction import fbp, fbp_noise, ramp_filter
from course_lib.ct.scanner import line_integrals, reconstruct, scan

__all__ = [
    "AIR",
    "ELECTRONIC",
    "FULL_DOSE",
    "WATER",
    "WINDOWS",
    "backproject",
    "fbp",
    "fbp_noise",
    "line_integrals",
    "low_dose",
    "noise_power_spectrum",
    "parallel_angles",
    "project",
    "ramp_filter",
    "reconstruct",
    "rescale_stored",
    "roi_statistics",
    "scan",
    "to_attenuation",
    "to_hounsfield",
    "unwindow",
    "window",
]
