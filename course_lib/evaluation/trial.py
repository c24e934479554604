"""How `evaluation` measures: methods, clock and scores, batch after batch."""

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
from course_lib.evaluation.results import Comparison
from course_lib.kspace.checks import check_complex

#: A denoiser `f(noisy, sigma)`, or a reconstruction `f(measured, mask)`.
Method = Callable[..., Any]
Metric = Callable[..., torch.Tensor]
View = Callable[[torch.Tensor], torch.Tensor]


class Trial:
    """The checked arguments of a comparison; `run` does the work.

    Args:
        images: clean, real or complex.
        scored_as: what of a method's output, and of a clean image, is scored.
        metrics, masks, seed, repeats, batch_size: as for `compare`.
    """

    def __init__(
        self,
        images: torch.Tensor,
        scored_as: View,
        metrics: Mapping[str, Metric],
        masks: Mapping[str, torch.Tensor | None] | None,
        seed: int,
        repeats: int,
        batch_size: int,
    ):
        self.images, self.scored_as, self.targets = images, scored_as, scored_as(images)
        self.seed, self.repeats = seed, check_count(repeats, "repeats")
        self.batch_size = check_count(batch_size, "batch_size")
        self.metrics = dict(metrics)
        if not self.metrics:
            raise ValueError("metrics: expected at least one {name: function}, got none")
        self.masks = {"whole image": None} if masks is None else {n: self._full(m) for n, m in masks.items()}
        if not self.masks:
            raise ValueError("masks: expected at least one {region: mask}, got none")
        for mask in self.masks.values():
            check_mask(mask, self.targets)
        # a metric that knows no mask has nothing to say about a region
        wanted = {
            region: {name: f for name, f in self.metrics.items() if mask is None or _takes_mask(f)}
            for region, mask in self.masks.items()
        }
        self.wanted = {region: by_metric for region, by_metric in wanted.items() if by_metric}
        if not self.wanted:
            raise ValueError(f"metrics: expected one that takes mask=, got {', '.join(self.metrics)}")

    def _full(self, mask: Any) -> Any:
        """One region for all frames of a film, (N, 1, H, W), as a mask of the film's shape; all else as it is."""
        count, _, *size = shape = self.targets.shape
        whole = isinstance(mask, torch.Tensor) and tuple(mask.shape) == (count, 1, *size)
        return mask.expand(shape) if whole else mask

    def steps(self, methods: Mapping[str, Method]) -> int:
        """How often a method is called, warming up aside."""
        return self.repeats * len(methods) * math.ceil(len(self.images) / self.batch_size)

    def run(
        self,
        given: Callable[[int], tuple[torch.Tensor, ...]],
        methods: Mapping[str, Method],
        caption: Callable[[tuple[torch.Tensor, ...]], str],
        bar: Any,
        *,
        untouched: str | None = None,
        keep: Collection[int] | None = (),
        published: Mapping[str, Mapping[str, float]] | None = None,
        lower_is_better: Collection[str] = (),
    ) -> Comparison:
        """Score the methods on `given(seed)`, which is the same for all of them.

        Args:
            given: `f(seed)`, what the methods are called with.
            methods: {name: f(*given)}.
            caption: how what was given came about, and what is scored; the rest of the table's caption is written here.
            bar: is told of every batch.
            untouched: the name of a first row for the given images themselves, scored as they are.
            keep, published, lower_is_better: as for `compare`.

        Returns:
            The comparison.
        """
        count = len(self.images)
        kept = (count // 2,) if keep is None else tuple(check_count(index, "keep", low=0) for index in keep)
        if kept and max(kept) >= count:
            raise ValueError(f"keep: expected numbers of slices below {count}, got {list(kept)}")
        rows = [*methods] if untouched is None else [untouched, *methods]
        values = {
            region: {metric: {name: np.empty((self.repeats, count)) for name in rows} for metric in by_metric}
            for region, by_metric in self.wanted.items()
        }
        seconds, pictures = dict.fromkeys(methods, 0.0), {"clean": self.images[list(kept)].clone()}
        for repeat in range(self.repeats):
            parts = given(self.seed + repeat)
            if untouched is not None:
                for part in _slices(count, self.batch_size):
                    self._score(values, untouched, repeat, part, parts[0][part])
                if repeat == 0:
                    pictures["noisy"] = parts[0][list(kept)].clone()
            for name, method in methods.items():
                bar.set_description(name, refresh=False)
                for part, output, spent in outputs(
                    method, name, parts, self.images.shape, self.batch_size, warm=repeat > 0
                ):
                    seconds[name] += spent / (self.repeats * count)
                    self._score(values, name, repeat, part, self.scored_as(output))
                    if repeat == 0:
                        shown = pictures.setdefault(name, torch.empty_like(pictures["clean"], dtype=output.dtype))
                        for place, index in enumerate(kept):
                            if part.start <= index < part.stop:
                                shown[place] = output[index - part.start]
                    bar.update()
        text = f"{self._spread()} {caption(parts)} {self._notes(bool(published))}"
        return Comparison(values, seconds, kept, pictures, text, dict(published or {}), tuple(lower_is_better))

    @property
    def seeds(self) -> str:
        """The seeds, in words."""
        first, last = self.seed, self.seed + self.repeats - 1
        return f"seed {first}" if self.repeats == 1 else f"seeds {first} to {last}, averaged slice by slice"

    def _score(self, values: dict, name: str, repeat: int, part: slice, prediction: torch.Tensor) -> None:
        for region, by_metric in self.wanted.items():
            mask = self.masks[region]
            inside = {} if mask is None else {"mask": mask[part]}
            for metric, function in by_metric.items():
                result = scored(function, metric, prediction, self.targets[part], **inside)
                values[region][metric][name][repeat, part] = result

    def _spread(self) -> str:
        count = len(self.images)
        spread = f"Mean ± standard deviation over {count} slices" if count > 1 else "One slice"
        where = next(iter(self.wanted)) if len(self.wanted) == 1 else "by region"
        return f"{spread}, {where}."

    def _notes(self, published: bool) -> str:
        parts = []
        for name, metric in self.metrics.items():
            if getattr(metric, "func", metric) is measures.ssim:
                uniform = getattr(metric, "keywords", {}).get("window") == "uniform"
                kind = "7×7 uniform window" if uniform else "Wang et al. 2004, 11×11 Gaussian window"
                parts.append(f"{name}: {kind}.")
        parts.append("Bold: best mean of the column. Time: this machine, first call left out.")
        if published:
            parts.append("Published: values from the paper, on other images; not measured here.")
        return " ".join(parts)


def outputs(
    method: Method,
    name: str,
    given: tuple[torch.Tensor, ...],
    shape: torch.Size,
    batch_size: int,
    *,
    warm: bool = False,
) -> Iterator[tuple[slice, torch.Tensor, float]]:
    """Batch after batch: where it lies, what the method made of it, and the seconds that this took."""
    first = given[0]
    if not warm:
        method(*(part[:1].clone() for part in given))  # imports, compiles, fills caches
    for part in _slices(len(first), batch_size):
        batch = [each[part].clone() for each in given]  # what works in place must not change what the next one gets
        _wait(first)
        started = time.perf_counter()
        with torch.no_grad():
            output = method(*batch)
        _wait(first)
        spent = time.perf_counter() - started
        expected = (len(batch[0]), *shape[1:])
        if not isinstance(output, torch.Tensor) or output.shape != expected:
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise ValueError(f"{name}: expected it to return a tensor of shape {expected}, got {got}")
        if first.is_complex():
            check_complex(output, name, real_too=True)
        else:
            check_image(output, name)
        dtype = first.dtype if output.is_complex() else first.dtype.to_real()
        yield part, output.to(first.device, dtype), spent  # a network may leave its answer on another device


def _slices(count: int, batch_size: int) -> Iterator[slice]:
    return (slice(start, start + batch_size) for start in range(0, count, batch_size))


def _wait(tensor: torch.Tensor) -> None:
    """A GPU works on after the call returns: wait for it before looking at the clock."""
    if tensor.device.type == "cuda":
        torch.cuda.synchronize(tensor.device)


def scored(function: Metric, name: str, prediction: torch.Tensor, target: torch.Tensor, **inside: Any) -> np.ndarray:
    result = function(prediction, target, **inside)
    if not isinstance(result, torch.Tensor) or result.shape != (len(target),):
        got = tuple(result.shape) if isinstance(result, torch.Tensor) else type(result).__name__
        raise ValueError(f"{name}: expected one value an image, a tensor of shape ({len(target)},), got {got}")
    return result.detach().cpu().double().numpy()


def check_methods(methods: Mapping[str, Method], taken: Collection[str], form: str) -> dict[str, Method]:
    """Refuse no method, one that is none, and a name that another row or picture bears; `form` is how it is called."""
    methods = dict(methods)
    if not methods:
        raise ValueError(f"methods: expected at least one {{name: {form}}}, got none")
    for name, method in methods.items():
        if name in taken:
            raise ValueError(f"methods: {name!r} is there already: expected another name")
        if not callable(method):
            raise TypeError(f"methods[{name!r}]: expected a function {form}, got {type(method).__name__}")
    return methods


def name_of(function: Callable) -> str:
    """What a function is called; a partial is called as what it wraps."""
    function = getattr(function, "func", function)
    return getattr(function, "__name__", type(function).__name__)


def _takes_mask(metric: Metric) -> bool:
    return "mask" in inspect.signature(metric).parameters
