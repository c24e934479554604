"""Laws of `training.fit`.

It is the plain loop; noise depends on (seed, epoch, image) alone; a resume is exact; several processes are
one; nothing outside is touched.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import distributed_fit
import pytest
import torch
from torch import nn

from course_lib import files, noise, profiles, training
from course_lib.training import History, Profile, checkpoint, denoise, engine, fit, fixed_seed, profile, seeded

MSE = nn.functional.mse_loss
ROOT = Path(__file__).parents[2]
quiet = partial(fit, loss=MSE, progress=False, device="cpu")


def images(count: int = 7, seed: int = 1, size: tuple[int, int] = (5, 6)) -> torch.Tensor:
    return torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed))


def small_model(seed: int = 0) -> nn.Module:
    with fixed_seed(seed):
        return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(3, 1, 1))


class Constant(nn.Module):
    """One number, whatever comes in: its training can be followed with pencil and paper."""

    def __init__(self, value: float = 0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        return self.value.expand_as(noisy)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


def add_noise(image: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    return noise.gaussian(image, 0.3, generator=generator)


def sgd(rate: float):
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


def run(arguments: list[str], timeout: int = 280) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(arguments, env=environment, timeout=timeout, capture_output=True, text=True)


HELPER = str(Path(distributed_fit.__file__))


# ---- the loop


def test_fit_is_the_plain_loop():
    """Three epochs in plain PyTorch, with the documented seeds, give the same weights and losses."""
    train, validation = images(7), images(3, seed=2)
    model, plain = small_model(), small_model()
    history = quiet(
        model,
        train,
        validation,
        corrupt=add_noise,
        epochs=3,
        batch_size=3,
        seed=9,
        weight_decay=0.01,
        channels_last=False,
    )

    def noisy(clean: torch.Tensor, *when: int | str) -> torch.Tensor:
        return add_noise(clean, generator=torch.Generator().manual_seed(seeded(9, *when)))

    adam = torch.optim.Adam(plain.parameters(), lr=1e-3, weight_decay=0.01)
    for epoch in range(3):
        plain.train()
        losses = 0.0
        order = torch.randperm(7, generator=torch.Generator().manual_seed(seeded(9, "order", epoch)))
        with fixed_seed(9, "model", epoch, 0):
            for batch in order.split(3):
                inputs = torch.stack([noisy(train[i], "train", epoch, i) for i in batch])
                loss = ((plain(inputs) - train[batch]) ** 2).mean()
                adam.zero_grad()
                loss.backward()
                adam.step()
                losses += loss.item() * len(batch) / 7
        assert history.train_loss[epoch] == pytest.approx(losses, rel=1e-6)
        plain.eval()
        with torch.no_grad():
            inputs = torch.stack([noisy(validation[i], "validation", i) for i in range(3)])
            assert history.validation_loss[epoch] == pytest.approx(MSE(plain(inputs), validation).item(), rel=1e-6)
    assert torch.allclose(weights(model), weights(plain), rtol=0, atol=1e-7)
    assert not torch.allclose(weights(model), weights(small_model()), rtol=0, atol=1e-4)


def test_it_learns_to_denoise():
    """A 3×3 filter learned on smooth images beats doing nothing, and `denoise` applies it."""
    rows, columns = torch.meshgrid(torch.linspace(0, 1, 11), torch.linspace(0, 1, 13), indexing="ij")
    clean = torch.stack([rows, columns, (rows + columns) / 2, rows * columns]).unsqueeze(1)
    with fixed_seed(0):
        model = nn.Conv2d(1, 1, 3, padding=1)
    quiet(model, clean, corrupt=add_noise, epochs=150, batch_size=4, learning_rate=0.02)
    noisy = noise.gaussian(clean, 0.3, generator=torch.Generator().manual_seed(8))
    assert MSE(denoise(model, noisy, device="cpu"), clean) < 0.4 * MSE(noisy, clean)


def test_without_corruption_the_input_is_the_clean_image():
    seen = []

    class Spy(Constant):
        def forward(self, noisy):
            seen.append(noisy.clone())
            return super().forward(noisy)

    train = images(4)
    quiet(Spy(), train, epochs=1, batch_size=4)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seeded(0, "order", 0)))
    assert torch.equal(seen[0], train[order])


def test_every_image_comes_once_an_epoch_in_a_new_order():
    train = torch.arange(7.0).view(7, 1, 1, 1).expand(7, 1, 2, 3)
    epochs, batches = [], []

    def loss(prediction, target):
        batches.append(target[:, 0, 0, 0].tolist())
        return MSE(prediction, target)

    quiet(
        Constant(),
        train,
        loss=loss,
        epochs=2,
        batch_size=3,
        on_epoch=lambda history: epochs.append(len(batches)),
    )
    assert epochs == [3, 6] and [len(batch) for batch in batches] == [3, 3, 1, 3, 3, 1]
    first, second = sum(batches[:3], []), sum(batches[3:], [])
    assert sorted(first) == sorted(second) == list(range(7)) and first != second


def test_noise_depends_on_seed_epoch_and_image_alone():
    """The noise of each image, caught at the corruption, under other batches and other numbers of images."""

    class Still(torch.utils.data.Dataset):
        def __init__(self, indices):
            self.indices = indices

        def __len__(self):
            return len(self.indices)

        def __getitem__(self, index):
            return torch.full((1, 2, 2), float(self.indices[index]))

    def caught(batch_size, seed=0, count=5):
        found = {"train": [], "validation": []}

        def corrupt(image, *, generator):
            value = torch.rand(1, generator=generator).item()
            found["train" if image[0, 0, 0] < 100 else "validation"].append((image[0, 0, 0].item(), value))
            return image

        quiet(
            Constant(),
            Still(range(count)),
            Still(range(100, 103)),
            corrupt=corrupt,
            epochs=2,
            batch_size=batch_size,
            seed=seed,
        )
        return found

    one, other = caught(1), caught(3)
    assert sorted(one["train"]) == sorted(other["train"]) and len(set(one["train"])) == 10
    assert one["validation"] == other["validation"]
    assert one["validation"][:3] == one["validation"][3:], "validation noise must be the same every epoch"
    assert set(one["train"]) < set(caught(2, count=6)["train"])
    assert not set(one["train"]) & set(caught(1, seed=1)["train"])


def test_same_seed_same_weights_other_seed_other_weights():
    results = []
    for seed in (0, 0, 1):
        model = small_model()
        quiet(model, images(), corrupt=add_noise, epochs=2, batch_size=3, seed=seed)
        results.append(weights(model))
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


def test_a_model_that_draws_numbers_in_validation_draws_the_same_every_epoch():
    class Random(Constant):
        def forward(self, noisy):
            return super().forward(noisy) + torch.rand(noisy.shape)

    state = torch.get_rng_state()
    history = quiet(Random(), images(), images(3), epochs=2, batch_size=2, optimizer=sgd(0.0))
    assert history.validation_loss[0] == history.validation_loss[1]
    assert history.train_loss[0] != history.train_loss[1]
    assert torch.equal(state, torch.get_rng_state())


def test_global_state_is_left_alone():
    import random

    import numpy as np
    from accelerate.state import AcceleratorState, GradientState, PartialState

    torch.manual_seed(1)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    states = [dict(state._shared_state) for state in (AcceleratorState, GradientState, PartialState)]
    model = small_model()
    quiet(model, images(), images(2), corrupt=add_noise, epochs=2, batch_size=3)
    quiet(model, images(), corrupt=add_noise, epochs=1, mixed_precision="bf16")
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == random.getstate()
    assert (before[2] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert states == [dict(state._shared_state) for state in (AcceleratorState, GradientState, PartialState)]
    assert not {"forward", "_original_forward", "_is_accelerate_prepared"} & vars(model).keys()


def test_a_training_does_not_disturb_an_accelerator_of_the_caller():
    """And neither the caller's precision nor that of an earlier training reaches this one."""
    from accelerate import Accelerator

    mine = Accelerator(cpu=True, mixed_precision="bf16")
    dtypes = []

    class Spy(nn.Conv2d):
        def forward(self, noisy):
            result = super().forward(noisy)
            dtypes.append(result.dtype)
            return result

    try:
        for precision in (None, "bf16", "no"):
            model = Spy(1, 1, 1)
            quiet(model, images(), epochs=1, batch_size=7, mixed_precision=precision)
        assert dtypes == [torch.float32, torch.bfloat16, torch.float32]
        assert mine.mixed_precision == Accelerator(cpu=True).mixed_precision == "bf16"
    finally:
        mine.free_memory()
        for state in (type(mine.state), type(mine.gradient_state)):
            state._reset_state()
        from accelerate.state import PartialState

        PartialState._reset_state()


