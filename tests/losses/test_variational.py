"""The negative ELBO: against torch.distributions, what each term weighs, and refusals."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from course_lib import losses


def parts(number=3, size=(5, 7), code=4):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw(number, 1, *size), draw(number, 1, *size), draw(number, code), draw(number, code)


@pytest.mark.parametrize("sd", [0.05, 0.5, 3.0])
def test_with_its_constant_it_is_the_density_of_the_image_and_the_divergence_of_the_code(sd):
    image, reconstruction, mean, log_variance = parts()
    likelihood = Independent(Normal(reconstruction, sd), 3).log_prob(image)
    divergence = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    constant = image[0].numel() / 2 * math.log(2 * math.pi * sd**2)
    found = losses.negative_elbo(image, reconstruction, mean, log_variance, decoder_sd=sd)
    assert found.shape == (3,) and torch.allclose(found + constant, divergence - likelihood, rtol=1e-9)


def test_it_is_an_upper_bound_of_minus_log_p():
    """A linear decoder x = w z + noise has a density in closed form, and the best code makes the bound tight."""
    generator = torch.Generator().manual_seed(1)
    w, sd = torch.tensor([[0.6], [-1.1], [0.3]], dtype=torch.float64), 0.4
    x = torch.randn(1, 3, generator=generator, dtype=torch.float64)
    covariance = w @ w.T + sd**2 * torch.eye(3, dtype=torch.float64)
    exact = -torch.distributions.MultivariateNormal(torch.zeros(3, dtype=torch.float64), covariance).log_prob(x)[0]
    precision = float((w.T @ w) / sd**2 + 1)
    best = float(w.T @ x[0] / sd**2 / precision), -math.log(precision)

    def bound(mean, log_variance):
        # over the draws of the code, E(x - wz)² = (x - w mean)² + w² variance
        spread = float((w**2).sum()) * math.exp(log_variance) / (2 * sd**2) + 1.5 * math.log(2 * math.pi * sd**2)
        code = torch.tensor([[mean]], dtype=torch.float64), torch.tensor([[log_variance]], dtype=torch.float64)
        return float(losses.negative_elbo(x, (w @ code[0])[:, 0][None], *code, decoder_sd=sd)) + spread

    assert bound(*best) == pytest.approx(float(exact), rel=1e-9)
    for shift in ((0.3, 0), (-0.3, 0), (0, 0.5), (0, -0.5)):
        assert bound(best[0] + shift[0], best[1] + shift[1]) > exact + 1e-3


def test_both_terms_are_sums():
    image, reconstruction, mean, log_variance = parts()
    zero = torch.zeros_like(mean)
    once = losses.negative_elbo(image, reconstruction, zero, zero, decoder_sd=1.0)
    assert torch.allclose(once, ((image - reconstruction) ** 2).sum((1, 2, 3)) / 2)
    twice = losses.negative_elbo(
        torch.cat([image] * 2, 3), torch.cat([reconstruction] * 2, 3), zero, zero, decoder_sd=0.5
    )
    assert torch.allclose(twice, 8 * once)
    code = losses.negative_elbo(
        image, image, torch.cat([mean] * 3, 1), torch.cat([log_variance] * 3, 1), decoder_sd=0.1
    )
    assert torch.allclose(code, 3 * losses.kl_divergence(mean, log_variance))


def test_refusals():
    image, reconstruction, mean, log_variance = parts()
    with pytest.raises(ValueError, match="decoder_sd"):
        losses.negative_elbo(image, reconstruction, mean, log_variance, decoder_sd=0)
    with pytest.raises(ValueError, match="codes of 3 images"):
        losses.negative_elbo(image, reconstruction, mean[:2], log_variance[:2], decoder_sd=1)
    with pytest.raises(ValueError, match="same shape"):
        losses.negative_elbo(image, reconstruction[:2], mean, log_variance, decoder_sd=1)
