"""ResNet-18 as an encoder of grey images: torchvision's network and weights, its first convolution adapted."""

from __future__ import annotations

import torch
from torch import nn

from course_lib.data.weights import read

#: Mean of ImageNet's photographs, red, green and blue in [0, 1].
IMAGENET_MEAN = (0.485, 0.456, 0.406)
#: Their standard deviation.
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
RESNET_WIDTHS = (64, 64, 512)  # of the image at 1/2, 1/4, 1/8


class ResNetEncoder(nn.Module):
    """torchvision's ResNet-18 without its classifier, held at 1/8 of the image: features at 1/2, 1/4 and 1/8.

    `layer3` and `layer4` do not halve the image again. What comes after a stride that was left out is dilated by 2
    (then by 4) instead, so that each weight still meets the places that ImageNet taught it to expect: every second
    (fourth) place of the result is torchvision's feature at 1/16 (1/32), and the places between are new. A patch of
    128×128 pixels is 16×16 here, not 4×4, and dilation has room. The price: 4.3 instead of 1.2 billion multiplications
    for such a patch (docs/decisions.md).

    `init` says which weights these are. `stages`: names of its parts.

    Args:
        channels: as in `AttentionUNet`.
        pretrained: as in `AttentionUNet`.

    Source: Chen et al. 2018 ("DeepLab"); Yu, Koltun and Funkhouser 2017 ("Dilated residual networks").
    Lab: 14.
    """

    def __init__(self, channels: int, pretrained: bool | str):
        from torchvision.models import resnet18

        super().__init__()
        # the warning is about the line that called AttentionUNet
        state = read("resnet18", pretrained, instead="the encoder starts at random", stacklevel=3)
        if state is not None and channels != 1:
            raise ValueError(f"pretrained: expected channels=1, for the weights are adapted to grey, got {channels}")
        self.init = "random" if state is None else "imagenet"
        net = resnet18()
        self.conv1, self.bn1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False), net.bn1
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        if state is not None:
            _load(net, state)
            weight, bias = grey_weights(net.conv1.weight.detach())
            self.conv1.weight = nn.Parameter(weight)
            # BN takes the mean away at once, so this is where the constant belongs
            self.bn1.running_mean -= bias
        self.maxpool = net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        _dilate_instead_of_stride(self.layer3, before=1)
        _dilate_instead_of_stride(self.layer4, before=2)
        self.stages = {"conv1": (self.conv1, self.bn1)} | {
            f"layer{n}": (getattr(self, f"layer{n}"),) for n in (1, 2, 3, 4)
        }

    def first(self, image: torch.Tensor) -> torch.Tensor:
        """conv-BN-ReLU, what ImageNet taught about edges.

        Args:
            image: (N, channels, H, W).

        Returns:
            (N, 64, H/2, W/2).
        """
        return torch.relu(self.bn1(self.conv1(image)))

    def forward(self, image: torch.Tensor, fine: torch.Tensor) -> list[torch.Tensor]:
        large = self.first(image)
        small = self.layer1(self.maxpool(large))
        smallest = self.layer4(self.layer3(self.layer2(small)))  # (N, 64, H/4, W/4) -> (N, 512, H/8, W/8)
        return [large + fine, small, smallest]


def grey_weights(
    weight: torch.Tensor,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    deviation: tuple[float, ...] = IMAGENET_DEVIATION,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The convolution of normalised RGB images as one of grey images in [0, 1].

    For a grey image all x_c are x, so
    Σ_c W_c * (x - m_c) / s_c = (Σ_c W_c / s_c) * x - Σ_c m_c / s_c · (sum of W_c): the normalisation is folded in.
    The same everywhere but at the border: zeros around it are the mean colour there, and black here, as around a head.

    Args:
        weight: (O, 3, k, k), of a convolution that expects (x_c - mean_c) / deviation_c.
        mean: of each colour.
        deviation: of each colour.

    Returns:
        Weight (O, 1, k, k) and bias (O,).

    Raises:
        ValueError: a weight of another shape.

    Lab: 14.
    """
    if weight.ndim != 4 or weight.shape[1] != len(mean) or len(mean) != len(deviation):
        raise ValueError(f"weight: expected (O, {len(mean)}, k, k), a channel for each mean, got {tuple(weight.shape)}")
    m, s = (torch.tensor(values, dtype=weight.dtype, device=weight.device) for values in (mean, deviation))
    scaled = weight / s[:, None, None]
    bias = -(scaled.sum((2, 3)) * m).sum(1)  # (O, 3, k, k) -> (O, 3) -> (O,)
    return scaled.sum(1, keepdim=True), bias


def _dilate_instead_of_stride(layer: nn.Module, before: int) -> None:
    """Let a layer keep the size. `before`: the dilation that its input has. torchvision does it for ResNet-50 only."""
    for convolution in [module for module in layer.modules() if isinstance(module, nn.Conv2d)]:
        # the convolution that had the stride still reads neighbours of the finer grid
        rate = before if convolution.stride == (2, 2) else 2 * before
        convolution.stride = (1, 1)
        if convolution.kernel_size == (3, 3):
            convolution.dilation = convolution.padding = (rate, rate)


def _load(net: nn.Module, state: dict[str, torch.Tensor]) -> None:
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error)[:300]  # it would name all 102 tensors
        raise ValueError(
            f"the weights are not those of ResNet-18; delete the file and load it anew: {reason}"
        ) from error
