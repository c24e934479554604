"""The trained models that come with the course: small, safe, what their cards say, and worth having."""

from __future__ import annotations

import pytest
import torch

from course_lib import metrics, models, noise, training
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import bias_corrected, stabilised
from course_lib.data import brains

MEBI = 2**20
CORRUPT = {"gaussian": (noise.gaussian, 0.1), "rician": (noise.rician, 0.11)}
FILES = models.shipped()


def _kind(path) -> str:
    return models.read_card(path).noise.partition(",")[0].lower()


def test_there_is_one_for_each_table_of_lab_14_and_together_they_are_small():
    assert sorted(map(_kind, FILES)) == sorted(CORRUPT)
    assert sum(path.stat().st_size for path in FILES) < 6 * MEBI
    assert all(path.stat().st_size < 5 * MEBI for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_card_says_what_it_was_made_from_and_the_test_head_is_not_in_it(path):
    card = models.read_card(path)
    assert card.architecture == "attention_unet.AttentionUNet" and card.arguments["encoder"] == "small"
    assert "synthetic heads" in card.data and "colin" not in card.data.lower()
    assert card.seed == 0 and card.init == "random"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_card_says_whether_the_test_head_had_a_say_in_the_stop(path):
    """It had, for these. Whoever trains them anew by `scripts/train_small_model.py` changes this test too."""
    assert "with a look at Colin27" in models.read_card(path).stop
    assert "decided with a look at it" in (path.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_does_what_its_card_says_and_beats_bm3d_in_the_brain(path):
    head = brains.brain_slices("colin27", slices=6)
    corrupt, sigma = CORRUPT[_kind(path)]
    noisy = corrupt(head.images, sigma, generator=torch.Generator().manual_seed(5))

    def psnr(image: torch.Tensor, mask: torch.Tensor | None) -> float:
        return metrics.psnr(image.clamp(0, 1), head.images, data_range=1, mask=mask).mean().item()

    ours = training.denoise(models.load(path), noisy)
    rivals = [bm3d] if corrupt is noise.gaussian else [bias_corrected(bm3d), stabilised(bm3d)]
    best = max(psnr(rival(noisy, sigma), head.brain_masks) for rival in rivals)
    assert psnr(ours, head.brain_masks) > best
    said = models.read_card(path).metrics
    for region, mask in (("whole image", None), ("brain", head.brain_masks)):
        # other slices and other noise than the card's: the spread over slices is below 0.7 dB
        assert psnr(ours, mask) == pytest.approx(said[f"PSNR, {_kind(path).capitalize()} {sigma:g}, {region}"], abs=0.7)


def test_it_takes_any_size_and_leaves_a_flat_image_flat():
    for path in FILES:
        model = models.load(path)
        flat = training.denoise(model, torch.full((1, 1, 65, 47), 0.4))
        assert flat.shape == (1, 1, 65, 47) and (flat - 0.4).abs().mean() < 0.05
