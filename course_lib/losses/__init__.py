"""What is minimised: losses as modules, `loss(prediction, target)` -> a scalar, for `training.fit` or a loop by hand.

Images are tensors (N, C, H, W). L1 and L2 are PyTorch's own: `torch.nn.L1Loss()` and `torch.nn.MSELoss()`.
Nothing here has parameters to train or anything to save. Unlike `metrics`, a loss does not refuse NaN (`fit` does).
Under autocast all but the network of PerceptualLoss compute in float32. `kl_divergence` is one term of a loss.
"""

from __future__ import annotations

from course_lib.losses.adversarial import critic_loss, generator_loss, gradient_penalty
from course_lib.losses.attention import attention_loss
from course_lib.losses.overlap import generalised_dice_loss
from course_lib.losses.perceptual import PerceptualLoss
from course_lib.losses.shape import shape_code_loss, shape_prior_loss
from course_lib.losses.similarity import Charbonnier, DSSIMLoss, MixLoss, MSSSIMLoss, SSIMLoss, kl_divergence
from course_lib.losses.variational import negative_elbo

__all__ = [
    "Charbonnier",
    "DSSIMLoss",
    "MSSSIMLoss",
    "MixLoss",
    "PerceptualLoss",
    "SSIMLoss",
    "attention_loss",
    "critic_loss",
    "generalised_dice_loss",
    "generator_loss",
    "gradient_penalty",
    "kl_divergence",
    "negative_elbo",
    "shape_code_loss",
    "shape_prior_loss",
]
