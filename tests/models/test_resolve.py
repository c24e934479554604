"""DeepResolve: golden counts by hand, where it starts, how far it sees, and that it learns."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import resolution
from course_lib.models.dncnn import receptive_field
from course_lib.models.resolve import SMALL, DeepResolve
from course_lib.training import fixed_seed


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def lively(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize(
    ("arguments", "golden"),
    [({}, 1_995_329), ({"dimensions": 2}, 665_921), (SMALL, 56_097), ({"depth": 8, "width": 16}, 42_449)],
)
def test_golden_parameter_counts(arguments, golden):
    depth, width, taps = arguments.get("depth", 20), arguments.get("width", 64), 3 ** arguments.get("dimensions", 3)
    by_hand = (taps + 1) * width + (depth - 2) * (taps * width + 1) * width + taps * width + 1
    assert sum(parameter.numel() for parameter in DeepResolve(**arguments).parameters()) == by_hand == golden


@pytest.mark.parametrize("shape", [(2, 1, 7, 9), (1, 2, 5, 7, 6)])
def test_untrained_it_is_interpolation_and_keeps_the_shape(shape):
    image = noise(*shape)
    model = DeepResolve(3, 4, channels=shape[1], dimensions=len(shape) - 2)
    assert torch.equal(model(image), image)
    lively(model)
    assert model(image).shape == image.shape
    assert torch.allclose(model(image) - image, model.residual(image), atol=1e-6) and model.residual(image).std() > 0.01


def test_it_is_the_chain_that_the_paper_names():
    model, image = lively(DeepResolve(3, 4)), noise(1, 1, 5, 6, 7)
    first, second, third = (layer for layer in model.layers if isinstance(layer, nn.Conv3d))
    features = image
    for convolution in (first, second):
        features = F.conv3d(features, convolution.weight, convolution.bias, padding=1).clamp(min=0)
    expected = image + F.conv3d(features, third.weight, third.bias, padding=1)
    assert torch.allclose(model(image), expected, atol=1e-6)


def test_receptive_field():
    assert receptive_field(DeepResolve(**SMALL).layers) == (17, 17)
    assert receptive_field(DeepResolve(20, 2, dimensions=2).layers) == (41, 41)


def test_every_weight_of_the_volume_network_gets_a_gradient():
    with fixed_seed(0):
        model = lively(DeepResolve(4, 4))
    model(noise(4, 1, 9, 9, 9)).square().mean().backward()
    for name, weight in model.named_parameters():
        assert (weight.grad.flatten(2) if weight.ndim > 1 else weight.grad[None, None]).any(0).any(0).all(), name


def test_a_few_steps_beat_the_interpolation_that_it_is_given():
    places = torch.linspace(0, 1, 32)
    shifts = torch.rand(6, 1, 32, 1, generator=torch.Generator().manual_seed(0))
    clean = torch.sigmoid((((places * 7 + shifts) % 1) - 0.5) * 25)  # edges at any place between the slices
    given = resolution.between_slices(resolution.thick_slices(clean, 2), 2, method="bspline")
    with fixed_seed(0):
        model = DeepResolve(4, 12, dimensions=2)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        loss = F.mse_loss(model(given), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert F.mse_loss(model(given), clean) < 0.6 * F.mse_loss(given, clean)


def test_refusals():
    with pytest.raises(ValueError, match="dimensions: expected 2 or 3, got 1"):
        DeepResolve(dimensions=1)
    with pytest.raises(ValueError, match="depth"):
        DeepResolve(depth=1)
    with pytest.raises(ValueError, match=r"expected a batch \(N, 1, D, H, W\), got \(1, 1, 8, 8\)"):
        DeepResolve(2, 2)(noise(1, 1, 8, 8))
    with pytest.raises(ValueError, match=r"expected a batch \(N, 1, H, W\), got \(1, 3, 8, 8\)"):
        DeepResolve(2, 2, dimensions=2)(noise(1, 3, 8, 8))
