"""Methods side by side: `compare` makes a table, `tune` gives each method its best chance, `sweep` varies the noise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from course_lib import metrics as measures
from course_lib._checks import check_number
from course_lib._progress import progress_bar
from course_lib.evaluation.denoising import DenoisingTrial, check_images, clipped, corrupted
from course_lib.evaluation.reconstruction import ReconstructionTrial, acquired, check_complex_images, image_of, origin
from course_lib.evaluation.results import Comparison, Sweep, Tuning
from course_lib.evaluation.trial import Method, Metric, name_of
from course_lib.evaluation.tuning import Search
from course_lib.kspace import Acquire
from course_lib.metrics import magnitude

#: What is scored by default: PSNR, and SSIM of Wang et al. 2004, for images in [0, 1].
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

    Args:
        methods: {name: f(noisy, sigma)}, see the module.
        images: clean, (N, C, H, W) in [0, 1], on any device.
        corrupt: `f(image, sigma, generator=...)`, as `noise.gaussian`.
        sigma: handed to `corrupt` and to the methods.
        metrics: {name: f(prediction, target) -> (N,)}, with `mask=` where it is to be used inside masks; default
            `METRICS`, PSNR and SSIM of Wang et al. 2004. Add to them: `{**METRICS, "EPI": course_lib.metrics.epi}`. A
            metric without `mask` is left out inside masks.
        masks: {region: bool (N, C, H, W), or None for the whole image}; default {"whole image": None}.
        seed: the noise of image i depends on (seed, i) alone.
        repeats: as many noise realisations, of seeds seed, seed + 1, ...; a slice's value is its mean over them.
        keep: numbers of the slices whose pictures are kept for `Comparison.panel`; default: the middle one.
        published: {method: {metric: value}} from a paper, set in columns of their own that are labelled so.
        lower_is_better: metrics whose smallest value is the best one.
        batch_size: how many slices a method gets at once. Seconds a slice are measured with such batches, after one
            call on a single slice that does not count.
        progress: a bar, where it takes longer than a second.

    Returns:
        The table, with all values, seconds and the kept pictures.

    Raises:
        TypeError, ValueError: bad input, or a method returns no finite image of the right shape.

    Source: attention U-Net deck, Tables 1 and 2.
    Lab: 04.
    """
    sigma = check_number(sigma, "sigma", low=0)
    metrics = METRICS if metrics is None else metrics
    trial = DenoisingTrial(methods, images, corrupt, metrics, masks, seed, repeats, batch_size)
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
    the course tunes on. A handful of slices is enough for a filter, and saves time. Outputs are clipped to [0, 1]. Of
    equal scores the first one tried wins.

    Args:
        denoiser: `f(noisy, sigma, **parameters)`, as those of `course_lib.classical.filters`.
        grid: {parameter: values to try}.
        images, corrupt, sigma: as for `compare`; the images are those to tune on.
        score: "psnr", "ssim", or f(prediction, target) -> (N,), more is better.
        seed, batch_size, progress: as for `compare`.

    Returns:
        The best parameters, and all that were tried.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 10.
    """
    images = check_images(images)
    sigma = check_number(sigma, "sigma", low=0)
    search = Search(grid, _score(score), batch_size)
    noisy = corrupted(images, corrupt, sigma, seed)

    def told(noisy: torch.Tensor, **parameters: Any) -> torch.Tensor:
        return denoiser(noisy, sigma, **parameters)

    caption = f"outputs clipped to [0, 1]. Noise: {name_of(corrupt)}, sigma {sigma:g}, seed {seed}."
    with _bar(search.steps(len(images)), progress) as bar:
        return search.run(told, name_of(denoiser), images, (noisy,), clipped, _label(score), caption, bar)


def compare_reconstructions(
    methods: Mapping[str, Method],
    images: torch.Tensor,
    acquire: Acquire,
    *,
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
    """Measure the images' k-space, reconstruct by zero filling and by every method, and score magnitudes.

    The first row is zero filling.

    Args:
        methods: {name: f(measured, mask)}, see the module; they get whole batches, and return images, real or complex,
            of the clean ones' shape, or what has them as `.image` (`classical.sparse.Reconstruction`).
        images: clean, (N, 1, H, W) or, of 2D+t, (N, T, H, W); real in [0, 1], or complex of such a magnitude.
        acquire: `f(image, generator=g) -> (measured, mask)` of one image (C, H, W), as
            `training.undersampling(4, 0.08)`; further parts, as sensitivities, go to the methods too. mask: (H, W), (1,
            H, W) or (T, H, W).
        masks: as for `compare`, or one for all frames of a film, (N, 1, H, W); a brain mask belongs here, as the
            background flatters every method.
        seed: mask and noise of image i depend on (seed, i) alone.
        repeats: as many masks and noise realisations, of seeds seed, seed + 1, ...
        metrics, keep, published, lower_is_better, batch_size, progress: as for `compare`.

    Returns:
        The table, with all values, seconds and the kept pictures.

    Raises:
        TypeError, ValueError: bad input, or a method returns no finite image of the right shape.

    Source: DLMI lecture (Deep Cascade CNNs).
    Lab: 08 and 09.
    """
    metrics = METRICS if metrics is None else metrics
    trial = ReconstructionTrial(methods, images, acquire, metrics, masks, seed, repeats, batch_size)
    with _bar(trial.steps, progress) as bar:
        return trial.run(bar, keep=keep, published=published, lower_is_better=lower_is_better)


def tune_reconstruction(
    method: Method,
    grid: Mapping[str, Sequence[Any]],
    images: torch.Tensor,
    acquire: Acquire,
    *,
    score: str | Metric = "psnr",
    seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Tuning:
    """`tune` for reconstructions: `method(measured, mask, **parameters)`, as `classical.sparse.fista`.

    Never tune on the test head. Scored: magnitudes, clipped to [0, 1].

    Args:
        method: `f(measured, mask, **parameters)`.
        images, acquire: as for `compare_reconstructions`.
        grid, score, seed, batch_size, progress: as for `tune`.

    Returns:
        The best parameters, and all that were tried.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 08.
    """
    images = check_complex_images(images)
    search = Search(grid, _score(score), batch_size)
    given = acquired(images, acquire, seed)
    caption = f"magnitudes clipped to [0, 1]. {origin(given, acquire, f'seed {seed}')}"
    with _bar(search.steps(len(images)), progress) as bar:
        method, name = partial(image_of, method), name_of(method)
        return search.run(method, name, images, given, magnitude, _label(score), caption, bar)


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

    At one seed the noise of all levels is the same but for its size.

    Args:
        levels: noise levels, above 0.
        methods, images, corrupt, metrics, masks, seed, repeats, batch_size, progress: as for `compare`.

    Returns:
        A comparison for each level.

    Raises:
        TypeError, ValueError: bad input.

    Source: attention U-Net deck, Fig. 3.
    Lab: 04.
    """
    levels = tuple(check_number(level, "levels", low=0, above=True) for level in levels)
    if not levels:
        raise ValueError("levels: expected at least one noise level, got none")
    metrics = METRICS if metrics is None else metrics
    trial = DenoisingTrial(methods, images, corrupt, metrics, masks, seed, repeats, batch_size)
    with _bar(len(levels) * trial.steps, progress) as bar:
        return Sweep(levels, tuple(trial.run(level, bar) for level in levels))


def _score(score: str | Metric) -> Metric:
    function = METRICS.get(score.upper()) if isinstance(score, str) else score
    if not callable(function):
        raise ValueError(f"score: expected 'psnr', 'ssim' or a function of prediction and target, got {score!r}")
    return function


def _label(score: str | Metric) -> str:
    return score.upper() if isinstance(score, str) else name_of(score)


def _bar(total: int, progress: bool) -> Any:
    return progress_bar(total=total, unit="batch", delay=1, disable=not progress)
