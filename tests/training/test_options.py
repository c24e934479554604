"""Laws of `fit`'s schedules, averaged weights, clipped gradients, and of sources that draw anew each epoch.

Rates are PyTorch's; the average is the formula; a resume is exact; several processes are one.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import distributed_fit
import pytest
import torch
from torch import nn

from course_lib import noise
from course_lib.data.mixture import Mixture
from course_lib.training import fit, fixed_seed
from course_lib.training.schedules import factor

ROOT = Path(__file__).parents[2]
MSE = nn.functional.mse_loss
quiet = partial(fit, loss=MSE, progress=False, device="cpu")
noisy = partial(noise.gaussian, sigma=0.3)


def images(count: int = 7, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 1, 5, 6, generator=torch.Generator().manual_seed(seed))


def normalised(seed: int = 0) -> nn.Module:
    with fixed_seed(seed):
        return nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(3, 1, 1)
        )  # fmt: skip


class Constant(nn.Module):
    def __init__(self, value: float = 0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        return self.value.expand_as(noisy)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


def recorded(seen: list[float], optimizer=torch.optim.SGD, **settings):
    """An optimiser that writes down its rates at each step."""

    class Recorder(optimizer):
        def step(self, closure=None):
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    return lambda parameters: Recorder(parameters, **settings)


# ---- schedules


@pytest.mark.parametrize("steps", [4, 7, 10, 33, 200])
def test_the_rates_are_those_of_pytorch(steps):
    def theirs(make):
        updates = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
        scheduler, found = make(updates), []
        for _ in range(steps):
            found.append(updates.param_groups[0]["lr"])
            updates.step()
            scheduler.step() if len(found) < steps else None
        return found

    schedulers = {
        "cosine": lambda updates: torch.optim.lr_scheduler.CosineAnnealingLR(updates, steps),
        "one cycle": lambda updates: torch.optim.lr_scheduler.OneCycleLR(
            updates, 0.3, total_steps=steps, cycle_momentum=False
        ),
    }
    for schedule, make in schedulers.items():
        ours = [0.3 * factor(schedule, step, steps) for step in range(steps)]
        assert ours == pytest.approx(theirs(make), rel=1e-6, abs=1e-9), schedule


@pytest.mark.parametrize("schedule", ["cosine", "one cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_trainings_have_rates_too(schedule, steps):
    shares = [factor(schedule, step, steps) for step in range(steps)]
    assert max(shares) == 1 and all(0 < share <= 1 for share in shares)


def test_the_rate_changes_with_each_batch_and_in_each_group():
    seen = []

    def two_groups(parameters):
        first, *others = parameters
        groups = [{"params": [first], "lr": 0.1}, {"params": others}]
        return recorded(seen, lr=0.01)(groups)

    history = quiet(normalised(), images(7), epochs=3, batch_size=3, optimizer=two_groups, schedule="cosine")
    shares = [(1 + math.cos(math.pi * step / 9)) / 2 for step in range(9)]
    assert [rates[0] for rates in seen] == pytest.approx([0.1 * share for share in shares])
    assert [rates[1] for rates in seen] == pytest.approx([0.01 * share for share in shares])
    assert history.learning_rate == pytest.approx([0.1 * shares[0], 0.1 * shares[3], 0.1 * shares[6]])


# ---- clipped gradients


def test_the_step_is_clipped_over_all_parameters():
    """SGD with rate 1 moves by the gradient: never further than clip_norm, and in its direction."""
    moves = []
    for norm in (None, 1e-3, 1e6):
        model, start = normalised(), normalised()
        once = dict(epochs=1, batch_size=7, optimizer=partial(torch.optim.SGD, lr=1.0))
        quiet(model, images(), clip_norm=norm, **once)
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        moves.append(torch.cat([(a - b).detach().flatten().double() for a, b in pairs]))
    free, clipped, loose = moves
    assert free.norm() > 0.05 and clipped.norm() == pytest.approx(1e-3, rel=1e-3)
    assert torch.allclose(clipped / clipped.norm(), free / free.norm(), atol=1e-3) and torch.equal(loose, free)


# ---- averaged weights


def test_the_average_by_hand():
    """SGD, rate 1/4, on (v - 3)²: v halves its distance. The average follows by its formula; validation wants 1."""
    ones = torch.ones(2, 1, 2, 2)
    watched = []

    class Spy(Constant):
        def forward(self, noisy):
            if not self.training:
                watched.append(self.value.item())
            return super().forward(noisy)

    model, at_epochs = Spy(), []
    history = quiet(
        model, 3 * ones, ones, epochs=6, optimizer=partial(torch.optim.SGD, lr=0.25), ema=0.3,
        on_epoch=lambda history: at_epochs.append(model.value.item()),
    )  # fmt: skip
    v, average, expected = 0.0, 0.0, []
    for step in range(1, 7):
        v += (3 - v) / 2
        decay = min(0.3, (1 + step) / (10 + step))  # 2/11, 3/12, 0.3 from step 3 on
        average = decay * average + (1 - decay) * v
        expected.append(average)
    assert watched == pytest.approx(expected)
    assert history.validation_loss == pytest.approx([(value - 1) ** 2 for value in expected])
    assert at_epochs == pytest.approx([3 * (1 - 0.5**step) for step in range(1, 7)])
    assert model.value.item() == pytest.approx(expected[-1])


def test_the_best_weights_are_the_average_of_the_best_epoch():
    """v = 0.5, 1, 1.5, ...; decays 2/11, 3/12, 4/13: averages 0.409, 0.852, 1.301. Both are best in epoch 2."""

    class Ramp(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(list(parameters), {"lr": 0.5})

        @torch.no_grad()
        def step(self, closure=None):
            for parameter in self.param_groups[0]["params"]:
                parameter += 0.5

    ones = torch.ones(2, 1, 2, 2)
    options = dict(optimizer=Ramp, patience=2, epochs=9, loss=lambda p, t: (p - t).mean() ** 2)
    plain, averaged = Constant(), Constant()
    first, second = quiet(plain, ones, ones, **options), quiet(averaged, ones, ones, ema=0.9, **options)
    assert first.best_epoch == 2 and plain.value.item() == 1
    assert second.best_epoch == 2 and second.stopped_early and len(second.validation_loss) == 4
    assert averaged.value.item() == pytest.approx(0.25 * (9 / 11 * 0.5) + 0.75 * 1.0)


def test_no_decay_is_no_average_and_training_does_not_see_it():
    results = []
    for options in ({}, {"ema": 0.0}, {"ema": 0.9}):
        model = normalised()
        history = quiet(model, images(), images(2), corrupt=noisy, epochs=3, batch_size=3, **options)
        results.append((weights(model), history))
    (plain, first), (same, second), (averaged, third) = results
    assert torch.equal(plain, same) and first.validation_loss == second.validation_loss
    assert first.train_loss == third.train_loss and first.validation_loss != third.validation_loss
    assert not torch.allclose(plain, averaged, atol=1e-4)


def test_statistics_are_averaged_and_counts_are_the_latest():
    plain, averaged = normalised(), normalised()
    quiet(plain, images(), epochs=2, batch_size=3)
    quiet(averaged, images(), epochs=2, batch_size=3, ema=0.9)
    assert averaged[1].num_batches_tracked == plain[1].num_batches_tracked == 6
    assert not torch.allclose(averaged[1].running_var, plain[1].running_var, atol=1e-5)


def test_an_error_in_validation_leaves_the_weights_in_training():
    def broken(prediction, target):
        raise ZeroDivisionError

    seen, model = [], Constant()
    options = dict(epochs=1, ema=0.5, metrics={"broken": broken}, optimizer=recorded(seen, lr=0.25))
    with pytest.raises(ZeroDivisionError):
        quiet(model, 3 * torch.ones(2, 1, 2, 2), torch.ones(2, 1, 2, 2), **options)
    assert model.value.item() == 1.5 and len(seen) == 1


def test_zero_epochs_change_nothing():
    model = normalised()
    quiet(model, images(), images(2), epochs=0, ema=0.9, schedule="cosine", clip_norm=1.0)
    assert torch.equal(weights(model), weights(normalised()))


# ---- resume


ALL = dict(schedule="one cycle", ema=0.9, clip_norm=0.1, corrupt=noisy, batch_size=3, epochs=5)


@pytest.mark.parametrize(
    "options", [ALL, ALL | {"patience": 3}, ALL | {"schedule": "cosine", "mixed_precision": "bf16"}]
)
def test_a_resume_is_exact(tmp_path, options):
    def stop(history):
        if len(history.train_loss) in (2, 3):
            raise KeyboardInterrupt

    whole, path = normalised(), tmp_path / "run.pt"
    expected = quiet(whole, images(), images(2), **options)
    for seed in (0, 6):  # the first weights of the second do not matter
        with pytest.raises(KeyboardInterrupt):
            quiet(normalised(seed), images(), images(2), checkpoint=path, on_epoch=stop, **options)
    resumed = normalised(7)
    history = quiet(resumed, images(), images(2), checkpoint=path, **options)
    assert torch.equal(weights(resumed), weights(whole))
    for name in ("train_loss", "validation_loss", "learning_rate", "best_epoch"):
        assert getattr(history, name) == getattr(expected, name), name
    before, again = path.read_bytes(), normalised(8)
    assert quiet(again, images(), images(2), checkpoint=path, **options) == history
    assert torch.equal(weights(again), weights(whole)) and path.read_bytes() == before


def test_an_averaged_run_is_prolonged_exactly(tmp_path):
    """Without a schedule, which ends where it was told to."""
    options = dict(ema=0.9, clip_norm=0.1, corrupt=noisy, batch_size=3)
    whole, path = normalised(), tmp_path / "run.pt"
    quiet(whole, images(), images(2), epochs=4, **options)
    quiet(normalised(), images(), images(2), epochs=2, checkpoint=path, **options)
    longer = normalised(3)
    quiet(longer, images(), images(2), epochs=4, checkpoint=path, **options)
    assert torch.equal(weights(longer), weights(whole))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "cosine"}, "schedule: one cycle over 2 epochs in the file, cosine over 2"),
        ({"epochs": 4}, "schedule: one cycle over 2 epochs in the file, one cycle over 4"),
        ({"ema": 0.5}, "ema: 0.9 in the file, 0.5 in this call"),
        ({"ema": None}, "ema: 0.9 in the file, None"),
        ({"clip_norm": 1.0}, "clip_norm: 0.1 in the file, 1.0"),
    ],
)
def test_a_run_with_other_options_is_another_run(tmp_path, change, message):
    options = ALL | {"epochs": 2, "checkpoint": tmp_path / "run.pt"}
    quiet(normalised(), images(), **options)
    with pytest.raises(ValueError, match=f"another run:(.|\n)*{message}"):
        quiet(normalised(), images(), **(options | change))


def test_a_file_from_before_there_were_options_is_welcome(tmp_path):
    path = tmp_path / "run.pt"
    quiet(normalised(), images(), epochs=1, checkpoint=path)
    state = torch.load(path, weights_only=True)
    for name in ("schedule", "ema", "clip_norm"):
        del state["fingerprint"][name]
    torch.save(state, path)
    assert len(quiet(normalised(), images(), epochs=2, checkpoint=path).train_loss) == 2


# ---- several processes


def test_two_processes_are_one(tmp_path):
    """Weights, losses and best epoch of 2 processes are those of one; with BatchNorm both at least hold the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = f"-m torch.distributed.run --nproc_per_node=2 --master_addr=127.0.0.1 --master_port={port}".split()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, *launch, distributed_fit.__file__, "averaged", str(tmp_path / "result")]
    result = subprocess.run(command, env=environment, timeout=280, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    alone = distributed_fit.plain_run(**distributed_fit.AVERAGED)
    both = [torch.load(tmp_path / f"result.{rank}", weights_only=True) for rank in range(2)]
    for shared in both:
        for name, tensor in alone["weights"].items():
            assert torch.allclose(tensor, shared["weights"][name], rtol=1e-4, atol=1e-6), name
        for name in ("train_loss", "validation_loss", "learning_rate"):
            assert shared["history"][name] == pytest.approx(alone["history"][name], rel=1e-4), name
        assert shared["history"]["best_epoch"] == alone["history"]["best_epoch"]
    for name, tensor in both[0]["normalised"]["weights"].items():
        assert torch.equal(tensor, both[1]["normalised"]["weights"][name]), f"both processes hold one {name}"
    first, second = (shared["normalised"]["history"]["validation_loss"] for shared in both)
    assert first == second


# ---- sources that draw anew


def test_a_drawing_source_depends_on_seed_epoch_and_index_alone():
    pictures = torch.rand(5, 1, 12, 14, generator=torch.Generator().manual_seed(2))
    train = Mixture({"a": pictures[:3], "b": pictures[3:]}, count=6, size=4)

    def caught(batch_size, seed=0, epochs=3):
        found = {True: [], False: []}

        class Spy(Constant):
            def forward(self, noisy):
                found[self.training] += [image.numpy().tobytes() for image in noisy]
                return super().forward(noisy)

        quiet(Spy(), train, train, epochs=epochs, batch_size=batch_size, seed=seed)
        return [set(found[True][6 * epoch : 6 * epoch + 6]) for epoch in range(epochs)], found[False]

    (one, seen), (other, again) = caught(1), caught(4)
    assert one == other and seen == again, "the same however they are batched"
    assert len(set().union(*one)) == 18, "anew in each epoch"
    assert seen[:6] == seen[6:12] == seen[12:] and not set(seen) & set().union(*one), "validation: always the same"
    assert not set().union(*one) & set().union(*caught(4, seed=1)[0])


def test_a_resume_with_a_drawing_source_is_exact(tmp_path):
    train = Mixture({"a": torch.rand(3, 1, 9, 9, generator=torch.Generator().manual_seed(2))}, count=6, size=5)
    whole, path = normalised(), tmp_path / "run.pt"
    quiet(whole, train, corrupt=noisy, epochs=3, batch_size=4)
    quiet(normalised(), train, corrupt=noisy, epochs=1, batch_size=4, checkpoint=path)
    resumed = normalised(3)
    quiet(resumed, train, corrupt=noisy, epochs=3, batch_size=4, checkpoint=path)
    assert torch.equal(weights(resumed), weights(whole))


# ---- bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(schedule="linear"), ValueError, "schedule: expected 'cosine' or 'one cycle' or None, got 'linear'"),
        (dict(schedule="cosine", plateau={}, validation=images(2)), ValueError, "schedule and plateau"),
        (dict(ema=1.0), ValueError, "ema: expected a decay below 1"),
        (dict(ema=1.5), ValueError, "ema: expected a number from 0 to 1"),
        (dict(ema=True), TypeError, "ema: expected a number"),
        (dict(clip_norm=0), ValueError, "clip_norm: .*above 0"),
        (dict(clip_norm="1"), TypeError, "clip_norm: expected a number"),
    ],
)
def test_bad_options_say_what_was_expected(change, error, message):
    with pytest.raises(error, match=message):
        quiet(**({"model": normalised(), "train": images(), "epochs": 1} | change))