def test_the_model_is_put_back():
    model = small_model()
    model[2].eval()
    flags = [module.training for module in model.modules()]
    quiet(model, images(), images(2), epochs=1, channels_last=True)
    assert [module.training for module in model.modules()] == flags
    assert model[0].weight.is_contiguous() and all(p.grad is None for p in model.parameters())

    with pytest.raises(ZeroDivisionError):
        quiet(model, images(), images(2), loss=lambda prediction, target: 1 / 0, epochs=1)
    assert [module.training for module in model.modules()] == flags


@pytest.mark.parametrize(("asked", "expected"), [(None, True), (True, True), (False, False)])
def test_memory_layout(asked, expected):
    layouts = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, noisy):
            layouts.append(noisy.is_contiguous(memory_format=torch.channels_last))
            return self.inner(noisy)

    quiet(
        Spy(),
        torch.rand(4, 2, 5, 7, generator=torch.Generator().manual_seed(0)),
        epochs=1,
        channels_last=asked,
    )
    assert layouts == [expected]


def test_transform_comes_before_the_noise_and_in_place_functions_do_no_harm():
    train = images(5, size=(8, 9))
    kept = train.clone()
    targets = []

    def crop(image, *, generator):
        start = int(torch.randint(0, 4, (), generator=generator))
        image.mul_(1.0)
        return image[..., start : start + 4, :5]

    def corrupt(image, *, generator):
        assert image.shape == (1, 4, 5)
        return image.add_(100.0)

    def loss(prediction, target):
        targets.append(target)
        return MSE(prediction, target)

    quiet(Constant(), train, loss=loss, corrupt=corrupt, transform=crop, epochs=1, batch_size=2)
    assert torch.equal(train, kept)
    assert all(target.shape[1:] == (1, 4, 5) and target.max() <= 1 for target in targets)


