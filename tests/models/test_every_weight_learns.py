"""The law of the architectures: at the size that its recipe trains on, no weight of a model is without a gradient.

Every class of `course_lib.models` must stand in a network of `NETWORKS`: a new one cannot be forgotten.

What may be without: what is frozen (nothing is, here), what cannot matter (`Case.without`, with the reason), and what
only units read that ReLU keeps at 0 wherever the images of a few batches go. So ReLU is made leaky for the law: then no
element of any weight may be without, for what is left to stop a gradient is geometry: a tap that reads nothing but
padding, a branch that leads nowhere. (A bias before BN passes by its rounding errors: BN takes the mean away, and it
never learns. Harmless, and as in the papers.)
Layers that start at 0 hide the layers before them: the head the rest, the second convolution of a residual block the
first. So it takes three steps until all have been seen.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from course_lib import losses, models, resolution, training
from course_lib.models.attention import AttentionGate, ConcurrentSE
from course_lib.models.attention_unet import AttentionUNet, ResidualBlock
from course_lib.models.autoencoders import MyronenkoCAE, ResidualUNet, ShallowResidualAE, SkipCAE
from course_lib.models.cascade import DeepCascade, DynamicCascade, ReconstructionCNN
from course_lib.models.dae import BrainCDAE, ConvDAE, DenseDAE
from course_lib.models.dcgan import DCGANDiscriminator, DCGANGenerator
from course_lib.models.dncnn import IRCNN_DILATIONS, DnCNN
from course_lib.models.ldamp import LDAMP
from course_lib.models.noise_map import NoiseMapUNet
from course_lib.models.normative import NormativeAE, NormativeVAE
from course_lib.models.resolve import SMALL, DeepResolve
from course_lib.models.segment import SegmentationUNet
from course_lib.models.shape import ShapeAutoencoder, ShapePredictor
from course_lib.models.skip_denoiser import SkipDenoiser
from course_lib.models.tiled import plain_cnn, tiled_cnn
from course_lib.models.unet import UNet
from course_lib.models.vae import MyronenkoVAE
from course_lib.models.wgan import CTCritic, CTGenerator

STEPS = 3
LIVING = 0.3  # of each weight's elements, at least, with ReLU as it is


Loss = Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], torch.Tensor]


def compared(loss: Any) -> Loss:
    """Of what the model makes of its input, and the clean images."""
    return lambda model, given, clean: loss(model(*given), clean).mean()


def vae(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    return model.loss(model(*given), clean).mean()


def wasserstein(critic: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    penalty = losses.gradient_penalty(critic, clean, *given, generator=generator)
    return losses.critic_loss(critic, clean, *given) + 10 * penalty


def each_denoiser(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(model.denoiser(0)(*given), clean)


def between_thick_slices(image: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    return resolution.between_slices(resolution.thick_slices(image, 2), 2)


def told(image: torch.Tensor, *, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A noisy image, its sigma, and the floor of its noise."""
    sigma = 0.05 + 0.1 * torch.rand((1, 1, 1), generator=generator)
    floor = 1.25 * torch.rand((1, 1, 1), generator=generator)
    return training.noising("gaussian", 0.1)(image, generator=generator), sigma, floor


