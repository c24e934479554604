"""How `evaluation` measures: noise, methods, clock and scores, batch after batch."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from course_lib import metrics as measures
from course_lib._checks import check_count, check_image, check_mask
from course_lib._results import NOISY, Comparison
from course_lib.profiles import seeded

Method = Callable[[torch.Tensor, float], torch.Tensor]
Metric = Callable[..., torch.Tensor]


class Trial:
    """The checked arguments of `evaluation.compare`; `run` does the work at one noise level."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        images: torch.Tensor,
        corrupt: Callable[..., torch.Tensor],
        metrics: Mapping[str, Metric],
        masks: Mapping[str, torch.Tensor | None] | None,
        seed: int,
        repeats: int,
        batch_size: int,
    ):
        self.methods, self.images, self.corrupt = check_methods(methods), check_images(images), corrupt
        self.seed, self.repeats = seed, check_count(repeats, "repeats")
        self.batch_size = check_count(batch_size, "batch_size")
        self.metrics = dict(metrics)
        if not self.metrics:
            raise ValueError("metrics: expected at least one {name: function}, got none")
        self.masks = {"whole image": None} if masks is None else dict(masks)
        if not self.masks:
            raise ValueError("masks: expected at least one {region: mask}, got none")
        for mask in self.masks.values():
            check_mask(mask, self.images)
        # a metric that knows no mask has nothing to say about a region
        wanted = {
            region: {name: f for name, f in self.metrics.items() if mask is None or _takes_mask(f)}
            for region, mask in self.masks.items()
        }
        self.wanted = {region: by_metric for region, by_metric in wanted.items() if by_metric}
        if not self.wanted:
            raise ValueError(f"metrics: expected one that takes mask=, got {', '.join(self.metrics)}")

    @property
    def steps(self) -> int:
        """How often a method is called, warming up aside."""
        return self.repeats * len(self.methods) * math.ceil(len(self.images) / self.batch_size)

    def run(
        self,
        sigma: float,
        bar: Any,
        *,
        keep: Collection[int] | None = (),
        published: Mapping[str, Mapping[str, float]] | None = None,
        lower_is_better: Collection[str] = (),
    ) -> Comparison:
        count = len(self.images)
        kept = (count // 2,) if keep is None else tuple(check_count(index, "keep", low=0) for index in keep)
        if kept and max(kept) >= count:
            raise ValueError(f"keep: expected numbers of slices below {count}, got {list(kept)}")
        values = {
            region: {
                metric: {name: np.empty((self.repeats, count)) for name in (NOISY, *self.methods)}
                for metric in by_metric
            }
            for region, by_metric in self.wanted.items()
        }
        seconds, pictures = dict.fromkeys(self.methods, 0.0), {}
        for repeat in range(self.repeats):
            noisy = corrupted(self.images, self.corrupt, sigma, self.seed + repeat)
            for start in range(0, count, self.batch_size):
                part = slice(start, start + self.batch_size)
                self._score(values, NOISY, repeat, part, noisy[part])
            if repeat == 0:
                pictures = {"clean": self.images[list(kept)].clone(), "noisy": noisy[list(kept)].clone()}
            for name, method in self.methods.items():
                bar.set_description(name, refresh=False)
                if repeat == 0:
                    pictures[name] = torch.empty_like(pictures["clean"])
                for part, output, spent in denoised(method, name, noisy, sigma, self.batch_size, warm=repeat > 0):
                    seconds[name] += spent / (self.repeats * count)
                    self._score(values, name, repeat, part, output.clamp(0, 1))
                    for place, index in enumerate(kept):
                        if repeat == 0 and part.start <= index < part.stop:
                            pictures[name][place] = output[index - part.start]
                    bar.update()
        caption = self._caption(sigma, bool(published))
        return Comparison(values, seconds, kept, pictures, caption, dict(published or {}), tuple(lower_is_better))

    def _score(self, values: dict, name: str, repeat: int, part: slice, prediction: torch.Tensor) -> None:
        for region, by_metric in self.wanted.items():
            inside = {} if self.masks[region] is None else {"mask": self.masks[region][part]}
            for metric, function in by_metric.items():
                result = scored(function, metric, prediction, self.images[part], **inside)
                values[region][metric][name][repeat, part] = result

    def _caption(self, sigma: float, published: bool) -> str:
        count, first, last = len(self.images), self.seed, self.seed + self.repeats - 1
        spread = f"Mean ± standard deviation over {count} slices" if count > 1 else "One slice"
        where = next(iter(self.wanted)) if len(self.wanted) == 1 else "by region"
        seeds = f"seed {first}" if self.repeats == 1 else f"seeds {first} to {last}, averaged slice by slice"
        parts = [
            f"{spread}, {where}.",
            f"Noise: {name_of(self.corrupt)}, sigma {sigma:g}, {seeds}.",
            "Outputs clipped to [0, 1] before scoring, the noisy image not.",
        ]
        for name, metric in self.metrics.items():
            if getattr(metric, "func", metric) is measures.ssim:
                uniform = getattr(metric, "keywords", {}).get("window") == "uniform"
                kind = "7×7 uniform window" if uniform else "Wang et al. 2004, 11×11 Gaussian window"
                parts.append(f"{name}: {kind}.")
        parts.append("Bold: best mean of the column. Time: this machine, first call left out.")
        if published:
            parts.append("Published: values from the paper, on other images; not measured here.")
        return " ".join(parts)


def denoised(
    method: Method, name: str, noisy: torch.Tensor, sigma: float, batch_size: int, *, warm: bool = False
) -> Iterator[tuple[slice, torch.Tensor, float]]:
    """Batch after batch: where it lies, what the method made of it, and the seconds that this took."""
    if not warm:
        method(noisy[:1].clone(), sigma)  # imports, compiles, fills caches
    for start in range(0, len(noisy), batch_size):
        part = slice(start, start + batch_size)
        given = noisy[part].clone()  # a method that works in place must not change what the next one gets
        _wait(noisy)
        started = time.perf_counter()
        with torch.no_grad():
            output = method(given, sigma)
        _wait(noisy)
        spent = time.perf_counter() - started
        if not isinstance(output, torch.Tensor) or output.shape != given.shape:
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise ValueError(f"{name}: expected it to return a tensor of shape {tuple(given.shape)}, got {got}")
        check_image(output, name)
        yield part, output.to(noisy), spent  # a network may leave its answer on another device


def _wait(tensor: torch.Tensor) -> None:
    """A GPU works on after the call returns: wait for it before looking at the clock."""
    if tensor.device.type == "cuda":
        torch.cuda.synchronize(tensor.device)


def corrupted(images: torch.Tensor, corrupt: Callable[..., torch.Tensor], sigma: float, seed: int) -> torch.Tensor:
    """Noisy images; the noise of image i depends on (seed, i) alone."""
    generator, noisy = torch.Generator(device=images.device), []
    for index in range(len(images)):
        generator.manual_seed(seeded(seed, "noise", index))
        noisy.append(corrupt(images[index : index + 1].clone(), sigma, generator=generator))
    noisy = torch.cat(noisy)
    if noisy.shape != images.shape:
        raise ValueError(f"corrupt: expected it to keep the shape {tuple(images.shape)}, got {tuple(noisy.shape)}")
    return check_image(noisy, "what corrupt returned")


def scored(function: Metric, name: str, prediction: torch.Tensor, target: torch.Tensor, **inside: Any) -> np.ndarray:
    result = function(prediction, target, **inside)
    if not isinstance(result, torch.Tensor) or result.shape != (len(target),):
        got = tuple(result.shape) if isinstance(result, torch.Tensor) else type(result).__name__
        raise ValueError(f"{name}: expected one value an image, a tensor of shape ({len(target)},), got {got}")
    return result.detach().cpu().double().numpy()


def check_images(images: torch.Tensor) -> torch.Tensor:
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"images: expected a tensor (N, C, H, W), got {type(images).__name__}")
    check_image(images, "images")
    if images.ndim != 4:
        raise ValueError(f"images: expected shape (N, C, H, W), got {tuple(images.shape)}")
    if float(images.min()) < 0 or float(images.max()) > 1:
        low, high = float(images.min()), float(images.max())
        raise ValueError(f"images: expected clean images in [0, 1], got values from {low:g} to {high:g}")
    return images.detach()


def check_methods(methods: Mapping[str, Method]) -> dict[str, Method]:
    methods = dict(methods)
    if not methods:
        raise ValueError("methods: expected at least one {name: f(noisy, sigma)}, got none")
    for name, method in methods.items():
        if name in (NOISY, "clean", "noisy"):
            raise ValueError(f"methods: {name!r} is there already: expected another name")
        if not callable(method):
            raise TypeError(f"methods[{name!r}]: expected a function f(noisy, sigma), got {type(method).__name__}")
    return methods


def name_of(function: Callable) -> str:
    """What a function is called; a partial is called as what it wraps."""
    function = getattr(function, "func", function)
    return getattr(function, "__name__", type(function).__name__)


def _takes_mask(metric: Metric) -> bool:
    return "mask" in inspect.signature(metric).parameters
