"""The pieces of a network in numpy, against torch: its layers, its autograd, its convolution, on odd sizes too."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models import neuron as pieces


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_neuron_is_a_linear_layer_and_a_relu(rng):
    x, weights = rng.normal(size=(7, 5)), rng.normal(size=5)
    expected = F.relu(F.linear(torch.from_numpy(x), torch.from_numpy(weights)[None], torch.tensor([0.3]).double()))
    np.testing.assert_allclose(pieces.neuron(x, weights, 0.3), expected[:, 0].numpy(), atol=1e-12)


def test_two_layers_with_nothing_between_them_are_one(rng):
    first, second = nn.Linear(5, 3).double(), nn.Linear(3, 2).double()
    parts = [part.detach().numpy() for layer in (first, second) for part in layer.parameters()]
    weights, bias = pieces.one_layer(*parts)
    x = torch.from_numpy(rng.normal(size=(11, 5)))
    np.testing.assert_allclose(x.numpy() @ weights.T + bias, second(first(x)).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("count", [1, 6])
def test_a_step_is_that_of_autograd(rng, count):
    x, target = rng.normal(size=(2, count))
    weight, bias = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (1.5, -0.4))
    F.mse_loss(weight * torch.from_numpy(x) + bias, torch.from_numpy(target)).backward()
    expected = [1.5 - 0.07 * weight.grad.item(), -0.4 - 0.07 * bias.grad.item()]
    np.testing.assert_allclose(pieces.gradient_step(1.5, -0.4, x, target, 0.07), expected, rtol=1e-12)


def test_the_step_of_the_text():
    one, two = np.array([1.0]), np.array([2.0])
    np.testing.assert_allclose(pieces.gradient_step(1, 0, two, one, 0.05), (0.8, -0.1))


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [((5, 7), (3, 3), 1, 0), ((8, 5), (3, 2), 2, 1), ((9, 9), (1, 4), 3, 2), ((3, 3), (3, 3), 2, 0)],
)
def test_convolve_is_that_of_torch(rng, shape, kernel, stride, padding):
    image, weights = rng.normal(size=shape), rng.normal(size=kernel)
    expected = F.conv2d(
        torch.from_numpy(image)[None, None], torch.from_numpy(weights)[None, None], stride=stride, padding=padding
    )
    np.testing.assert_allclose(pieces.convolve(image, weights, stride, padding), expected[0, 0].numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda a: pieces.neuron(a, np.ones(4), 0), "n weights"),
        (lambda a: pieces.one_layer(a, np.ones(3), a, np.ones(2)), r"\(m, h\)"),
        (lambda a: pieces.gradient_step(1, 0, np.ones(2), np.ones(3), 0.1), "same shape"),
        (lambda a: pieces.convolve(a, np.ones((4, 4))), "kernel's size"),
        (lambda a: pieces.convolve(a, np.ones((2, 2)), stride=0), "stride"),
        (lambda a: pieces.convolve(a, np.ones((2, 2)), padding=-1), "padding"),
    ],
)
def test_what_does_not_fit_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call(np.ones((2, 3)))
