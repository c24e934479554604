"""The search behind `extraction.brain_mask`: a threshold that fits the head, morphology, and what tells a bare brain.

All on voxels of about 2 mm: what is sought is centimetres wide, and noise averages out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Side of the voxels in mm.
_STEP = 2.0
#: Lower thresholds that are tried, as shares of the median brightness in the middle of the head.
_SHARES = np.arange(0.30, 0.81, 0.05)
#: A change of volume up to so many times the smallest one counts as small.
_FLAT = 1.3
#: Brighter than this, as a share of the 98th percentile there, is fat or a vessel.
_BRIGHTEST = 1.3
#: Radii in mm that part the brain from eyes, muscles and scalp: the first that leaves a brain of a believable size.
_PEEL = (4.5, 6.0, 8.0, 10.0)
#: mm³
LARGEST_BRAIN = 2.1e6
#: Grown back further than peeled, inside tissue only; then sulci are closed.
_REGROW, _CLOSE = 2.0, 6.0
#: From the crown downwards, in mm: where the head's middle is sought, and where no brain is any more.
_HEAD_HEIGHT, _BRAIN_HEIGHT = 150.0, 170.0
#: No brain is further from that middle, in mm.
_REACH = 120.0
#: A background that was cleared: at least so much of the volume has no more than this share of a brain's brightness.
_CLEARED, _AIR = 0.2, 0.03
#: All that is not background, as a share of the brain found in it: below, somebody has taken skull and scalp away.
_BARE = 1.3


@dataclass(frozen=True)
class Head:
    """A head on coarse voxels.

    Attributes:
        data: (X, Y, Z), at least 0.
        step: mm along each axis.
        middle: of the head without its neck, in voxels.
        crown: number of its highest plane.
        typical: median brightness within 45 mm of the middle.
        bright: 98th percentile there.
    """

    data: np.ndarray
    step: np.ndarray
    middle: np.ndarray
    crown: int
    typical: float
    bright: float


def search(data: np.ndarray, size: np.ndarray) -> np.ndarray | None:
    """The brain, bool (X, Y, Z) in voxels of the data; None where there is none. data: finite, at least 0."""
    coarse = tuple(np.maximum(1, np.round(np.array(data.shape) * size / _STEP)).astype(int).tolist())
    head = _measured(_averaged(data, coarse), np.array(data.shape) * size / np.array(coarse))
    if head is None:
        return None
    brain = _stable(head)
    if brain is None:
        return None
    brain = _closed(brain, head.step)
    support = _support(data, head)
    # a bare brain is hardly larger than what is found in it; a head is
    if support is not None and support.sum() < _BARE * brain.sum():
        brain = support
    return _enlarged(brain, data.shape)


def _measured(data: np.ndarray, step: np.ndarray) -> Head | None:
    """Middle of the head without neck, its crown and its brightness; None where there is nothing but air."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    positive = data[data > 0]
    if positive.size == 0 or positive.min() == positive.max():
        return None
    # clipped: a few shining voxels would draw the threshold up
    level = float(threshold_otsu(np.minimum(data, np.percentile(positive, 99))))
    labels, _ = ndimage.label(data > level)
    whole = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    crown = int(np.flatnonzero(whole.any(axis=(0, 1)))[-1])
    low = max(0, crown - round(_HEAD_HEIGHT / step[2]))
    middle = np.array(ndimage.center_of_mass(whole[:, :, low : crown + 1])) + [0, 0, low]
    core = data[(_distance_to(middle, data.shape, step) < 45) & (data > level)]
    if not core.size:
        return None
    return Head(data, step, middle, crown, float(np.median(core)), float(np.percentile(core, 98)))


