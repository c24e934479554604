"""Item of bench.py: how long lab 02's BrainCDAE trains before it beats the best classical filter on Colin27."""

from __future__ import annotations

import ast
import functools
import statistics
from pathlib import Path
from typing import Any

from bench_speed import ROOT, number, table

COLUMNS = ("PSNR, whole image (dB)", "SSIM, whole image", "PSNR, inside the brain (dB)", "SSIM, inside the brain")


class Enough(Exception):
    """Raised in `on_epoch` to end a training: `fit` has no other way to stop by the clock."""


def from_lab(path: Path, names: set[str]) -> dict[str, Any]:
    """Run the imports and the named definitions of a lab's source, nothing else: filters and scores cannot drift.

    Raises ValueError where the lab does not define one of them.
    """

    def defined(node: ast.stmt) -> set[str]:
        targets = node.targets if isinstance(node, ast.Assign) else [node]
        return {getattr(target, "name", getattr(target, "id", "")) for target in targets}

    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    wanted = [node for node in tree.body if defined(node) & names]
    missing = names - set().union(*map(defined, wanted))
    if missing:
        raise ValueError(f"{path.name}: expected it to define {', '.join(sorted(missing))}")
    found: dict[str, Any] = {"__name__": path.stem}
    exec(compile(ast.Module([*imports, *wanted], []), path.name, "exec"), found)
    return found


def lab02(quick: bool) -> str:
    # The first stage of lab 02's recipe in profile `cpu` (large steps, no small ones after them); it goes on past its
    # epochs until the limit, if it must.
    subjects, slices, colin_slices, tune_every = (2, 4, 2, 4) if quick else (12, 30, 12, 10)
    crop, batch_size, learning_rate, lab_epochs = 64, 16, 3e-3, 1 if quick else 44
    seeds, limit_minutes, look_every_minutes = ((0,), 0.005, 0.0) if quick else ((0, 1, 2), 4, 0.25)

    from torch import nn

    from course_lib import images, training
    from course_lib.data import brains
    from course_lib.models.dae import BrainCDAE

    names = {"sigma", "corrupt", "noisy_copy", "scores", "FILTERS", "apply_filter", "tuned_strength"}
    lab = from_lab(ROOT / "solutions" / "lab02_convolutional_autoencoder.py", names)

    colin = brains.brain_slices("colin27", slices=colin_slices)
    cohort = brains.brain_slices("cohort", subjects=subjects, slices=slices, progress=not quick)
    held_out = cohort.subjects >= subjects - max(1, subjects // 6)
    train, tune = cohort.images[~held_out], cohort.images[held_out][::tune_every]
    noisy = lab["noisy_copy"](colin.images, 1)

    def scores(answer) -> list[float]:
        return [*lab["scores"](answer, colin.images), *lab["scores"](answer, colin.images, colin.brain_masks)]

    filters = {}
    for name in lab["FILTERS"]:
        strength = lab["tuned_strength"](name, tune)
        filters[f"{name} {strength:g}"] = scores(lab["apply_filter"](name, strength, noisy))
    bests = [max(filters, key=lambda name, column=column: filters[name][column]) for column in range(4)]
    goals = [filters[best][column] for column, best in enumerate(bests)]

    def train_and_look(seed: int) -> list[tuple[float, int, list[float]]]:
        """(minutes, epoch, scores) at each look. Looks cost no training time: `history.seconds` leaves them out."""
        with training.fixed_seed(seed):
            model = BrainCDAE()
        looks: list[tuple[float, int, list[float]]] = []

        def look(history: training.History) -> None:
            minutes, epoch = sum(history.seconds) / 60, len(history.seconds)
            over = minutes >= limit_minutes
            if not over and epoch != lab_epochs and looks and minutes < looks[-1][0] + look_every_minutes:
                return
            looks.append((minutes, epoch, scores(training.denoise(model, noisy))))
            beaten = all(first_better(looks, column) is not None for column in range(4))
            if over or (beaten and epoch >= lab_epochs):
                raise Enough

        try:
            training.fit(
                model, train, loss=nn.functional.mse_loss, corrupt=lab["corrupt"],
                transform=functools.partial(images.random_crop, size=crop), epochs=100 * lab_epochs,
                batch_size=batch_size, learning_rate=learning_rate, seed=seed, progress=False, on_epoch=look,
            )  # fmt: skip
        except Enough:
            pass
        return looks

    def first_better(looks: list, column: int) -> float | None:
        return next((minutes for minutes, _, values in looks if values[column] > goals[column]), None)

    runs = {seed: train_and_look(seed) for seed in seeds}
    rows = []
    for column, title in enumerate(COLUMNS):
        minutes = [first_better(looks, column) for looks in runs.values()]
        # never counts as later than any minute; an even number of seeds takes the later of the two in the middle
        median = statistics.median_high([float("inf") if m is None else m for m in minutes])
        cells = [said(median if median < float("inf") else None, limit_minutes)]
        cells += [said(m, limit_minutes) for m in minutes]
        rows.append([title, f"{bests[column]}: {goals[column]:.3f}", *cells])
    header = ["first better than every filter in", "best filter", "median", *(f"seed {seed}" for seed in seeds)]
    summary = table(header, rows)

    others = {"noisy, clipped": scores(noisy), **filters}
    details = [[name, "", *(f"{value:.3f}" for value in values)] for name, values in others.items()]
    looks = runs[seeds[0]]
    for minutes, epoch, values in shown(looks, [first_better(looks, column) for column in range(4)], lab_epochs):
        details.append([f"BrainCDAE, {number(minutes)} min", str(epoch), *(f"{value:.3f}" for value in values)])
    text = (
        f"Gaussian noise of sigma {lab['sigma']}. Test: {colin_slices} slices of Colin27, a real head. Training:"
        f" {len(train)} slices of the synthetic heads that lab 02 trains on (crops of {crop}, batches of {batch_size},"
        f" learning rate {learning_rate:g}), on the {training.profile().device.upper()}. Filters: those of lab 02,"
        " their strengths tuned on other synthetic heads, never on Colin27. One training for each seed, looked at"
        f" about every {look_every_minutes:g} minutes; looking does not count. The lab trains {lab_epochs} epochs;"
        f" here at most {limit_minutes:g} minutes."
    )
    return f"{text}\n\n{summary}\n\nSeed {seeds[0]} in detail:\n\n{table(['', 'epoch', *COLUMNS], details)}"


def said(minutes: float | None, limit: float) -> str:
    return f"not within {limit:g} min" if minutes is None else f"{number(minutes)} min"


def shown(looks: list, firsts: list[float | None], lab_epochs: int) -> list:
    """Few of many looks: at about doubled times, when a filter was first beaten, at the lab's end, and the last."""
    kept, next_minutes = [], 0.0
    for look in looks:
        doubled = look[0] >= next_minutes
        if doubled:
            next_minutes = 2 * look[0]
        if doubled or look[0] in firsts or look[1] == lab_epochs or look is looks[-1]:
            kept.append(look)
    return kept
