"""D-AMP: its operators are adjoint, its step is the equation for a linear denoiser, and its sigma is the true one."""

import math

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from course_lib.classical.amp import damp, damp_step
from course_lib.classical.measurements import dct_measurement, gaussian_measurement
from course_lib.models.ldamp import LDAMP
from course_lib.selfsupervised import sure


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def operators(shape, ratio):
    yield gaussian_measurement(shape, ratio, generator=seeded())
    yield dct_measurement(shape, ratio, generator=seeded())
    yield dct_measurement(shape, ratio, signs=False, generator=seeded())


@pytest.mark.parametrize(("shape", "ratio"), [((8, 8), 0.25), ((7, 9), 0.5), ((5, 4), 1.0), ((1, 6), 0.2)])
def test_forward_and_adjoint_are_adjoint(shape, ratio):
    for operator in operators(shape, ratio):
        assert operator.count == max(1, round(ratio * shape[0] * shape[1])) and operator.shape == shape
        image = torch.randn(3, 1, *shape, generator=seeded(1), dtype=torch.float64)
        values = torch.randn(3, operator.count, generator=seeded(2), dtype=torch.float64)
        forward = (operator.forward(image) * values).sum()
        assert float(forward) == pytest.approx(float((image * operator.adjoint(values)).sum()), rel=1e-9, abs=1e-9)


def test_cosines_are_scipys_and_rows_are_orthogonal():
    operator = dct_measurement((6, 9), 1.0, signs=False, generator=seeded())
    image = torch.randn(1, 1, 6, 9, dtype=torch.float64)
    ours, oracle = operator.forward(image)[0].numpy(), dctn(image[0, 0].numpy(), norm="ortho").ravel()
    assert np.allclose(np.sort(ours), np.sort(oracle), atol=1e-12)
    half = dct_measurement((6, 9), 0.5, generator=seeded())
    values = torch.randn(2, half.count, dtype=torch.float64)
    assert torch.allclose(half.forward(half.adjoint(values)), values * 54 / half.count, atol=1e-10)


def test_columns_have_norm_one_in_the_mean():
    for operator in operators((16, 16), 0.25):
        columns = operator.forward(torch.eye(256).view(256, 1, 16, 16)).norm(dim=1)
        assert float(columns.square().mean()) == pytest.approx(1, rel=0.05)


def test_a_step_with_a_linear_denoiser_is_the_equation_itself():
    operator = gaussian_measurement((6, 7), 0.5, generator=seeded())
    x, z = torch.randn(2, 1, 6, 7, generator=seeded(1)), torch.randn(2, operator.count, generator=seeded(2))
    y, scale = torch.randn(2, operator.count, generator=seeded(3)), 0.4
    runs = [damp_step(x, z, y, operator, lambda r, s: scale * r, generator=seeded(n)) for n in range(400)]
    image, _, sigma, noisy = runs[0]
    assert torch.allclose(noisy, x + operator.adjoint(z), atol=1e-5) and torch.allclose(image, scale * noisy)
    assert torch.allclose(sigma, z.norm(dim=1) / math.sqrt(operator.count))
    mean = torch.stack([left for _, left, _, _ in runs]).mean(0)
    exact = y - operator.forward(image) + z * (scale * 42) / operator.count  # the divergence is 0.4 for each of 42
    assert torch.allclose(mean, exact, atol=0.05)
    _, plain, _, _ = damp_step(x, z, y, operator, lambda r, s: scale * r, onsager=False)
    assert torch.allclose(plain, y - operator.forward(image), atol=1e-5)


def sparse(size=64, share=0.05):
    """An image with few pixels that are not 0, for which a soft threshold is a denoiser."""
    generator = seeded(4)
    image = torch.randn(1, 1, size, size, generator=generator)
    return image * (torch.rand(1, 1, size, size, generator=generator) < share)


def soft(noisy, sigma):
    return torch.sign(noisy) * (noisy.abs() - 1.5 * sigma).clamp(min=0)


@pytest.mark.parametrize("kind", [gaussian_measurement, dct_measurement])
def test_its_sigma_is_the_true_one_and_onsagers_term_is_why(kind):
    truth = sparse()
    operator = kind((64, 64), 0.3, generator=seeded())
    measured = operator.forward(truth) + 0.01 * torch.randn(1, operator.count, generator=seeded(1))
    found = damp(measured, operator, soft, iterations=12, keep=True, generator=seeded(2))
    # orthogonal rows see nothing twice: what they miss is less than AMP believes, by 1 / sqrt(1 - M / N) at most
    too_high = 1 if kind is gaussian_measurement else 1 / math.sqrt(1 - 0.3)
    for sigma, noisy in zip(found.sigma, found.noisy, strict=True):
        assert 0.88 < float(sigma) / float((noisy - truth).std()) < 1.12 * too_high
    error = float((found.image - truth).square().mean())
    plain = damp(measured, operator, soft, iterations=12, onsager=False)
    assert error < 0.3 * float((plain.image - truth).square().mean())
    assert error < 0.01 * float(truth.square().mean())


def test_the_seed_decides():
    operator = dct_measurement((16, 16), 0.4, generator=seeded())
    again = dct_measurement((16, 16), 0.4, generator=seeded())
    measured = operator.forward(sparse(16, 0.1))
    assert torch.equal(measured, again.forward(sparse(16, 0.1)))
    one, two = (damp(measured, operator, soft, iterations=3, generator=seeded(5)).image for _ in range(2))
    assert torch.equal(one, two)


