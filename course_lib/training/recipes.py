"""How the thesis and the attention U-Net train, as arguments of `training.fit`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from course_lib.losses import DSSIMLoss, attention_loss


def thesis_rmsprop(parameters: Iterator[nn.Parameter], *, l2: float = 0.0) -> torch.optim.RMSprop:
    """Keras's RMSprop in PyTorch's words, with the penalty `l2 · Σ w²` on the kernels of all convolutions.

    PyTorch adds weight_decay · w to the gradient, which is that of ½ · weight_decay · w²: so weight_decay = 2 · l2.
    Both libraries do so before they divide by the running root mean square: L2, not the decoupled decay of AdamW.
    Biases and BN are not penalised, as in the thesis's code (which leaves out transposed and some outer convolutions,
    too).

    Args:
        parameters: of the model.
        l2: weight of the penalty.

    Returns:
        The optimiser.

    Lab: 06.
    """
    weights = list(parameters)
    kernels = [weight for weight in weights if weight.ndim >= 2]
    others = [weight for weight in weights if weight.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": kernels}, {"params": others, "weight_decay": 0.0}]
    # Keras remembers the mean square by rho = 0.9, PyTorch by default by 0.99
    return torch.optim.RMSprop(groups, lr=1e-3, alpha=0.9, eps=1e-7, weight_decay=2 * l2)


# Source: healthy-brain thesis (Arnaiz-Rodríguez 2021), slide "Experiments without data augmentation";
# the plateau's own min delta and floor: the thesis's published script, residual_cae_experiment.py.
# Keras reduces the rate in the 4th epoch in a row without a gain, PyTorch in the one after `patience`: 3 here is 4 in
# Keras. (Stopping early counts alike in both: 20.)
# In the thesis the loss that is watched holds the penalty, too; here it does not.
_THESIS = dict(
    loss=nn.functional.mse_loss,
    epochs=100,
    batch_size=32,
    optimizer=thesis_rmsprop,
    patience=20,
    min_delta=2e-7,
    plateau=dict(factor=0.2, patience=3, threshold=1e-7, threshold_mode="abs", min_lr=1e-7),
)
_THESIS_DSSIM = dict(
    loss=DSSIMLoss(data_range=1.0),
    epochs=100,
    batch_size=32,
    optimizer=thesis_rmsprop,
    patience=20,
    min_delta=5e-5,
    plateau=dict(factor=0.2, patience=3, threshold=2e-5, threshold_mode="abs", min_lr=1e-7),
)
_L2 = dict(optimizer=partial(thesis_rmsprop, l2=1e-5))

#: How the healthy-brain thesis trained: arguments of `fit`, by loss, with L2 or without.
#:
#:     fit(model, train, validation, corrupt=..., **THESIS_RECIPE["DSSIM + L2"])
#:
#: Fewer epochs: `**(THESIS_RECIPE["MSE"] | {"epochs": 5})`.
THESIS_RECIPE: dict[str, dict[str, Any]] = {
    "MSE": _THESIS,
    "MSE + L2": _THESIS | _L2,
    "DSSIM": _THESIS_DSSIM,
    "DSSIM + L2": _THESIS_DSSIM | _L2,
}

# Source: attention U-Net deck: 200 epochs, VGG16 perceptual loss, augmentation; it names no optimiser, batch or rate.
# Ours: AdamW (Loshchilov and Hutter 2019), batch, rate, schedule, clipping and averaging. In tries of up to 2000 steps
# clipping and averaging paid and the schedule did not yet: it ended the learning too soon. Short of the 200 epochs
# compare it with | {"schedule": None}.
# An epoch is what the data says it is: `data.mixture.Mixture(..., count=...)`, which also does the augmentation.
_ATTENTION = dict(
    loss=nn.functional.mse_loss,
    epochs=200,
    batch_size=8,
    optimizer=partial(torch.optim.AdamW, lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-4),
    schedule="cosine",
    ema=0.998,
    clip_norm=1.0,
)

#: How the attention U-Net is trained here: arguments of `fit`, by loss. "MSE + VGG" is the deck's; those with random
#: VGG need no file.
#:
#:     noisy = noising("rician", 0.11)
#:     fit(model, mixture, validation, corrupt=noisy, **ATTENTION_RECIPE["MSE"])
#:
#: Fewer epochs: `**(ATTENTION_RECIPE["MSE"] | {"epochs": 5})`.
ATTENTION_RECIPE: dict[str, dict[str, Any]] = {
    "MSE": _ATTENTION,
    "MSE + VGG": _ATTENTION | dict(loss=attention_loss()),
    "MSE + random VGG": _ATTENTION | dict(loss=attention_loss(pretrained=False)),
    "L1": _ATTENTION | dict(loss=nn.functional.l1_loss),
    "L1 + SSIM": _ATTENTION | dict(loss=attention_loss("L1", ssim=0.1, perceptual=0)),
    "L1 + SSIM + VGG": _ATTENTION | dict(loss=attention_loss("L1", ssim=0.1)),
    "L1 + SSIM + random VGG": _ATTENTION | dict(loss=attention_loss("L1", ssim=0.1, pretrained=False)),
}

# The whole network, UNet-DCTD-A, in profile `gpu`: the encoder frozen first, then everything, 200 epochs in all.
# Source: deck ("Epochs: 200", transfer learning from ResNet-18, VGG perceptual loss). Ours, and not tried on a GPU yet:
# what an epoch is, how long the encoder is frozen, and the smaller rate that spares what ImageNet taught it.
# `patience` as long as the stage: it never stops, and the weights are those of the best epoch ("up to" 200).
# Time, estimated, not measured: a patch costs 4.3·10⁹ multiplications forward in the network (counted by
# torch.utils.flop_counter), three times that with the way back, and 13.7·10⁹ in VGG16 to relu4_3, so 5.3·10¹⁰ floating
# point operations; 128,000 patches, 6.8·10¹⁵ operations; at a quarter of the 65·10¹² a second that NVIDIA publishes for
# a T4 in half precision, 7 minutes for each noise. Validation and data come on top, and the share may be worse.

#: The two stages in which the whole network is trained in profile `gpu`: first with a frozen encoder, then all of it.
#:
#:     stages, recipe = ATTENTION_ON_GPU, ATTENTION_RECIPE["MSE + VGG"]
#:     material = Mixture(..., count=stages["patches"], size=stages["size"])
#:     freeze(model)
#:     fit(model, material, corrupt=noisy, **(recipe | stages["frozen"]))
#:     unfreeze(model)
#:     fit(model, material, corrupt=noisy, **(recipe | stages["whole"]))
ATTENTION_ON_GPU: dict[str, Any] = dict(
    size=128,  # pixels a side of a patch: 16×16 in the bottleneck
    patches=640,  # an epoch, 40 steps
    frozen=dict(epochs=20, batch_size=16),
    whole=dict(
        epochs=180,
        batch_size=16,
        patience=180,
        optimizer=partial(torch.optim.AdamW, lr=5e-4, betas=(0.9, 0.99), weight_decay=1e-4),
    ),
)
