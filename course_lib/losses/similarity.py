"""Losses that compare pixels and structure, and the Kullback-Leibler term of a variational autoencoder."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_data_range, check_number, check_tensors
from course_lib.metrics.structure import (
    check_scales,
    check_sides,
    halved,
    local_mean,
    precise,
    scale_terms,
    scale_weights,
    ssim_map,
)


class Charbonnier(nn.Module):
    """Mean of `sqrt(d² + epsilon²) - epsilon` for d = prediction - target: L1 with a rounded tip, 0 for equal images.

    Below epsilon it is like d² / (2 epsilon), above it like |d|. (Taking epsilon off changes no gradient.) Prediction
    and target: the same shape, any. Symmetric.

    Args:
        epsilon: above 0, in units of the image.

    Raises:
        TypeError, ValueError: bad input.

    Source: Charbonnier et al. 1994; Lai et al. 2017.
    Lab: 05.
    """

    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.epsilon = check_number(epsilon, "epsilon", low=0, above=True)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        check_tensors(prediction, target)
        prediction, target = precise(prediction, target)
        squares = (prediction - target) ** 2
        # the same as the formula above, without the difference of two almost equal numbers
        return (squares / (torch.sqrt(squares + self.epsilon**2) + self.epsilon)).mean()

    def extra_repr(self) -> str:
        return f"epsilon={self.epsilon:g}"


class SSIMLoss(nn.Module):
    """`1 - SSIM`, the mean over all windows of the batch: 0 for equal images, at most 2. Symmetric.

    Prediction and target: (N, C, H, W), at least 11 pixels a side (7 for "uniform"). The outer 5 (3) pixels are in few
    windows and count little.

    Args:
        data_range: 1 for images in [0, 1]; the first target is checked against it.
        window: as in `metrics.ssim`.

    Raises:
        TypeError, ValueError: bad input.

    Source: Wang et al. 2004, equation 13; as a loss Zhao et al. 2017, section III-B.
    Lab: 05.
    """

    _range_checked = False

    def __init__(self, data_range: float, *, window: str = "gaussian") -> None:
        super().__init__()
        self.data_range, self.window = _data_range(data_range), _window(window)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 1 - _mean_ssim(self, prediction, target)

    def extra_repr(self) -> str:
        return f"data_range={self.data_range:g}, window={self.window!r}"


class DSSIMLoss(nn.Module):
    """`(1 - SSIM) / 2`, half of SSIMLoss, from 0 to 1: what the healthy-brain thesis trains with and reports.

    Args:
        data_range, window: as for SSIMLoss; so are the shapes of prediction and target.

    Raises:
        TypeError, ValueError: as SSIMLoss.

    Source: healthy-brain thesis, loss functions.
    Lab: 06.
    """

    _range_checked = False

    def __init__(self, data_range: float, *, window: str = "gaussian") -> None:
        super().__init__()
        self.data_range, self.window = _data_range(data_range), _window(window)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (1 - _mean_ssim(self, prediction, target)) / 2

    def extra_repr(self) -> str:
        return f"data_range={self.data_range:g}, window={self.window!r}"


class MSSSIMLoss(nn.Module):
    """`1 - MS-SSIM`, the mean over images and channels, from 0 (equal images) to 1. Symmetric.

    It is 1 - `metrics.ms_ssim`, except where the mean v of a scale is below 0.05. The metric counts a negative v as 0,
    which has no gradient: a network that starts with its contrast the wrong way round would never learn. So below d =
    0.05 the loss takes d² / (2d - v) in place of v: same value and slope at d, positive, rising and never steep.

    Luminance is compared at the coarsest scale only, in windows that stand in the middle of the image: where brightness
    matters, add a pixel loss, as MixLoss does.

    Args:
        data_range: 1 for images in [0, 1]; the first target is checked against it.
        scales: as in `metrics.ms_ssim`; five need 161 pixels a side, three need 41: choose them for the patches of a
            training.

    Raises:
        TypeError, ValueError: bad input.

    Source: Wang et al. 2003; as a loss Zhao et al. 2017, section III-C.
    Lab: 05.
    """

    _range_checked = False

    def __init__(self, data_range: float, *, scales: int = 5) -> None:
        super().__init__()
        self.data_range, self.scales = _data_range(data_range), check_scales(scales)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        prediction, target = _images(self, prediction, target)
        return _ms_ssim_loss(prediction, target, self.data_range, self.scales)

    def extra_repr(self) -> str:
        return f"data_range={self.data_range:g}, scales={self.scales}"


class MixLoss(nn.Module):
    """`alpha · (1 - MS-SSIM) + (1 - alpha) · L1`, L1 in units of the data range: structure and brightness. Symmetric.

    Zhao et al. weight L1 by the Gaussian of the coarsest scale, as MS-SSIM weights its pixels. Here |d| is halved like
    the images, and each 11×11 Gaussian window of the coarsest scale gives one mean. Windows may reach over the border,
    with weights that again sum to 1: otherwise corners would cost nothing. Averaged over all windows, this is nearly
    the plain L1; in the paper the weights matter more, for there only the centre of a small patch is scored. Their
    scales are five Gaussians of growing width at full resolution; here it is the pyramid of `MSSSIMLoss`.

    Args:
        data_range, scales: as for MSSSIMLoss; so are the shapes of prediction and target.
        alpha: from 0 to 1.

    Raises:
        TypeError, ValueError: as MSSSIMLoss.

    Source: Zhao et al. 2017, section III-D, alpha = 0.84.
    Lab: 05.
    """

    _range_checked = False

    def __init__(self, data_range: float, alpha: float = 0.84, *, scales: int = 5) -> None:
        super().__init__()
        self.data_range, self.scales = _data_range(data_range), check_scales(scales)
        self.alpha = check_number(alpha, "alpha", low=0, high=1)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        prediction, target = _images(self, prediction, target)
        structure = _ms_ssim_loss(prediction, target, self.data_range, self.scales)
        difference = (prediction - target).abs() / self.data_range
        for _ in range(self.scales - 1):
            difference = halved(difference)
        difference = difference.flatten(0, 1)[None]  # (1, N·C, H', W')
        inside = local_mean(torch.ones_like(difference[:, :1]), "gaussian", padding=5)
        pixels = (local_mean(difference, "gaussian", padding=5) / inside).mean()
        return self.alpha * structure + (1 - self.alpha) * pixels

    def extra_repr(self) -> str:
        return f"data_range={self.data_range:g}, alpha={self.alpha:g}, scales={self.scales}"


def kl_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of N(mean, exp(log_variance)) from N(0, 1), summed over the code.

    `½ Σ (mean² + exp(log_variance) - 1 - log_variance)`, in nats: 0 for N(0, 1) itself, else positive.

    Args:
        mean, log_variance: floating-point tensors of one shape (N, ...).

    Returns:
        (N,), in nats.

    Raises:
        TypeError, ValueError: what is no pair of floating-point tensors of one shape (N, ...).

    Source: Kingma & Welling 2014, appendix B.
    Lab: 06; `models.vae` uses it.
    """
    check_tensors(mean, log_variance, names=("mean", "log_variance"))
    if mean.ndim < 2:
        raise ValueError(f"mean and log_variance: expected codes (N, ...), one a row, got {tuple(mean.shape)}")
    mean, log_variance = precise(mean, log_variance)
    # expm1 keeps the digits of exp(v) - 1 near the v = 0 of a code that says nothing
    return ((mean**2 + torch.expm1(log_variance) - log_variance) / 2).flatten(1).sum(1)


