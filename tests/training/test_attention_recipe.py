"""The attention U-Net's recipe: its parts, its label, and that every row trains without a download."""

from __future__ import annotations

import pytest
import requests
import torch
from torch import nn

from course_lib import losses, training
from course_lib.models.dae import ConvDAE
from course_lib.training import ATTENTION_RECIPE, attention_loss


def pair(size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def _offline(*arguments, **options):
    raise requests.exceptions.ConnectionError("no network here")


@pytest.fixture(autouse=True)
def _without_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(requests.Session, "request", _offline)


def test_the_loss_is_the_sum_of_its_parts():
    prediction, target = pair()
    pixels = {"L1": (prediction - target).abs().mean(), "MSE": ((prediction - target) ** 2).mean()}
    ssim = losses.SSIMLoss(1.0)(prediction, target)
    network = losses.PerceptualLoss(pretrained=False)(prediction, target)
    for name, value in pixels.items():
        alone = attention_loss(name, ssim=0, perceptual=0)
        assert torch.equal(alone(prediction, target), value)
        three = attention_loss(name, ssim=0.3, perceptual=0.02, pretrained=False)
        assert torch.allclose(three(prediction, target), value + 0.3 * ssim + 0.02 * network)
        assert three(target, target) == pytest.approx(0, abs=1e-6)
    default = attention_loss(pretrained=False)(prediction, target)
    assert torch.allclose(default, pixels["MSE"] + 0.01 * network), "the deck's: pixels and VGG16"
    one = losses.PerceptualLoss("relu2_2", pretrained=False)(prediction, target)
    assert torch.allclose(
        attention_loss(pretrained=False, layers="relu2_2")(prediction, target), pixels["MSE"] + 0.01 * one
    )


@pytest.mark.parametrize("ssim", [0, 0.1])
def test_it_has_nothing_to_train_or_save_and_gradients_reach_the_prediction(ssim):
    loss = attention_loss(ssim=ssim, pretrained=False)
    prediction, target = pair()
    prediction.requires_grad_()
    loss(prediction, target).backward()
    assert prediction.grad.abs().min() > 0
    assert not list(loss.parameters()) and not loss.state_dict()


def test_the_gradient_is_that_of_a_small_step():
    """In double precision, against central differences small enough to meet no corner of a ReLU."""
    loss = attention_loss(pretrained=False, perceptual=0.1)
    prediction, target = (image.double() for image in pair(16))
    loss(prediction.float(), target.float())  # reads the network
    loss.double()
    prediction.requires_grad_()
    (slope,) = torch.autograd.grad(loss(prediction, target), prediction)
    way = torch.randn(prediction.shape, generator=torch.Generator().manual_seed(3), dtype=torch.double)
    with torch.no_grad():
        change = loss(prediction + 1e-7 * way, target) - loss(prediction - 1e-7 * way, target)
    assert (slope * way).sum().item() == pytest.approx(change.item() / 2e-7, rel=1e-5)


def test_the_label_says_random():
    random = "0.01·VGG16 (random features, not ImageNet)"
    assert attention_loss(pretrained=False).label == f"MSE + {random}"
    assert attention_loss("L1", ssim=0.1, pretrained=False).label == f"L1 + 0.1·(1 - SSIM) + {random}"
    assert attention_loss().label == "MSE + 0.01·VGG16 (ImageNet)" and attention_loss().init == "imagenet"
    assert attention_loss(perceptual=0).label == "MSE"
    loss = ATTENTION_RECIPE["MSE + random VGG"]["loss"]
    assert random in loss.label and loss.label in repr(loss) and loss.init == "random"
    with pytest.warns(UserWarning, match="random features instead"):
        assert attention_loss(pretrained="if available").label == f"MSE + {random}"


def test_without_file_and_network_it_says_what_to_do():
    loss = attention_loss()  # nothing is read before it is used
    with pytest.raises(FileNotFoundError, match="ImageNet weights of VGG16(.|\n)*random"):
        loss(*pair())


def test_the_numbers():
    assert list(ATTENTION_RECIPE)[:3] == ["MSE", "MSE + VGG", "MSE + random VGG"]
    assert list(ATTENTION_RECIPE)[3:] == ["L1", "L1 + SSIM", "L1 + SSIM + VGG", "L1 + SSIM + random VGG"]
    assert ATTENTION_RECIPE["MSE + VGG"]["loss"].label == "MSE + 0.01·VGG16 (ImageNet)"
    for recipe in ATTENTION_RECIPE.values():
        assert (recipe["epochs"], recipe["schedule"], recipe["ema"], recipe["clip_norm"]) == (200, "cosine", 0.998, 1.0)
        settings = recipe["optimizer"](nn.Conv2d(1, 1, 3).parameters()).defaults
        assert (settings["lr"], settings["betas"], settings["weight_decay"]) == (2e-3, (0.9, 0.99), 1e-4)
    a, b = pair()
    assert torch.equal(ATTENTION_RECIPE["MSE"]["loss"](a, b), ((a - b) ** 2).mean())
    assert torch.equal(ATTENTION_RECIPE["L1"]["loss"](a, b), (a - b).abs().mean())
    assert ATTENTION_RECIPE["L1 + SSIM"]["loss"].label == "L1 + 0.1·(1 - SSIM)"
    assert ATTENTION_RECIPE["L1 + SSIM + VGG"]["loss"].label == "L1 + 0.1·(1 - SSIM) + 0.01·VGG16 (ImageNet)"


@pytest.mark.parametrize("name", ["MSE", "MSE + random VGG", "L1", "L1 + SSIM + random VGG"])
def test_it_trains_for_two_epochs(name):
    rows = torch.linspace(0, 6, 28)
    shift = torch.rand(10, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    images = 0.5 + 0.4 * torch.sin(rows[:, None] + 6 * shift) * torch.cos(rows)
    with training.fixed_seed(0):
        model = ConvDAE()
    recipe = ATTENTION_RECIPE[name] | {"epochs": 2, "batch_size": 4}
    corrupt = training.noising("rician", (0.05, 0.15))
    history = training.fit(model, images[:8], images[8:], corrupt=corrupt, progress=False, device="cpu", **recipe)
    assert history.train_loss[1] < history.train_loss[0] and len(history.validation_loss) == 2
    assert history.learning_rate == pytest.approx([2e-3, 1e-3])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(pixels="L2"), ValueError, "pixels: expected 'L1' or 'MSE', got 'L2'"),
        (dict(ssim=-1), ValueError, "ssim: expected"),
        (dict(perceptual="much"), TypeError, "perceptual: expected a number"),
        (dict(pretrained="vgg19"), ValueError, "pretrained: expected False, True, 'if available' or 'if here'"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        attention_loss(**arguments)
