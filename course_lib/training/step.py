"""One step of training on the CPU, as lab 01 writes it: the heart of `fit`, without what GPUs ask of it."""

from __future__ import annotations

import torch
from torch import nn


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, clean: torch.Tensor, noisy: torch.Tensor) -> float:
    """Bring `model(noisy)` closer to `clean`, by the mean squared error, and leave the model in training mode.

    Args:
        model: changed in place, by the optimizer that holds its parameters.
        optimizer: any of PyTorch's.
        clean, noisy: (N, C, H, W), on the model's device.

    Returns:
        The loss before the step.

    Lab: 01.
    """
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    optimizer.step()
    return loss.item()
