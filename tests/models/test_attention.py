"""Attention: loops in numpy as oracle, segmentation_models.pytorch's module where it is installed, laws, refusals."""

import math

import numpy as np
import pytest
import torch

from course_lib.models.attention import AttentionGate, ChannelSE, ConcurrentSE, SpatialSE

MODULES = {
    "cSE": ChannelSE, "sSE": lambda channels: SpatialSE(channels), "scSE": ConcurrentSE,
    "scSE, max": lambda channels: ConcurrentSE(channels, combine="max"),
    "scSE, multiply": lambda channels: ConcurrentSE(channels, combine="multiply"),
}  # fmt: skip
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def lively(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(module.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


# --- oracles ----------------------------------------------------------------------------------------------------


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def array(parameter):
    return parameter.detach().double().numpy().squeeze((2, 3)) if parameter.ndim == 4 else parameter.detach().numpy()


def channel_gates(module, x):
    """One number for each image and channel, loop by loop."""
    w1, b1, w2, b2 = (array(p) for p in (*module.squeeze.parameters(), *module.excite.parameters()))
    gates = np.empty(x.shape[:2])
    for n, image in enumerate(x):
        means = [channel.sum() / channel.size for channel in image]
        hidden = [
            max(sum(w * m for w, m in zip(row, means, strict=True)) + b, 0) for row, b in zip(w1, b1, strict=True)
        ]
        for c, (row, b) in enumerate(zip(w2, b2, strict=True)):
            gates[n, c] = sigmoid(sum(w * h for w, h in zip(row, hidden, strict=True)) + b)
    return gates[:, :, None, None]


def place_gates(module, x):
    """One number for each image and place."""
    weight, bias = (array(p) for p in module.project.parameters())
    gates = np.empty((len(x), 1, *x.shape[2:]))
    for n, _, i, j in np.ndindex(gates.shape):
        gates[n, 0, i, j] = sigmoid(sum(w * v for w, v in zip(weight[0], x[n, :, i, j], strict=True)) + bias[0])
    return gates


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 1)])
@pytest.mark.parametrize(("channels", "reduction"), [(8, 2), (5, 2), (3, 16)])
def test_by_loops(channels, reduction, size):
    module, x = lively(ConcurrentSE(channels, reduction)), noise(2, channels, *size)
    values = x.double().numpy()
    c, s = channel_gates(module.channel, values), place_gates(module.spatial, values)
    for found, expected in (
        (module.channel.gate(x), c), (module.spatial.gate(x), s), (module.channel(x), values * c),
        (module.spatial(x), values * s), (module(x), values * c + values * s),
    ):  # fmt: skip
        assert found.shape == expected.shape and np.allclose(found.detach().numpy(), expected, atol=1e-5)
    # one after the other is not the sum of both
    assert not np.allclose(module(x).detach().numpy(), module.spatial(module.channel(x)).detach().numpy(), atol=1e-2)


@pytest.mark.parametrize(("combine", "how"), [("sum", np.add), ("max", np.maximum), ("multiply", np.multiply)])
def test_the_gates_are_combined_as_asked(combine, how):
    module, x = lively(ConcurrentSE(6, 2, combine)), noise(2, 6, 5, 4)
    values = x.double().numpy()
    expected = values * how(channel_gates(module.channel, values), place_gates(module.spatial, values))
    assert np.allclose(module(x).detach().numpy(), expected, atol=1e-5)
    assert f"combine='{combine}'" in repr(module)


@pytest.mark.parametrize(("channels", "reduction"), [(32, 16), (24, 4), (16, 16)])
def test_scse_is_that_of_segmentation_models_pytorch(channels, reduction):
    modules = pytest.importorskip("segmentation_models_pytorch.base.modules")
    theirs, ours = lively(modules.SCSEModule(channels, reduction)), ConcurrentSE(channels, reduction)
    with torch.no_grad():
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            own.copy_(other)
    x = noise(3, channels, 9, 7)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
    assert torch.allclose(ours.channel(x), x * theirs.cSE(x), atol=1e-6)
    assert torch.allclose(ours.spatial(x), x * theirs.sSE(x), atol=1e-6)


def doubled_by_hand(line):
    """Linear interpolation to twice as many points, along the last axis: ¾ of the nearer, ¼ of the farther."""
    before, after = (
        np.concatenate([line[..., :1], line[..., :-1]], -1),
        np.concatenate([line[..., 1:], line[..., -1:]], -1),
    )
    return np.stack([0.75 * line + 0.25 * before, 0.75 * line + 0.25 * after], -1).reshape(*line.shape[:-1], -1)


