"""Orthogonal wavelet transforms of images in torch: batched, on any device, differentiable. A part of `sparse`.

PyWavelets gives the filters, as its response to unit vectors, so the coefficients are its own. One decimated level
along one axis is one small matrix times overlapping windows of the image; an undecimated one is a sum of shifted
images.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import torch


class Frame:
    """The wavelet transform of real images (…, H, W), with `synthesis(analysis(x)) == x` and ‖analysis(x)‖ = ‖x‖.

    Of a complex image, take the real and the imaginary part as two: it is faster, and exactly that. The image is
    continued by zeros to sides that are multiples of 2^levels (`.padded`), and periodically from there.

    The coefficients are a list of tensors (…, H', W'). Decimated: one of them, arranged as
    `pywt.coeffs_to_array(pywt.wavedec2(x, wavelet, "periodization", levels))`, the coarse band at the top left.
    Undecimated: 3 levels + 1 bands, those of `pywt.swt2(x, wavelet, levels, trim_approx=True, norm=True)`, coarse band
    first: a tight frame, so that `synthesis`, the adjoint of `analysis`, also inverts it.

    `weights` is a list as long: 0 for the coarse band, 1 for the details of a decimated transform, 2^-level for those
    of an undecimated one. So weighted, the sum of the magnitudes is that of the decimated transform averaged over all
    shifts of the image, and one threshold means the same for both.

    Args:
        shape: (H, W).
        wavelet: an orthogonal one of PyWavelets.
        levels: at most this many, as many as the image allows (`.levels`).
        undecimated: as above.
        like: a tensor whose dtype and device it takes; default float32 on the CPU.

    Raises:
        TypeError, ValueError: what is no orthogonal wavelet of PyWavelets.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        wavelet: str = "db4",
        levels: int = 4,
        *,
        undecimated: bool = False,
        like: torch.Tensor | None = None,
    ):
        import pywt

        basis = _orthogonal(wavelet)
        self.shape = tuple(shape)
        self.levels = min(levels, max(1, pywt.dwt_max_level(min(shape), basis.dec_len)))
        self.padded = tuple(side + -side % 2**self.levels for side in shape)
        self.undecimated = undecimated
        self.weights: list[float | torch.Tensor]
        dtype, device = (torch.float32, torch.device("cpu")) if like is None else (like.dtype, like.device)
        if undecimated:
            self._taps = _taps(basis.name)
            self.weights = [0.0, *(2.0**-level for level in range(self.levels, 0, -1) for _ in range(3))]
        else:
            weights = torch.ones(self.padded, dtype=dtype, device=device)
            weights[tuple(slice(side // 2**self.levels) for side in self.padded)] = 0
            self.weights = [weights]
            sides = {side // 2**level for side in self.padded for level in range(self.levels)}
            self._along = {side: _level(basis.name, side, dtype, device) for side in sides}

    def analysis(self, image: torch.Tensor) -> list[torch.Tensor]:
        """The image (…, H, W), real, to its coefficients."""
        rest = [now - before for now, before in zip(self.padded, self.shape, strict=True)]
        if any(rest):
            image = torch.nn.functional.pad(image, (0, rest[1], 0, rest[0]))
        if self.undecimated:
            bands: list[torch.Tensor] = []
            for level in range(self.levels):
                low, high = self._split(image, -2, 2**level)
                (image, vertical), (horizontal, diagonal) = (self._split(half, -1, 2**level) for half in (low, high))
                bands = [horizontal, vertical, diagonal, *bands]
            return [image, *bands]
        values = self._both(image, inverse=False)
        for level in range(1, self.levels):
            height, width = (side // 2**level for side in self.padded)
            values[..., :height, :width] = self._both(values[..., :height, :width], inverse=False)
        return [values]

    def synthesis(self, coefficients: list[torch.Tensor]) -> torch.Tensor:
        """Coefficients to the image (…, H, W)."""
        if self.undecimated:
            image, *bands = coefficients
            for level in range(self.levels - 1, -1, -1):
                horizontal, vertical, diagonal, *bands = bands
                low, high = (self._merge(pair, -1, 2**level) for pair in ((image, vertical), (horizontal, diagonal)))
                image = self._merge((low, high), -2, 2**level)
        else:
            values = coefficients[0].clone()
            for level in range(self.levels - 1, 0, -1):
                height, width = (side // 2**level for side in self.padded)
                values[..., :height, :width] = self._both(values[..., :height, :width], inverse=True)
            image = self._both(values, inverse=True)
        return image[..., : self.shape[0], : self.shape[1]]

    def _both(self, values: torch.Tensor, inverse: bool) -> torch.Tensor:
        """One decimated level along both axes, the low half first: (…, h, w) to itself."""
        down, right = (self._along[side] for side in values.shape[-2:])
        flat = values.flatten(0, -3) if values.ndim > 2 else values[None]
        there = down.merge(right.merge(flat)) if inverse else down.split(right.split(flat))
        return there.view(values.shape)

    def _split(self, image: torch.Tensor, axis: int, step: int) -> list[torch.Tensor]:
        """One undecimated level along an axis, its taps `step` apart: low and high."""
        low, high = self._taps
        around = _Around(image, axis, [offset * step for offset in (*low, *high)])
        return [around.sum(low, step), around.sum(high, step)]

    def _merge(self, bands: tuple[torch.Tensor, torch.Tensor], axis: int, step: int) -> torch.Tensor:
        """The transpose of `_split`."""
        (low, high), (low_taps, high_taps) = bands, self._taps
        total = _Around(low, axis, [-offset * step for offset in low_taps]).sum(low_taps, -step)
        return _Around(high, axis, [-offset * step for offset in high_taps]).sum(high_taps, -step, total)


class _Around:
    """An image continued periodically along an axis, as far as these shifts need, and sums of its shifted copies."""

    def __init__(self, image: torch.Tensor, axis: int, shifts: list[int]):
        self.axis, self.length = axis, image.shape[axis]
        before, after = max(-min(shifts), 0), max(max(shifts), 0)
        self.first = -before
        pieces = [image]
        while before > 0:  # more than once around, where the filter is longer than the image
            pieces = [image.narrow(axis, max(self.length - before, 0), min(before, self.length)), *pieces]
            before -= self.length
        while after > 0:
            pieces = [*pieces, image.narrow(axis, 0, min(after, self.length))]
            after -= self.length
        self.image = torch.cat(pieces, axis)

    def sum(self, taps: dict[int, float], step: int, total: torch.Tensor | None = None) -> torch.Tensor:
        """Σ tap · image[i + offset · step], added to `total`."""
        for offset, tap in taps.items():
            moved = self.image.narrow(self.axis, offset * step - self.first, self.length)
            total = moved * tap if total is None else total.add_(moved, alpha=tap)
        assert total is not None, "a filter has taps"
        return total


class _Level:
    """One decimated level along one axis, low half first, or its transpose.

    Its matrix has the same few entries around each second place. So `block` results of the low half and as many of the
    high one are a small matrix times a window of the image, the same matrix everywhere; windows overlap, and are views.
    """

    def __init__(self, matrix: np.ndarray, dtype: torch.dtype, device: torch.device):
        side = len(matrix)
        half = side // 2
        offsets = (np.flatnonzero((np.abs(matrix[[0, half]]) > 1e-12).any(0)) + half) % side - half
        self.first, self.last = int(offsets.min()), int(offsets.max())
        self.block = max(size for size in range(1, 9) if half % size == 0)
        self.dense = None
        # small, or a half without divisors, as 109, or a filter as long as the side: one dense product is faster
        if half <= 32 or self.block < 4 or self.last - self.first >= half:
            self.dense = torch.as_tensor(matrix.copy()).to(device, dtype)
            return
        rows = np.roll(matrix, -self.first, axis=1)
        width = 2 * self.block + self.last - self.first - 1
        self.window = torch.as_tensor(
            np.concatenate([rows[: self.block, :width], rows[half : half + self.block, :width]])
        ).to(device, dtype)  # (2 block, width)
        # the transpose: results 2 i and 2 i + 1 need places i - last / 2 … i - first / 2 of either half
        self.before, self.after = self.last // 2, -self.first // 2 + 1
        reach = self.block + self.before + self.after
        columns = np.roll(matrix.reshape(2, half, side), self.before, axis=1)[:, :reach, : 2 * self.block]
        self.back = torch.as_tensor(columns.copy()).to(device, dtype).mT.contiguous()  # (2, 2 block, reach)

    def split(self, values: torch.Tensor) -> torch.Tensor:
        """(n, m, side) to (n, side, m), low half first: along the last axis, and transposed."""
        if self.dense is not None:
            return self.dense @ values.mT
        side = values.shape[2]
        parts = [values[:, :, side + self.first :], values, values[:, :, : self.last - 1]]
        windows = torch.cat(parts, 2).unfold(2, self.window.shape[1], 2 * self.block)  # (n, m, windows, width)
        found = self.window @ windows.permute(0, 2, 3, 1)  # (n, windows, 2 block, m)
        return found.unflatten(2, (2, self.block)).transpose(1, 2).flatten(1, 3)

    def merge(self, values: torch.Tensor) -> torch.Tensor:
        """The transpose of `split`, as it (n, m, side) to (n, side, m)."""
        if self.dense is not None:
            return self.dense.mT @ values.mT
        halves = values.unflatten(2, (2, -1))  # (n, m, 2, half)
        size = halves.shape[3]
        around = torch.cat([halves[..., size - self.before :], halves, halves[..., : self.after]], 3)
        windows = around.unfold(3, self.back.shape[2], self.block)  # (n, m, 2, windows, reach)
        low, high = windows.permute(2, 0, 3, 4, 1)  # (n, windows, reach, m)
        return (self.back[0] @ low + self.back[1] @ high).flatten(1, 2)


@functools.lru_cache(maxsize=64)
def _level(wavelet: str, side: int, dtype: torch.dtype, device: torch.device) -> _Level:
    import pywt

    with warnings.catch_warnings():  # PyWavelets warns where the filter is longer than the side
        warnings.simplefilter("ignore", UserWarning)
        matrix = np.concatenate(pywt.dwt(np.eye(side), wavelet, mode="periodization", axis=0))
    return _Level(matrix, dtype, device)


@functools.lru_cache(maxsize=64)
def _taps(wavelet: str) -> list[dict[int, float]]:
    """The undecimated filters, low and high, as {offset: tap}: out[i] = Σ tap · x[i + offset]."""
    import pywt

    middle = pywt.Wavelet(wavelet).dec_len  # far enough from both ends
    bands = pywt.swt(np.eye(2 * middle), wavelet, level=1, axis=0, norm=True, trim_approx=True)
    return [
        {int(place) - middle: float(band[middle, place]) for place in np.flatnonzero(band[middle])} for band in bands
    ]


def _orthogonal(wavelet: str) -> Any:
    import pywt

    if not isinstance(wavelet, str):
        raise TypeError(
            f"wavelet: expected the name of an orthogonal wavelet, as 'haar', 'db4' or 'sym8', got {wavelet!r}"
        )
    if wavelet not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(wavelet).orthogonal:
        raise ValueError(
            f"wavelet: expected an orthogonal wavelet, as 'haar', 'db4', 'sym8' or 'coif2', got {wavelet!r}"
        )
    return pywt.Wavelet(wavelet)
