"""What all sliders do: draw noise that stays while a control moves, redraw a figure fast, follow the controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib import metrics
from course_lib._checks import Array
from course_lib.viz.figures import picture
from course_lib.viz.play.widgets import WIDE, show_snapshot
from course_lib.viz.rendering import Snapshot, snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 50  # of a slider, from one end to the other


def corrupted(image: Array, corrupt: Callable[..., Array], level: float, seed: int) -> Array:
    """What `corrupt` makes of an image; the pattern of the noise follows from the seed, its size from the level."""
    if isinstance(image, torch.Tensor):
        return corrupt(image, level, generator=torch.Generator(device=image.device).manual_seed(seed))
    return corrupt(image, level, generator=np.random.default_rng(seed))


def redrawing(drawn: Figure) -> Callable[[], Snapshot]:
    """A function that gives the figure as it is now; laid out once, so that it does not jump, and costs half."""
    laid_out = False

    def redraw() -> Snapshot:
        nonlocal laid_out
        image = snapshot(drawn)
        if not laid_out:
            drawn.set_layout_engine("none")
            laid_out = True
        return image

    return redraw


def slider(name: str, value: float, low: float, high: float, *, form: str = ".3f", **options: Any) -> Any:
    """An ipywidgets slider for a number from `low` to `high`, with a name to see and one to hear."""
    import ipywidgets

    return ipywidgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        description=name,
        tooltip=f"{name}, from {low:g} to {high:g}",
        readout_format=form,
        layout=ipywidgets.Layout(**WIDE),
        **{"step": (high - low) / STEPS, "style": {"description_width": "initial"}, **options},
    )


def follow(controls: Sequence[Any], shown: Any, draw: Callable[..., Snapshot]) -> None:
    """Draw the picture anew whenever one of the controls moves; `draw` is given the values of all, in order."""
    for control in controls:
        control.observe(lambda _: show_snapshot(shown, draw(*(part.value for part in controls))), names="value")


def complex_picture(image: Any, name: str) -> np.ndarray:
    """One image as (H, W) numpy numbers, real or complex, checked."""
    if isinstance(image, torch.Tensor) and image.is_complex():
        image = image.detach().cpu().resolve_conj().numpy()
    if isinstance(image, np.ndarray) and np.iscomplexobj(image):
        return picture(image.real, name) + 1j * picture(image.imag, name)
    return picture(image, name)


def psnr(image: np.ndarray, clean: np.ndarray, data_range: float, *, atol: float = 0.0) -> float:
    """PSNR in dB, in double precision; infinite where no pixel differs by more than `atol`."""
    if np.allclose(image, clean, rtol=0, atol=atol):
        return float("inf")
    return float(metrics.psnr(image.astype(np.float64), clean.astype(np.float64), data_range=data_range))


def colour_limit(difference: np.ndarray, data_range: float) -> float:
    """The end of a difference map's scale: wide enough for all but the largest differences; any end for none."""
    return float(np.quantile(np.abs(difference), 0.98)) or data_range
