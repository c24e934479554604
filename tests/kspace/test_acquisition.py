"""What training on k-space brings beside `fit`: `reconstruct`, `undersampling`, `squared_error`, `on_magnitude`."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from distributed_reconstruction import Small, brains
from torch import nn

from course_lib import kspace, metrics
from course_lib.training import on_magnitude, reconstruct, squared_error, undersampling

quarter = undersampling(4, 0.1, sigma=0.02)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


# ---- reconstruct


def test_reconstruct_is_the_model_in_eval_mode():
    model = Small()
    model.layers.insert(1, nn.Dropout(0.5))
    measured, mask = quarter(brains(7), generator=generator())
    before = weights(model)
    found = reconstruct(model, measured, mask, batch_size=3, device="cpu")
    assert model.training and model.layers[1].training and torch.equal(before, weights(model))
    assert found.device.type == "cpu" and not found.requires_grad and found.dtype == torch.complex64
    assert torch.allclose(found, model.eval()(measured, mask).detach(), atol=1e-6)


def test_reconstruct_takes_every_form_of_mask_and_sensitivities():
    calls = []

    class Model(nn.Module):
        def forward(self, measured, mask, sensitivities=None):
            calls.append((mask, sensitivities))
            image = kspace.zero_filled(measured.masked_fill(~mask, 0), sensitivities)
            return image

    full = brains(5)
    measured = kspace.fft2c(full)
    mask = kspace.cartesian_mask((9, 12), 2, 0.2, generator=generator())
    expected = kspace.adjoint(measured, mask)
    for form in (mask, mask[None], mask[None, None], mask.expand(5, 1, 9, 12)):
        calls.clear()
        found = reconstruct(Model(), measured, form, batch_size=2, device="cpu")
        assert torch.allclose(found, expected, atol=1e-6) and len(calls) == 3
        assert all(given[1] is None for given in calls)
    masks = torch.stack([kspace.cartesian_mask((9, 12), 2, 0.2, generator=generator(k)) for k in range(5)])[:, None]
    found = reconstruct(Model(), measured, masks, batch_size=2, device="cpu")
    assert torch.allclose(found, kspace.adjoint(measured, masks), atol=1e-6), "each image its own mask"
    films = measured.reshape(1, 5, 9, 12)
    found = reconstruct(Model(), films, masks[:, 0], device="cpu")
    assert torch.allclose(found, kspace.adjoint(films, masks[:, 0]), atol=1e-6)

    coils = torch.as_tensor(kspace.birdcage_sensitivities((9, 12), 3), dtype=torch.complex64)
    several = kspace.forward(full, mask, coils)
    each = coils * torch.exp(1j * torch.arange(5.0))[:, None, None, None]
    for form in (coils, each):
        found = reconstruct(Model(), several, mask, form, batch_size=2, device="cpu")
        assert torch.allclose(found, kspace.adjoint(several, mask, form), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"measured": np.ones((2, 1, 9, 12), dtype=complex)}, TypeError, "measured: expected a tensor"),
        ({"measured": torch.ones(2, 1, 9, 12)}, TypeError, "measured: expected complex"),
        ({"measured": torch.ones(9, 12, dtype=torch.complex64)}, ValueError, r"measured: expected images \(N"),
        ({"measured": torch.ones(2, 1, 9, 12, dtype=torch.complex128)}, TypeError, "expected torch.complex64"),
        ({"measured": torch.full((2, 1, 9, 12), 1j * float("inf"))}, ValueError, "measured: expected finite"),
        ({"mask": torch.ones(9, 12)}, TypeError, "mask: expected booleans"),
        ({"mask": np.ones((9, 12), dtype=bool)}, TypeError, "mask: expected the kind of measured"),
        ({"mask": torch.ones(12, 9, dtype=torch.bool)}, ValueError, "mask: expected shape"),
        ({"mask": torch.ones(3, 1, 9, 12, dtype=torch.bool)}, ValueError, "mask: expected shape"),
        ({"mask": torch.zeros(9, 12, dtype=torch.bool)}, ValueError, "at least one measured place"),
        ({"sensitivities": torch.ones(2, 9, 12, dtype=torch.complex64)}, ValueError, "sensitivities: expected"),
        ({"batch_size": 0}, ValueError, "batch_size: expected at least 1"),
        ({"device": "tpu"}, ValueError, "device: expected"),
    ],
)  # fmt: skip
def test_reconstruct_refuses_in_words(change, error, message):
    call = {"measured": kspace.fft2c(brains(2)), "mask": torch.ones(9, 12, dtype=torch.bool)} | change
    with pytest.raises(error, match=message):
        reconstruct(Small(), **call)


# ---- undersampling


def test_undersampling_measures_by_numpys_fourier_transform():
    image = brains(1, size=(7, 40))[0]
    measured, mask = undersampling(4, 0.1)(image, generator=generator(3))
    assert mask.shape == (1, 7, 40) and mask.dtype == torch.bool and measured.dtype == torch.complex64
    assert mask[0].all(0).sum() == 10 and mask[0].any(0).sum() == 10, "10 of 40 whole columns"
    full = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image[0].numpy()), norm="ortho"))
    assert np.allclose(measured[0], np.where(mask[0], full, 0), atol=1e-6)
    assert torch.equal(measured, undersampling(4, 0.1)(image, generator=generator(3))[0])
    assert not torch.equal(mask, undersampling(4, 0.1)(image, generator=generator(4))[1])


def test_undersampling_adds_noise_where_it_measures():
    nothing = torch.zeros(1, 64, 64)
    measured, mask = undersampling(2, 0.1, sigma=0.3, kind="variable_density")(nothing, generator=generator())
    count = int(mask.sum())
    assert count == 64 * 32 and (measured[~mask] == 0).all()
    for part in (measured[mask].real, measured[mask].imag):  # 5 standard deviations of a sample's own
        assert abs(part.std().item() - 0.3) < 5 * 0.3 / (2 * count) ** 0.5 and abs(part.mean()) < 5 * 0.3 / count**0.5


def test_undersampling_of_batches_films_and_chance():
    images = brains(6, size=(5, 32))
    measured, mask = quarter(images, generator=generator(2))
    one_by_one = generator(2)
    for index, image in enumerate(images):
        alone = quarter(image, generator=one_by_one)
        assert torch.equal(measured[index], alone[0]) and torch.equal(mask[index], alone[1])
    assert len({each.numpy().tobytes() for each in mask}) > 3
    film = quarter(images[:, 0], generator=generator(2))
    assert film[0].shape == film[1].shape == (6, 5, 32)
    state = torch.get_rng_state()
    first, second = quarter(images[0]), quarter(images[0])
    assert not torch.equal(first[0], second[0]) and torch.equal(state, torch.get_rng_state())
    assert quarter.__name__ == "random lines, acceleration 4, centre 0.1, noise sigma 0.02"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"acceleration": 0.5}, ValueError, "acceleration: expected"),
        ({"acceleration": "4"}, TypeError, "acceleration: expected a number"),
        ({"center_fraction": 1.5}, ValueError, "center_fraction: expected"),
        ({"sigma": -1}, ValueError, "sigma: expected"),
        ({"kind": "spiral"}, ValueError, "kind: expected one of"),
        ({"center_fraction": 0.5}, ValueError, "center_fraction: expected at most"),
        ({"sensitivities": torch.ones(2, 3, 3, dtype=torch.complex64)}, ValueError, "sensitivities: expected"),
        ({"image": torch.ones(5, 12)}, ValueError, r"image: expected a tensor \(C, H, W\)"),
        ({"image": np.ones((1, 5, 12))}, ValueError, "image: expected .* got ndarray"),
        ({"image": torch.ones(1, 5, 12, dtype=torch.int32)}, TypeError, "image: expected"),
    ],
)  # fmt: skip
def test_undersampling_refuses_in_words(arguments, error, message):
    call = {"acceleration": 4, "center_fraction": 0.1} | arguments
    image = call.pop("image", torch.ones(1, 5, 12))
    with pytest.raises(error, match=message):
        undersampling(**call)(image, generator=generator())


# ---- how complex images are compared


def test_squared_error_is_that_of_numpy_and_of_pytorch():
    first, second = brains(3), brains(3, seed=4)
    expected = np.mean(np.abs(first.numpy() - second.numpy()) ** 2)
    assert squared_error(first, second).item() == pytest.approx(expected, rel=1e-5)
    real = first.real, second.real
    assert squared_error(*real).item() == pytest.approx(nn.functional.mse_loss(*real).item(), rel=1e-6)


def test_the_gradient_of_squared_error_is_2_difference_over_count_also_where_exact():
    first = brains(2).requires_grad_()
    second = brains(2, seed=4)
    second[0] = first.detach()[0]
    squared_error(first, second).backward()
    assert torch.allclose(first.grad, 2 * (first.detach() - second) / first.numel(), atol=1e-8)
    assert (first.grad[0] == 0).all() and (first.grad[1] != 0).any()


def test_on_magnitude_forgets_the_phase_and_clips():
    seen = []

    def metric(prediction, target, mask=None):
        seen.append((prediction, target, mask))
        return (prediction - target).mean((1, 2, 3))

    measure = on_magnitude(metric)
    image = brains(2)
    image[0, 0, 0, 0] = 3j
    assert (measure(image * 1j, image, mask=5) == 0).all()
    prediction, target, mask = seen[0]
    assert not prediction.is_complex() and prediction[0, 0, 0, 0] == 1 and mask == 5
    assert torch.allclose(target[1], image[1].abs()) and measure.__name__ == "metric"
    assert on_magnitude(partial(metrics.psnr, data_range=1.0))(image, image * 0.5).shape == (2,)
