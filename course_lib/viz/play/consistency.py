"""The sliders of lab 09 for λ and noise, and the picture that stands in for them. Public in `viz`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from course_lib import kspace
from course_lib._checks import Array, check_count, check_number
from course_lib.viz.figures import (
    COLOURS,
    colour_bar,
    foot_note,
    image_grid,
    show,
    show_difference,
    size_note,
)
from course_lib.viz.play.stage import colour_limit, complex_picture, follow, psnr, redrawing, slider
from course_lib.viz.play.widgets import WIDE, box, shown_picture, widgets
from course_lib.viz.rendering import Snapshot
from course_lib.viz.windows import Window, grey, said

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The λ of the slider: 0, powers of two, and infinity (replacement).
STRENGTHS = (0.0, *(2.0**power for power in range(-6, 7)), math.inf)


class Mixed(NamedTuple):
    """What one noise level gives: the zero-filled magnitude, and, for each λ of `STRENGTHS`, magnitude and PSNR."""

    zero_filled: np.ndarray
    answers: tuple[np.ndarray, ...]
    scores: tuple[float, ...]

    @property
    def best(self) -> int:
        """The index of the λ with the highest PSNR."""
        return int(np.argmax(self.scores))


def consistency_slider(
    image: Array,
    guess: Array,
    mask: Array,
    *,
    sigma: float = 0.05,
    largest_sigma: float = 0.3,
    strength: float | None = 1.0,
    seed: int = 0,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """Sliders for λ and noise over a guess that is made consistent with noisy data; on paper the guess and three λ.

    `image` is measured where `mask` is True, with complex noise `sigma`; `guess`, which a network, another slice or a
    filter has made, goes through `kspace.DataConsistency(λ)` with that. Shown are the magnitudes of the zero-filled
    image, the guess and the answer, the differences of all three from the magnitude of `image`, and the PSNR over λ, of
    magnitudes clipped to [0, data_range]. λ runs over `STRENGTHS`: 0 is the guess, ∞ replaces. Leave it on the last
    line of a cell.

    Args:
        image, guess: (H, W), (1, H, W) or (1, 1, H, W), real or complex, numpy or torch.
        mask: bool, the same shapes.
        sigma: of each channel, from 0 to `largest_sigma`.
        largest_sigma: the end of the slider.
        strength: the λ to begin with, the nearest of `STRENGTHS`; None is ∞.
        seed: the pattern of the noise follows from it and stays while the sliders move.
        data_range: grey runs from 0 to it.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (sliders, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure` at `sigma`.

    Raises:
        TypeError, ValueError: what is no image or mask, unequal sizes, and values outside their range.

    Lab: 09.
    """
    truth = complex_picture(image, "image").astype(np.complex64)
    start = complex_picture(guess, "guess").astype(np.complex64)
    if start.shape != truth.shape:
        raise ValueError(f"guess: expected the size of the image, {truth.shape}, got {start.shape}")
    where = _mask(mask, truth.shape)
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    largest_sigma = check_number(largest_sigma, "largest_sigma", low=0, above=True)
    sigma = check_number(sigma, "sigma", low=0, high=largest_sigma)
    strength = math.inf if strength is None else check_number(strength, "strength", low=0)
    seed = check_count(seed, "seed", low=0)
    clean, guessed = np.abs(truth), np.abs(start)

    def mixed(level: float) -> Mixed:
        measured = kspace.undersample(truth, where, sigma=level, generator=np.random.default_rng(seed))
        given = [torch.from_numpy(np.ascontiguousarray(part)) for part in (start, measured, where)]
        answers = []
        for value in STRENGTHS:
            layer = kspace.DataConsistency(None if math.isinf(value) else value)
            answers.append(layer(*given).abs().numpy())
        scores = tuple(_psnr(answer, clean, data_range) for answer in answers)
        return Mixed(np.abs(kspace.zero_filled(measured)), tuple(answers), scores)

    def static() -> Figure:
        return _static(clean, guessed, where, mixed(sigma), sigma, data_range, greys, title)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    first = STRENGTHS[int(np.argmin([_distance(value, strength) for value in STRENGTHS]))]
    draw = _drawing(clean, guessed, mixed, data_range, greys, title)
    options = [(name_of(value), value) for value in STRENGTHS]
    trust = ipywidgets.SelectionSlider(
        options=options,
        value=first,
        description="λ",
        tooltip="λ, the trust in what was measured",
        layout=ipywidgets.Layout(**WIDE),
    )
    level = slider("noise sigma", sigma, 0, largest_sigma)
    shown = shown_picture(draw(first, sigma))
    follow([trust, level], shown, draw)
    return box([trust, level, shown], static)


def name_of(strength: float) -> str:
    """A λ as text: ∞, or a number with at most three digits."""
    return "∞" if math.isinf(strength) else f"{strength:.3g}"


def _static(
    clean: np.ndarray,
    guess: np.ndarray,
    mask: np.ndarray,
    result: Mixed,
    sigma: float,
    data_range: float,
    greys: Window,
    title: str | None,
) -> Figure:
    """Zero-filled image, guess, and the answers for λ = 1, the best λ and ∞; differences below; PSNR over λ."""
    chosen = sorted({STRENGTHS.index(1.0), result.best, len(STRENGTHS) - 1} - {0})
    columns = {"zero-filled": result.zero_filled, "guess (λ = 0)": guess}
    columns |= {f"λ = {name_of(STRENGTHS[index])}": result.answers[index] for index in chosen}
    best = name_of(STRENGTHS[result.best])
    found = f"noise sigma {sigma:.3g}: best λ = {best} ({result.scores[result.best]:.1f} dB)"
    drawn = image_grid(2, len(columns) + 1, clean.shape, f"{title}\n{found}" if title else found, room=0.35)
    grid = drawn.subplots(2, len(columns) + 1)
    limit = colour_limit(guess - clean, data_range)
    for (above, below), (name, answer) in zip(grid[:, :-1].T, columns.items(), strict=True):
        show(above, answer, name, f"PSNR {_psnr(answer, clean, data_range):.2f} dB", *greys)
        last = show_difference(below, answer - clean, "", "", limit)
    grid[1, 0].set_ylabel("difference from the truth", fontsize=8)
    _curve(grid[0, -1], result, clean.shape)
    show(grid[1, -1], mask, "measured (white)", f"{mask.mean():.0%} of k-space", 0, 1)
    colour_bar(drawn, last, list(grid.ravel()), data_range, saturated=True)
    foot_note(drawn, said(_small_print(data_range), greys, data_range))
    return drawn


def _drawing(
    clean: np.ndarray,
    guess: np.ndarray,
    mixed: Callable[[float], Mixed],
    data_range: float,
    greys: Window,
    title: str | None,
) -> Callable[[float, float], Snapshot]:
    """What turns λ and a noise level into a picture of zero-filled image, guess, answer, difference and curve."""
    drawn = image_grid(1, 5, clean.shape, title, smallest=2.4, room=0.75)
    axes = drawn.subplots(1, 5)
    zero_filled = show(axes[0], clean, "zero-filled", " \n ", *greys)
    note = f"PSNR {_psnr(guess, clean, data_range):.2f} dB\n{size_note(clean)}"
    show(axes[1], guess, "guess", note, *greys)
    answer = show(axes[2], guess, "made consistent", " \n ", *greys)
    # one scale for all positions of the sliders: the map pales as the answer gets better
    limit = colour_limit(guess - clean, data_range)
    difference = show_difference(axes[3], guess - clean, "made consistent - truth", " \n ", limit)
    colour_bar(drawn, difference, [axes[3]], data_range, saturated=True)
    foot_note(drawn, said(_small_print(data_range), greys, data_range))
    at, result, redraw = None, None, redrawing(drawn)

    def draw(strength: float, sigma: float) -> Snapshot:
        nonlocal at, result
        if sigma != at:  # λ alone needs no new noise
            at, result = sigma, mixed(sigma)
        index = STRENGTHS.index(strength)
        zero_filled.set_data(result.zero_filled)
        answer.set_data(result.answers[index])
        difference.set_data(result.answers[index] - clean)
        axes[0].set_xlabel(f"noise sigma {sigma:.3g}\nPSNR {_psnr(result.zero_filled, clean, data_range):.2f} dB")
        axes[2].set_xlabel(f"λ = {name_of(strength)}\nPSNR {result.scores[index]:.2f} dB")
        axes[4].clear()
        _curve(axes[4], result, clean.shape)
        axes[4].plot(index, result.scores[index], "o", color=COLOURS[1])
        return redraw()

    return draw


def _curve(axes: Axes, result: Mixed, shape: tuple[int, int]) -> None:
    """PSNR over λ, in a box of the images' shape; the best λ is marked."""
    places = range(len(STRENGTHS))
    axes.set_box_aspect(shape[0] / shape[1])
    axes.plot(places, result.scores, "-", color=COLOURS[0], linewidth=1)
    axes.axvline(result.best, color="grey", linestyle=":", linewidth=1)
    ticks = [0, *(STRENGTHS.index(value) for value in (0.0625, 1.0, 16.0)), len(STRENGTHS) - 1]
    axes.set_xticks(ticks, [name_of(STRENGTHS[tick]) for tick in ticks])
    axes.tick_params(labelsize=7)
    axes.set_title("PSNR (dB) over λ", fontsize=9)
    axes.set_xlabel(f"best λ = {name_of(STRENGTHS[result.best])}\n ", fontsize=8)


def _distance(first: float, second: float) -> float:
    """How far two λ are apart, as weights λ / (1 + λ) of what was measured."""
    first, second = (1.0 if math.isinf(value) else value / (1 + value) for value in (first, second))
    return abs(first - second)


def _mask(mask: Any, shape: tuple[int, int]) -> np.ndarray:
    """The mask as (H, W) booleans."""
    if isinstance(mask, torch.Tensor):
        mask = mask.detach().cpu().numpy()
    if not isinstance(mask, np.ndarray) or mask.dtype != bool:
        raise TypeError(
            f"mask: expected booleans, True where measured, got {getattr(mask, 'dtype', type(mask).__name__)}"
        )
    if mask.shape[-2:] != shape or mask.size != shape[0] * shape[1]:
        raise ValueError(f"mask: expected the size of the image, {shape}, got {mask.shape}")
    if not mask.any():
        raise ValueError("mask: expected at least one measured point, got a mask that is all False")
    return mask.reshape(shape)


def _small_print(data_range: float) -> str:
    return f"magnitudes; PSNR: clipped to [0, {data_range:g}]; λ = ∞: measured points are replaced"


def _psnr(image: np.ndarray, clean: np.ndarray, data_range: float) -> float:
    return psnr(image.clip(0, data_range), clean, data_range, atol=1e-6)