def test_ldamp_counts_its_weights_and_learns_end_to_end():
    assert sum(weight.numel() for weight in LDAMP().parameters()) == 46_656
    assert sum(weight.numel() for weight in LDAMP(3, tied=False).parameters()) == 3 * 46_656
    torch.manual_seed(0)
    model = LDAMP(2, width=4, depth=3)
    operator = dct_measurement((16, 16), 0.5, generator=seeded())
    truth = torch.rand(2, 1, 16, 16)
    for layer in model.modules():  # the last convolution starts at 0, the identity: no gradient would reach the others
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=0.1)
    answer = model(operator.forward(truth), operator, generator=seeded(1))
    assert answer.shape == truth.shape
    ((answer - truth) ** 2).mean().backward()
    assert all(bool((weight.grad != 0).any()) for weight in model.parameters())


class Shrunk(torch.nn.Module):
    """A denoiser that needs no sigma: what stands below a share of the largest pixel goes."""

    def forward(self, noisy):
        return torch.nn.functional.relu(noisy - 0.3 * noisy.amax((1, 2, 3), keepdim=True))


@pytest.mark.parametrize("tied", [True, False])
def test_unrolled_with_the_same_denoiser_it_is_damp(tied):
    operator = gaussian_measurement((12, 9), 0.5, generator=seeded())
    measured = operator.forward(sparse(12, 0.1)[..., :9].expand(2, -1, -1, -1))
    model = LDAMP(4, width=2, depth=2, tied=tied)
    model.denoisers = torch.nn.ModuleList(Shrunk() for _ in model.denoisers)
    oracle = damp(measured, operator, lambda noisy, sigma: Shrunk()(noisy), iterations=4, generator=seeded(1))
    assert torch.equal(model(measured, operator, generator=seeded(1)), oracle.image)
    plain = damp(measured, operator, lambda noisy, sigma: Shrunk()(noisy), iterations=4, onsager=False)
    assert not torch.allclose(plain.image, oracle.image, atol=1e-3)


def test_each_iteration_asks_its_own_denoiser_unless_they_are_tied():
    asked = []

    class Told(Shrunk):
        def __init__(self, number):
            super().__init__()
            self.number = number

        def forward(self, noisy):
            asked.append(self.number)
            return super().forward(noisy)

    operator = dct_measurement((6, 6), 0.5, generator=seeded())
    for tied, order in ((True, [0] * 6), (False, [0, 0, 1, 1, 2, 2])):  # twice each: the divergence wants two answers
        model = LDAMP(3, width=2, depth=2, tied=tied)
        model.denoisers = torch.nn.ModuleList(Told(number) for number in range(len(model.denoisers)))
        asked.clear()
        model(operator.forward(torch.rand(1, 1, 6, 6)), operator)
        assert asked == order


def test_a_step_end_to_end_lowers_the_loss_of_the_unrolled_network():
    torch.manual_seed(0)
    model = LDAMP(3, width=8, depth=3)
    operator = dct_measurement((16, 16), 0.5, generator=seeded())
    rough = torch.rand(4, 1, 4, 4, generator=seeded(2))
    truth = torch.nn.functional.interpolate(rough, size=(16, 16), mode="bicubic")
    measured = operator.forward(truth)

    def loss():
        return ((model(measured, operator, generator=seeded(1)) - truth) ** 2).mean()

    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    before = float(loss().detach())
    for _ in range(10):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert float(loss().detach()) < 0.8 * before


def test_sure_knows_the_error_of_a_layer_without_the_truth():
    # what a layer sees is the image plus noise of sigma; divided by sigma, the noise is 1, whatever the iteration
    torch.manual_seed(0)
    model = LDAMP(1, width=8, depth=3)
    network = model.denoiser(0).double()
    torch.nn.init.normal_(network.layers[-1].weight, std=0.1)
    truth, operator = sparse(64, 0.05), gaussian_measurement((64, 64), 0.3, generator=seeded())
    found = damp(operator.forward(truth), operator, soft, iterations=4, keep=True, generator=seeded(2))
    for sigma, noisy in zip(found.sigma, found.noisy, strict=True):
        level = float((noisy - truth).std())
        assert float(sigma) == pytest.approx(level, rel=0.12)
        seen, clean = (noisy / level).double(), (truth / level).double()
        error = float((network(seen) - clean).square().mean().detach())
        told = float(sure(network, seen, 1.0, generator=seeded(3)).detach())
        # of 4096 pixels, an estimate is off by about (2 + 2·sqrt(error)) / 64, by r's colour and A's chance a bit more
        assert told == pytest.approx(error, abs=6 * (2 + 2 * error**0.5) / 64)


def test_a_network_without_biases_scales_with_its_input():
    torch.manual_seed(1)
    network = LDAMP(1, width=4, depth=3).denoiser(0)
    torch.nn.init.normal_(network.layers[-1].weight, std=0.1)
    image = torch.rand(1, 1, 9, 9)
    assert torch.allclose(network(30 * image), 30 * network(image), rtol=1e-4, atol=1e-4)


def test_bad_input_is_refused_in_words():
    operator = gaussian_measurement((4, 4), 0.5)
    for call, words in [
        (lambda: damp(torch.zeros(1, 3), operator, soft), "expected .N, 8."),
        (lambda: damp(torch.zeros(1, 8), operator, soft, iterations=0), "iterations"),
        (lambda: gaussian_measurement((4, 4), 1.5), "ratio"),
        (lambda: dct_measurement((0, 4), 0.5), "shape"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
