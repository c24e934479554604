"""What is reported: MSE, PSNR, SNR, SSIM, DSSIM, MS-SSIM, EPI, CoC, and how white the removed noise is.

One value per image: an image is (H, W) and gives a number; a batch is (N, C, H, W) and gives N numbers, so that error
bars and paired tests stay possible: average them with `.mean()`. numpy in, numpy out; torch in, torch out (same device,
differentiable). `data_range` is always explicit: PSNR and SSIM mean nothing without it. Nothing is clipped here. With
`mask`, only the pixels inside it count (those inside the brain, say: an empty background flatters a whole-image score).
"""

from __future__ import annotations

from course_lib.metrics.magnitudes import magnitude, on_magnitude, squared_error
from course_lib.metrics.scores import coc, dssim, epi, ms_ssim, mse, psnr, residual_whiteness, snr, ssim

__all__ = [
    "coc",
    "dssim",
    "epi",
    "magnitude",
    "ms_ssim",
    "mse",
    "on_magnitude",
    "psnr",
    "residual_whiteness",
    "snr",
    "squared_error",
    "ssim",
]
