"""Laws of training on k-space: `fit` with complex images and a `corrupt` that returns (measured, mask).

It is the plain loop; masks depend on (seed, epoch, image) alone; a resume is exact; several processes are one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import distributed_reconstruction
import numpy as np
import pytest
import torch
from distributed_reconstruction import Small, brains
from torch import nn

from course_lib import kspace, metrics, noise
from course_lib.training import fit, on_magnitude, reconstruct, seeded, squared_error, undersampling

ROOT = Path(__file__).parents[2]
quiet = partial(fit, loss=squared_error, progress=False, device="cpu")
quarter = undersampling(4, 0.1, sigma=0.02)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Spy(Small):
    """Keeps all that it is called with."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, *given):
        self.calls.append(given)
        return super().forward(*given)


# ---- fit


def test_fit_is_the_plain_loop():
    """Two epochs in plain PyTorch, FFT and all, with the documented seeds, give the same weights and losses."""
    train, validation = brains(5), brains(3, seed=2)
    model, plain = Small(), Small()
    psnr = on_magnitude(partial(metrics.psnr, data_range=1.0))
    history = quiet(
        model, train, validation, corrupt=quarter, epochs=2, batch_size=2, seed=9, metrics={"PSNR": psnr}
    )  # fmt: skip

    def measure(clean, *when):
        g = generator(seeded(9, *when))
        mask = kspace.cartesian_mask((9, 12), 4, 0.1, generator=g)
        full = torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(clean, dim=(-2, -1)), norm="ortho"), dim=(-2, -1))
        return noise.complex_gaussian(full, 0.02, generator=g) * mask, mask[None]

    def batch(images, indices, *when):
        pairs = [measure(images[i], *when, int(i)) for i in indices]
        return [torch.stack(part) for part in zip(*pairs, strict=True)]

    adam = torch.optim.Adam(plain.parameters(), lr=1e-3)
    for epoch in range(2):
        losses = 0.0
        order = torch.randperm(5, generator=generator(seeded(9, "order", epoch)))
        for indices in order.split(2):
            loss = (plain(*batch(train, indices, "train", epoch)) - train[indices]).abs().square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses += loss.item() * len(indices) / 5
        assert history.train_loss[epoch] == pytest.approx(losses, rel=1e-5)
        with torch.no_grad():
            prediction = plain(*batch(validation, range(3), "validation"))
        errors = (prediction - validation).abs().square().mean().item()
        assert history.validation_loss[epoch] == pytest.approx(errors, rel=1e-5)
        squares = (prediction.abs().clamp(max=1) - validation.abs()).square().mean((1, 2, 3))
        assert history.metrics["PSNR"][epoch] == pytest.approx(-10 * squares.log10().mean().item(), rel=1e-5)
    assert torch.allclose(weights(model), weights(plain), rtol=0, atol=1e-6)
    assert not torch.allclose(weights(model), weights(Small()), rtol=0, atol=1e-4)


def test_it_learns_to_reconstruct():
    """Two small filters, learned on smooth images, leave less than 0.7 of zero filling's error (0.46 when written)."""
    coarse = torch.rand(12, 1, 3, 3, generator=generator())
    clean = kspace.with_phase(nn.functional.interpolate(coarse, size=(16, 16), mode="bilinear"), generator=generator())
    model, acquire = Small(), undersampling(1.5, 0.3, sigma=0.1)
    quiet(model, clean, corrupt=acquire, epochs=40, batch_size=4, learning_rate=0.01)
    given = acquire(clean, generator=generator(7))
    before = squared_error(kspace.zero_filled(given[0]), clean)
    assert squared_error(reconstruct(model, *given, device="cpu"), clean) < 0.7 * before