def test_metrics_are_means_over_validation_images():
    """Vectors (one number an image) and means are averaged alike, and unequal batches count by their size."""
    validation = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    functions = {
        "vector": lambda prediction, target: (target - prediction).mean(dim=(1, 2, 3)),
        "mean": lambda prediction, target: (target - prediction).mean(),
    }
    history = quiet(Constant(), images(), validation, epochs=2, batch_size=3, metrics=functions, optimizer=sgd(0.0))
    assert history.metrics == {"vector": [2.0, 2.0], "mean": [2.0, 2.0]}
    assert history.validation_loss == pytest.approx([6.0, 6.0])


# ---- stopping and learning rates, followed with pencil and paper


def decaying(target: float, rate: float, **options) -> tuple[Constant, History]:
    """SGD on (v - target)²: each epoch v moves to v + 2·rate·(target - v). Validation wants v = 1."""
    model = Constant(0.0)
    ones = torch.ones(2, 1, 2, 2)
    return model, quiet(model, target * ones, ones, batch_size=2, optimizer=sgd(rate), **options)


def test_early_stopping_gives_the_best_weights_back():
    """v = 0.5, 1, 1.5, 2: the loss (v - 1)² is best in epoch 2; patience 2 ends it after epochs 3 and 4."""
    step = {"epochs": 9, "loss": lambda prediction, target: (prediction - target).mean() ** 2}
    model = Constant(0.0)
    ones = torch.ones(2, 1, 2, 2)

    class Ramp(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(list(parameters), {"lr": 0.5})

        @torch.no_grad()
        def step(self, closure=None):
            for parameter in self.param_groups[0]["params"]:
                parameter += 0.5

    history = quiet(model, ones, ones, optimizer=Ramp, patience=2, **step)
    assert history.validation_loss == pytest.approx([0.25, 0.0, 0.25, 1.0])
    assert history.stopped_early and history.best_epoch == 2 and model.value.item() == 1.0

    model = Constant(0.0)
    history = quiet(model, ones, ones, optimizer=Ramp, patience=1, min_delta=0.3, **step)
    assert history.best_epoch == 1 and len(history.validation_loss) == 2 and model.value.item() == 0.5

    model = Constant(0.0)
    history = quiet(model, ones, ones, optimizer=Ramp, epochs=4, loss=step["loss"])
    assert not history.stopped_early and history.best_epoch == 2 and model.value.item() == 2.0

    model = Constant(0.0)
    history = quiet(model, ones, ones, optimizer=Ramp, epochs=3, loss=step["loss"], patience=7)
    assert not history.stopped_early and model.value.item() == 1.0


def test_plateau_reduces_the_learning_rate():
    """Training wants 3, validation 1: v = 1.5 (loss .25), 2.25 (1.56), 2.625, ...

    With patience 1 the second bad epoch (3) divides the rate by ten for epoch 4.
    """
    model, history = decaying(3.0, 0.25, epochs=5, plateau=dict(factor=0.1, patience=1))
    assert history.learning_rate == pytest.approx([0.25, 0.25, 0.25, 0.025, 0.025])
    v, rates = 0.0, history.learning_rate
    for rate, loss in zip(rates, history.validation_loss, strict=True):
        v += 2 * rate * (3.0 - v)
        assert loss == pytest.approx((v - 1) ** 2, rel=1e-5)
    assert model.value.item() == pytest.approx(v, rel=1e-6)


def test_history_callback_and_bar(capsys):
    lengths = []
    history = fit(
        small_model(), images(), images(2), loss=MSE, epochs=2, device="cpu",
        on_epoch=lambda history: lengths.append(len(history.seconds)),
    )  # fmt: skip
    assert lengths == [1, 2]
    assert History(**json.loads(json.dumps(history.as_dict()))) == history
    assert all(second > 0 for second in history.seconds) and history.learning_rate == [1e-3, 1e-3]
    shown = capsys.readouterr().err
    assert "epoch 2/2" in shown and f"validation={history.validation_loss[-1]:.4g}" in shown
    quiet(small_model(), images(), epochs=1)
    assert capsys.readouterr().err == ""


def test_zero_epochs_change_nothing():
    model = small_model()
    history = quiet(model, images(), images(2), epochs=0, patience=1)
    assert history == History() and torch.equal(weights(model), weights(small_model()))


# ---- checkpoint and resume


def test_resume_after_a_kill_is_exact(tmp_path):
    """A run that SIGKILL ended in mid-epoch, started again, ends with the weights of one left alone."""
    path = tmp_path / "run.pt"
    killed = run([sys.executable, HELPER, "killed", str(tmp_path / "no.pt"), str(path)])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(torch.load(path, weights_only=True)["history"]["train_loss"]) == 2
    again = run([sys.executable, HELPER, "whole", str(tmp_path / "resumed.pt"), str(path)])
    assert again.returncode == 0, again.stderr
    whole = run([sys.executable, HELPER, "whole", str(tmp_path / "whole.pt"), str(tmp_path / "fresh" / "other.pt")])
    assert whole.returncode == 0, whole.stderr
    resumed, whole = (torch.load(tmp_path / name, weights_only=True) for name in ("resumed.pt", "whole.pt"))
    assert resumed["calls"] == whole["calls"] - 2 * 18, "two epochs must not be trained again"
    assert resumed["weights"].keys() == whole["weights"].keys()
    for name, tensor in whole["weights"].items():
        assert torch.equal(tensor, resumed["weights"][name]), name
    for name in ("train_loss", "validation_loss", "learning_rate", "best_epoch"):
        assert resumed["history"][name] == whole["history"][name], name
    assert len(set(whole["history"]["learning_rate"])) > 1, "the plateau must have acted, or it was not tested"


def interrupted(model: nn.Module, path: Path, after: int, **options) -> None:
    def stop(history):
        if len(history.train_loss) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quiet(model, images(), images(2), on_epoch=stop, checkpoint=path, **options)


def test_interrupt_resume_prolong_and_return_at_once(tmp_path):
    path = tmp_path / "run.pt"
    options = dict(corrupt=add_noise, batch_size=3, optimizer=partial(torch.optim.RMSprop, lr=1e-3, eps=1e-7))
    whole = small_model()
    expected = quiet(whole, images(), images(2), epochs=4, **options)
    interrupted(small_model(5), path, 1, epochs=2, **options)
    quiet(small_model(), images(), images(2), epochs=2, checkpoint=path, **options)
    prolonged = small_model(6)  # its first weights do not matter: the file's count
    history = quiet(prolonged, images(), images(2), epochs=4, checkpoint=str(path), **options)
    assert len(history.train_loss) == 4

    fresh, other = small_model(), tmp_path / "other.pt"
    interrupted(fresh, other, 3, epochs=4, **options)
    resumed = small_model(7)
    history = quiet(resumed, images(), images(2), epochs=4, checkpoint=other, **options)
    assert torch.equal(weights(resumed), weights(whole)) and history.train_loss == expected.train_loss

    before, done = other.read_bytes(), small_model(8)
    again = quiet(done, images(), images(2), epochs=4, checkpoint=other, **options)
    assert again == history and torch.equal(weights(done), weights(whole)) and other.read_bytes() == before
    with pytest.raises(ValueError, match="holds 4 epochs.*at least 4"):
        quiet(done, images(), images(2), epochs=3, checkpoint=other, **options)


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    options = dict(epochs=9, patience=1, min_delta=10.0, checkpoint=tmp_path / "run.pt")
    model, other = small_model(), small_model(3)
    history = quiet(model, images(), images(2), **options)
    assert history.stopped_early and len(history.train_loss) == 2
    assert quiet(other, images(), images(2), **options) == history
    assert torch.equal(weights(model), weights(other))


OTHER_RUNS = {
    "seed": dict(seed=1),
    "batch_size": dict(batch_size=2),
    "optimizer": dict(learning_rate=0.01),
    "patience": dict(patience=3),
    "plateau": dict(plateau=dict(factor=0.5)),
    "metrics": dict(metrics={"mse": MSE}),
    "noisy image": dict(corrupt=lambda image, *, generator: noise.gaussian(image, 0.31, generator=generator)),
    "clean image": dict(train=images(seed=4)),
    "training images": dict(train=images(8)[:6]),
    "loss of an example": dict(loss=nn.functional.l1_loss),
    "validation images": dict(validation=images(3)),
    "mixed_precision": dict(mixed_precision="bf16"),
    "model": dict(model=nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))),
}


