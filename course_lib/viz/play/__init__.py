"""What moves in a notebook: sliders, a blind test; a still picture on paper and where no kernel is."""

from __future__ import annotations

from course_lib.viz.play.anomaly import anomaly_slider
from course_lib.viz.play.blind import blind_test
from course_lib.viz.play.consistency import consistency_slider
from course_lib.viz.play.convolution import convolution_slider
from course_lib.viz.play.dose import dose_slider
from course_lib.viz.play.filters import filter_slider
from course_lib.viz.play.level import level_slider
from course_lib.viz.play.noise import noise_slider
from course_lib.viz.play.planes import plane_slider
from course_lib.viz.play.receptive import receptive_field_slider
from course_lib.viz.play.risk import risk_slider
from course_lib.viz.play.sampling import sampling_slider
from course_lib.viz.play.shapes import shape_walk
from course_lib.viz.play.spectra import spectrum_slider
from course_lib.viz.play.thickness import thickness_slider

__all__ = [
    "anomaly_slider",
    "blind_test",
    "consistency_slider",
    "convolution_slider",
    "dose_slider",
    "filter_slider",
    "level_slider",
    "noise_slider",
    "plane_slider",
    "receptive_field_slider",
    "risk_slider",
    "sampling_slider",
    "spectrum_slider",
    "shape_walk",
    "thickness_slider",
]
