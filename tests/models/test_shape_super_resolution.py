"""The script of ACNN's super-resolution: both stages of the T-L network learn, and afterwards it stands still."""

from __future__ import annotations

import sys

import pytest
import torch

from course_lib.data.hearts import one_hot, synthetic_hearts
from course_lib.models.resolve import DeepResolve
from course_lib.models.shape import heart_shapes


@pytest.fixture
def script(load_script):
    return load_script("shape_super_resolution")


def distance(shapes, predictor, images, labels):
    with torch.no_grad():
        return float((predictor(images) - shapes.encode(one_hot(labels))).square().sum(1).mean())


def test_the_predictor_finds_codes_and_super_resolution_leaves_it_alone(script):
    images, labels, _ = synthetic_hearts(2, 0).slices()
    shapes, untrained = script.t_l_network(images, labels, 2, 0)
    before = distance(shapes, untrained, images, labels)
    shapes, predictor = script.t_l_network(images, labels, 30, 0)
    assert distance(shapes, predictor, images, labels) < 0.5 * before
    assert any(not torch.equal(a, b) for a, b in zip(shapes.parameters(), heart_shapes().parameters(), strict=True)), (
        "the second stage trains the autoencoder too"
    )
    kept = [weight.clone() for weight in (*shapes.parameters(), *predictor.parameters())]
    first = DeepResolve(2, 4, dimensions=2)
    ways = [script.resolved(first, script.thickened(images), images, predictor, weight, 3, 0) for weight in (0.0, 1.0)]
    assert all(torch.equal(a, b) for a, b in zip(kept, (*shapes.parameters(), *predictor.parameters()), strict=True))
    assert not torch.equal(*(way.layers[0].weight for way in ways)), "the prior changes what is learned"


def test_it_prints_a_row_for_each_way(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", "script --subjects 1 --steps 2 --seeds 1 --weights 0 0.5".split())
    script.main()
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 6 and rows[-1].startswith("| 0 | network, weight 0.5 | ")