@pytest.mark.parametrize("name", OTHER_RUNS)
def test_the_checkpoint_of_another_run_is_refused(tmp_path, name):
    path = tmp_path / "run.pt"
    call = dict(model=small_model(), train=images(), validation=images(2), corrupt=add_noise, epochs=1)
    quiet(**call, checkpoint=path)
    before, model = path.read_bytes(), small_model(9)
    with pytest.raises(ValueError, match=f"another run:(.|\n)*{name}(.|\n)*Delete or rename"):
        quiet(**(call | {"model": model} | OTHER_RUNS[name]), checkpoint=path)
    assert path.read_bytes() == before and torch.equal(weights(model), weights(small_model(9)))


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "foreign"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "run.pt"
    quiet(small_model(), images(), epochs=1, checkpoint=path)
    whole = path.read_bytes()
    if damage == "foreign":
        torch.save({"weights": torch.zeros(1)}, path)
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"not a checkpoint"}[damage])
    with pytest.raises(ValueError, match="cannot be read.*Delete or rename"):
        quiet(small_model(), images(), epochs=1, checkpoint=path)
    torch.save(torch.load(_rewritten(path, whole), weights_only=True) | {"format": 99}, path)
    with pytest.raises(ValueError, match="format 99, expected 1"):
        quiet(small_model(), images(), epochs=1, checkpoint=path)


