"""Orthogonal wavelet transforms of images in torch: batched, on any device, differentiable. A part of `sparse`.

PyWavelets gives the filters, as its response to unit vectors, so the coefficients are its own. One decimated level
along one axis is a banded matrix, cut into dense blocks for one batched product; an undecimated one is a sum of
shifted images.
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
            self._operators = {side: _operators(basis.name, side, dtype, device) for side in sides}

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
        rows, columns = (self._operators[side][inverse] for side in values.shape[-2:])
        return columns.along_rows(rows.along_columns(values))

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


class _Banded:
    """A matrix, most of it zeros near a (circular) diagonal, as a batch of small dense blocks of rows."""

    def __init__(self, matrix: np.ndarray, analysis: bool, dtype: torch.dtype, device: torch.device):
        half = len(matrix) // 2
        block = max(size for size in range(1, 25) if half % size == 0)
        self.inputs = self.order = None
        if half <= 64 or block < 4:  # small, or a side such as 2 · 109: one dense product is faster
            self.blocks = torch.as_tensor(matrix.copy()).to(device, dtype)
            return
        used = np.abs(matrix) > 1e-12
        # of an analysis, the rows of a block see the same columns in its low half and in its high one
        order = np.arange(len(matrix)).reshape(-1, 2 * block)
        if analysis:
            order = np.arange(len(matrix)).reshape(2, -1, block).swapaxes(0, 1).reshape(order.shape)
        width = max(int(used[part].any(0).sum()) for part in order)
        # where a block needs fewer columns than another, any others serve: their entries are 0
        inputs = np.stack([np.sort(np.argsort(~used[part].any(0), kind="stable")[:width]) for part in order])
        blocks = np.stack([matrix[np.ix_(part, needed)] for part, needed in zip(order, inputs, strict=True)])
        self.blocks = torch.as_tensor(blocks).to(device, dtype)  # (count, rows, width)
        self.inputs = torch.as_tensor(inputs.ravel(), device=device)
        if analysis:
            self.order = torch.as_tensor(np.argsort(order.ravel()), device=device)

    def along_rows(self, values: torch.Tensor) -> torch.Tensor:
        """(…, m, n) to (…, m, n): the matrix times each row."""
        return values @ self.blocks.mT if self.inputs is None else self.along_columns(values.mT).mT

    def along_columns(self, values: torch.Tensor) -> torch.Tensor:
        """(…, n, m) to (…, n, m): the matrix times each column."""
        if self.inputs is None:
            return self.blocks @ values
        count, _, width = self.blocks.shape
        gathered = values.index_select(-2, self.inputs).unflatten(-2, (count, width))
        result = (self.blocks @ gathered).flatten(-3, -2)
        return result if self.order is None else result.index_select(-2, self.order)


@functools.lru_cache(maxsize=64)
def _operators(wavelet: str, side: int, dtype: torch.dtype, device: torch.device) -> tuple[_Banded, _Banded]:
    """One decimated level along one axis of this length, low rows first, and its transpose."""
    import pywt

    with warnings.catch_warnings():  # PyWavelets warns where the filter is longer than the side
        warnings.simplefilter("ignore", UserWarning)
        matrix = np.concatenate(pywt.dwt(np.eye(side), wavelet, mode="periodization", axis=0))
    return _Banded(matrix, True, dtype, device), _Banded(matrix.T, False, dtype, device)


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
