"""What is reported of images: MSE, PSNR, SNR, SSIM, DSSIM, MS-SSIM, EPI, CoC, and how white the removed noise is.

One value per image: an image is (H, W) and gives a number; a batch is (N, C, H, W) and gives N numbers, so that error
bars and paired tests stay possible: average them with `.mean()`. numpy in, numpy out; torch in, torch out (same device,
differentiable). `data_range` is always explicit: PSNR and SSIM mean nothing without it. Nothing is clipped here. With
`mask`, only the pixels inside it count (those inside the brain, say: an empty background flatters a whole-image score).

And of masks, boolean, (H, W) or (D, H, W), or batches with a structure in each channel: Dice, volumetric similarity,
Hausdorff and average surface distances in mm. They give (N, C), for each structure has a score of its own; overlaps and
distances are defined for empty masks too (1 and 0 where both are empty, 0 and infinite where one is).
"""

from __future__ import annotations

from course_lib.metrics.magnitudes import magnitude, on_magnitude, squared_error
from course_lib.metrics.overlap import dice, generalised_dice, volumetric_similarity
from course_lib.metrics.scores import coc, dssim, epi, ms_ssim, mse, psnr, residual_whiteness, snr, ssim
from course_lib.metrics.surfaces import (
    average_surface_distance,
    average_symmetric_surface_distance,
    hausdorff_distance,
    surface_distances,
)

__all__ = [
    "average_surface_distance",
    "average_symmetric_surface_distance",
    "coc",
    "dice",
    "dssim",
    "epi",
    "generalised_dice",
    "hausdorff_distance",
    "magnitude",
    "ms_ssim",
    "mse",
    "on_magnitude",
    "psnr",
    "residual_whiteness",
    "snr",
    "squared_error",
    "ssim",
    "surface_distances",
    "volumetric_similarity",
]
