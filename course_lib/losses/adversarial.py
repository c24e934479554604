"""What a critic and a generator minimise in a Wasserstein GAN, and the penalty that keeps the critic smooth."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_lib._checks import check_tensors
from course_lib._random import generator_for

Critic = Callable[[torch.Tensor], torch.Tensor]


def critic_loss(critic: Critic, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """`E[D(fake)] - E[D(real)]`: least where the critic D gives real images more than fake ones.

    Its negative, at the best critic whose slope is nowhere above 1, is the Wasserstein distance of both distributions.
    There is no sigmoid and no logarithm: a critic gives marks, not probabilities. No gradient reaches what made `fake`.

    Args:
        critic: images -> one number each, (N,) or (N, 1).
        real, fake: (N, C, H, W) each.

    Returns:
        A scalar.

    Raises:
        TypeError, ValueError: bad input.

    Source: Arjovsky et al. 2017, algorithm 1; Yang et al. 2018.
    Lab: 10.
    """
    check_tensors(fake, real, names=("fake", "real"))
    return _marks(critic, fake.detach()).mean() - _marks(critic, real).mean()


def generator_loss(critic: Critic, fake: torch.Tensor) -> torch.Tensor:
    """`-E[D(fake)]`: least where the critic takes the generator's images for real ones.

    Args:
        critic: images -> one number each, (N,) or (N, 1).
        fake: (N, C, H, W), of the generator, with its gradient.

    Returns:
        A scalar.

    Raises:
        TypeError, ValueError: bad input.

    Source: Arjovsky et al. 2017, algorithm 1; Yang et al. 2018.
    Lab: 10.
    """
    return -_marks(critic, fake).mean()


def gradient_penalty(
    critic: Critic, real: torch.Tensor, fake: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """`E[(‖∇D(x̂)‖ - 1)²]` at `x̂ = α·real + (1 - α)·fake`: keeps the critic's slope near 1 between the two.

    There is one α ~ U(0, 1) for each image, and one norm, over all pixels and channels of an image. Multiply by 10, as
    the paper does, before you add it to the critic's loss.

    Args:
        critic: images -> one number each; it must not mix the images of a batch, as batch normalisation does.
        real, fake: (N, C, H, W) each; no gradient reaches what made them.
        generator: of α; without one, fresh entropy.

    Returns:
        A scalar, differentiable with respect to the critic's weights.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gulrajani et al. 2017, equation 3.
    Lab: 10.
    """
    check_tensors(fake, real, names=("fake", "real"))
    shape = (len(real),) + (1,) * (real.ndim - 1)
    alpha = torch.rand(shape, generator=generator_for(real, generator), dtype=real.dtype, device=real.device)
    between = (alpha * real + (1 - alpha) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(_marks(critic, between).sum(), between, create_graph=True)
    norms = slope.flatten(1).norm(dim=1)  # (N, C, H, W) -> (N, C·H·W) -> (N,)
    return ((norms - 1) ** 2).mean()


def _marks(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    marks = critic(images)
    if not isinstance(marks, torch.Tensor) or marks.shape not in ((len(images),), (len(images), 1)):
        got = tuple(marks.shape) if isinstance(marks, torch.Tensor) else type(marks).__name__
        raise ValueError(f"critic: expected one number for each of {len(images)} images, got {got}")
    return marks