def _stable(head: Head) -> np.ndarray | None:
    """The piece whose volume changes least when the threshold does.

    Between the brightness of cortex and that of bone and CSF lies a range of thresholds that all give the same brain;
    above it cortex is lost, below it scalp comes in. Where it lies differs from head to head and from contrast to
    contrast, but there it is flat. (Matas et al. 2002 call such regions maximally stable.)
    """
    distance = _distance_to(head.middle, head.data.shape, head.step)
    possible = (distance < _REACH) & (head.data < _BRIGHTEST * head.bright)
    possible[:, :, : max(0, head.crown - round(_BRAIN_HEIGHT / head.step[2]))] = False
    best = None
    for radius in _PEEL:
        pieces = [_piece(head, possible & (head.data > share * head.typical), distance, radius) for share in _SHARES]
        volumes = np.array([piece.sum() for piece in pieces]) * head.step.prod()
        # from one threshold to the next but one; what is empty or too large is no brain
        change = np.log(np.maximum(volumes[:-2], 1) / np.maximum(volumes[2:], 1))
        change[(volumes[1:-1] == 0) | (volumes[1:-1] > LARGEST_BRAIN)] = np.inf
        if np.isfinite(change.min()):
            # the upper end of the flat range: the lower one takes in meninges and CSF
            return pieces[1 + int(np.flatnonzero(change <= _FLAT * change.min())[-1])]
        best = best if best is not None or not pieces[6].any() else pieces[6]
    return best


def _piece(head: Head, tissue: np.ndarray, distance: np.ndarray, radius: float) -> np.ndarray:
    """Peel the tissue, keep the piece nearest to the middle, grow it back."""
    from scipy import ndimage

    found = np.zeros(tissue.shape, bool)
    boxes = ndimage.find_objects(tissue.astype(np.uint8))
    if not boxes:
        return found
    box = boxes[0]  # distances take most of the time: only where tissue is
    piece = np.zeros(tissue.shape, bool)
    piece[box] = _nearest_piece(_shrunk(tissue[box], radius, head.step), distance[box])
    boxes = ndimage.find_objects(piece.astype(np.uint8))
    if not boxes:
        return found
    margin = np.ceil((radius + _REGROW) / head.step).astype(int) + 1
    box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(boxes[0], margin.tolist(), strict=True))
    found[box] = _grown(piece[box], radius + _REGROW, head.step) & tissue[box]
    return found


def _support(data: np.ndarray, head: Head) -> np.ndarray | None:
    """All that is not background, where the background was cleared; else None."""
    from scipy import ndimage

    inside = data > _AIR * head.typical
    if inside.mean() > 1 - _CLEARED:
        return None
    return ndimage.binary_fill_holes(_averaged(inside, head.data.shape) > 0.5)


def _closed(mask: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Folds closed and holes filled."""
    from scipy import ndimage

    edge = [(int(np.ceil(_CLOSE / side)) + 1,) * 2 for side in step]  # closing must not stop at the border
    mask = _shrunk(_grown(np.pad(mask, edge), _CLOSE, step), _CLOSE, step)
    return ndimage.binary_fill_holes(mask[tuple(slice(before, -after) for before, after in edge)])


def _averaged(data: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Means over the voxels that fall into each coarse one."""
    import torch

    volume = torch.from_numpy(np.require(data, np.float32, ["C", "W"]))
    return torch.nn.functional.adaptive_avg_pool3d(volume[None, None], shape)[0, 0].numpy()


def _enlarged(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    import torch

    coarse = torch.from_numpy(mask.astype(np.float32))[None, None]
    return (torch.nn.functional.interpolate(coarse, shape, mode="trilinear")[0, 0] > 0.5).numpy()


def _distance_to(point: np.ndarray, shape: tuple[int, ...], step: np.ndarray) -> np.ndarray:
    """mm from each voxel to a point."""
    axes = np.ogrid[tuple(slice(count) for count in shape)]
    return np.sqrt(sum(((axis - p) * side) ** 2 for axis, p, side in zip(axes, point, step, strict=True)))


def _nearest_piece(mask: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The connected piece with most of its voxels within 60 mm of the middle."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    inside = np.bincount(labels[distance < 60], minlength=count + 1)[1:]
    return labels == 1 + np.argmax(inside)


def _grown(mask: np.ndarray, radius: float, step: np.ndarray) -> np.ndarray:
    """All voxels within `radius` mm of the mask."""
    from scipy import ndimage

    return ndimage.distance_transform_edt(~mask, sampling=step) <= radius if mask.any() else mask


def _shrunk(mask: np.ndarray, radius: float, step: np.ndarray) -> np.ndarray:
    """All voxels of the mask more than `radius` mm from its outside."""
    from scipy import ndimage

    return ndimage.distance_transform_edt(mask, sampling=step) > radius
