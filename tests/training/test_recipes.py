"""The thesis's recipe: its numbers, Keras's rules in PyTorch's words, and runs of `fit`."""

import math
from functools import partial

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from course_lib import losses, noise, training
from course_lib.models.autoencoders import ResidualUNet, ShallowResidualAE
from course_lib.training import THESIS_RECIPE, recipes


def images(count, seed=0):
    rows = torch.linspace(0, 6, 24)
    shift = torch.rand(count, 1, 1, 1, generator=torch.Generator().manual_seed(seed))
    return 0.5 + 0.4 * torch.sin(rows[:, None] + 6 * shift) * torch.cos(rows)


@pytest.mark.parametrize("name", ["MSE", "MSE + L2", "DSSIM", "DSSIM + L2"])
def test_it_trains_for_two_epochs(name):
    with training.fixed_seed(0):
        model = ResidualUNet(width=4)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    corrupt = partial(noise.gaussian, sigma=0.04)
    recipe = THESIS_RECIPE[name] | {"epochs": 2, "batch_size": 8}
    history = training.fit(model, images(16), images(4, 1), corrupt=corrupt, progress=False, device="cpu", **recipe)
    assert history.train_loss[1] < history.train_loss[0] and history.learning_rate == [1e-3, 1e-3]
    assert len(history.validation_loss) == 2 and not history.stopped_early
    assert all(not torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_numbers_of_the_slide():
    assert list(THESIS_RECIPE) == ["MSE", "MSE + L2", "DSSIM", "DSSIM + L2"]
    for name, recipe in THESIS_RECIPE.items():
        assert (recipe["epochs"], recipe["batch_size"], recipe["patience"]) == (100, 32, 20)
        assert recipe["min_delta"] == (2e-7 if "MSE" in name else 5e-5) and recipe["plateau"]["factor"] == 0.2
        settings = recipe["optimizer"](torch.nn.Conv2d(1, 1, 3).parameters()).defaults
        assert (settings["lr"], settings["eps"], settings["alpha"]) == (1e-3, 1e-7, 0.9)
        assert settings["weight_decay"] == (2e-5 if "L2" in name else 0)
        assert not settings["momentum"] and not settings["centered"]
    a, b = images(3), images(3, 1)
    assert torch.equal(THESIS_RECIPE["MSE"]["loss"](a, b), ((a - b) ** 2).mean())
    assert torch.equal(THESIS_RECIPE["DSSIM"]["loss"](a, b), losses.DSSIMLoss(1.0)(a, b))


def test_the_penalty_is_that_of_keras():
    """l2 · Σ w² added to the loss, for kernels only, then plain RMSprop written out."""

    def model():
        with training.fixed_seed(4):
            return ShallowResidualAE(width=4).eval().double()

    l2, batch = 0.05, images(4).double()  # a large one, so that it is seen
    ours, theirs = model(), model()
    optimizer = recipes.thesis_rmsprop(ours.parameters(), l2=l2)
    squares = [torch.zeros_like(parameter) for parameter in theirs.parameters()]
    for _ in range(3):
        optimizer.zero_grad()
        (ours(batch) - batch).square().mean().backward()
        optimizer.step()
        theirs.zero_grad()
        kernels = [layer.weight for layer in theirs.modules() if hasattr(layer, "kernel_size")]
        penalty = l2 * sum(kernel.square().sum() for kernel in kernels)
        ((theirs(batch) - batch).square().mean() + penalty).backward()
        with torch.no_grad():
            for parameter, square in zip(theirs.parameters(), squares, strict=True):
                square.mul_(0.9).add_(0.1 * parameter.grad**2)
                parameter -= 1e-3 * parameter.grad / (square.sqrt() + 1e-7)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-9)
    # half of it, as weight_decay = l2 would be, is another training
    half = model()
    optimizer = recipes.thesis_rmsprop(half.parameters(), l2=l2 / 2)
    for _ in range(3):
        optimizer.zero_grad()
        (half(batch) - batch).square().mean().backward()
        optimizer.step()
    assert max((a - b).abs().max() for a, b in zip(half.parameters(), theirs.parameters(), strict=True)) > 1e-5


def keras_plateau(losses, factor=0.2, patience=4, min_delta=0.0, floor=1e-7, rate=1e-3):
    """ReduceLROnPlateau as Keras documents it, written out: the rate after each epoch."""
    best, wait, rates = math.inf, 0, []
    for loss in losses:
        if loss < best - min_delta:
            best, wait = loss, 0
        else:
            wait += 1
            if wait >= patience:
                rate, wait = max(rate * factor, floor), 0
        rates.append(rate)
    return rates


@pytest.mark.parametrize(("name", "threshold"), [("MSE", 1e-7), ("DSSIM", 2e-5)])
def test_the_plateau_is_that_of_keras(name, threshold):
    steps = torch.rand(120, generator=torch.Generator().manual_seed(1)).tolist()
    course = [0.01 - index * threshold / 3 + (step < 0.3) * threshold for index, step in enumerate(steps)]
    for followed in (course, [0.01] * 60, [0.01 / (1 + index) for index in range(30)]):
        parameter = torch.nn.Parameter(torch.zeros(3, 3))
        optimizer = THESIS_RECIPE[name]["optimizer"]([parameter, torch.nn.Parameter(torch.zeros(3))])
        scheduler, rates = ReduceLROnPlateau(optimizer, **THESIS_RECIPE[name]["plateau"]), []
        for loss in followed:
            optimizer.step()
            scheduler.step(loss)
            assert len({group["lr"] for group in optimizer.param_groups}) == 1
            rates.append(optimizer.param_groups[0]["lr"])
        assert rates == pytest.approx(keras_plateau(followed, min_delta=threshold))


def test_a_checkpoint_tells_with_l2_from_without(tmp_path):
    options = dict(progress=False, device="cpu", checkpoint=tmp_path / "run")
    short = {"epochs": 1}
    training.fit(ShallowResidualAE(width=4), images(4), images(2), **options, **(THESIS_RECIPE["MSE"] | short))
    with pytest.raises(ValueError, match="belongs to another run:\n  optimizer"):
        model = ShallowResidualAE(width=4)
        training.fit(model, images(4), images(2), **options, **(THESIS_RECIPE["MSE + L2"] | short))
