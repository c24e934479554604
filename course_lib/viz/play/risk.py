"""The slider of lab 11: how strong should the filter be, when nobody knows the clean image? Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib import noise
from course_lib._checks import Array, check_number
from course_lib.selfsupervised import sure
from course_lib.viz.figures import COLOURS, figure, picture, show
from course_lib.viz.play.stage import follow, redrawing
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: dict[str, Callable[..., torch.Tensor]] = {"Gaussian": noise.gaussian, "Rician": noise.rician}
Filter = Callable[[torch.Tensor, float], torch.Tensor]


@dataclass(frozen=True)
class _Curves:
    """Of one kind of noise: mean squared errors and their estimates for each strength, and the answers."""

    truth: np.ndarray
    estimate: np.ndarray
    distance: np.ndarray
    answers: list[np.ndarray]


def risk_slider(
    image: Array,
    denoise: Filter,
    strengths: Sequence[float],
    *,
    sigma: float = 0.1,
    seed: int = 0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """A slider for the strength of a filter over its true error, Stein's estimate, and the distance to the noisy image.

    The true error needs the clean image, the estimate only the noisy one and sigma. A menu changes the noise from
    Gaussian to Rician, for which the estimate is not made. Leave it on the last line of a cell.

    Args:
        image: one image without noise (for shapes see `viz`), in [0, 1].
        denoise: `denoise(noisy, strength)`, tensors (1, 1, H, W), the same for the same input.
        strengths: at least two, in rising order.
        sigma: of the noise, above 0.
        seed: of the noise and of the estimate's probe.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (menu, slider, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure` with the curves of both kinds of noise.

    Raises:
        TypeError, ValueError: what is no image, fewer than two strengths, a sigma of 0.

    Source: Stein 1981; Ramani et al. 2008.
    Lab: 11.
    """
    clean = torch.from_numpy(np.ascontiguousarray(picture(image, "image")))[
        None, None
    ].float()  # (H, W) -> (1, 1, H, W)
    places = [check_number(strength, "strengths") for strength in strengths]
    if len(places) < 2 or sorted(places) != places:
        raise ValueError(f"strengths: expected at least two in rising order, got {list(strengths)}")
    sigma = check_number(sigma, "sigma", low=0, above=True)
    greys = grey(window, 1.0)
    found = {kind: _measured(clean, corrupt, denoise, places, sigma, seed) for kind, corrupt in KINDS.items()}

    def static() -> Figure:
        return _static(found, places, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()
    draw = _drawing(found, places, greys, title)
    menu = ipywidgets.Dropdown(
        options=list(KINDS), description="noise", tooltip="kind of noise", layout=ipywidgets.Layout(**WIDE)
    )
    control = ipywidgets.SelectionSlider(
        options=[(f"{place:g}", number) for number, place in enumerate(places)],
        value=len(places) // 2,
        description="strength",
        tooltip=f"strength of the filter, from {places[0]:g} to {places[-1]:g}",
        layout=ipywidgets.Layout(**WIDE),
    )
    shown = shown_picture(draw(menu.value, control.value))
    follow([menu, control], shown, draw)
    return box([menu, control, shown], static)


def _measured(
    clean: torch.Tensor,
    corrupt: Callable[..., torch.Tensor],
    denoise: Filter,
    places: list[float],
    sigma: float,
    seed: int,
) -> _Curves:
    noisy = corrupt(clean, sigma, generator=torch.Generator().manual_seed(seed))
    curves = _Curves(np.empty(len(places)), np.empty(len(places)), np.empty(len(places)), [])
    for number, place in enumerate(places):
        answer = denoise(noisy, place)
        probe = torch.Generator().manual_seed(seed + 1)
        estimate = sure(lambda z, place=place: denoise(z, place), noisy, sigma, generator=probe)  # type: ignore[misc]
        curves.truth[number] = float(((answer - clean) ** 2).mean())
        curves.distance[number] = float(((answer - noisy) ** 2).mean())
        curves.estimate[number] = float(estimate)
        curves.answers.append(answer[0, 0].detach().numpy())
    return curves


def _finding(kind: str, curves: _Curves, places: list[float]) -> str:
    best, guessed = places[int(curves.truth.argmin())], places[int(curves.estimate.argmin())]
    return f"{kind} noise: best at {best:g}, SURE says {guessed:g}"


def _plot(axes: Any, curves: _Curves, places: list[float]) -> None:
    lines = {"true error": curves.truth, "SURE": curves.estimate, "distance to the noisy image": curves.distance}
    for (name, values), colour, style in zip(lines.items(), COLOURS, ("-", "--", ":"), strict=False):
        axes.plot(places, values, style, color=colour, label=name)
    axes.set(xlabel="strength of the filter", ylabel="mean squared error (data range 1)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _static(found: dict[str, _Curves], places: list[float], title: str | None) -> Figure:
    told = "; ".join(_finding(kind, curves, places) for kind, curves in found.items())
    drawn = figure(9, 3.4, title=f"{title}\n{told}" if title else told)
    for axes, (kind, curves) in zip(drawn.subplots(1, len(found)), found.items(), strict=True):
        _plot(axes, curves, places)
        axes.set_title(f"{kind} noise", fontsize=9)
    return drawn


def _drawing(
    found: dict[str, _Curves], places: list[float], greys: Window, title: str | None
) -> Callable[[str, int], Snapshot]:
    """What turns a kind of noise and the number of a strength into a picture: the curves, and the filter's answer."""
    drawn = figure(9, 3.8, title=title)
    curves_at, image_at = drawn.subplots(1, 2, width_ratios=(3, 2))
    redraw = redrawing(drawn)

    def draw(kind: str, number: int) -> Snapshot:
        curves = found[kind]
        for axes in (curves_at, image_at):
            axes.clear()
        _plot(curves_at, curves, places)
        curves_at.axvline(places[number], color="0.4", linewidth=1)
        curves_at.set_title(_finding(kind, curves, places), fontsize=9)
        note = f"true error {curves.truth[number]:.2e}\nSURE {curves.estimate[number]:.2e}"
        show(image_at, curves.answers[number], f"strength {places[number]:g}", note, *greys)
        return redraw()

    return draw
