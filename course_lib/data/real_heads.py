"""Two real heads for training: T1 at 2 mm, and proton density. The test head, Colin27, is neither of them.

They come with other people's packages under licences that let us pass them on; `samples/README.md` names them. Real
skull, scalp, eyes and muscle are what the synthetic heads lack most.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from course_lib._checks import check_number
from course_lib.images import with_neighbours

_FILE = Path(__file__).parent / "samples" / "real_heads.npz"
#: The proton density scan holds noise of its own (sigma about 0.01): made smaller, it holds less.
_REDUCED = (0.5, 0.6, 0.7)


def real_heads(*, reach: int = 0, enlarged: Sequence[float] = (1.0,)) -> dict[str, list[torch.Tensor]]:
    """Slices of two heads, for training alone.

    Args:
        reach: neighbours on either side that a slice comes with (those of PD lie 5 mm apart).
        enlarged: the T1 head comes once in each of these sizes, interpolated by cubic splines: at 2 it has pixels of
            1 mm and is smooth, as a scan of 1 mm is.

    Returns:
        "T1": axial, coronal and sagittal slices of 2 mm pixels, those with a head in them; "PD": axial slices of
        0.86 mm, averaged down to 0.5, 0.6 and 0.7 of their size. Each float32 (2·reach + 1, H, W) in [0, 1].

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    with np.load(_FILE) as file:
        volume, slices = (torch.from_numpy(file[name]).float() / 255 for name in ("t1", "pd"))
    t1 = []
    for size in enlarged:
        size = check_number(size, "enlarged", low=1)
        large = volume if size == 1 else torch.from_numpy(ndimage.zoom(volume.numpy(), size, order=3).clip(0, 1))
        for axis in range(3):
            planes = large.movedim(axis, 0).transpose(1, 2).flip(1)  # (X, Y, Z) -> (X, Z, Y), (Y, Z, X), (Z, Y, X)
            full = (planes > 0.1).float().mean((1, 2)) > 0.15
            t1 += list(with_neighbours(planes, reach)[full])
    pd = [
        F.interpolate(with_neighbours(slices, reach), scale_factor=share, mode="bilinear", antialias=True).clamp(0, 1)
        for share in _REDUCED
    ]  # (S, H, W) -> (S, 2·reach + 1, H', W')
    return {"T1": [image.contiguous() for image in t1], "PD": [image for stack in pd for image in stack]}
