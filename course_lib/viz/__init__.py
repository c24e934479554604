"""What the labs look at: panels with difference maps, loss curves, curves with error bars, a noise slider.

Every function returns a matplotlib `Figure` that shows itself as the last line of a notebook cell (inside a
loop: `display(...)`; outside a notebook: `figure.savefig(...)`). Figures are made without pyplot, so none is
shown twice or stays in memory. Images are (H, W), (1, H, W) or (1, 1, H, W), numpy or torch on any device,
floating point in [0, data_range]; one pixel is one square, never smoothed. `title` is the place to state the
finding. A figure is at most 900 dots wide, and more images stand in more rows; `window` fits the greys to a head. Each
carries its title and its numbers as alternative text.

matplotlib, ipywidgets and IPython are imported when something is drawn, not when this module is imported.
Lab 00 plays with `noise_slider`; every lab uses the rest.
"""

from __future__ import annotations

from course_lib.viz.curves import LiveCurves, curve_with_errors, loss_curves
from course_lib.viz.figures import COLOURS, figure
from course_lib.viz.methods import method_panel
from course_lib.viz.panels import gallery, panel
from course_lib.viz.play import (
    anomaly_slider,
    blind_test,
    consistency_slider,
    convolution_slider,
    dose_slider,
    filter_slider,
    level_slider,
    noise_slider,
    plane_slider,
    receptive_field_slider,
    risk_slider,
    sampling_slider,
    shape_walk,
    spectrum_slider,
    thickness_slider,
)
from course_lib.viz.windows import window

__all__ = [
    "COLOURS",
    "LiveCurves",
    "anomaly_slider",
    "blind_test",
    "consistency_slider",
    "convolution_slider",
    "curve_with_errors",
    "dose_slider",
    "figure",
    "filter_slider",
    "gallery",
    "level_slider",
    "loss_curves",
    "method_panel",
    "noise_slider",
    "panel",
    "plane_slider",
    "receptive_field_slider",
    "risk_slider",
    "sampling_slider",
    "spectrum_slider",
    "shape_walk",
    "thickness_slider",
    "window",
]
