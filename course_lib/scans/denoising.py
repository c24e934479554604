"""A volume, slice by slice, through a network or a classical filter; what is taken away is looked at afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib import models
from course_lib._checks import check_count
from course_lib._progress import progress_bar
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import stabilised
from course_lib.images import self_ensemble, with_neighbours
from course_lib.models.noise_map import NoiseMapUNet, cleared, noise_floor
from course_lib.scans.levels import WHITE, ScanNoise, head_mask, measure_noise
from course_lib.scans.neighbours import FURTHEST, neighbours_are_near

#: (slices, alone (N, 1, H, W) or with neighbours (N, 2·reach + 1, H, W), in units where the brightest 0.1 % are 1, and
#: sigma of each) -> denoised (N, 1, H, W)
Method = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
#: What `denoise_volume` can denoise by.
METHODS = ("network", "bm3d", "nlm")
#: The network where one comes with this copy, else BM3D.
AUTO = "auto"
PLANES = ("auto", "axial", "coronal", "sagittal")
#: Levels, as shares of the brightest 0.1 %, that the network has learned.
LEARNED = (0.004, 0.27)
_TOGETHER = 4  # slices
_FILL = 0.02  # of all voxels: a smallest value that is so frequent stands for "nothing here"


@dataclass(frozen=True)
class Denoised:
    """A denoised volume and what was found on the way.

    Attributes:
        volume: float32, of the input's shape, in its units.
        noise: what the noise was taken for.
        method: one of METHODS.
        axis: through which the slices were cut, 0 to 2.
        removed: standard deviation of what was taken away inside the head, as a share of sigma, for each slice; near 1
            where all noise went and nothing else.
        alike: correlation of neighbouring pixels in what was taken away, mean over the slices; near 0 for white noise.
        doubts: of `noise`, and what the residual tells.
        neighbours: how many slices on either side the method was shown; 0: each slice alone.
    """

    volume: np.ndarray
    noise: ScanNoise
    method: str
    axis: int
    removed: np.ndarray
    alike: float
    doubts: tuple[str, ...] = field(default=())
    neighbours: int = 0

    def how(self) -> str:
        """The method in words: what it was shown."""
        if self.neighbours:
            return f"{self.method}, each slice with {self.neighbours} above and {self.neighbours} below"
        return f"{self.method}, each slice " + ("without its neighbours" if self.method == "network" else "alone")


def denoise_volume(
    volume: np.ndarray,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    *,
    method: str = AUTO,
    sigma: float | str = "auto",
    noise: str = "auto",
    plane: str = "auto",
    neighbours: bool | str = "auto",
    ensemble: bool = False,
    progress: bool = True,
) -> Denoised:
    """Denoise a scan slice by slice.

    The volume may have any units and any range. Voxels with the smallest value, where it is frequent (cleared air, or
    padding as -32768), keep it exactly; they tell nothing of the scan and take no part in its scale.

    Args:
        volume: (X, Y, Z), canonical RAS or any other order of axes; finite.
        voxel_size: mm; slices are cut across the longest side, where the picture is sharpest.
        method: "network" (a `NoiseMapUNet` that comes with the course), "bm3d" or "nlm" (both on each slice alone, and
            stabilised where the noise is Rician); "auto": the network where this copy has one, else BM3D.
        sigma: of one channel, in the volume's units, or "auto".
        noise: "gaussian", "rician" or "auto".
        plane: "axial", "coronal", "sagittal" (which need RAS axes) or "auto".
        neighbours: whether the network is shown the slices on either side; "auto": where they are near, by the voxel
            size and, under white noise, by the images.
        ensemble: the mean over eight turned and mirrored copies of each slice: eight times the time, a little better.
        progress: show a bar.

    Returns:
        The denoised volume, what was found, and doubts in words.

    Raises:
        TypeError, ValueError: bad input, and a scan whose noise cannot be measured.

    Source: attention U-Net deck; Zhang et al. 2022 (DRUNet); Dabov et al. 2007; Foi 2011.
    Lab: 14.
    """
    _check(volume, method, plane, neighbours)
    if method == AUTO:
        method = "bm3d" if _shipped() is None else "network"
    axis = _axis(voxel_size, plane)
    stack = np.moveaxis(volume, axis, 0).astype(np.float32)  # (S, H, W); a copy
    del volume  # it is large
    filled, lowest, base = _without_filling(stack)
    found = measure_noise(stack, kind=noise, sigma=sigma)
    bright = float(np.percentile(stack[:: max(1, len(stack) // 32)], 99.9))
    if not bright > 0:
        bright = float(stack.max())
    apply, reach = _method(method, found.kind)
    if neighbours == "auto":
        neighbours = reach > 0 and _near(stack, voxel_size, axis, bright, found)
    seen = reach if neighbours else 0
    removed, alike = np.full(len(stack), np.nan), []
    before = stack[:0].copy()  # the last slices as they came: denoised ones are written over them
    for some in _batches(len(stack), progress):
        level = torch.from_numpy(found.sigma[some] / bright).float()
        block = np.concatenate([before, stack[some], stack[some.stop : some.stop + seen]])
        here = slice(len(before), len(before) + len(level))
        before = block[max(here.stop - seen, 0) : here.stop]
        given = with_neighbours(torch.from_numpy(block) / bright, seen)[here]  # (N, 2·seen + 1, H, W)
        noisy = given[:, seen : seen + 1]
        with torch.no_grad():
            clean = self_ensemble(_at(apply, level), given) if ensemble else apply(given, level)
        if found.kind == "rician":
            clean = clean.clamp(min=0)  # a magnitude
        clean = torch.where(cleared(noisy), noisy, clean)
        inside = head_mask(stack[some], bright)
        found_here = (clean[:, 0] * bright).numpy()
        for place, number in enumerate(range(*some.indices(len(stack)))):
            rest = stack[number] - found_here[place]
            removed[number], same = _residual(rest, inside[place], float(found.sigma[number]))
            alike += [same] if same is not None else []
        stack[some] = found_here  # in place: volumes are large
    if not np.isfinite(stack).all():
        raise ValueError(f"{method}: expected finite values, got NaN or infinity: please report it with the file")
    stack += np.float32(base)
    stack[filled] = lowest
    mean_alike = float(np.mean(alike)) if alike else 0.0
    outcome = Denoised(np.moveaxis(stack, 0, axis), found, method, axis, removed, mean_alike, neighbours=seen)
    return replace(outcome, doubts=(*found.doubts, *_doubts(outcome, float(np.median(found.sigma)) / bright)))


def _check(volume: np.ndarray, method: str, plane: str, neighbours: bool | str) -> None:
    if not isinstance(volume, np.ndarray) or volume.ndim != 3 or volume.dtype.kind not in "iuf":
        got = f"{volume.dtype} {volume.shape}" if isinstance(volume, np.ndarray) else type(volume).__name__
        raise ValueError(f"volume: expected numbers (X, Y, Z), got {got}")
    if not np.isfinite(volume).all():
        raise ValueError("volume: expected finite values, got NaN or infinity")
    if method not in (AUTO, *METHODS):
        raise ValueError(f"method: expected one of {', '.join((AUTO, *METHODS))}, got {method!r}")
    if neighbours not in (True, False, "auto"):
        raise ValueError(f"neighbours: expected True, False or 'auto', got {neighbours!r}")
    if plane not in PLANES:
        raise ValueError(f"plane: expected one of {', '.join(PLANES)}, got {plane!r}")


def _axis(voxel_size: Sequence[float], plane: str) -> int:
    """Through which axis to cut: that of the plane, or the one with the longest voxels; of equal ones the last."""
    if plane != "auto":
        return {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    sides = [float(side) for side in voxel_size]
    longest = max(sides)
    return max(axis for axis in range(3) if sides[axis] >= 0.99 * longest)


def _near(stack: np.ndarray, voxel_size: Sequence[float], axis: int, bright: float, noise: ScanNoise) -> bool:
    """By the voxel size and, where the noise is white, by the images."""
    sides = [abs(float(side)) for side in voxel_size]
    thickness = sides.pop(axis)  # headers hold 0 at times: nothing is divided by it
    near = len(stack) > 1 and thickness <= FURTHEST * math.sqrt(math.prod(sides))
    return near and (noise.whiteness < WHITE or neighbours_are_near(stack, bright))


def _without_filling(stack: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Voxels that hold nothing become 0, and the darkest of all others too: in place.

    Returns where they are, what they held, and what was taken off the others.

    Only scans that go below 0 are moved: a magnitude's 0 means no signal.
    """
    lowest = stack.min()
    filled = stack == lowest
    if float(filled.mean()) < _FILL:
        filled[:] = False
    base = 0.0
    if float(stack.min(where=~filled, initial=0.0)) < 0:
        some = np.s_[:: max(1, len(stack) // 32), ::2, ::2]  # volumes are large
        held = stack[some][~filled[some]]
        base = min(0.0, float(np.percentile(held, 0.1))) if held.size else 0.0
    stack -= np.float32(base)
    stack[filled] = 0
    return filled, float(lowest), base


def _batches(count: int, progress: bool) -> Iterator[slice]:
    starts = range(0, check_count(count, "slices"), _TOGETHER)
    for start in progress_bar(starts, desc="denoising", unit=f"{_TOGETHER} slices", disable=not progress):
        yield slice(start, min(start + _TOGETHER, count))


def _method(name: str, kind: str) -> tuple[Method, int]:
    """A method, and how many neighbours on either side it wants to see."""
    if name == "network":
        model, floor = shipped_network(), noise_floor(kind)
        return lambda noisy, level: model(noisy, level.view(-1, 1, 1, 1), floor), model.slices // 2
    plain: Any = {"bm3d": bm3d, "nlm": filters.non_local_means}[name]
    denoiser = stabilised(plain) if kind == "rician" else plain

    def each(noisy: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return torch.cat([denoiser(one[None], float(sigma)) for one, sigma in zip(noisy, level, strict=True)])

    return each, 0


def _at(method: Method, level: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda given: method(given, level)


def shipped_network() -> NoiseMapUNet:
    """The network for scans that comes with the course.

    Returns:
        In eval mode, on the CPU.

    Raises:
        FileNotFoundError: this copy of the course has none.

    Lab: 14.
    """
    path = _shipped()
    if path is None:
        raise FileNotFoundError("this copy of the course has no network for scans; use the method 'bm3d'")
    model = models.load(path)
    assert isinstance(model, NoiseMapUNet)
    return model


def _shipped() -> Path | None:
    kind = "noise_map.NoiseMapUNet"
    return next((path for path in models.shipped() if models.read_card(path).architecture == kind), None)


def _residual(rest: np.ndarray, inside: np.ndarray, sigma: float) -> tuple[float, float | None]:
    """Standard deviation of what was taken away, as a share of sigma, and how much neighbours of it share."""
    if inside.sum() < 200:
        return float("nan"), None
    values = rest - rest[inside].mean()
    power = float((values[inside] ** 2).mean())
    if power == 0:
        return 0.0, None
    products = []
    for here, there in (
        ((slice(1, None), slice(None)), (slice(-1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(-1))),
    ):
        both = inside[here] & inside[there]
        products.append(float((values[here] * values[there])[both].mean()))
    return power**0.5 / sigma, sum(products) / 2 / power


def _doubts(outcome: Denoised, level: float) -> list[str]:
    said = []
    share = outcome.removed[np.isfinite(outcome.removed)]
    if share.size and not 0.6 < float(np.median(share)) < 1.3:
        word = "less" if np.median(share) < 1 else "more"
        said.append(
            f"what was taken away is {float(np.median(share)):.2f} of sigma, {word} than noise: look at the residual"
        )
    if outcome.alike > 0.25 and outcome.noise.whiteness >= WHITE:
        said.append(
            f"what was taken away is no white noise (neighbouring pixels share {outcome.alike:.2f}):"
            " structure may be in it"
        )
    if outcome.method == "network" and not LEARNED[0] <= level <= LEARNED[1]:
        said.append(
            f"sigma is {level:.3f} of the brightest tissue; the network has learned {LEARNED[0]} to {LEARNED[1]}"
        )
    return said
