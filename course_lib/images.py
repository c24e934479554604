"""Small operations on images that every lab needs: rescale, batch, pad, crop (you write them in labs 00 and 02)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_lib._checks import Array, as_tensor, check_count, check_image


def rescale(image: Array) -> Array:
    """Shift and scale to [0, 1]: `(image - min) / (max - min)`; a constant image becomes all zero.

    Args:
        image: any shape, floating point.

    Returns:
        The same type, dtype and device.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 00.
    """
    check_image(image)
    low, high = image.min(), image.max()
    if high == low:
        return image * 0
    return (image - low) / (high - low)


def to_batch(image: Array) -> torch.Tensor:
    """Give images the four axes that a network expects: an image, or a stack of images of one channel.

    Args:
        image: (H, W), or a stack (N, H, W).

    Returns:
        A float32 tensor (numpy is converted): (1, 1, H, W) for (H, W), (N, 1, H, W) for (N, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Lab: 00.
    """
    check_image(image)
    if image.ndim not in (2, 3):
        raise ValueError(f"image: expected shape (H, W) or (N, H, W), got {tuple(image.shape)}")
    # (H, W) -> (1, 1, H, W); (N, H, W) -> (N, 1, H, W)
    return as_tensor(image).reshape(-1, 1, *image.shape[-2:]).float()


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row and column until both sides are multiples.

    A network that halves an image twice needs sides divisible by 4; crop its output with `[..., :H, :W]`.

    Args:
        image: (N, C, H, W).
        multiple: of which both sides are made multiples, at least 1.

    Returns:
        (N, C, H', W').

    Raises:
        ValueError: bad input.

    Lab: 00; used by the autoencoders of lab 02.
    """
    if image.ndim != 4:
        raise ValueError(f"image: expected shape (N, C, H, W), got {tuple(image.shape)}")
    if multiple < 1:
        raise ValueError(f"multiple: expected at least 1, got {multiple}")
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def any_size(network: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, multiple: int) -> torch.Tensor:
    """What a network that needs sides divisible by `multiple` answers for an image of any size.

    The image is padded (`pad_to_multiple`), the answer cropped to the image's size.

    Args:
        network: (N, C, H', W') -> (N, K, H', W').
        image: (N, C, H, W).
        multiple: of H' and W'.

    Returns:
        (N, K, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    height, width = image.shape[-2:]
    return network(pad_to_multiple(image, multiple))[..., :height, :width]


def with_neighbours(volume: torch.Tensor, reach: int, *, step: int = 1) -> torch.Tensor:
    """Each slice of a volume with those above and below it; where the volume ends, with slices of 0.

    Args:
        volume: (S, H, W).
        reach: neighbours on either side.
        step: how many slices they lie apart.

    Returns:
        (S, 2·reach + 1, H, W), the slice itself in the middle.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    reach, step = check_count(reach, "reach", low=0), check_count(step, "step")
    if not isinstance(volume, torch.Tensor) or volume.ndim != 3:
        raise ValueError(f"volume: expected a tensor (S, H, W), got {tuple(getattr(volume, 'shape', ()))}")
    padded = F.pad(volume, (0, 0, 0, 0, reach * step, reach * step))
    return torch.stack([padded[i * step : i * step + len(volume)] for i in range(2 * reach + 1)], 1)


def self_ensemble(denoiser: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """Mean of what a denoiser answers for the eight ways to turn and mirror an image, each turned back.

    Errors that depend on the direction average out: a little better, eight times the time.

    Args:
        denoiser: (N, C, H, W) -> (N, K, H, W), and as well for (N, C, W, H).
        image: (N, C, H, W).

    Returns:
        (N, K, H, W).

    Source: Timofte, Rothe and Van Gool 2016, Seven ways to improve example-based single image super resolution.
    Lab: 14.
    """
    total = torch.zeros(())
    for mirrored in (False, True):
        start = image.flip(-1) if mirrored else image
        for quarter in range(4):
            answer = torch.rot90(denoiser(torch.rot90(start, quarter, (-2, -1))), -quarter, (-2, -1))
            total = total + (answer.flip(-1) if mirrored else answer)
    return total / 8


def random_crop(image: torch.Tensor, size: int, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """Cut a square at a random place, every place equally likely.

    Small crops make training on whole slices affordable.

    Args:
        image: (…, H, W).
        size: side of the square, in pixels.
        generator: without one fresh entropy is used.

    Returns:
        (…, size, size).

    Raises:
        ValueError: the image is smaller than `size`.

    Lab: 02.
    """
    height, width = image.shape[-2:]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"size: expected 1 to {min(height, width)} for an image of {height}×{width}, got {size}")
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    device = generator.device
    top = int(torch.randint(height - size + 1, (), generator=generator, device=device))
    left = int(torch.randint(width - size + 1, (), generator=generator, device=device))
    return image[..., top : top + size, left : left + size]
