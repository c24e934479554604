"""Freeze, then unfreeze, by two calls of `fit`: what is frozen stays, bit for bit, and learns afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_lib import training
from course_lib.models.attention_unet import AttentionUNet, freeze, unfreeze
from course_lib.training import ATTENTION_ON_GPU, ATTENTION_RECIPE


def trained(model: nn.Module, **changes) -> set[str]:
    """Names of all that two epochs of the recipe, with its averaging and weight decay, have changed."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    images = torch.rand(4, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    recipe = ATTENTION_RECIPE["MSE"] | {"epochs": 2, "batch_size": 2} | changes
    assert recipe["ema"] and recipe["optimizer"](nn.Conv2d(1, 1, 1).parameters()).defaults["weight_decay"]
    corrupt = training.noising("gaussian", 0.1)
    training.fit(model, images, images[:2], corrupt=corrupt, progress=False, device="cpu", **recipe)
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("patience", [None, 2])
def test_the_frozen_encoder_stays_and_its_batch_norm_too_then_all_learns(patience):
    with training.fixed_seed(0):
        model = AttentionUNet(encoder="resnet18")
        nn.init.normal_(model.head.weight, std=0.01)  # at 0 the first step would reach the head alone
    encoder = {name for name in model.state_dict() if name.startswith("encoder")}
    freeze(model)
    changed = trained(model, patience=patience)
    assert not changed & encoder, "weights, averages of BN, counts of batches: all as they were"
    assert {name.partition(".")[0] for name in changed} == {"stem", "bottleneck", "decoder", "head"}
    assert not any(module.training for module in model.encoder.modules() if isinstance(module, nn.BatchNorm2d))
    unfreeze(model)
    changed = trained(model, patience=patience, optimizer=ATTENTION_ON_GPU["whole"]["optimizer"])
    assert encoder <= changed, "each weight, each average"


def test_one_stage_after_the_other():
    with training.fixed_seed(0):
        model = AttentionUNet(encoder="small", width=8)
        nn.init.normal_(model.head.weight, std=0.01)
    freeze(model)
    unfreeze(model, "level3")
    changed = {name for name in trained(model) if name.startswith("encoder")}
    assert changed == {"encoder.level3.weight", "encoder.level3.bias"}


def test_the_recipe_of_the_whole_network_is_that_of_the_deck_in_two_stages():
    frozen, whole = ATTENTION_ON_GPU["frozen"], ATTENTION_ON_GPU["whole"]
    assert frozen["epochs"] + whole["epochs"] == 200, "published"
    assert whole["patience"] == whole["epochs"], "up to 200: the best epoch on validation"
    steps = ATTENTION_ON_GPU["patches"] / frozen["batch_size"]
    assert steps == int(steps) and frozen["batch_size"] == whole["batch_size"]
    rates = [
        (ATTENTION_RECIPE["MSE + VGG"] | stage)["optimizer"](nn.Conv2d(1, 1, 1).parameters()).defaults["lr"]
        for stage in (frozen, whole)
    ]
    assert rates[1] < rates[0], "what ImageNet taught learns more slowly"
