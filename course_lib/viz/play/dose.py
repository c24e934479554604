"""The controls of lab 10: what do a dose, a filter of the reconstruction and a window do to a CT? Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib import ct
from course_lib._checks import Array, check_number
from course_lib.viz.figures import COLOURS, figure, picture, show, show_difference
from course_lib.viz.play.stage import follow, psnr, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILTERS = ("ramp", "hann")
DIFFERENCE = 300.0  # HU: the end of the difference map's scale
Region = tuple[slice, slice]


@dataclass(frozen=True)
class _Scans:
    """Of one slice, in HU: without noise by the ramp, and by (filter, dose)."""

    perfect: np.ndarray
    noisy: dict[tuple[str, float], np.ndarray]


def dose_slider(
    hounsfield: Array,
    pixel: float,
    region: Region,
    *,
    fractions: Sequence[float] = (1, 1 / 2, 1 / 4, 1 / 10, 1 / 20),
    seed: int = 0,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider for the dose of a CT, and menus for the filter of its reconstruction and for the window on the screen.

    Beside the picture: its difference from the noise-free scan, and a profile through the middle row of a flat region,
    whose mean and standard deviation are given. Leave it on the last line of a cell.

    Args:
        hounsfield: one square slice in HU (for shapes see `viz`).
        pixel: the side of a pixel in mm.
        region: rows and columns of a flat part of the slice.
        fractions: of the full dose, at least two, in falling order.
        seed: of the noise.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (slider, two menus, picture) in a notebook, and elsewhere, without ipywidgets and in profile
        ci, a static `Figure` with the scan at each dose by both filters.

    Raises:
        TypeError, ValueError: what is no square slice, fewer than two doses, a region outside of it.

    Source: Yang et al. 2018 for the window; the simulation is that of `ct.scan`.
    Lab: 10.
    """
    slice_ = _slice(hounsfield)
    doses = [check_number(fraction, "fractions", low=0, above=True) for fraction in fractions]
    if len(doses) < 2 or sorted(doses, reverse=True) != doses:
        raise ValueError(f"fractions: expected at least two in falling order, got {list(fractions)}")
    if slice_[0, 0][region].numel() < 2:
        raise ValueError(f"region: expected rows and columns within {tuple(slice_.shape[-2:])}, got {region}")
    scans = _scanned(slice_, pixel, doses, seed)

    def static() -> Figure:
        return _static(scans, region, doses, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()
    draw = _drawing(scans, region, title)
    control = ipywidgets.SelectionSlider(
        options=[(_name(dose), dose) for dose in doses],
        value=doses[len(doses) // 2],
        description="dose",
        tooltip=f"share of the full dose, from {_name(doses[0])} to {_name(doses[-1])}",
        layout=ipywidgets.Layout(**WIDE),
    )
    options = {"filter": list(FILTERS), "window": list(ct.WINDOWS)}
    menus: list[Any] = [
        ipywidgets.Dropdown(options=names, description=word, tooltip=word, layout=ipywidgets.Layout(**WIDE))
        for word, names in options.items()
    ]
    controls: list[Any] = [control, *menus]
    shown = shown_picture(draw(*(part.value for part in controls)))
    follow(controls, shown, draw)
    return box([*controls, shown], static)


def _slice(hounsfield: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture(hounsfield, "hounsfield")))[None, None].float()


def _scanned(slice_: torch.Tensor, pixel: float, doses: list[float], seed: int) -> _Scans:
    lines = ct.line_integrals(slice_, pixel)
    generator = torch.Generator().manual_seed(seed)
    # one batch: the views are filtered and added up for all doses at once
    measured = torch.cat([ct.low_dose(lines, fraction=dose, generator=generator) for dose in doses])
    noisy = {}
    for name in FILTERS:
        for dose, found in zip(doses, ct.reconstruct(measured, pixel, window=name), strict=True):
            noisy[name, dose] = found[0].numpy()
    return _Scans(ct.reconstruct(lines, pixel)[0, 0].numpy(), noisy)


def _name(dose: float) -> str:
    return "full" if dose == 1 else f"1/{1 / dose:g}" if dose < 1 else f"{dose:g}"


def _told(scans: _Scans, region: Region, kind: str, dose: float) -> str:
    found = scans.noisy[kind, dose]
    grey, clean = ct.window(found), ct.window(scans.perfect)
    mean, deviation = found[region].mean(), found[region].std(ddof=1)
    return f"region {mean:.0f} ± {deviation:.0f} HU\n{psnr(grey, clean, 1.0):.1f} dB, abdomen window"


def _static(scans: _Scans, region: Region, doses: list[float], title: str | None) -> Figure:
    first, last = (scans.noisy["ramp", dose][region].std(ddof=1) for dose in (doses[0], doses[-1]))
    finding = f"From the dose {_name(doses[0])} to {_name(doses[-1])} the noise grows from {first:.0f} to {last:.0f} HU"
    drawn = figure(9, 4.6, title=f"{title}\n{finding}" if title else finding)
    places = drawn.subplots(len(FILTERS), len(doses), squeeze=False)
    for row, kind in zip(places, FILTERS, strict=True):
        for axes, dose in zip(row, doses, strict=True):
            grey = ct.window(scans.noisy[kind, dose])
            show(axes, grey, f"dose {_name(dose)}, {kind}", _told(scans, region, kind, dose), 0, 1)
    return drawn


def _drawing(scans: _Scans, region: Region, title: str | None) -> Callable[[float, str, str], Snapshot]:
    """What turns a dose, a filter and a window into a picture: the scan, its difference, and a profile."""
    drawn = figure(9, 4.0, title=title)
    image_at, difference_at, profile_at = drawn.subplots(1, 3, width_ratios=(3, 3, 4))
    redraw = redrawing(drawn)
    rows, columns = (range(size)[part] for size, part in zip(scans.perfect.shape, region, strict=True))
    middle = rows[len(rows) // 2]

    def draw(dose: float, kind: str, shown: str) -> Snapshot:
        for axes in (image_at, difference_at, profile_at):
            axes.clear()
        centre, width = ct.WINDOWS[shown]
        found = scans.noisy[kind, dose]
        show(
            image_at, found, f"dose {_name(dose)}, {kind}, window {shown}", _told(scans, region, kind, dose),
            centre - width / 2, centre + width / 2,
        )  # fmt: skip
        note = f"blue -{DIFFERENCE:.0f}, red +{DIFFERENCE:.0f} HU"
        show_difference(difference_at, found - scans.perfect, "minus the noise-free scan", note, DIFFERENCE)
        lines = {"this scan": found, "noise-free": scans.perfect}
        for (name, values), colour in zip(lines.items(), COLOURS[1::-1], strict=True):
            profile_at.plot(columns, values[middle][columns.start : columns.stop], color=colour, label=name)
        profile_at.set(xlabel=f"column of row {middle}", ylabel="HU")
        profile_at.set_title("profile through the region", fontsize=9)
        profile_at.legend(fontsize=8)
        return redraw()

    return draw
