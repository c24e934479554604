"""Two real heads for training: T1 at 2 mm, and proton density. The test head, Colin27, is neither of them.

They come with other people's packages under licences that let us pass them on; `samples/README.md` names them. Real
skull, scalp, eyes and muscle are what the synthetic heads lack most.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

_FILE = Path(__file__).parent / "samples" / "real_heads.npz"
#: The proton density scan holds noise of its own (sigma about 0.01): made smaller, it holds less.
_REDUCED = (0.5, 0.6, 0.7)


def real_heads() -> dict[str, list[torch.Tensor]]:
    """Slices of two heads, for training alone.

    Returns:
        "T1": axial, coronal and sagittal slices of 2 mm pixels, those with a head in them; "PD": axial slices of
        0.86 mm, averaged down to 0.5, 0.6 and 0.7 of their size. Each float32 (1, H, W) in [0, 1].

    Lab: 14.
    """
    with np.load(_FILE) as file:
        volume, slices = (torch.from_numpy(file[name]).float() / 255 for name in ("t1", "pd"))
    t1 = []
    for axis in range(3):
        for plane in volume.movedim(axis, 0):  # (X, Y, Z) -> (X, (Y, Z)), (Y, (X, Z)), (Z, (X, Y))
            if float((plane > 0.1).float().mean()) > 0.15:
                t1.append(plane.T.flip(0)[None].contiguous())
    pd = [
        F.interpolate(slices[:, None], scale_factor=share, mode="bilinear", antialias=True).clamp(0, 1)
        for share in _REDUCED
    ]  # (S, H, W) -> (S, 1, H', W')
    return {"T1": t1, "PD": [image for stack in pd for image in stack]}
