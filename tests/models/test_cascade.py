"""The cascades: golden counts, own weights, every layer recomputed by hand, data kept, frames shared, refusals."""

import inspect

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import kspace
from course_lib.data.dynamic import beating_hearts
from course_lib.models import cascade
from course_lib.models.cascade import DeepCascade, DynamicCascade, ReconstructionCNN, share_frames
from course_lib.models.unet import UNet
from course_lib.training import fixed_seed

SIZES = [(8, 6), (9, 7)]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def random_complex(*shape, seed=0, dtype=torch.complex64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_mask(*shape, seed=1, share=0.4):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share
    mask[..., shape[-2] // 2, :] = True
    return mask


def lively(model, seed=0):
    """Weights large enough that every block changes the image, the zero heads of U-Nets too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "log_strength" not in name:
                fan_in = max(parameter[0].numel(), 1) if parameter.ndim > 1 else 4
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    return model


def count(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def fft(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))


def ifft(values):
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(values, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))


def replaced(image, measured, mask, strength=None):
    """Data consistency in numpy: image (…, H, W) complex128."""
    own = fft(image)
    data = measured if strength is None else (own + strength * measured) / (1 + strength)
    return ifft(np.where(mask, data, own))


def convolved(image, block):
    """conv-ReLU-…-conv of one block, double precision: (N, 1, H, W) complex -> the change."""
    x = torch.from_numpy(np.concatenate([image.real, image.imag], axis=1))
    layers = [layer for layer in block if isinstance(layer, torch.nn.Conv2d)]
    for number, layer in enumerate(layers):
        x = F.conv2d(x, layer.weight.double(), layer.bias.double(), padding=1)
        x = x.clamp(min=0) if number < len(layers) - 1 else x
    x = x.detach().numpy()
    return x[:, :1] + 1j * x[:, 1:]


# --- counts and weights -----------------------------------------------------------------------------------------


def conv(inputs, outputs, taps=9):
    return taps * inputs * outputs + outputs


D5 = conv(2, 64) + 3 * conv(64, 64) + conv(64, 2)
DYNAMIC = 5 * (conv(6, 32, 27) + 3 * conv(32, 32, 27) + conv(32, 2, 27))


def test_golden_parameter_counts():
    assert 5 * D5 == 565_770
    assert count(DeepCascade()) == count(ReconstructionCNN()) == count(DeepCascade(strength=1.0)) == 565_770
    assert count(DeepCascade(strength=1.0, learned=True)) == 565_775
    assert count(DynamicCascade()) == DYNAMIC
    assert count(DynamicCascade(sharing=0)) == DYNAMIC - 5 * 27 * 4 * 32
    assert count(DeepCascade(2, 3, 8)) == 2 * (conv(2, 8) + conv(8, 8) + conv(8, 2))
    assert count(DeepCascade(2, block="unet", width=4, depth=1)) == 2 * count(UNet(2, width=4, depth=1))


def test_docstrings_state_the_counts():
    assert "565,770 parameters" in DeepCascade.__doc__ and "565,770 parameters" in ReconstructionCNN.__doc__
    assert f"{DYNAMIC:,} parameters" in DynamicCascade.__doc__
    unet = count(DeepCascade(block="unet", width=16))
    assert f"{unet:,}" in DeepCascade.__doc__


MODELS = {
    "CNN": lambda **more: ReconstructionCNN(3, 3, 4, **more),
    "CNN, U-Net": lambda **more: ReconstructionCNN(3, width=4, block="unet", depth=1, **more),
    "cascade": lambda **more: DeepCascade(3, 3, 4, **more),
    "cascade, U-Net": lambda **more: DeepCascade(3, width=4, block="unet", depth=1, **more),
    "cascade, learned": lambda **more: DeepCascade(3, 3, 4, strength=1.0, learned=True, **more),
    "dynamic": lambda **more: DynamicCascade(3, 3, 4, sharing=1, **more),
    "dynamic, learned": lambda **more: DynamicCascade(3, 3, 4, sharing=1, strength=1.0, learned=True, **more),
}
every_model = pytest.mark.parametrize("name", MODELS)


def acquisition(name, size=(8, 6), images=2, seed=0):
    """k-space and mask of the kind that the model takes."""
    channels = 4 if "dynamic" in name else 1
    mask = random_mask(images, channels, *size, seed=seed + 1)
    return torch.where(mask, random_complex(images, channels, *size, seed=seed), 0), mask


@every_model
def test_every_cascade_has_weights_of_its_own(name):
    # a widely copied error: one block, used again and again
    model = lively(MODELS[name]())
    assert len({id(block) for block in model.blocks}) == 3
    places = [parameter.data_ptr() for parameter in model.parameters()]
    assert len(set(places)) == len(places)
    names = [part for part, _ in model.named_parameters(remove_duplicate=False)]
    assert len(names) == len(places)
    # and it shows: the blocks differ, and each has a gradient of its own
    model(*acquisition(name)).abs().square().sum().backward()
    first = [next(block.parameters()) for block in model.blocks]
    for one, other in ((0, 1), (1, 2)):
        assert not torch.equal(first[one], first[other])
        assert not torch.allclose(first[one].grad, first[other].grad)


@every_model
def test_every_parameter_learns(name):
    model = lively(MODELS[name]())
    model(*acquisition(name)).abs().square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_every_cascade_learns_a_strength_of_its_own():
    model = MODELS["cascade, learned"]()
    with torch.no_grad():
        model.consistency[1].log_strength.fill_(float(np.log(5.0)))
    assert [layer.strength for layer in model.consistency] == pytest.approx([1.0, 5.0, 1.0])
    assert [layer.strength for layer in DeepCascade(2, 2, 2).consistency] == [None, None]
    assert [layer.strength for layer in DeepCascade(2, 2, 2, strength=0.5).consistency] == [0.5, 0.5]


# --- 2D by hand -------------------------------------------------------------------------------------------------


@every_size
@pytest.mark.parametrize("strength", [None, 0.8])
def test_deep_cascade_by_hand(size, strength):
    model = lively(DeepCascade(3, 4, 5, strength=strength))
    measured, mask = acquisition("cascade", size)
    image = ifft(measured.numpy().astype(complex))
    for block in model.blocks:
        image = replaced(image + convolved(image, block), measured.numpy(), mask.numpy(), strength)
    found = model(measured, mask)
    assert found.dtype == torch.complex64 and found.shape == measured.shape
    assert np.allclose(found.detach().numpy(), image, atol=1e-4)


@every_size
def test_the_network_without_physics_by_hand(size):
    model = lively(ReconstructionCNN(3, 4, 5))
    measured, mask = acquisition("CNN", size)
    image = ifft(measured.numpy().astype(complex))
    for block in model.blocks:
        image = image + convolved(image, block)
    assert np.allclose(model(measured, mask).detach().numpy(), image, atol=1e-4)


def test_unet_blocks_are_added_like_the_others():
    model = lively(MODELS["cascade, U-Net"]())
    measured, mask = acquisition("cascade")
    image = kspace.zero_filled(measured)
    for block in model.blocks:
        change = block(torch.cat([image.real, image.imag], dim=1))
        image = kspace.DataConsistency()(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
    assert torch.allclose(model(measured, mask), image, atol=1e-5)


@pytest.mark.parametrize("kind", ["cnn", "unet"])
def test_without_consistency_the_cascade_is_the_network_without_physics(kind):
    # same blocks, same weights: the two ideas of the lecture differ in data consistency alone
    settings = dict(width=4, block=kind, depth=1)
    physics, plain = lively(DeepCascade(3, 3, strength=0.0, **settings)), ReconstructionCNN(3, 3, **settings)
    plain.load_state_dict(physics.state_dict())
    measured, mask = acquisition("cascade")
    assert torch.equal(physics(measured, mask), plain(measured, mask))


@every_model
def test_without_weights_it_is_the_zero_filled_image(name):
    model, (measured, mask) = MODELS[name](), acquisition(name)
    with torch.no_grad():
        for part, parameter in model.named_parameters():
            if "log_strength" not in part:
                parameter.zero_()
    assert torch.allclose(model(measured, mask), kspace.zero_filled(measured), atol=1e-6)


@pytest.mark.parametrize("name", ["cascade", "cascade, U-Net", "dynamic"])
@every_size
def test_measured_lines_are_kept(name, size):
    model, (measured, mask) = lively(MODELS[name]()), acquisition(name, size)
    found = kspace.fft2c(model(measured, mask))
    assert torch.allclose(found[mask], measured[mask], atol=1e-5)
    assert found[~mask].abs().mean() > 0.05, "and the rest is filled in"


def test_without_physics_they_are_not():
    model, (measured, mask) = lively(MODELS["CNN"]()), acquisition("CNN")
    assert (kspace.fft2c(model(measured, mask)) - measured)[mask].abs().mean() > 0.05


@every_model
def test_what_stands_beside_the_mask_plays_no_part(name):
    model, (measured, mask) = lively(MODELS[name]()), acquisition(name)
    garbage = torch.where(mask, measured, 50.0)
    assert torch.equal(model(garbage, mask), model(measured, mask))


@every_model
def test_an_image_does_not_depend_on_its_batch(name):
    model, (measured, mask) = lively(MODELS[name]()), acquisition(name, images=3)
    together = model(measured, mask)
    for number in range(3):
        alone = model(measured[number : number + 1], mask[number : number + 1])
        assert torch.allclose(together[number], alone[0], atol=1e-4)


@pytest.mark.parametrize("name", ["CNN", "cascade"])
def test_one_mask_for_all_images(name):
    model, measured = lively(MODELS[name]()), random_complex(2, 1, 8, 6)
    mask = random_mask(8, 6)
    expected = model(measured, mask.expand(2, 1, 8, 6))
    assert torch.equal(model(measured, mask), expected)
    assert torch.equal(model(measured, mask[None]), expected)


@pytest.mark.parametrize("own_maps", [False, True])
def test_coils_by_hand(own_maps):
    model, number, size = lively(DeepCascade(2, 3, 4)), 3, (8, 6)
    maps = random_complex(2, number, *size, seed=5)
    maps = maps / maps.abs().square().sum(1, keepdim=True).sqrt()
    maps = maps if own_maps else maps[0]
    mask = random_mask(2, 1, *size)
    measured = torch.where(mask, random_complex(2, number, *size), 0)
    s, y, m = maps.numpy().astype(complex), measured.numpy().astype(complex), mask.numpy()
    image = (ifft(y) * s.conj()).sum(1, keepdims=True)
    for block in model.blocks:
        image = image + convolved(image, block)
        image = (replaced(image * s, y, m) * s.conj()).sum(1, keepdims=True)
    found = model(measured, mask, maps)
    assert found.shape == (2, 1, *size)
    assert np.allclose(found.detach().numpy(), image, atol=1e-4)
    plain = ReconstructionCNN(2, 3, 4)
    assert plain(measured, mask, maps).shape == (2, 1, *size)


# --- over time --------------------------------------------------------------------------------------------------


def shared_by_hand(measured, mask, reach, periodic):
    """Sample by sample, in plain loops."""
    images, frames, height, width = measured.shape
    filled, known = np.zeros(measured.shape, complex), np.zeros(measured.shape, bool)
    for n, t, h, w in np.ndindex(images, frames, height, width):
        if mask[n, t, h, w]:
            filled[n, t, h, w], known[n, t, h, w] = measured[n, t, h, w], True
            continue
        near = [t + step for step in range(-reach, reach + 1) if step]
        near = [f % frames for f in near] if periodic else [f for f in near if 0 <= f < frames]
        lent = [measured[n, f, h, w] for f in near if mask[n, f, h, w]]
        if lent:
            filled[n, t, h, w], known[n, t, h, w] = np.mean(lent), True
    return filled, known


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(("frames", "reach"), [(5, 1), (5, 2), (6, 2)])
def test_sharing_frames_by_hand(frames, reach, periodic):
    measured, mask = random_complex(2, frames, 4, 5), random_mask(2, frames, 4, 5, share=0.2)
    filled, known = share_frames(torch.where(mask, measured, 9.0), mask, reach, periodic=periodic)
    expected, where = shared_by_hand(measured.numpy(), mask.numpy(), reach, periodic)
    assert filled.dtype == torch.complex64 and known.dtype == torch.bool
    assert np.array_equal(known.numpy(), where)
    assert np.allclose(filled.numpy(), expected, atol=1e-6)
    assert not where.all() or reach == 2


def test_not_periodic_a_reach_beyond_the_ends_takes_all_frames():
    measured, mask = random_complex(1, 3, 4, 5), random_mask(1, 3, 4, 5, share=0.2)
    found = share_frames(measured, mask, 10, periodic=False)
    expected = shared_by_hand(measured.numpy(), mask.numpy(), 2, False)
    assert np.array_equal(found[1].numpy(), expected[1]) and np.allclose(found[0].numpy(), expected[0], atol=1e-6)


def test_own_samples_stay_and_a_film_at_rest_is_made_whole():
    rest = random_complex(1, 1, 8, 6).expand(1, 4, 8, 6)
    lines = torch.zeros(4, 8, 6, dtype=torch.bool)
    for frame in range(4):
        lines[frame, :, frame::4] = True
    measured = torch.where(lines, kspace.fft2c(rest.contiguous()), 0)
    filled, known = share_frames(measured, lines, 1)
    assert torch.equal(filled[:, lines], measured[:, lines])
    # each frame has its own lines and both neighbours': three of four
    assert float(known.float().mean()) == pytest.approx(5 / 6, abs=0.1) and not known.all()
    filled, known = share_frames(measured, lines, 3, periodic=False)
    assert known.all()
    assert torch.allclose(kspace.ifft2c(filled), rest, atol=1e-5)


def test_one_mask_for_all_frames_leaves_nothing_to_lend():
    measured, mask = random_complex(2, 5, 4, 6), random_mask(4, 6)
    filled, known = share_frames(measured, mask, 2)
    assert torch.equal(known, mask.expand(2, 5, 4, 6))
    assert torch.equal(filled, torch.where(mask, measured, 0))


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("sharing", [0, 2])
def test_dynamic_cascade_by_hand(periodic, sharing):
    model = lively(DynamicCascade(2, 3, 4, sharing=sharing, periodic=periodic, strength=0.8))
    measured, mask = random_complex(2, 5, 8, 7), random_mask(2, 5, 8, 7, share=0.2)
    y, m = np.where(mask.numpy(), measured.numpy().astype(complex), 0), mask.numpy()
    image = ifft(y)
    for block in model.blocks:
        seen = [image]
        for reach in range(1, sharing + 1):
            filled, known = shared_by_hand(y, m, reach, periodic)
            seen.append(ifft(np.where(known, filled, fft(image))))
        x = torch.from_numpy(np.stack([part for s in seen for part in (s.real, s.imag)], axis=1))  # (N, C, T, H, W)
        for number, layer in enumerate(block.convolutions):
            x = x.clamp(min=0) if number else x
            # the weights (b, 3·a, 3, 3), frames outermost, are those of a 3D convolution (b, a, 3, 3, 3)
            weight = layer.weight.double().unflatten(1, (3, -1)).transpose(1, 2)
            ends = (x[:, :, -1:], x[:, :, :1]) if periodic else 2 * (torch.zeros_like(x[:, :, :1]),)
            x = F.conv3d(torch.cat([ends[0], x, ends[1]], dim=2), weight, layer.bias.double(), padding=(0, 1, 1))
        change = x.detach().numpy()
        image = replaced(image + change[:, 0] + 1j * change[:, 1], y, m, 0.8)
    found = model(measured, mask)
    assert found.shape == measured.shape and found.dtype == torch.complex64
    assert np.allclose(found.detach().numpy(), image, atol=2e-4)


def test_a_heartbeat_may_begin_anywhere():
    measured, mask = random_complex(1, 6, 8, 7), random_mask(1, 6, 8, 7, share=0.2)
    for periodic in (True, False):
        model = lively(DynamicCascade(2, 3, 4, sharing=1, periodic=periodic))
        later = model(measured.roll(2, 1), mask.roll(2, 1)).roll(-2, 1)
        assert torch.allclose(later, model(measured, mask), atol=1e-4) == periodic


def test_frames_know_of_each_other():
    model, (measured, mask) = lively(MODELS["dynamic"]()), acquisition("dynamic", images=1)
    measured.requires_grad_()
    model(measured, mask)[0, 1].abs().sum().backward()
    assert measured.grad[0, 2].abs().sum() > 0 and measured.grad[0, 0].abs().sum() > 0


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames(frames):
    model = lively(DynamicCascade(2, 3, 4, sharing=0))
    mask = random_mask(frames, 8, 6)
    assert model(random_complex(1, frames, 8, 6), mask).shape == (1, frames, 8, 6)
    open_ended = DynamicCascade(2, 3, 4, sharing=2, periodic=False)
    assert open_ended(random_complex(1, frames, 8, 6), mask).shape == (1, frames, 8, 6)


# --- precision, training ----------------------------------------------------------------------------------------


@every_model
def test_under_autocast_the_transforms_stay_exact(name):
    model, (measured, mask) = lively(MODELS[name]()), acquisition(name)
    plain = model(measured, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(measured, mask)
    assert found.dtype == torch.complex64
    # bfloat16 has 8 bits: the convolutions differ, and they do
    assert 1e-6 < (found - plain).abs().mean() < 0.1 * plain.abs().mean()
    if name in ("cascade", "cascade, U-Net", "dynamic"):
        assert torch.allclose(kspace.fft2c(found)[mask], measured[mask], atol=1e-5)
    found.abs().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@every_model
def test_double_precision_stays(name):
    model, (measured, mask) = lively(MODELS[name]()), acquisition(name)
    exact = model.double()(measured.to(torch.complex128), mask)
    assert exact.dtype == torch.complex128
    assert torch.allclose(exact.to(torch.complex64), model.float()(measured, mask), atol=1e-4)


@pytest.mark.parametrize("name", ["CNN", "cascade", "cascade, U-Net", "cascade, learned"])
def test_memory_layout_changes_nothing(name):
    model, (measured, mask) = lively(MODELS[name]()), acquisition(name)
    expected = model(measured, mask)
    model = model.to(memory_format=torch.channels_last)
    found = model(measured.contiguous(memory_format=torch.channels_last), mask)
    assert torch.allclose(found, expected, atol=1e-5)


def test_inputs_are_left_as_they_were():
    for name in MODELS:
        measured, mask = acquisition(name)
        before = measured.clone(), mask.clone()
        lively(MODELS[name]())(measured, mask)
        assert torch.equal(measured, before[0]) and torch.equal(mask, before[1])


def test_physics_and_time_help():
    """A few steps on hearts of 32²: consistency beats none, and frames together beat frames alone."""
    hearts = beating_hearts(2, 0, frames=8, size=32).images + 0j
    generator = torch.Generator().manual_seed(0)
    mask = torch.stack([kspace.interleaved_mask(8, (32, 32), 4, 0.1, generator=generator) for _ in hearts])
    measured = kspace.undersample(hearts, mask)

    def error_after_training(model, *data):
        steps, target = torch.optim.Adam(model.parameters(), lr=2e-3), hearts.view(data[0].shape)
        for _ in range(12):
            steps.zero_grad()
            loss = (model(*data) - target).abs().square().mean()
            loss.backward()
            steps.step()
        return loss.item()

    frames = measured.flatten(0, 1)[:, None], mask.flatten(0, 1)[:, None]  # (N, T, H, W) -> (N·T, 1, H, W)
    with fixed_seed(0):
        plain = error_after_training(ReconstructionCNN(2, 3, 8), *frames)
        physics = error_after_training(DeepCascade(2, 3, 8), *frames)
        dynamic = error_after_training(DynamicCascade(2, 3, 8), measured, mask)
    zero_filled = (kspace.zero_filled(measured) - hearts).abs().square().mean().item()
    assert dynamic < 0.9 * physics < 0.81 * min(plain, zero_filled)


# --- refusals ---------------------------------------------------------------------------------------------------


def nan(values):
    values = values.clone()
    values[..., 0, 0] = float("nan")
    return values


REFUSED = {
    "real data": (lambda y, m: (y.real, m), TypeError, "measured: expected complex"),
    "whole numbers": (lambda y, m: (y.real.int(), m), TypeError, "measured: expected"),
    "numpy": (lambda y, m: (y.numpy(), m), TypeError, "measured: expected a complex tensor"),
    "NaN": (lambda y, m: (nan(y), m), ValueError, "measured: expected finite"),
    "mask of numbers": (lambda y, m: (y, m.float()), TypeError, "mask: expected bool"),
    "empty mask": (lambda y, m: (y, m & False), ValueError, "mask: expected at least one"),
    "mask of another size": (lambda y, m: (y, m[..., 1:]), ValueError, "mask: expected shape"),
    "no batch": (lambda y, m: (y[0], m[0]), ValueError, "measured: expected"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", ["CNN", "cascade", "dynamic"])
def test_refusals_say_what_was_expected(name, case):
    change, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        MODELS[name]()(*change(*acquisition(name)))


@pytest.mark.parametrize("name", ["CNN", "cascade"])
def test_coils_without_sensitivities_and_frames_are_refused(name):
    with pytest.raises(ValueError, match="sensitivities for the coils.*frames are for DynamicCascade"):
        MODELS[name]()(random_complex(2, 3, 8, 6), random_mask(8, 6))
    with pytest.raises(ValueError, match="sensitivities: expected"):
        MODELS[name]()(random_complex(2, 3, 8, 6), random_mask(8, 6), random_complex(4, 8, 6))


def test_the_dynamic_cascade_refuses_coils_and_too_few_frames():
    model = DynamicCascade(1, 2, 2, sharing=2)
    with pytest.raises(ValueError, match="sensitivities: expected None"):
        model(random_complex(1, 5, 8, 6), random_mask(8, 6), random_complex(5, 8, 6))
    with pytest.raises(ValueError, match="expected at least 5 frames for neighbours up to 2 away, got 4"):
        model(random_complex(1, 4, 8, 6), random_mask(8, 6))
    with pytest.raises(ValueError, match=r"expected frames \(N, T, H, W\)"):
        share_frames(random_complex(4, 8, 6), random_mask(8, 6), 1)
    with pytest.raises(ValueError, match="reach: expected at least 1"):
        share_frames(random_complex(1, 4, 8, 6), random_mask(8, 6), 0)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"cascades": 0}, ValueError), ({"convolutions": 1}, ValueError), ({"width": 0}, ValueError),
        ({"width": 2.5}, TypeError), ({"strength": -1.0}, ValueError), ({"block": "transformer"}, ValueError),
        ({"depth": -1, "block": "unet"}, ValueError), ({"sharing": -1}, ValueError),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(settings, error):
    for kind in (ReconstructionCNN, DeepCascade, DynamicCascade):
        if set(settings) <= set(inspect.signature(kind).parameters):
            with pytest.raises(error, match=f"{next(iter(settings))}: expected"):
                kind(**settings)


def test_learning_without_a_start_is_refused():
    for kind in (DeepCascade, DynamicCascade):
        with pytest.raises(ValueError, match="above 0 where learning starts"):
            kind(1, 2, 2, learned=True)


def test_the_module_says_how_it_is_scored():
    assert "clipped to [0, 1]" in cascade.__doc__
