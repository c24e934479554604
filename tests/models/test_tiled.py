"""The networks that judge spectra: golden counts, a tile's features come from that tile alone, order, shared parts."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.models.tiled import QualityCNN, TiledCNN, convolutions, plain_cnn, tiled_cnn


@pytest.mark.parametrize(
    ("make", "golden"),
    [(tiled_cnn, 50_561), (lambda: tiled_cnn(shared=True), 44_321), (plain_cnn, 25_137)],
)
def test_golden_parameter_counts(make, golden):
    network = make()
    assert sum(parameter.numel() for parameter in network.parameters()) == golden
    assert network(torch.zeros(3, 336)).shape == (3,)


def means():
    """A part that finds a mean, times a number of its own."""

    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(1))

        def forward(self, tile):
            return self.weight * tile.mean((1, 2))[:, None]

    return Mean()


def test_each_tile_has_its_own_part_and_its_own_place():
    network = TiledCNN(4, means)
    weights = torch.cat([part.weight for part in network.parts])
    found = network(torch.arange(4.0).repeat_interleave(5).expand(2, -1))
    assert torch.allclose(found, (weights * torch.arange(4.0)).expand(2, -1))


def test_a_change_in_one_tile_changes_its_features_only():
    network = TiledCNN(6, lambda: convolutions(4, 2)).eval()
    spectra = torch.rand(2, 96, generator=torch.Generator().manual_seed(0))
    other = spectra.clone()
    other[:, 32:48] += 1
    changed = (network(spectra) != network(other)).view(2, 6, -1).any(-1)
    assert changed.tolist() == [[False, False, True, False, False, False]] * 2


def test_a_shared_part_sees_all_tiles_alike():
    network = TiledCNN(3, lambda: convolutions(4), shared=True)
    first, *others = network(torch.rand(8).repeat(2, 3)).view(2, 3, -1).unbind(1)
    assert len(network.parts) == 1 and all(torch.equal(first, other) for other in others)


def test_a_spectrum_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    spectra = torch.randn(5, 336)
    for network in (tiled_cnn().eval(), plain_cnn().eval()):
        alone = torch.cat([network(one[None]) for one in spectra])
        assert np.allclose(network(spectra).detach(), alone.detach(), atol=1e-5)


@pytest.mark.parametrize("points", [24, 48, 240])
def test_other_lengths_fit(points):
    assert tiled_cnn(points)(torch.zeros(1, points)).shape == plain_cnn(points)(torch.zeros(1, points)).shape == (1,)


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="multiple of 24"):
        tiled_cnn(100)
    with pytest.raises(ValueError, match="multiple of 6"):
        tiled_cnn()(torch.zeros(2, 337))
    with pytest.raises(ValueError, match="tiles"):
        TiledCNN(0, means)
    with pytest.raises(ValueError, match="found"):
        QualityCNN(nn.Identity(), 0)