def _rewritten(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    quiet(small_model(), images(), epochs=1, checkpoint=path)
    before = path.read_bytes()

    def full(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        quiet(small_model(), images(), epochs=2, checkpoint=path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["run.pt"]

    def crash(unfinished, path):
        raise KeyboardInterrupt

    monkeypatch.undo()
    monkeypatch.setattr(files.os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        quiet(small_model(), images(), epochs=2, checkpoint=path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["run.pt"]


# ---- several processes


TORCHRUN = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--master_addr=127.0.0.1", "--master_port={port}"]
# `accelerate launch --cpu` starts one process whatever it is asked; as --multi_gpu, told to use the CPU, it starts two
ACCELERATE = [
    *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"),
    *("--mixed_precision=no", "--dynamo_backend=no", "--main_process_port={port}"),
]


@pytest.mark.parametrize("launcher", [TORCHRUN, ACCELERATE], ids=["torchrun", "accelerate launch"])
def test_two_processes_are_one(tmp_path, monkeypatch, launcher):
    """gloo: losses, metrics and weights of 2 processes are those of one; the last batch is odd."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if launcher is ACCELERATE:
        monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    output = tmp_path / "result"
    result = run([sys.executable, *(word.format(port=port) for word in launcher), HELPER, "plain", str(output)])
    assert result.returncode == 0, result.stderr[-3000:]
    assert "epoch 1/5" in result.stderr, "the main process shows a bar"
    alone = distributed_fit.plain_run()
    both = [torch.load(f"{output}.{rank}", weights_only=True) for rank in range(2)]
    for shared in both:
        for name, tensor in alone["weights"].items():
            assert torch.allclose(tensor, shared["weights"][name], rtol=1e-4, atol=1e-6), name
        for name in ("train_loss", "validation_loss", "learning_rate"):
            assert shared["history"][name] == pytest.approx(alone["history"][name], rel=1e-4), name
        assert shared["history"]["metrics"]["psnr"] == pytest.approx(alone["history"]["metrics"]["psnr"], rel=1e-4)
        assert shared["history"]["stopped_early"] and shared["history"]["best_epoch"] == alone["history"]["best_epoch"]
    assert len(alone["history"]["train_loss"]) > 1, "steps after the first epoch must have been compared"
    for one, other in ((both[0], both[1]), (both[0]["normalised"], both[1]["normalised"])):
        assert one["history"]["validation_loss"] == other["history"]["validation_loss"]
        for name, tensor in one["weights"].items():
            assert torch.equal(tensor, other["weights"][name]), f"both processes hold one {name}"


# ---- bad input


def broken_loss(prediction, target):
    return MSE(prediction, target) * float("nan")


BAD_CALLS = {
    "epochs below 0": (dict(epochs=-1), ValueError, "epochs: expected at least 0, got -1"),
    "epochs no integer": (dict(epochs=1.5), TypeError, "epochs: expected a whole number, got 1.5"),
    "epochs a bool": (dict(epochs=True), TypeError, "epochs: expected a whole number"),
    "batch size": (dict(batch_size=0), ValueError, "batch_size: expected at least 1"),
    "learning rate": (dict(learning_rate=-1.0), ValueError, "learning_rate: .*above 0"),
    "weight decay": (dict(weight_decay=-1.0), ValueError, "weight_decay: "),
    "patience": (dict(patience=0, validation=images(2)), ValueError, "patience: expected at least 1"),
    "patience alone": (dict(patience=2), ValueError, "need validation images"),
    "plateau alone": (dict(plateau={}), ValueError, "need validation images"),
    "metrics alone": (dict(metrics={"mse": MSE}), ValueError, "need validation images"),
    "an optimizer": (dict(optimizer=torch.optim.SGD(Constant().parameters(), 0.1)), TypeError, "makes one"),
    "optimizer and rate": (dict(optimizer=sgd(0.1), learning_rate=0.1), ValueError, "to the default Adam"),
    "no batch axis": (dict(train=torch.zeros(5, 5)), ValueError, r"train: expected images \(N, C"),
    "integers": (dict(train=torch.ones(2, 1, 4, 4, dtype=torch.uint8)), TypeError, "floating-point"),
    "no images": (dict(train=torch.zeros(0, 1, 4, 4)), ValueError, "train: expected at least one"),
    "an empty list": (dict(train=[]), ValueError, "at least one image, got an empty list"),
    "NaN": (dict(train=torch.full((2, 1, 4, 4), float("nan"))), ValueError, "train: expected finite"),
    "no data": (dict(train=None), TypeError, "train: .* or a Dataset .* got NoneType"),
    "double": (dict(train=images().double()), TypeError, "train: expected torch.float32"),
    "labels": (dict(train=[(images()[0], 3)]), TypeError, "each item to be a clean image.*got tuple"),
    "item shape": (dict(train=[images()[0, 0]]), ValueError, r"float tensor \(C, H, W\)"),
    "unequal sizes": (dict(train=[images()[0], images(size=(4, 4))[0]]), ValueError, "of one size"),
    "validation shape": (dict(validation=torch.zeros(5, 5)), ValueError, "validation: expected images"),
    "corrupt": (dict(corrupt=lambda image, generator: None), TypeError, "corrupt: .* return a tensor"),
    "transform": (dict(transform=lambda image, generator: image[0]), TypeError, r"got \(5, 6\)"),
    "output": (dict(model=nn.Conv2d(1, 2, 1)), ValueError, r"output .*\(7, 1, 5, 6\), got \(7, 2"),
    "loss map": (dict(loss=lambda p, t: (p - t) ** 2), ValueError, r"one number an image \(7\)"),
    "loss number": (dict(loss=lambda p, t: 0.5), ValueError, "got float"),
    "NaN loss": (dict(loss=broken_loss), FloatingPointError, "epoch 1, batch 1, at .* 0.001. Try"),
    "validation loss": (
        dict(validation=images(2), loss=lambda p, t: MSE(p, t) if p.requires_grad else p.mean() / 0),
        FloatingPointError,
        "the validation loss became",
    ),
    "precision": (dict(mixed_precision="fp8"), ValueError, "mixed_precision: expected"),
    "half on the CPU": (dict(mixed_precision="fp16"), ValueError, "'fp16' needs a GPU"),
    "device": (dict(device="tpu"), ValueError, "device: expected"),
    "seed": (dict(seed=0.5), TypeError, "float"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_say_what_was_expected(name):
    changes, error, message = BAD_CALLS[name]
    with pytest.raises(error, match=message):
        quiet(**({"model": small_model(), "train": images(), "epochs": 1, "corrupt": None} | changes))


def test_a_loss_that_explodes_is_noticed_and_not_saved(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(FloatingPointError, match="learning rate 1e\\+30"):
        quiet(Constant(), images(), epochs=5, batch_size=2, optimizer=sgd(1e30), checkpoint=path)
    assert not path.exists()


# ---- denoise


def test_denoise_is_the_model_in_eval_mode():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Conv2d(2, 1, 1))
    noisy = 5 * images(7) - 2
    before = weights(model)
    result = denoise(model, noisy, batch_size=3, device="cpu")
    assert model.training and model[2].training and torch.equal(before, weights(model))
    assert result.device.type == "cpu" and not result.requires_grad
    expected = model.eval()(noisy).detach()
    assert torch.allclose(result, expected, atol=1e-6) and not torch.equal(result, result.clamp(0, 1))
    assert torch.equal(denoise(nn.Identity(), noisy, device="cpu"), noisy), "a model without weights"


def test_denoise_refuses_bad_input():
    with pytest.raises(ValueError, match="images: expected images"):
        denoise(small_model(), torch.zeros(3, 3))
    with pytest.raises(TypeError, match="images: expected torch.float32"):
        denoise(small_model(), images().double())
    with pytest.raises(ValueError, match="batch_size: expected at least 1"):
        denoise(small_model(), images(), batch_size=0)


# ---- profiles and seeds


def test_profiles(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(profiles.torch.cuda, "is_available", lambda: False)
    assert profile() == Profile("cpu", "cpu") and profile().pick(ci=1, cpu=2, gpu=3) == 2
    monkeypatch.setenv("COURSE_PROFILE", " CI ")
    assert profile() == Profile("ci", "cpu") and profile().pick(ci=1, cpu=2, gpu=3) == 1
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="expected one of ci, cpu, gpu, got 'huge'"):
        profile()
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    with pytest.raises(RuntimeError, match="Runtime > Change runtime type"):
        profile()
    monkeypatch.setattr(profiles.torch.cuda, "is_available", lambda: True)
    assert profile() == Profile("gpu", "cuda") and profile().pick(ci=1, cpu=2, gpu=3) == 3
    monkeypatch.delenv("COURSE_PROFILE")
    assert profile() == Profile("gpu", "cuda")
    monkeypatch.setattr(profiles.torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="no Apple GPU"):
        fit(Constant(), images(), loss=MSE, epochs=1, device="mps")


@pytest.mark.parametrize(
    ("capability", "expected"), [((6, 0), "no"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_precision_follows_the_gpu(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert engine._precision(None, "cuda") == expected and engine._precision("no", "cuda") == "no"


def test_seeded_is_stable_and_mixes():
    # printf '[0]' | b2sum -l 64, little-endian, without the last bit; the other from [3, 'train', 2, 7]
    assert seeded(0) == 5621864261735219286 and seeded(3, "train", 2, 7) == 3593782558655813944
    values = [seeded(a, b, c) for a in range(6) for b in range(6) for c in range(6)]
    assert len(set(values)) == 216 and all(0 <= value < 2**63 for value in values)
    assert seeded(1, 2) != seeded(12) and seeded(0, "1") != seeded(0, 1)
    assert seeded(torch.tensor(3), 4) == seeded(3, 4)
    bits = torch.tensor([[(value >> bit) & 1 for bit in range(63)] for value in values], dtype=torch.float64).mean(0)
    assert (bits - 0.5).abs().max() < 5 * 0.5 / 216**0.5, "each bit is a fair coin"


def test_fixed_seed_repeats_and_restores():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    with fixed_seed(1, "a"):
        first = torch.rand(3)
    with fixed_seed(1, "a"):
        second = torch.rand(3)
    with fixed_seed(1, "b"):
        third = torch.rand(3)
    assert torch.equal(first, second) and not torch.equal(first, third)
    with pytest.raises(KeyError), fixed_seed(1):
        torch.rand(1)
        raise KeyError
    assert torch.equal(state, torch.get_rng_state())


def test_importing_starts_nothing():
    code = (
        "import sys, course_lib.training;"
        "bad = {'accelerate', 'matplotlib', 'nbgrader', 'skimage'} & sys.modules.keys(); assert not bad, bad"
    )
    result = run([sys.executable, "-c", code])
    assert result.returncode == 0, result.stderr
    assert training.__all__ == [
        "ATTENTION_ON_GPU",
        "ATTENTION_RECIPE",
        "THESIS_RECIPE",
        "History",
        "Profile",
        "attention_loss",
        "denoise",
        "fit",
        "fixed_seed",
        "noising",
        "on_magnitude",
        "profile",
        "reconstruct",
        "seeded",
        "squared_error",
        "train_step",
        "undersampling",
    ]
