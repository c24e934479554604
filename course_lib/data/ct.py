"""CT slices in Hounsfield units for lab 10: synthetic bodies and heads to train on, one real abdomen to test on.

**Nobody was scanned for the training slices**: they are drawn, and always called synthetic. The real slice is one
person, so a result on it is an example and no statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from course_lib._checks import check_count
from course_lib.data._ct_bodies import body
from course_lib.data._ct_heads import head

ABDOMEN = Path(__file__).parent / "samples" / "ct_abdomen.npz"
#: Side of a pixel of the real abdomen, in mm.
ABDOMEN_PIXEL = 1.71875
#: Field of view of the synthetic bodies in mm: divided by their size it is the side of a pixel.
BODY_FIELD = 440.0
#: The same of the synthetic heads.
HEAD_FIELD = 250.0
#: Twenty rows and columns within the liver of the real abdomen, far from vessels.
LIVER = (slice(130, 150), slice(72, 92))
SMALLEST = 32


def abdomen() -> torch.Tensor:
    """The real test slice: an abdomen with contrast medium, seen from the feet, the table below it.

    Its pixels are `ABDOMEN_PIXEL` mm wide, `LIVER` is a flat part of the liver. What lies outside the circle that all
    views of a scanner see is air.

    Returns:
        float32 (1, 1, 256, 256) in HU.

    Source: PANCREAS_0001 of NIH Pancreas-CT (Roth et al. 2016, doi.org/10.7937/K9/TCIA.2016.tNB1kqBU), CC BY 3.0;
        what was done to it: samples/README.md.
    Lab: 10.
    """
    with np.load(ABDOMEN) as file:
        hounsfield = np.maximum(file["hounsfield"].astype(np.float32), -1000)
    step = np.arange(256) - 127.5
    hounsfield[step[:, None] ** 2 + step[None] ** 2 > 127.5**2] = -1000
    return torch.from_numpy(hounsfield)[None, None]  # (H, W) -> (1, 1, H, W)


def synthetic_bodies(count: int, *, size: int = 256, seed: int = 0) -> torch.Tensor:
    """Slices through synthetic abdomens, `BODY_FIELD` mm wide.

    Args:
        count: how many; the first of them are those of a smaller count.
        size: rows and columns, >= 32.
        seed: another seed, other bodies.

    Returns:
        float32 (count, 1, size, size) in HU, from -1000.

    Raises:
        TypeError, ValueError: bad arguments.

    Lab: 10.
    """
    return _drawn(body, count, size, seed)


def synthetic_heads(count: int, *, size: int = 256, seed: int = 0) -> torch.Tensor:
    """Slices through synthetic heads, `HEAD_FIELD` mm wide. Not those of `brains`, which are MR images.

    Args:
        count, size, seed: as for `synthetic_bodies`.

    Returns:
        float32 (count, 1, size, size) in HU, from -1000.

    Raises:
        TypeError, ValueError: bad arguments.

    Lab: 10.
    """
    return _drawn(head, count, size, seed)


def _drawn(draw: Callable[[np.random.Generator, int], np.ndarray], count: int, size: int, seed: int) -> torch.Tensor:
    count, size = check_count(count, "count"), check_count(size, "size", low=SMALLEST)
    seed = check_count(seed, "seed", low=0)
    slices = [draw(np.random.default_rng([seed, number]), size) for number in range(count)]
    return torch.from_numpy(np.maximum(np.stack(slices), -1000))[:, None]  # (N, H, W) -> (N, 1, H, W)