def quality(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    """As the lab trains: half of a batch is called bad."""
    scores = model(*given)
    return F.binary_cross_entropy_with_logits(scores, torch.arange(len(scores), dtype=scores.dtype) % 2)


def shapes(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of label maps: the class that is brightest."""
    labels = clean.argmax(1)
    return F.cross_entropy(model(F.one_hot(labels, clean.shape[1]).movedim(-1, 1).float()), labels)


def elbo(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    return losses.negative_elbo(clean, *model(*given), decoder_sd=0.1).mean()


def drawn(generator: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    """Images of codes against real ones, to see that every weight has a part in them."""
    codes = torch.randn(len(clean), 64, generator=torch.Generator().manual_seed(len(given)))
    return F.mse_loss(generator(codes), clean)


def discriminated(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    return F.softplus(-model(clean)).mean() + F.softplus(model(*given)).mean()


def named(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of four classes: four steps of brightness."""
    return F.cross_entropy(model(*given), (4 * clean[:, 0]).long().clamp(0, 3))


def codes(model: nn.Module, given: tuple[torch.Tensor, ...], clean: torch.Tensor) -> torch.Tensor:
    """Distance to codes that differ from image to image."""
    return (model(*given) - clean.flatten(1)[:, :64]).square().sum(1).mean()


@dataclass
class Case:
    """A network as a lab trains it: the smallest images (profile `cpu`, or `gpu` where only that one trains it)."""

    make: Callable[[], nn.Module]
    size: int
    loss: Loss = compared(F.mse_loss)
    corrupt: Any = training.noising("gaussian", 0.1)
    channels: int = 1
    batch: int = 4
    without: tuple[str, ...] = ()  # what never gets a gradient, and need not


DSSIM = compared(training.THESIS_RECIPE["DSSIM + L2"]["loss"])
DECK = compared(losses.attention_loss(pretrained=False))
PHYSICS: dict[str, Any] = dict(loss=compared(training.squared_error), corrupt=training.undersampling(4, 0.08), batch=2)
SPECTRA: dict[str, Any] = dict(channels=21, batch=64)
NETWORKS = {
    "DenseDAE, lab 01": Case(DenseDAE, 28, batch=16),
    "ConvDAE, lab 02": Case(ConvDAE, 28),
    "BrainCDAE, lab 02": Case(BrainCDAE, 64),
    "ShallowResidualAE, lab 06": Case(ShallowResidualAE, 64),
    "ShallowResidualAE(original), lab 06": Case(lambda: ShallowResidualAE("original"), 64, DSSIM),
    "SkipCAE, lab 06": Case(SkipCAE, 64),
    "MyronenkoCAE, lab 06": Case(MyronenkoCAE, 64),
    "ResidualUNet, lab 06": Case(ResidualUNet, 64, DSSIM),
    "MyronenkoVAE": Case(MyronenkoVAE, 64, vae),
    "DnCNN, lab 07": Case(DnCNN, 40),
    "DnCNN(IRCNN), lab 07": Case(lambda: DnCNN(dilations=IRCNN_DILATIONS), 48),
    "ReconstructionCNN, lab 09": Case(lambda: ReconstructionCNN(4, 4, 16), 96, **PHYSICS),
    "ReconstructionCNN(unet), lab 09": Case(lambda: ReconstructionCNN(1, width=8, block="unet"), 96, **PHYSICS),
    "DeepCascade(learned), lab 09": Case(lambda: DeepCascade(4, 4, 16, strength=1.0, learned=True), 96, **PHYSICS),
    "DynamicCascade, lab 09": Case(lambda: DynamicCascade(5, 2, 12, sharing=4), 48, channels=12, **PHYSICS),
    "CTGenerator, lab 10": Case(CTGenerator, 32),
    # a number added to all marks cancels in their difference; so does the bias before, while its unit is on the same
    # side of its bend for all images
    "CTCritic, lab 10": Case(
        lambda: CTCritic(32, widths=(16, 32, 64), hidden=128), 32, wasserstein,
        without=("layers.13.bias", "layers.15.bias"),
    ),
    "LDAMP, lab 11": Case(LDAMP, 48, each_denoiser),
    "DeepResolve(small), lab 12": Case(lambda: DeepResolve(**SMALL), 32, corrupt=between_thick_slices),
    "ShapeAutoencoder, lab 12": Case(lambda: ShapeAutoencoder(64), 64, shapes, channels=4),
    "NormativeAE, lab 13": Case(NormativeAE, 64),
    "NormativeVAE, lab 13": Case(NormativeVAE, 64, elbo),
    "SkipDenoiser, lab 13": Case(SkipDenoiser, 64),
    "DCGANGenerator, lab 13": Case(DCGANGenerator, 64, drawn),
    "DCGANDiscriminator, lab 13": Case(DCGANDiscriminator, 64, discriminated),
    # a spectrum has 336 points: here as 21 channels of 4×4
    "QualityCNN(tiled), lab 13": Case(lambda: nn.Sequential(nn.Flatten(), tiled_cnn()), 4, quality, **SPECTRA),
    "QualityCNN(plain), lab 13": Case(lambda: nn.Sequential(nn.Flatten(), plain_cnn()), 4, quality, **SPECTRA),
    "ShapePredictor, lab 12": Case(lambda: ShapePredictor(64), 64, codes),
    "SegmentationUNet, lab 12": Case(lambda: SegmentationUNet(width=8), 64, named),
    "UNet": Case(lambda: UNet(width=16), 64),
    "NoiseMapUNet, lab 14": Case(lambda: NoiseMapUNet(16), 48, corrupt=told),
    "AttentionUNet(small), lab 14": Case(lambda: AttentionUNet(encoder="small"), 48),
    "AttentionUNet(small, gate)": Case(lambda: AttentionUNet(encoder="small", attention="gate"), 48),
    "AttentionUNet(resnet18), lab 14": Case(AttentionUNet, 128, DECK, batch=2),
}  # fmt: skip


def images(case: Case, seed: int) -> torch.Tensor:
    """Blurred steps in [0, 1]: flat areas, edges and texture, as a head has them."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(case.batch, case.channels, case.size // 4, case.size // 4, generator=generator)
    steps = F.interpolate((coarse > 0.5).float() * coarse, size=(case.size, case.size), mode="bilinear")
    return (steps + 0.1 * torch.rand(steps.shape, generator=generator)).clamp(0, 1)


def corrupted(case: Case, clean: torch.Tensor, seed: int) -> tuple[torch.Tensor, ...]:
    """The batch as `fit` makes it: image by image, each part stacked."""
    generator = torch.Generator().manual_seed(seed)
    parts = [case.corrupt(image, generator=generator) for image in clean]
    return tuple(map(torch.stack, zip(*parts, strict=True))) if isinstance(parts[0], tuple) else (torch.stack(parts),)


class Leaky(TorchFunctionMode):
    """Inside it ReLU lets a tenth of what is negative pass, so that no unit is dead, and only geometry can stop one."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), keywords: dict[str, Any] | None = None
    ) -> Any:
        if function in (torch.relu, torch.Tensor.relu, F.relu):
            return F.leaky_relu(arguments[0], 0.1)
        return function(*arguments, **(keywords or {}))


def learned(model: nn.Module, case: Case, *, leaky: bool) -> dict[str, torch.Tensor]:
    """{weight: which of its elements got a gradient in a few steps of Adam}."""
    seen = {name: torch.zeros_like(weight, dtype=torch.bool) for name, weight in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with training.fixed_seed(1):
        for step in range(STEPS):
            clean = images(case, step)
            given = corrupted(case, clean, step)
            with Leaky() if leaky else nullcontext():
                loss = case.loss(model.train(), given, clean)
            optimizer.zero_grad()
            loss.backward()
            for name, weight in model.named_parameters():
                if weight.grad is not None:
                    seen[name] |= weight.grad != 0
            optimizer.step()
    return {name: elements for name, elements in seen.items() if name not in case.without}


def without_gradient(seen: dict[str, torch.Tensor]) -> dict[str, str]:
    """{weight: how many of its elements no gradient has reached}."""
    return {
        name: f"{int((~elements).sum())} of {elements.numel()}" for name, elements in seen.items() if not elements.all()
    }


def one_of_each(name: str) -> nn.Module:
    with training.fixed_seed(0):
        return NETWORKS[name].make()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_gets_a_gradient_at_the_size_of_its_recipe(name):
    broken = without_gradient(learned(one_of_each(name), NETWORKS[name], leaky=True))
    assert not broken, f"{name}, {NETWORKS[name].size}²: no gradient reaches {broken}"


@pytest.mark.parametrize("name", NETWORKS)
def test_as_it_is_trained_every_weight_learns_in_each_of_its_taps(name):
    """With ReLU as it is a unit may be dead, or two of them awake at different places; a tap as a whole may not."""
    for weight, seen in learned(one_of_each(name), NETWORKS[name], leaky=False).items():
        taps = seen.flatten(2).any(dim=(0, 1)) if seen.ndim > 2 else seen.any()
        assert taps.all(), f"{name}, {NETWORKS[name].size}²: {weight}, {int((~taps).sum())} of {taps.numel()} taps"
        assert seen.float().mean() > LIVING, f"{name}: a gradient reaches {seen.float().mean():.0%} of {weight}"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_tap_of_a_kernel_has_something_to_read(name):
    """By what a layer is given: an image of ones, kernels of one tap; where the sum is 0, the tap sees only padding."""
    case, model, blind = NETWORKS[name], one_of_each(name).eval(), []

    def look(layer: nn.Conv2d, given: tuple[torch.Tensor], _: Any) -> None:
        ones = torch.ones(1, 1, *given[0].shape[-2:])
        high, wide = layer.kernel_size
        taps = torch.eye(high * wide).view(-1, 1, high, wide)
        read = F.conv2d(ones, taps, None, layer.stride, layer.padding, layer.dilation).sum((0, 2, 3))
        if not read.all():
            blind.append(f"{layer} on {tuple(ones.shape[-2:])}: {int((read == 0).sum())} taps")

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(look)
    case.loss(model, corrupted(case, images(case, 0), 0), images(case, 0))
    assert not blind, "\n".join(blind)


@pytest.mark.parametrize(("dilation", "size", "broken"), [(4, 4, True), (4, 8, False), (8, 8, True), (2, 4, False)])
def test_the_law_finds_dilation_that_reads_only_padding(dilation, size, broken):
    """As the bottleneck was: rate 4 on a map of 4×4, which 1/32 of a patch of 128×128 is."""
    with training.fixed_seed(0):
        block = nn.Sequential(nn.Conv2d(1, 8, 1), ResidualBlock(8, dilation), nn.Conv2d(8, 1, 1))
    found = without_gradient(learned(block, Case(lambda: block, size), leaky=True))
    outer = "512 of 576"  # 8 of 9 taps
    assert found == ({"1.conv1.weight": outer, "1.conv2.weight": outer} if broken else {})


def test_no_class_of_the_package_is_forgotten():
    here = {type(module) for name in NETWORKS for module in one_of_each(name).modules()}
    known = set()
    for info in pkgutil.iter_modules(models.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{models.__name__}.{info.name}")
            known |= {
                kind
                for kind in vars(module).values()
                if isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == module.__name__
            }
    assert known > {AttentionUNet, AttentionGate, ConcurrentSE}
    known.discard(type(NoiseMapUNet(8).told(0.1)))  # holds a whole network and no weight of its own
    assert not known - here, "put a network that holds it into NETWORKS, with the size that its recipe trains on"
