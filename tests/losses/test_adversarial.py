"""Adversarial losses: their signs, where gradients go, and the penalty against critics whose slope is known."""

import pytest
import torch
from torch import nn

from course_lib.losses import critic_loss, generator_loss, gradient_penalty


def images(number=4, shape=(1, 5, 7), seed=0):
    return torch.randn(number, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(weights):
    return lambda batch: (batch * weights).flatten(1).sum(1)


def test_the_critic_wants_real_above_fake_and_the_generator_the_contrary():
    real, fake = torch.full((3, 1, 2, 2), 2.0), torch.zeros(3, 1, 2, 2)
    mean = lambda batch: batch.mean((1, 2, 3))  # noqa: E731
    assert float(critic_loss(mean, real, fake)) == -2 and float(generator_loss(mean, real)) == -2
    column = lambda batch: batch.mean((1, 2, 3))[:, None]  # noqa: E731
    assert float(critic_loss(column, real, fake)) == -2, "(N, 1) is as good as (N,)"


def test_gradients_reach_only_whom_they_should():
    weights = images(1, seed=3)[0].requires_grad_()
    made = images(seed=1).requires_grad_()
    critic_loss(linear(weights), images(), made).backward()
    assert made.grad is None and bool((weights.grad != 0).all())
    generator_loss(linear(weights.detach()), made).backward()
    assert torch.allclose(made.grad, -weights.detach().expand_as(made) / len(made))


@pytest.mark.parametrize("shape", [(1, 5, 7), (2, 3, 3), (1, 1, 6)])
def test_the_penalty_of_a_linear_critic_is_known_whatever_lies_between(shape):
    weights = images(1, shape, seed=5)[0]
    found = gradient_penalty(linear(weights), images(4, shape), images(4, shape, 1))
    assert float(found) == pytest.approx(float((weights.norm() - 1) ** 2), rel=1e-10), "one norm over all pixels"


def test_the_penalty_of_a_quadratic_critic_shows_where_it_was_taken():
    real, fake = images(), images(seed=1)
    seen = []

    def critic(batch):
        seen.append(batch)
        return 0.5 * batch.flatten(1).square().sum(1)  # its slope is the image itself

    found = gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(2))
    (between,) = seen
    alpha = ((between - fake) / (real - fake)).flatten(1)
    assert torch.allclose(alpha, alpha[:, :1].expand_as(alpha)), "one number for all pixels of an image"
    assert len(alpha[:, 0].unique()) == len(real) and bool(((alpha > 0) & (alpha < 1)).all()), "another for each image"
    assert float(found.detach()) == pytest.approx(
        float((between.detach().flatten(1).norm(dim=1) - 1).square().mean()), rel=1e-9
    )


def test_alpha_is_uniform_and_the_seed_decides():
    drawn = []
    many = torch.zeros(20_000, 1, 1, 1, dtype=torch.float64)
    gradient_penalty(lambda batch: drawn.append(batch) or batch.sum((1, 2, 3)), many + 1, many)
    alpha = drawn[0].flatten()
    assert float(alpha.mean()) == pytest.approx(0.5, abs=0.012)
    assert float(alpha.var()) == pytest.approx(1 / 12, rel=0.05)
    square = lambda batch: batch.flatten(1).square().sum(1)  # noqa: E731
    seeded = [
        gradient_penalty(square, images(), images(seed=1), generator=torch.Generator().manual_seed(s))
        for s in (7, 7, 8)
    ]
    assert seeded[0] == seeded[1] != seeded[2]


def test_the_penalty_teaches_the_critics_weights_and_nobody_else():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(35, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    made = images(seed=1).requires_grad_()
    gradient_penalty(critic, images(), made).backward()
    assert made.grad is None
    assert all(bool((layer.weight.grad != 0).any()) for layer in (critic[1], critic[3]))


@pytest.mark.parametrize("function", [critic_loss, gradient_penalty])
def test_bad_input_is_refused_in_words(function):
    with pytest.raises(ValueError, match="same shape"):
        function(linear(1.0), images(4), images(3))
    with pytest.raises(ValueError, match="critic: expected one number for each of 4 images"):
        function(lambda batch: batch.mean(), images(), images())
