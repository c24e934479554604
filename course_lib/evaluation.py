"""Methods side by side: `compare` makes the table, `tune` gives each method its best chance, `sweep` varies the noise.

`paired_tests` asks which differences of a table are more than chance.

A method is a function `f(noisy, sigma)` of a batch (N, 1, H, W) that returns the denoised batch: `filters.gaussian`,
`bm3d`, or a network, as `lambda noisy, sigma: training.denoise(network, noisy)`. `corrupt` is a noise function,
`f(image, sigma, generator=...)`, as `noise.gaussian`. Images are float tensors in [0, 1].

What is scored: outputs clipped to [0, 1]; the noisy image as it is. The noise of image i depends on (seed, i) alone, so
every method sees the same noise, whatever it is compared with. The global random state is left alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from course_lib import metrics as measures
from course_lib._checks import check_count, check_number
from course_lib._paired import PairedTest, PairedTests, holm, paired_test, paired_tests
from course_lib._results import NOISY, Comparison, Sweep, Tuning, as_text
from course_lib._trial import Method, Metric, Trial, check_images, corrupted, denoised, name_of, scored

__all__ = [
    "METRICS", "NOISY", "Comparison", "PairedTest", "PairedTests", "Sweep", "Tuning", "compare", "holm", "paired_test",
    "paired_tests", "sweep", "tune",
]  # fmt: skip

METRICS: Mapping[str, Metric] = {
    "PSNR": partial(measures.psnr, data_range=1.0),
    "SSIM": partial(measures.ssim, data_range=1.0),
}
LOWER_IS_BETTER = ("MSE", "RMSE", "DSSIM")


def compare(
    methods: Mapping[str, Method],
    images: torch.Tensor,
    corrupt: Callable[..., torch.Tensor],
    *,
    sigma: float,
    metrics: Mapping[str, Metric] | None = None,
    masks: Mapping[str, torch.Tensor | None] | None = None,
    seed: int = 0,
    repeats: int = 1,
    keep: Collection[int] | None = None,
    published: Mapping[str, Mapping[str, float]] | None = None,
    lower_is_better: Collection[str] = LOWER_IS_BETTER,
    batch_size: int = 8,
    progress: bool = True,
) -> Comparison:
    """Corrupt the images, denoise them by every method, and score them slice by slice.

    methods: {name: f(noisy, sigma)}, see the module.   images: clean, (N, C, H, W) in [0, 1], on any device.
    sigma: handed to `corrupt` and to the methods.
    metrics: {name: f(prediction, target) -> (N,)}, with `mask=` where it is to be used inside masks; default `METRICS`,
        PSNR and SSIM of Wang et al. 2004. Add to them: `{**METRICS, "EPI": course_lib.metrics.epi}`. A metric without
        `mask` is left out inside masks.
    masks: {region: bool (N, C, H, W), or None for the whole image}; default {"whole image": None}.
    repeats: as many noise realisations, of seeds seed, seed + 1, ...; a slice's value is its mean over them.
    keep: numbers of the slices whose pictures are kept for `Comparison.panel`; default: the middle one.
    published: {method: {metric: value}} from a paper, set in columns of their own that are labelled so.
    lower_is_better: metrics whose smallest value is the best one.
    batch_size: how many slices a method gets at once. Seconds a slice are measured with such batches, after one call
        on a single slice that does not count.
    progress: a bar, where it takes longer than a second.

    Raises TypeError/ValueError for bad input, and where a method returns no finite image of the right shape.
    Source: attention U-Net deck, Tables 1 and 2; lab 04.
    """
    sigma = check_number(sigma, "sigma", low=0)
    metrics = METRICS if metrics is None else metrics
    trial = Trial(methods, images, corrupt, metrics, masks, seed, repeats, batch_size)
    with _bar(trial.steps, progress) as bar:
        return trial.run(sigma, bar, keep=keep, published=published, lower_is_better=lower_is_better)


def tune(
    denoiser: Callable[..., torch.Tensor],
    grid: Mapping[str, Sequence[Any]],
    images: torch.Tensor,
    corrupt: Callable[..., torch.Tensor],
    *,
    sigma: float,
    score: str | Metric = "psnr",
    seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Tuning:
    """Try every combination of a grid on *training* images, and keep the one with the best mean score.

    Never tune on the test head: a parameter that has seen it makes the table a lie. `brain_slices("cohort")` is what
    the course tunes on. A handful of slices is enough for a filter, and saves time.

    denoiser: `f(noisy, sigma, **parameters)`, as those of `course_lib.classical.filters`.
    grid: {parameter: values to try}.   score: "psnr", "ssim", or f(prediction, target) -> (N,), more is better.
    Everything else is as for `compare`; outputs are clipped to [0, 1]. Of equal scores the first one tried wins.
    Raises TypeError/ValueError on bad input. Lab 04.
    """
    images = check_images(images)
    sigma = check_number(sigma, "sigma", low=0)
    batch_size = check_count(batch_size, "batch_size")
    grid = {name: _options(values, name) for name, values in grid.items()}
    if not grid:
        raise ValueError("grid: expected at least one {parameter: values to try}, got none")
    function = METRICS.get(score.upper()) if isinstance(score, str) else score
    if not callable(function):
        raise ValueError(f"score: expected 'psnr', 'ssim' or a function of prediction and target, got {score!r}")
    noisy = corrupted(images, corrupt, sigma, seed)
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    tried = []
    steps = len(combinations) * math.ceil(len(images) / batch_size)
    with _bar(steps, progress) as bar:
        for parameters in combinations:
            shown = ", ".join(f"{name}={as_text(value)}" for name, value in parameters.items())
            bar.set_description(shown, refresh=False)
            method, name = partial(denoiser, **parameters), name_of(denoiser)
            scores, seconds = [], 0.0
            for part, output, spent in denoised(method, name, noisy, sigma, batch_size, warm=bool(tried)):
                scores.append(scored(function, "score", output.clamp(0, 1), images[part]))
                seconds += spent
                bar.update()
            tried.append((parameters, float(np.concatenate(scores).mean()), seconds / len(images)))
    tried.sort(key=lambda entry: math.inf if math.isnan(entry[1]) else -entry[1])
    best = tried[0][0]
    at_edge = tuple(name for name, values in grid.items() if _is_at_edge(best[name], values))
    label = score.upper() if isinstance(score, str) else name_of(score)
    caption = (
        f"{name_of(denoiser)}: mean {label} over {len(images)} training slices, outputs clipped to [0, 1]."
        f" Noise: {name_of(corrupt)}, sigma {sigma:g}, seed {seed}."
    )
    if at_edge:
        caption += f" The best value lies at the edge of the grid: try more values of {', '.join(at_edge)}."
    return Tuning(best, tried, at_edge, caption)


def sweep(
    methods: Mapping[str, Method],
    images: torch.Tensor,
    corrupt: Callable[..., torch.Tensor],
    levels: Sequence[float],
    *,
    metrics: Mapping[str, Metric] | None = None,
    masks: Mapping[str, torch.Tensor | None] | None = None,
    seed: int = 0,
    repeats: int = 1,
    batch_size: int = 8,
    progress: bool = True,
) -> Sweep:
    """`compare` at several noise levels; the methods are told each level.

    levels: noise levels, above 0. At one seed the noise of all levels is the same but for its size. Everything else is
    as for `compare`. Raises TypeError/ValueError on bad input. Source: attention U-Net deck, Fig. 3; lab 04.
    """
    levels = tuple(check_number(level, "levels", low=0, above=True) for level in levels)
    if not levels:
        raise ValueError("levels: expected at least one noise level, got none")
    metrics = METRICS if metrics is None else metrics
    trial = Trial(methods, images, corrupt, metrics, masks, seed, repeats, batch_size)
    with _bar(len(levels) * trial.steps, progress) as bar:
        return Sweep(levels, tuple(trial.run(level, bar) for level in levels))


def _options(values: Sequence[Any], name: str) -> list[Any]:
    if isinstance(values, str) or not list(values):
        raise ValueError(f"grid[{name!r}]: expected a list of at least one value to try, got {values!r}")
    return list(values)


def _is_at_edge(best: Any, values: list[Any]) -> bool:
    """Whether a better number may lie beyond the grid; two values are no range."""
    if len(values) < 3 or not all(isinstance(value, (int, float, np.number)) for value in values):
        return False
    return best in (min(values), max(values))


def _bar(total: int, progress: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="batch", delay=1, disable=not progress)
