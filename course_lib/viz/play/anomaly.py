"""The controls of lab 13: how strong must a lesion be, and of which kind, for a map to find it? Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib import normative
from course_lib._checks import AnyArray, check_number
from course_lib.data.lesions import KINDS, STRONGEST_MASS, Lesions, add_lesions
from course_lib.viz.figures import COLOURS, figure, picture, show
from course_lib.viz.play.stage import follow, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Method = Callable[[torch.Tensor], torch.Tensor]


def anomaly_slider(
    image: AnyArray,
    mask: AnyArray,
    methods: Mapping[str, Method],
    strengths: Sequence[float],
    *,
    seed: int = 0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider for the strength of a lesion and a menu for its kind, over the maps that methods make of it.

    The lesion has the same place for all kinds and strengths, and its outline is drawn. Under each map stand its AUROC
    and AP over the pixels of the brain. Leave it on the last line of a cell.

    Args:
        image: one healthy slice (for shapes see `viz`), in [0, 1], sides of at least 32.
        mask: the brain, bool, the same shape.
        methods: {name: function}, from a slice (1, 1, H, W) to a map of the same shape, higher where suspicious; at
            most four.
        strengths: at least two, in rising order, above 0 and at most 0.3.
        seed: of the lesion.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (menu, slider, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure` with the AUROC of each method by strength, for each kind.

    Raises:
        TypeError, ValueError: bad input, or a slice with no room for a lesion.

    Source: the lesions are those of `data.lesions`.
    Lab: 13.
    """
    healthy, brain = _tensor(image, "image"), _tensor(mask, "mask") > 0.5
    levels = [check_number(one, "strengths", low=0, high=STRONGEST_MASS) for one in strengths]
    if len(levels) < 2 or sorted(levels) != levels:
        raise ValueError(f"strengths: expected at least two in rising order, got {list(strengths)}")
    if not 1 <= len(methods) <= 4:
        raise ValueError(f"methods: expected one to four, got {len(methods)}")
    greys = grey(window, 1.0)

    def lesion(kind: str, strength: float) -> Lesions:
        return add_lesions(healthy, brain, kind, strength, seed=seed)

    def static() -> Figure:
        return _static(lesion, brain, methods, levels, title)

    lesion(KINDS[0], levels[0])  # is there room?
    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()
    draw = _drawing(lesion, brain, methods, greys, title)
    menu = ipywidgets.Dropdown(
        options=list(KINDS), description="lesion", tooltip="kind of lesion", layout=ipywidgets.Layout(**WIDE)
    )
    control = ipywidgets.SelectionSlider(
        options=[(f"{level:g}", level) for level in levels],
        value=levels[-1],
        description="strength",
        tooltip=f"strength of the lesion, from {levels[0]:g} to {levels[-1]:g}",
        layout=ipywidgets.Layout(**WIDE),
    )
    shown = shown_picture(draw(menu.value, control.value))
    follow([menu, control], shown, draw)
    return box([menu, control, shown], static)


def _tensor(image: AnyArray, name: str) -> torch.Tensor:
    """(1, 1, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(picture(image, name)))[None, None].float()


def _scored(method: Method, found: Lesions, brain: torch.Tensor) -> tuple[np.ndarray, float, float]:
    """A method's map, its AUROC and AP in the brain."""
    map_ = method(found.images).detach()
    scores, truth = map_[brain], found.masks[brain]
    return (
        map_[0, 0].numpy(),
        normative.area_under_curve(scores, truth),
        normative.average_precision(scores, truth),
    )


def _static(
    lesion: Callable[[str, float], Lesions],
    brain: torch.Tensor,
    methods: Mapping[str, Method],
    levels: list[float],
    title: str | None,
) -> Figure:
    areas = {
        (kind, name): [_scored(method, lesion(kind, level), brain)[1] for level in levels]
        for kind in KINDS
        for name, method in methods.items()
    }
    best = {kind: max(methods, key=lambda name, kind=kind: areas[kind, name][-1]) for kind in KINDS}  # type: ignore[misc]
    told = "; ".join(f"{kind}: {best[kind]} {areas[kind, best[kind]][-1]:.2f}" for kind in KINDS)
    finding = f"Highest AUROC at strength {levels[-1]:g}. {told}"
    drawn = figure(9, 3.6, title=f"{title}\n{finding}" if title else finding)
    for axes, kind in zip(drawn.subplots(1, len(KINDS), sharey=True), KINDS, strict=True):
        for number, name in enumerate(methods):
            axes.plot(levels, areas[kind, name], "os^D"[number] + "-", color=COLOURS[number], label=name)
        axes.axhline(0.5, color="0.5", linestyle=":")
        axes.set(xlabel="strength", ylim=(0, 1.02))
        axes.set_title(kind, fontsize=9)
        axes.grid(alpha=0.3)
    drawn.axes[0].set_ylabel("AUROC in the brain (0.5: chance)")
    drawn.axes[-1].legend(fontsize=8)
    return drawn


def _drawing(
    lesion: Callable[[str, float], Lesions],
    brain: torch.Tensor,
    methods: Mapping[str, Method],
    greys: Window,
    title: str | None,
) -> Callable[[str, float], Snapshot]:
    """What turns a kind and a strength into a picture: the slice with its lesion outlined, and each method's map."""
    drawn = figure(9, 3.2, title=title)
    places = drawn.subplots(1, 1 + len(methods))
    redraw = redrawing(drawn)

    def draw(kind: str, strength: float) -> Snapshot:
        found = lesion(kind, strength)
        outline = found.masks[0, 0].float().numpy()
        for axes in places:
            axes.clear()
        show(places[0], found.images[0, 0].numpy(), f"{kind}, {strength:g}", "lesion outlined", *greys)
        for axes, (name, method) in zip(places[1:], methods.items(), strict=True):
            map_, area, precision = _scored(method, found, brain)
            inside = map_[brain[0, 0].numpy()]
            low, high = float(inside.min()), float(inside.max())
            note = f"AUROC {area:.2f}\nAP {precision:.2f}"
            show(axes, np.where(brain[0, 0].numpy(), map_, low), name, note, low, max(high, low + 1e-6))
        for axes in places:
            axes.contour(outline, levels=[0.5], colors=[COLOURS[1]], linewidths=1)
        return redraw()

    return draw
