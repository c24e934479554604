"""Pictures beside one another in one small WebP file: all frames that a slider shows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

DIFFERENCE = 0.3  # where the colours of a difference map end, in units of the data range
COLOURS = 13  # of a difference map: noise packs badly, and the eye tells no more of them apart
QUALITY = 55


def grey_strip(images: Sequence[np.ndarray], white: float) -> bytes:
    """Frames in grey, from 0 (black) to `white`, slightly lossy: the eye sees the noise, not its last digit."""
    pixels = (np.hstack(list(images)) / white).clip(0, 1) * 255
    return _webp(pixels.round().astype(np.uint8), quality=QUALITY)


def difference_strip(differences: Sequence[np.ndarray]) -> bytes:
    """Frames of difference maps: blue below 0, white at 0, red above, as the notebooks draw them; not lossy."""
    from matplotlib import colormaps

    scaled = (np.hstack(list(differences)) / DIFFERENCE).clip(-1, 1)
    steps = np.round((scaled + 1) / 2 * (COLOURS - 1)) / (COLOURS - 1)
    return _webp((colormaps["RdBu_r"](steps)[..., :3] * 255).round().astype(np.uint8), lossless=True)


def mask_strip(masks: Sequence[np.ndarray]) -> bytes:
    """Frames of masks: white where measured; not lossy."""
    return _webp(np.hstack(list(masks)).astype(np.uint8) * 255, lossless=True)


def _webp(pixels: np.ndarray, **options: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", **options)
    return file.getvalue()
