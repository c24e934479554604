"""How a published model was trained, as arguments of `training.fit`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from course_lib.losses import DSSIMLoss


def thesis_rmsprop(parameters: Iterator[nn.Parameter], *, l2: float = 0.0) -> torch.optim.RMSprop:
    """Keras's RMSprop in PyTorch's words, with the penalty `l2 · Σ w²` on the kernels of all convolutions.

    PyTorch adds weight_decay · w to the gradient, which is that of ½ · weight_decay · w²: so weight_decay = 2 · l2.
    Both libraries do so before they divide by the running root mean square: L2, not the decoupled decay of AdamW.
    Biases and BN are not penalised, as in the thesis's code (which leaves out transposed and some outer convolutions,
    too). Lab 06.
    """
    parameters = list(parameters)
    kernels = [parameter for parameter in parameters if parameter.ndim >= 2]
    others = [parameter for parameter in parameters if parameter.ndim < 2]
    groups = [{"params": kernels}, {"params": others, "weight_decay": 0.0}]
    # Keras remembers the mean square by rho = 0.9, PyTorch by default by 0.99
    return torch.optim.RMSprop(groups, lr=1e-3, alpha=0.9, eps=1e-7, weight_decay=2 * l2)


# Source: healthy-brain thesis (Arnaiz-Rodríguez 2021), slide "Experiments without data augmentation";
# the plateau's own min delta and floor: the thesis's published script, residual_cae_experiment.py.
# Keras reduces the rate in the 4th epoch in a row without a gain, PyTorch in the one after `patience`: 3 here is 4 in
# Keras. (Stopping early counts alike in both: 20.)
# In the thesis the loss that is watched holds the penalty, too; here it does not.
_MSE = dict(
    loss=nn.functional.mse_loss,
    epochs=100,
    batch_size=32,
    optimizer=thesis_rmsprop,
    patience=20,
    min_delta=2e-7,
    plateau=dict(factor=0.2, patience=3, threshold=1e-7, threshold_mode="abs", min_lr=1e-7),
)
_DSSIM = dict(
    loss=DSSIMLoss(data_range=1.0),
    epochs=100,
    batch_size=32,
    optimizer=thesis_rmsprop,
    patience=20,
    min_delta=5e-5,
    plateau=dict(factor=0.2, patience=3, threshold=2e-5, threshold_mode="abs", min_lr=1e-7),
)
_L2 = dict(optimizer=partial(thesis_rmsprop, l2=1e-5))

# training.fit(model, train, validation, corrupt=..., **THESIS_RECIPE["DSSIM + L2"]); fewer epochs:
# **(THESIS_RECIPE["MSE"] | {"epochs": 5})
THESIS_RECIPE: dict[str, dict[str, Any]] = {
    "MSE": _MSE,
    "MSE + L2": _MSE | _L2,
    "DSSIM": _DSSIM,
    "DSSIM + L2": _DSSIM | _L2,
}
