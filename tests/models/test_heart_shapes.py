"""The autoencoder of heart shapes that comes with the course: what its card says it is, and the script that made it."""

from __future__ import annotations

import sys

import pytest
import torch

from course_lib import models, training
from course_lib.data.hearts import one_hot, synthetic_hearts
from course_lib.models.shape import TRAINED, heart_shapes


@pytest.fixture
def script(load_script):
    return load_script("train_heart_shapes")


def test_it_is_small_frozen_and_its_card_names_no_aneurysm_in_training():
    assert TRAINED.stat().st_size < 600_000
    card, model = models.read_card(TRAINED), heart_shapes()
    assert card.architecture == "shape.ShapeAutoencoder" and card.parameters == 281_140 and not card.arguments
    assert "no aneurysm" in card.data and card.stop.startswith("fixed")
    assert not model.training and not any(weight.requires_grad for weight in model.parameters())
    assert TRAINED not in models.shipped(), "those are denoisers"


def test_it_draws_shapes_it_never_saw_as_its_card_says_and_an_aneurysm_worse(script):
    """Other hearts than the card's. Its spread over sets of 30 subjects is below .01."""
    model, said = heart_shapes(), models.read_card(TRAINED).metrics
    found = script.unseen_dice(model, script.label_maps(12, 77))
    for name, value in found.items():
        assert value == pytest.approx(said[f"Dice, unseen, {name}"], abs=0.02)
    assert found["cavity"] > 0.97 and found["wall"] > 0.95
    bulging = script.unseen_dice(model, script.label_maps(12, 77, ["aneurysm"]))
    assert bulging["wall"] < found["wall"] - 0.02


def test_two_hearts_lie_about_one_apart_and_a_moved_heart_nearer():
    maps = one_hot(synthetic_hearts(12, 78).slices()[1])
    with torch.no_grad():
        codes = heart_shapes().encode(maps)
        moved = heart_shapes().encode(maps.roll(1, 2))
    apart = float(2 * codes.var(0).sum())
    assert 0.7 < apart < 1.4
    assert float((moved - codes).square().sum(1).mean()) < 0.1 * apart


def test_the_script_writes_a_file_that_says_what_it_did(script, tmp_path, monkeypatch, capsys):
    real = training.fit
    monkeypatch.setattr(script.training, "fit", lambda *a, **k: real(*a, **k, progress=False))
    path = tmp_path / "hearts.safetensors"
    monkeypatch.setattr(sys, "argv", f"script --out {path} --subjects 2 --epochs 1".split())
    monkeypatch.setattr(script, "synthetic_hearts", lambda n, seed, **k: synthetic_hearts(min(n, 2), seed, **k))
    script.main()
    card = models.read_card(path)
    assert card.stop == "fixed: 1 epochs" and "Dice, aneurysm, wall" in card.metrics
    assert "ShapeAutoencoder" in capsys.readouterr().out


def test_label_maps_are_moved_by_whole_pixels(script):
    maps = script.label_maps(1, 5)[0]
    moved = script.moved(maps, generator=torch.Generator().manual_seed(3))
    assert torch.equal(moved.sum((-2, -1)), maps.sum((-2, -1))) and not torch.equal(moved, maps)
