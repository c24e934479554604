"""How `evaluation` tunes: every combination of a grid, scored on what is given; the best one first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from course_lib._checks import check_count
from course_lib.evaluation.results import Tuning, as_text
from course_lib.evaluation.trial import Method, Metric, View, outputs, scored


class Search:
    """A checked grid, and the score that decides."""

    def __init__(self, grid: Mapping[str, Sequence[Any]], score: Metric, batch_size: int):
        self.score, self.batch_size = score, check_count(batch_size, "batch_size")
        self.grid = {name: _options(values, name) for name, values in grid.items()}
        if not self.grid:
            raise ValueError("grid: expected at least one {parameter: values to try}, got none")
        self.combinations = [dict(zip(self.grid, v, strict=True)) for v in itertools.product(*self.grid.values())]

    def steps(self, count: int) -> int:
        """How often the method is called on `count` images, warming up aside."""
        return len(self.combinations) * math.ceil(count / self.batch_size)

    def run(
        self,
        method: Method,
        name: str,
        images: torch.Tensor,
        given: tuple[torch.Tensor, ...],
        scored_as: View,
        label: str,
        origin: str,
        bar: Any,
    ) -> Tuning:
        """`method(*given, **parameters)` against the clean images; label, origin: the caption's."""
        targets = scored_as(images)
        tried: list[tuple[dict[str, Any], float, float]] = []
        for parameters in self.combinations:
            shown = ", ".join(f"{key}={as_text(value)}" for key, value in parameters.items())
            bar.set_description(shown, refresh=False)
            with_these = partial(method, **parameters)
            scores, seconds = [], 0.0
            for part, output, spent in outputs(
                with_these, name, given, images.shape, self.batch_size, warm=bool(tried)
            ):
                scores.append(scored(self.score, "score", scored_as(output), targets[part]))
                seconds += spent
                bar.update()
            tried.append((parameters, float(np.concatenate(scores).mean()), seconds / len(images)))
        tried.sort(key=lambda entry: math.inf if math.isnan(entry[1]) else -entry[1])
        best = tried[0][0]
        at_edge = tuple(key for key, values in self.grid.items() if _is_at_edge(best[key], values))
        caption = f"{name}: mean {label} over {len(images)} training slices, {origin}"
        if at_edge:
            caption += f" The best value lies at the edge of the grid: try more values of {', '.join(at_edge)}."
        return Tuning(best, tried, at_edge, caption)


def _options(values: Sequence[Any], name: str) -> list[Any]:
    if isinstance(values, str) or not list(values):
        raise ValueError(f"grid[{name!r}]: expected a list of at least one value to try, got {values!r}")
    return list(values)


def _is_at_edge(best: Any, values: list[Any]) -> bool:
    """Whether a better number may lie beyond the grid; two values are no range."""
    if len(values) < 3 or not all(isinstance(value, (int, float, np.number)) for value in values):
        return False
    return best in (min(values), max(values))
