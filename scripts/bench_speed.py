"""Items of bench.py that count seconds: imports, training, synthetic heads; and how they are compared.

Each `item(quick)` measures and returns the text of its section. torch is imported inside: `imports` needs none of it.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def interleaved(actions: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """What each action returns (its seconds), called in turn A B A B …, after one round that does not count.

    A single repeat is a smoke run: it goes without that round.
    """
    results: dict[str, list[float]] = {name: [] for name in actions}
    rounds = repeats + 1 if repeats > 1 else 1
    for _ in range(rounds):
        for name, action in actions.items():
            results[name].append(action())
    return {name: values[-repeats:] for name, values in results.items()}


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """Median (minimum–maximum)."""
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Repeat by repeat: what slows both down cancels."""
    return [a / b for a, b in zip(values, others, strict=True)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def run(code: str, **environment: str) -> str:
    """What a fresh Python prints."""
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return result.stdout.strip().splitlines()[-1]


def imports(quick: bool) -> str:
    repeats = 1 if quick else 9

    def seconds(module: str) -> float:
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        return float(run(code))

    modules = ["torch", "course_lib", "course_lib.metrics", "course_lib.training"]
    found = interleaved({module: functools.partial(seconds, module) for module in modules}, repeats)
    rows = [
        [f"`import {module}`", spread([1000 * x for x in values]), spread(ratios(values, found["torch"]))]
        for module, values in found.items()
    ]
    text = f"Each in a fresh Python, whose own start is not counted. {repeats} repeats; nothing is random."
    return f"{text}\n\n{table(['', 'ms', 'ratio to `import torch`'], rows)}"


def training(quick: bool) -> str:
    import torch
    from torch.nn.functional import mse_loss

    from course_lib import noise
    from course_lib.models.dae import BrainCDAE
    from course_lib.training import fit, fixed_seed, profile

    seed, repeats, count, epochs, batch_size = (0, 1, 16, 1, 8) if quick else (0, 5, 320, 2, 16)
    device, rate = profile().device, 2e-3
    crops = torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(seed))

    def model() -> BrainCDAE:
        with fixed_seed(seed):
            return BrainCDAE()

    def by_fit() -> None:
        fit(
            model(), crops, loss=mse_loss, corrupt=functools.partial(noise.gaussian, sigma=0.1), epochs=epochs,
            batch_size=batch_size, learning_rate=rate, seed=seed, mixed_precision="no", progress=False, device=device,
        )  # fmt: skip

    def by_hand(layout: torch.memory_format) -> None:
        network = model().to(device, memory_format=layout).train()
        optimizer = torch.optim.Adam(network.parameters(), rate)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for indices in torch.randperm(count, generator=generator).split(batch_size):
                clean = crops[indices]
                noisy = clean + 0.1 * torch.randn(clean.shape, generator=generator)
                clean, noisy = (x.to(device).contiguous(memory_format=layout) for x in (clean, noisy))
                optimizer.zero_grad()
                value = mse_loss(network(noisy), clean)
                value.backward()
                optimizer.step()
        value.item()  # a GPU is done only now

    plain = "plain PyTorch loop"
    actions = {
        "`training.fit`": by_fit,
        plain: lambda: by_hand(torch.contiguous_format),
        "plain loop, channels last": lambda: by_hand(torch.channels_last),
    }
    found = interleaved({name: functools.partial(timed, action) for name, action in actions.items()}, repeats)
    speeds = {name: [count * epochs / x for x in seconds] for name, seconds in found.items()}
    rows = [[name, spread(values), spread(ratios(values, speeds[plain]))] for name, values in speeds.items()]
    text = (
        f"Training on {count} random 64×64 images, {epochs} epochs, batches of {batch_size}, Gaussian noise drawn anew,"
        f" Adam, float32, on the {device.upper()}; seed {seed}, {repeats} repeats. `fit` seeds the noise of each image,"
        " checks its input and keeps a history; the plain loop does none of this."
    )
    return f"{text}\n\n{table(['', 'images/s', 'ratio to the plain loop'], rows)}"


# VmHWM, not ru_maxrss, where there is one: Linux hands the parent's ru_maxrss on to the child that it starts.
COHORT = """
import json, resource, sys, time
from pathlib import Path
from course_lib.data import brains
started = time.perf_counter()
brains.brain_slices("cohort", subjects={subjects}, slices={slices}, seed={seed}, progress=False)
seconds, status = time.perf_counter() - started, Path("/proc/self/status")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
if status.exists():
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 2**10
print(json.dumps([seconds, peak]))
"""


def cohort(quick: bool) -> str:
    seed, repeats, subjects, slices = (0, 1, 1, 2) if quick else (0, 3, 20, 30)
    code = COHORT.format(subjects=subjects, slices=slices, seed=seed)
    found: dict[str, list[list[float]]] = {"first time": [], "from the cache": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            for results in found.values():  # the second one finds what the first one kept
                results.append(json.loads(run(code, COURSE_DATA=folder)))
    first = [seconds for seconds, _ in found["first time"]]
    rows = []
    for name, results in found.items():
        seconds, peaks = zip(*results, strict=True)
        rows.append([name, spread(seconds), spread(ratios(seconds, first)), spread(peaks)])
    text = (
        f"{subjects} subjects with {slices} slices each, in a fresh Python whose imports are not counted, into an"
        f" empty data folder and again from it. Seed {seed}, {repeats} repeats. No other package makes such heads, so"
        " there is no peer: the ratio says what the cache saves."
    )
    return f"{text}\n\n{table(['', 'seconds', 'ratio to the first time', 'peak memory (MiB)'], rows)}"