def _mean_ssim(loss: SSIMLoss | DSSIMLoss, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    x, y = _images(loss, prediction, target, smallest=11 if loss.window == "gaussian" else 7)
    return ssim_map(x, y, loss.data_range, loss.window, 0.01, 0.03).mean()


def _ms_ssim_loss(x: torch.Tensor, y: torch.Tensor, data_range: float, scales: int) -> torch.Tensor:
    check_sides(x.shape, scales)
    terms, low = scale_terms(x, y, data_range, scales), 0.05  # (scales, N, C)
    terms = torch.where(terms < low, low**2 / (2 * low - terms.clamp(max=low)), terms)
    return 1 - (terms ** scale_weights(scales, terms)).prod(0).mean()


def _images(
    loss: SSIMLoss | DSSIMLoss | MSSSIMLoss | MixLoss, prediction: torch.Tensor, target: torch.Tensor, smallest: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both images, at least in float32, checked; the values only of the first target that a loss meets."""
    check_tensors(prediction, target, smallest=smallest)
    if not loss._range_checked:  # images in [0, 255] for a data range of 1 are a common mistake
        check_data_range(loss.data_range, target.detach())
        loss._range_checked = True
    return precise(prediction, target)


def _data_range(data_range: float) -> float:
    return check_number(data_range, "data_range", low=0, above=True)


def _window(window: str) -> str:
    if window not in ("gaussian", "uniform"):
        raise ValueError(f"window: expected 'gaussian' or 'uniform', got {window!r}")
    return window
