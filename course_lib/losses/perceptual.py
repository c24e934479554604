"""The perceptual loss: images are compared by what the first layers of VGG16 make of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from course_lib._checks import check_number, check_tensors
from course_lib.data.weights import read
from course_lib.metrics.structure import precise

# VGG16 (Simonyan and Zisserman 2015, configuration D): five blocks of 3×3 convolutions, a 2×2 maximum between blocks
WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
NAMES = [f"relu{block}_{i}" for block, widths in enumerate(WIDTHS, 1) for i in range(1, len(widths) + 1)]
JOHNSON = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")  # the layers of Johnson et al. 2016
CHANNELS = [3] + [width for widths in WIDTHS for width in widths]  # of the image, and after each convolution


class PerceptualLoss(nn.Module):
    """Sum over some layers of VGG16 of the mean squared difference of their features. 0 for equal images. Symmetric.

    Prediction and target: (N, 1 or 3, H, W) in [0, 1]; one channel is repeated to three, which are normalised with the
    mean and standard deviation of ImageNet. At least 1, 2, 4, 8, 16 pixels a side for layers of block 1 to 5.

    The network is frozen: it has no parameters, an empty state_dict, no training mode, and gradients flow to the images
    only. It is cut after the last layer asked for (for relu4_3: 7.6 million weights, 31 MB) and follows the images to
    their device. Under autocast the network runs in half precision, the comparison in float32. (torchvision's other
    file, IMAGENET1K_FEATURES, is not used: as large, and it wants other normalisation.)

    `init` is "imagenet" or "random": print it beside every result.

    Args:
        layers: names from relu1_1 to relu5_3; the default is the four of Johnson et al. 2016.
        pretrained: True: weights trained on ImageNet, from torchvision's file in the cache of torch.hub
            (vgg16-397923af.pth, 528 MB), where `course data fetch vgg16` puts it too; downloaded if it is not there,
            with a bar, and its hash compared. False: the same layers with fixed random weights (He et al. 2015, biases
            0, seed 0); no file. A different loss, which knows edges and textures of no particular kind: label results
            with it as random features. "if available": ImageNet's, but without file and network a warning and random
            ones. "if here": the same, but nothing is downloaded.
        layer_weights: a number for each layer; None: each counts 1, so layers with large features dominate.

    Raises:
        TypeError, ValueError: bad input.
        FileNotFoundError: `pretrained` is True, without file and network; it says what to do.

    Source: Johnson et al. 2016, equation 2; attention U-Net deck (Thomas et al., slide "VGG perceptual loss"), which
        names VGG16 and the mean squared error of features, and no layers.
    Lab: 05 and 14.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        layers: Sequence[str] = JOHNSON,
        *,
        pretrained: bool | str = True,
        layer_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.layers = (layers,) if isinstance(layers, str) else tuple(layers)
        unknown = [name for name in self.layers if name not in NAMES]
        if unknown or not self.layers or len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers: expected different names out of {', '.join(NAMES)}, got {layers!r}")
        factors = [1.0] * len(self.layers) if layer_weights is None else list(layer_weights)
        if len(factors) != len(self.layers):
            raise ValueError(f"layer_weights: expected {len(self.layers)} numbers, one a layer, got {len(factors)}")
        factors = [check_number(factor, "layer_weights", low=0) for factor in factors]
        self.layer_weights = dict(zip(self.layers, factors, strict=True))
        self.used = NAMES[: 1 + max(NAMES.index(name) for name in self.layers)]
        state = read("vgg16", pretrained, instead="the loss compares random features")
        self.init = "random" if state is None else "imagenet"
        values = _random(self.used) if state is None else [_layer(state, NAMES.index(name)) for name in self.used]
        # buffers, not parameters: they follow .to(), and no optimiser or checkpoint takes them for the model's
        for name, (kernel, bias) in zip(self.used, values, strict=True):
            self.register_buffer(f"{name}_weight", kernel, persistent=False)
            self.register_buffer(f"{name}_bias", bias, persistent=False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        check_tensors(prediction, target, channels=(1, 3), smallest=2 ** (int(self.used[-1][4]) - 1))
        if self.mean.device != prediction.device:
            self.to(prediction.device)
        pairs = zip(self.features(prediction), self.features(target), strict=True)
        losses = [((a - b) ** 2).mean() for a, b in (precise(*pair) for pair in pairs)]
        first, *others = (factor * loss for factor, loss in zip(self.layer_weights.values(), losses, strict=True))
        return sum(others, start=first)

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What the layers, in the order asked for, make of images (N, 1 or 3, H, W): each (N, channels, H', W')."""
        x = (images.to(self.mean.dtype).expand(-1, 3, -1, -1) - self.mean) / self.deviation
        found, block = {}, "1"
        for name in self.used:
            if name[4] != block:
                x, block = F.max_pool2d(x, 2), name[4]
            kernel, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
            x = F.relu(F.conv2d(x, kernel, bias, padding=1))
            found[name] = x
        return [found[name] for name in self.layers]

    def stages(self) -> list[nn.Sequential]:
        """The network cut behind each layer that is compared, each piece taking what the one before it gave.

        Returns:
            Frozen modules, in the order of VGG16. The first takes (N, 3, H, W), normalised as ImageNet was. The mean
            squared differences behind the pieces, summed, are this loss, if every layer counts 1.
        """
        pieces: list[nn.Sequential] = []
        layers: list[nn.Module] = []
        block = "1"
        for name in self.used:
            if name[4] != block:
                layers, block = [*layers, nn.MaxPool2d(2)], name[4]
            kernel, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
            convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            convolution.weight, convolution.bias = nn.Parameter(kernel), nn.Parameter(bias)
            layers += [convolution.requires_grad_(False), nn.ReLU()]
            if name in self.layers:
                pieces, layers = [*pieces, nn.Sequential(*layers)], []
        return pieces

    def extra_repr(self) -> str:
        label = {"imagenet": "ImageNet weights", "random": "random weights"}[self.init]
        return f"VGG16, {label}, " + ", ".join(f"{factor:g}·{name}" for name, factor in self.layer_weights.items())


def _random(names: Sequence[str]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Kernels and biases of the layers; on average a layer's features are as large as those before it."""
    generator = torch.Generator().manual_seed(0)
    layers = []
    for before, after in itertools.pairwise(CHANNELS[: len(names) + 1]):
        kernel = torch.randn(after, before, 3, 3, generator=generator) * (2 / (9 * before)) ** 0.5
        layers.append((kernel, torch.zeros(after)))
    return layers


def _layer(state: dict[str, Any], number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel and bias of a convolution, which torchvision numbers in one list with all ReLUs and poolings."""
    place = 2 * number + int(NAMES[number][4]) - 1
    wanted = {"weight": (CHANNELS[number + 1], CHANNELS[number], 3, 3), "bias": (CHANNELS[number + 1],)}
    found = []
    for kind, shape in wanted.items():
        tensor = state.get(f"features.{place}.{kind}")
        if tensor is None or tuple(tensor.shape) != shape:
            got = "nothing" if tensor is None else tuple(tensor.shape)
            raise ValueError(
                f"the weights are not those of VGG16: expected features.{place}.{kind} of shape {shape}, got {got};"
                " delete the file, then: course data fetch vgg16"
            )
        found.append(tensor.float())
    return found[0], found[1]