def test_attention_gate_by_loops():
    module, x, g = lively(AttentionGate(4, 6)), noise(2, 4, 6, 10), noise(2, 6, 3, 5, seed=1)
    fine, signal = module.features.weight.detach().double().numpy(), array(module.signal.weight)
    bias, psi, last = array(module.signal.bias), array(module.project.weight), array(module.project.bias)
    values, coarse = x.double().numpy(), np.empty((2, 1, 3, 5))
    for n, _, i, j in np.ndindex(coarse.shape):
        window = values[n, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        hidden = [(fine[h] * window).sum() + signal[h] @ g[n, :, i, j].numpy() + bias[h] for h in range(2)]
        coarse[n, 0, i, j] = sigmoid(sum(p * max(h, 0) for p, h in zip(psi[0], hidden, strict=True)) + last[0])
    expected = doubled_by_hand(doubled_by_hand(coarse).swapaxes(2, 3)).swapaxes(2, 3)
    assert np.allclose(module.gate(x, g).detach().numpy(), expected, atol=1e-5)
    assert np.allclose(module(x, g).detach().numpy(), values * expected, atol=1e-5)


# --- laws -------------------------------------------------------------------------------------------------------


def test_channel_attention_knows_the_mean_alone_and_spatial_attention_the_place_alone():
    module, x = lively(ConcurrentSE(4, 2)), noise(1, 4, 6, 5)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    shuffled = x.flatten(2)[..., order].view_as(x)
    assert torch.allclose(module.channel.gate(shuffled), module.channel.gate(x), atol=1e-6)
    gates = module.spatial.gate(x)
    assert torch.allclose(module.spatial.gate(shuffled), gates.flatten(2)[..., order].view_as(gates), atol=1e-6)
    changed = x.clone()
    changed[..., 2, 3] += 5
    others = torch.ones(6, 5, dtype=bool)
    others[2, 3] = False
    assert torch.equal(module.spatial.gate(changed)[..., others], gates[..., others])
    assert (module.channel.gate(changed) - module.channel.gate(x)).abs().max() > 1e-3


def test_at_zero_weights_the_sum_passes_x():
    x = noise(2, 8, 3, 3)
    for combine, factor in (("sum", 1), ("max", 0.5), ("multiply", 0.25)):
        module = ConcurrentSE(8, combine=combine)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.zero_()
        assert torch.allclose(module(x), factor * x)


@pytest.mark.parametrize(
    ("channels", "reduction", "hidden"), [(64, 16, 4), (8, 16, 1), (1, 16, 1), (31, 16, 1), (7, 2, 3)]
)
def test_reduction_never_reaches_0_channels(channels, reduction, hidden):
    module = ChannelSE(channels, reduction)
    assert tuple(module.squeeze.weight.shape) == (hidden, channels, 1, 1)
    assert sum(p.numel() for p in module.parameters()) == 2 * channels * hidden + hidden + channels
    spatial = sum(p.numel() for p in SpatialSE(channels).parameters())
    assert spatial == channels + 1
    both = ConcurrentSE(channels, reduction)
    assert sum(p.numel() for p in both.parameters()) == 2 * channels * hidden + hidden + channels + spatial


@every_module
def test_every_parameter_learns_and_types_stay(make):
    module, x = lively(make(8)), noise(2, 8, 5, 6).requires_grad_()
    module(x).square().sum().backward()
    assert x.grad.abs().min() > 0
    assert all(p.grad.abs().max() > 1e-6 for p in module.parameters())
    assert module.double()(x.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        half = module.float()(x)
    assert torch.allclose(half.float(), module(x), atol=0.1, rtol=0.05)


def test_the_gate_learns():
    module, x, g = (
        lively(AttentionGate(6, 4, 5)),
        noise(2, 6, 4, 8).requires_grad_(),
        noise(2, 4, 2, 4).requires_grad_(),
    )
    module(x, g).square().sum().backward()
    assert all(t.grad.abs().max() > 1e-6 for t in (x, g, *module.parameters()))
    assert AttentionGate(1, 3).project.weight.shape == (1, 1, 1, 1)


# --- refusals ---------------------------------------------------------------------------------------------------


@every_module
@pytest.mark.parametrize("shape", [(4, 5, 5), (2, 3, 5, 5)])
def test_other_shapes_are_refused_in_words(make, shape):
    with pytest.raises(ValueError, match=r"x: expected features \(N, 4, H, W\), got"):
        make(4)(torch.zeros(shape))


def test_what_does_not_fit_a_gate_is_refused():
    module = AttentionGate(4, 6)
    with pytest.raises(ValueError, match=r"x: expected features \(N, 4, H, W\)"):
        module(torch.zeros(1, 6, 4, 4), torch.zeros(1, 6, 2, 2))
    with pytest.raises(ValueError, match=r"g: expected features \(N, 6, H, W\)"):
        module(torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 2, 2))
    for size in ((4, 4), (1, 2), (2, 3)):
        with pytest.raises(ValueError, match=r"g: expected half of x's size \(4, 4\), got"):
            module(torch.zeros(1, 4, 4, 4), torch.zeros(1, 6, *size))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ChannelSE(0), "channels: expected at least 1"),
        (lambda: ChannelSE(4, 0), "reduction: expected at least 1"),
        (lambda: ChannelSE(4.0), "channels: expected a whole number"),
        (lambda: SpatialSE(0), "channels: expected at least 1"),
        (lambda: ConcurrentSE(4, combine="mean"), "'sum', 'max', 'multiply', got 'mean'"),
        (lambda: AttentionGate(4, 0), "gating: expected at least 1"),
        (lambda: AttentionGate(4, 4, 0), "hidden: expected at least 1"),
    ],
)
def test_bad_settings_are_refused(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()