def test_masks_are_new_for_each_image_and_epoch_and_the_same_in_each_validation():
    def seen(batch_size, seed=0):
        masks = {"train": {}, "validation": {}}

        def corrupt(image, *, generator):
            measured, mask = quarter(image, generator=generator)
            kind, index = ("train", image[0, 0, 0].item()) if image[0, 0, 0].abs() < 50 else ("validation", 0)
            masks[kind].setdefault(index, []).append((measured, mask))
            return measured, mask

        train = brains(4, size=(5, 64))
        train[:, 0, 0, 0] = torch.arange(4)
        far = brains(1, size=(5, 64))
        far[:, 0, 0, 0] = 100
        quiet(Small(), train, far, corrupt=corrupt, epochs=2, batch_size=batch_size, seed=seed)
        return masks

    one, other, third = seen(1), seen(3), seen(1, seed=1)
    everything = []
    for index, pairs in one["train"].items():
        everything += [mask for _, mask in pairs]
        for (measured, mask), (same, again) in zip(pairs, other["train"][index], strict=True):
            assert torch.equal(measured, same) and torch.equal(mask, again), "a batch must not change the acquisition"
        assert not torch.equal(pairs[0][1], third["train"][index][0][1])
    assert len(everything) == 8 and len({mask.numpy().tobytes() for mask in everything}) == 8
    first, second = one["validation"][0]
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_the_model_is_called_with_all_parts():
    """(measured, mask, sensitivities) of 3 coils, as batches; and a mask (H, W) gets its channel axis."""
    spy, coils = Spy(), kspace.birdcage_sensitivities((9, 12), 3)
    coils, train = torch.as_tensor(coils, dtype=torch.complex64), brains(4)
    quiet(spy, train, corrupt=undersampling(2, 0.2, sensitivities=coils), epochs=1, batch_size=4)
    (measured, mask, sensitivities), = spy.calls  # fmt: skip
    assert measured.shape == (4, 3, 9, 12) and measured.dtype == torch.complex64
    assert mask.shape == (4, 1, 9, 12) and mask.dtype == torch.bool
    assert torch.equal(sensitivities, coils.expand(4, 3, 9, 12))
    order = torch.randperm(4, generator=generator(seeded(0, "order", 0)))
    expected = kspace.forward(train[order], mask, coils)
    assert torch.allclose(measured, expected, atol=1e-6)

    def flat(image, *, generator):
        mask = kspace.cartesian_mask(image.shape, 3, 0.1, generator=generator)
        return kspace.undersample(image, mask), mask

    spy = Spy()
    quiet(spy, brains(4), corrupt=flat, epochs=1, batch_size=4)
    assert [part.shape for part in spy.calls[0]] == [(4, 1, 9, 12)] * 2


def test_a_single_complex_input_and_a_film():
    """No tuple: complex in, complex out. A film (T, H, W) has other lines in each frame."""
    calls = []

    class Turn(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.tensor(0.0))

        def forward(self, *given):
            calls.append(given)
            return given[0] * torch.exp(1j * self.value)

    model = Turn()
    quiet(model, brains(6), corrupt=lambda image, generator: image * 1j, epochs=60, batch_size=6, learning_rate=0.1)
    assert model.value.item() == pytest.approx(-np.pi / 2, abs=0.05) and len(calls[0]) == 1
    calls.clear()
    films = brains(10).reshape(2, 5, 9, 12)
    quiet(Turn(), films, corrupt=undersampling(4, 0.1), epochs=1, batch_size=2)
    measured, mask = calls[0]
    assert measured.shape == mask.shape == (2, 5, 9, 12)
    assert (mask[:, 0] != mask[:, 1]).any() and (measured[~mask] == 0).all() and (measured[mask] != 0).all()


def test_a_transform_gives_real_images_a_new_phase_in_each_epoch():
    targets = []

    def loss(prediction, target):
        targets.append(target)
        return squared_error(prediction, target)

    train = brains(3).abs()
    options = {"transform": kspace.with_phase, "corrupt": quarter}
    quiet(Small(), train, loss=loss, epochs=2, batch_size=3, **options)
    first, second = (
        target[torch.randperm(3, generator=generator(seeded(0, "order", epoch))).argsort()]
        for epoch, target in enumerate(targets)
    )
    assert first.dtype == torch.complex64 and torch.allclose(first.abs(), train, atol=1e-6)
    assert torch.allclose(second.abs(), train, atol=1e-6) and (first - second).abs().mean() > 0.1 * train.mean()


def test_complex_numbers_and_masks_stay_in_rows_in_full_precision():
    """channels_last and autocast are for convolutions; Fourier transforms keep whole rows and float32."""
    calls = []

    class Model(Small):
        def forward(self, measured, mask, pictures):
            found = super().forward(measured[:, :1], mask)
            calls.append((measured, mask, pictures, self.layers(pictures), found))
            return found

    def corrupt(image, *, generator):
        measured, mask = quarter(image, generator=generator)
        return measured.expand(3, -1, -1), mask.expand(3, -1, -1), image.real.expand(2, -1, -1)

    quiet(Model(), brains(4), corrupt=corrupt, epochs=1, batch_size=4, channels_last=True, mixed_precision="bf16")
    measured, mask, pictures, convolved, found = calls[0]
    assert measured.shape == mask.shape == (4, 3, 9, 12) and measured.is_contiguous() and mask.is_contiguous()
    assert pictures.is_contiguous(memory_format=torch.channels_last) and not pictures.is_contiguous()
    assert convolved.dtype == torch.bfloat16 and found.dtype == measured.dtype == torch.complex64


