"""Networks that judge a spectrum: one that looks at tiles of it, and a plain one (lab 13)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from course_lib._checks import check_count


class TiledCNN(nn.Module):
    """Cuts a spectrum into tiles, gives each to a part of its own, and joins what they find, in order.

    Input: (N, points), points a multiple of `tiles`. Output: (N, tiles · F), where F is what a part finds in a tile.

    Args:
        tiles: how many.
        make_part: called once a tile; makes a network from (N, 1, points / tiles) to (N, F).
        shared: one part looks at all tiles.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gurbani et al. 2018.
    Lab: 13.
    """

    def __init__(self, tiles: int, make_part: Callable[[], nn.Module], *, shared: bool = False) -> None:
        super().__init__()
        self.tiles = check_count(tiles, "tiles")
        self.parts = nn.ModuleList(make_part() for _ in range(1 if shared else self.tiles))

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        if spectra.ndim != 2 or spectra.shape[1] % self.tiles:
            raise ValueError(
                f"spectra: expected (N, points), points a multiple of {self.tiles}, got {tuple(spectra.shape)}"
            )
        tiles = spectra.unflatten(1, (self.tiles, 1, -1)).unbind(1)  # (N, points) -> tiles times (N, 1, points/tiles)
        parts = list(self.parts) * (self.tiles // len(self.parts))
        return torch.cat([part(tile) for part, tile in zip(parts, tiles, strict=True)], 1)


class QualityCNN(nn.Module):
    """A score for each spectrum: the higher, the worse. `features`, a hidden layer with dropout, one number.

    Input: (N, points), see `mrs.compressed`. Output: (N,), logits of "bad". For 336 points `tiled_cnn` has 50,561
    parameters with six parts, 44,321 with one part for all tiles, and `plain_cnn` 25,137.

    Args:
        features: a network from (N, points) to (N, found).
        found: how many numbers it finds.
        hidden: features of the hidden layer.
        dropout: share of them that training leaves out.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gurbani et al. 2018; what their abstract and figure do not say (widths, kernels, dropout) is ours.
    Lab: 13.
    """

    def __init__(self, features: nn.Module, found: int, *, hidden: int = 32, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Sequential(
            nn.Linear(check_count(found, "found"), hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1)
        )

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(spectra))[:, 0]  # (N, 1) -> (N,)


def convolutions(*widths: int, kernel: int = 9) -> nn.Sequential:
    """Convolution, ReLU and max-pooling for each width, then all in one row.

    Args:
        widths: features of each convolution.
        kernel: points that each looks at.

    Returns:
        A network from (N, 1, L) to (N, widths[-1] · (L // 2 ** len(widths))).

    Lab: 13.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in zip((1, *widths), widths, strict=False):
        layers += [nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU(), nn.MaxPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten())


def tiled_cnn(points: int = 336, tiles: int = 6, *, shared: bool = False) -> QualityCNN:
    """`QualityCNN` on tiles, each with two convolutions, 8 and 16 wide.

    Args:
        points: of a spectrum, a multiple of 4 · tiles.
        tiles: how many.
        shared: one part for all tiles.

    Returns:
        The network.

    Raises:
        TypeError, ValueError: bad input.

    Source: Gurbani et al. 2018.
    Lab: 13.
    """
    tiles, points = check_count(tiles, "tiles"), check_count(points, "points")
    if points % (4 * tiles):
        raise ValueError(f"points: expected a multiple of {4 * tiles}, got {points}")
    return QualityCNN(TiledCNN(tiles, lambda: convolutions(8, 16), shared=shared), 16 * points // 4)


def plain_cnn(points: int = 336) -> QualityCNN:
    """`QualityCNN` on the whole spectrum, three convolutions, 8, 16 and 16 wide.

    Args:
        points: of a spectrum, at least 8.

    Returns:
        The network.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    points = check_count(points, "points", low=8)
    return QualityCNN(nn.Sequential(nn.Unflatten(1, (1, points)), *convolutions(8, 16, 16)), 16 * (points // 8))
