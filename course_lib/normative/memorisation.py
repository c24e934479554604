"""Does a generator invent, or does it remember? Distances to the nearest training image."""

from __future__ import annotations

import torch

from course_lib._checks import check_image


def nearest_training_image(images: torch.Tensor, training: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each image, the distance to the training image nearest to it, and which one that is.

    A distance alone says nothing: set it beside that of *real* images of people whom the training never saw. Much
    smaller: the generator remembers. As large or larger: it does not copy (it may still be bad). Small distances among
    the generated images themselves mean that it draws few different ones.

    Args:
        images: (N, C, H, W), generated, or real and unseen.
        training: (M, C, H, W), on the same scale.

    Returns:
        Root mean square difference to the nearest, (N,), in units of the image; its number, int64 (N,).

    Raises:
        TypeError, ValueError: bad input.

    Source: the check of Bermudez et al. 2018 (there by correlation).
    Lab: 13.
    """
    check_image(images)
    check_image(training, "training")
    if images.ndim != 4 or training.shape[1:] != images.shape[1:]:
        raise ValueError(f"training: expected images of {tuple(images.shape[1:])}, got {tuple(training.shape[1:])}")
    # not by |a|² + |b|² - 2ab, which is inexact where it matters: near 0
    found = torch.cdist(images.flatten(1), training.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    distances, numbers = found.min(1)
    return distances / images[0].numel() ** 0.5, numbers