def test_resume_is_exact(tmp_path):
    def stop(history):
        if len(history.train_loss) == 1:
            raise KeyboardInterrupt

    options = dict(corrupt=quarter, epochs=3, batch_size=3)
    whole, killed, resumed = Small(), Small(), Small(5)
    expected = quiet(whole, brains(7), brains(2), **options)
    with pytest.raises(KeyboardInterrupt):
        quiet(killed, brains(7), brains(2), checkpoint=tmp_path / "run.pt", on_epoch=stop, **options)
    history = quiet(resumed, brains(7), brains(2), checkpoint=tmp_path / "run.pt", **options)
    assert torch.equal(weights(resumed), weights(whole)) and history.train_loss == expected.train_loss
    assert history.validation_loss == expected.validation_loss


OTHER_RUNS = {
    "other acceleration": dict(corrupt=undersampling(3, 0.1)),
    "other lines": dict(corrupt=undersampling(4, 0.1, kind="regular")),
    "noise": dict(corrupt=quarter),
    "another phase": dict(train=brains(7) * 1j),
    "magnitudes": dict(train=brains(7).abs()),
}


@pytest.mark.parametrize("name", OTHER_RUNS)
def test_the_checkpoint_of_another_run_is_refused(tmp_path, name):
    call = dict(train=brains(7), corrupt=undersampling(4, 0.1), epochs=1, checkpoint=tmp_path / "run.pt")
    quiet(Small(), **call)
    quiet(Small(), **call)  # its own is welcome
    with pytest.raises(ValueError, match="another run:(.|\n)*first (clean|noisy) image"):
        quiet(Small(), **(call | OTHER_RUNS[name]))


def test_two_processes_are_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={port}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, *launch, distributed_reconstruction.__file__, str(tmp_path / "result")]
    result = subprocess.run(command, env=environment, timeout=280, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    alone = distributed_reconstruction.train()
    for rank in range(2):
        shared = torch.load(tmp_path / f"result.{rank}", weights_only=True)
        for name, tensor in alone["weights"].items():
            assert torch.allclose(tensor, shared["weights"][name], rtol=1e-4, atol=1e-6), name
        for name in ("train_loss", "validation_loss"):
            assert shared["history"][name] == pytest.approx(alone["history"][name], rel=1e-4), name
        assert shared["history"]["metrics"]["psnr"] == pytest.approx(alone["history"]["metrics"]["psnr"], rel=1e-4)


def answer(parts):
    """A `corrupt` that returns `parts(image, number)`, with a number from 1 to 98 that differs by image."""

    def corrupt(image, *, generator):
        return parts(image, int(torch.randint(1, 99, (), generator=generator)))

    return {"corrupt": corrupt}


HALF_NAN = torch.complex(torch.ones(2, 1, 4, 4), torch.full((2, 1, 4, 4), float("nan")))
BAD_CALLS = {
    "double": (
        dict(train=brains(2).to(torch.complex128)),
        TypeError,
        "expected torch.complex64, .* got torch.c",
    ),
    "NaN": (dict(train=HALF_NAN), ValueError, "train: expected finite"),
    "empty": (answer(lambda image, number: ()), TypeError, "corrupt: .* got an empty tuple"),
    "no tensor": (answer(lambda image, number: (image, 4)), TypeError, "corrupt: .* tuple of tensors .* got int"),
    "a vector": (answer(lambda image, number: (image, image[0, 0])), TypeError, r"corrupt: .* got \(12,\)"),
    "a list": (answer(lambda image, number: [image]), TypeError, "corrupt: .* got list"),
    "sizes": (answer(lambda image, number: (image, torch.ones(number, 2))), ValueError, "of one size"),
    "counts": (answer(lambda image, number: (image,) * number), ValueError, "corrupt: expected as many tensors"),
    "loss": (dict(loss=lambda p, t: (p - t).mean()), TypeError, "real numbers, got complex ones: see squared_error"),
    "output": (answer(lambda image, number: (image[:, :4],) * 2), ValueError, r"\(7, 1, 9, 12\), got \(7, 1, 4"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_say_what_was_expected(name):
    changes, error, message = BAD_CALLS[name]
    with pytest.raises(error, match=message):
        quiet(**({"model": Small(), "train": brains(7), "epochs": 1, "corrupt": quarter} | changes))
