"""Saved models evaluated on hidden noise: files read, refused in words, denoised, ranked."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib import evaluation, models, noise, training
from course_lib._checks import check_count
from course_lib._progress import progress_bar
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import bias_corrected, stabilised
from course_lib.data.brains import BrainSlices, brain_slices
from course_lib.leaderboard.board import Leaderboard, clean, merged, names_of, one_line
from course_lib.models.noise_map import NoiseMapUNet

#: {name: (noise function, sigma)}, those of the attention U-Net deck.
NOISES: Mapping[str, tuple[Callable[..., torch.Tensor], float]] = {
    "gaussian": (noise.gaussian, 0.1),
    "rician": (noise.rician, 0.11),
}
#: {noise: {name: denoiser}}: BM3D as it is, and under Rician noise in three corrected forms.
BASELINES: Mapping[str, Mapping[str, evaluation.Method]] = {
    "gaussian": {"BM3D": bm3d},
    "rician": {
        "BM3D, bias-corrected": bias_corrected(bm3d, method="squared"),
        "BM3D, first-moment inverse": bias_corrected(bm3d, method="mean"),
        "BM3D, stabilised": stabilised(bm3d),
    },
}
# what people hand in: all but the first are pickles, and are told so
ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def evaluate(
    paths: str | Path | Iterable[str | Path],
    *,
    noises: Collection[str] = ("gaussian", "rician"),
    images: str | Path | BrainSlices = "colin27",
    masks: str | Path | None = None,
    slices: int = 24,
    seed: int | None = None,
    repeats: int = 1,
    baselines: bool = True,
    batch_size: int = 8,
    progress: bool = True,
) -> Leaderboard:
    """Load saved models, denoise hidden noise, rank them; a file that is no model costs nothing but its own place.

    Networks run on the device of `training.profile()`, outputs are clipped to [0, 1] before scoring, noisy images not.
    A file that cannot be loaded or does not denoise is listed in `.refused` with the reason.

    Args:
        paths: files of `models.save`, or folders, which stand for all models in and below them. A model denoises images
            (N, 1, H, W); the same file serves all `noises`. It is not told the noise, but for a `NoiseMapUNet`, which
            asks for it: this gets the true sigma and kind, as BM3D does.
        noises: some of "gaussian" (sigma 0.1) and "rician" (sigma 0.11).
        images: "colin27", the test head of the course; else as for `data.brains.brain_slices` ("ixi", a folder of NIfTI
            files); or `BrainSlices`. Of several heads, `.by_head(noise)` has a row a head.
        masks: brain masks of your own for a folder, as for `brain_slices`; default: the brains are searched for.
        slices: of each head.
        seed: of the noise; None draws one, and the tables say which.
        repeats: as many seeds, seed, seed + 1, ...
        baselines: BM3D, under Rician noise in three corrected forms, about 0.2 s a slice and form on 2 cores.
        batch_size: how many slices a model gets at once.
        progress: a bar over the models.

    Returns:
        The ranked table, and all that stands behind it.

    Raises:
        FileNotFoundError: a path that is not there.
        ValueError: a folder without models, or bad options.

    Lab: 14.
    """
    unknown = [name for name in noises if name not in NOISES]
    if unknown or not noises or isinstance(noises, str):
        raise ValueError(f"noises: expected some of {', '.join(NOISES)}, got {noises!r}")
    files = names_of(_files([paths] if isinstance(paths, (str, Path)) else paths))
    seed = secrets.randbelow(2**31) if seed is None else check_count(seed, "seed", low=0)
    if isinstance(images, BrainSlices):
        head = images
    else:
        head = brain_slices(images, slices=slices, masks=masks, progress=progress)
    pictures, brain = head.images[:], head.brain_masks[:]
    options: dict[str, Any] = {"masks": {"whole image": None, "brain": brain}, "seed": seed, "repeats": repeats}
    options |= {"batch_size": batch_size, "progress": False}

    found: dict[str, dict[str, evaluation.Comparison]] = {}
    cards, refused = {}, {}
    with _bar(len(files) + baselines, progress) as bar:
        if baselines:
            bar.set_description("BM3D", refresh=False)
            found[""] = {
                name: evaluation.compare(BASELINES[name], pictures, function, sigma=sigma, **options)
                for name, (function, sigma) in _chosen(noises).items()
            }
            bar.update()
        for name, path in files.items():
            bar.set_description(name, refresh=False)
            try:
                model = models.load(path)
                found[name] = {
                    kind: evaluation.compare(
                        {name: partial(_denoised, model, kind)}, pictures, function, sigma=sigma, **options
                    )
                    for kind, (function, sigma) in _chosen(noises).items()
                }
                cards[name] = models.read_card(path)
            except Exception as error:  # one bad submission must not stop the others
                found.pop(name, None)
                refused[name] = one_line(_why(path, error))
            bar.update()
    if not found:
        return Leaderboard({}, {}, refused, seed, {})
    first = next(iter(found.values()))
    comparisons = {kind: merged([each[kind] for each in found.values()]) for kind in first}
    return Leaderboard.ranked(
        comparisons, cards, refused, seed, {k: tuple(v) for k, v in BASELINES.items() if baselines}, _heads(head)
    )


def _heads(head: BrainSlices) -> tuple[str, ...]:
    """A name for the head of each slice; two heads never share one."""
    numbers = head.subjects.tolist()
    known = [clean(name) for name in head.names]
    named = {number: known[number] if number < len(known) else f"head {number}" for number in set(numbers)}
    twice = {name for name in named.values() if list(named.values()).count(name) > 1}
    return tuple(f"{named[n]} ({n})" if named[n] in twice else named[n] for n in numbers)


def _chosen(noises: Collection[str]) -> dict[str, tuple[Callable[..., torch.Tensor], float]]:
    return {name: NOISES[name] for name in NOISES if name in noises}


def _denoised(model: nn.Module, kind: str, noisy: torch.Tensor, sigma: float) -> torch.Tensor:
    """Only a model that asks for the noise is told it."""
    model = model.told(sigma, kind) if isinstance(model, NoiseMapUNet) else model
    return training.denoise(model, noisy, batch_size=len(noisy))


def _why(path: Path, error: Exception) -> str:
    """What is in words already stays as it is; of the rest the kind helps."""
    text = str(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"
    return text if text.startswith(str(path)) else f"{path}: {text}"


def _files(paths: Iterable[str | Path]) -> list[Path]:
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
            if not inside:
                raise ValueError(f"{path}: expected models in this folder, files that end in {ENDINGS[0]}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"{path}: there is no such file")
    if not found:
        raise ValueError("paths: expected at least one file, got none")
    return list(dict.fromkeys(found))


def _bar(total: int, progress: bool) -> Any:
    return progress_bar(total=total, unit="model", delay=1, disable=not progress)
