"""The script that trains what is shipped: its stop is chosen on synthetic heads, and its card says so truly."""

from __future__ import annotations

import sys

import pytest
import torch

from course_lib import models, training


@pytest.fixture
def script(monkeypatch, load_script):
    """The module, with tiny heads in place of the cohort and of Colin27; `looks` says when each was asked for."""
    module = load_script("train_small_model")
    module.looks = []

    class Heads:
        def __init__(self, count: int):
            generator = torch.Generator().manual_seed(count)
            self.images = torch.rand(count, 1, 96, 96, generator=generator)
            self.brain_masks = self.images > 0.3

    def brain_slices(kind, **settings):
        module.looks.append((kind, settings.get("seed")))
        return Heads(2)

    real = training.fit

    def fit(*arguments, **settings):
        history = real(*arguments, **settings, progress=False, device="cpu")
        module.looks.append("trained")
        module.settings = settings
        return history

    monkeypatch.setattr(module, "brain_slices", brain_slices)
    monkeypatch.setattr(module.training, "fit", fit)
    return module


def test_the_best_epoch_on_other_heads_is_taken_and_colin27_is_looked_at_once_after_it(script, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    words = f"script --out {path} --epochs 2 --patches 4 --heads 1 --width 4 --photographs 0 --noise rician"
    monkeypatch.setattr(sys, "argv", words.split())
    script.main()
    assert script.looks == [("cohort", 100), ("cohort", 200), "trained", ("colin27", None)]
    assert script.settings["patience"] == 2 and script.settings["ema"] == 0.998, "the averages are what is compared"
    card = models.read_card(path)
    assert card.stop.startswith("epoch ") and "other synthetic heads (seed 200)" in card.stop
    assert "looked at once, after that" in card.stop and "PSNR, Rician 0.11, brain" in card.metrics


def test_the_card_names_the_epoch_whose_weights_they_are(script):
    history = training.History()
    for loss in (0.3, 0.1, 0.2):
        history.add_validation([loss], 0.0, 3)
    assert script.how_it_stopped(history).startswith("epoch 2 of 3,")
