"""UNet-DCTD-A, the attention U-Net of the course, and its small sister; each part can be left out (lab 14).

An encoder that may know ImageNet, dilated convolutions where the image is smallest, a decoder that looks at what it
adds (scSE), and a way across at full resolution: the image is unshuffled, 2×2 pixels into 4 channels, so that nothing
is lost at half the size, and the head's 4 channels are shuffled back. Source: attention U-Net deck.

The image is smallest at 1/8, in both encoders. ResNet-18 would go on to 1/32, where a patch of 128×128 pixels is 4×4:
there the outer taps of a convolution of rate 4 read nothing but padding, and never learn. See `ResNetEncoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from course_lib._checks import check_count
from course_lib.images import pad_to_multiple
from course_lib.models._zero import start_at_zero
from course_lib.models.attention import AttentionGate, ConcurrentSE
from course_lib.models.autoencoders import check_batch
from course_lib.models.resnet import IMAGENET_DEVIATION, IMAGENET_MEAN, RESNET_WIDTHS, ResNetEncoder, grey_weights

__all__ = [
    "IMAGENET_DEVIATION", "IMAGENET_MEAN", "AttentionUNet", "DecoderBlock", "ResidualBlock", "freeze", "grey_weights",
    "unfreeze",
]  # fmt: skip
ATTENTIONS = ("scse", "gate", None)
Attention = str | Callable[[int, int], nn.Module] | None


class AttentionUNet(nn.Module):
    """Encoder, dilated bottleneck, decoder with attention, all added to the noisy image.

    Input and output: (N, channels, H, W), floating point, any H and W (padded inside to multiples of 8, and cropped
    again). The output is linear: clip it to [0, 1] before scoring. The head starts at 0, so that with
    `residual` the network starts as the identity.

    In training ResNet-18's BN needs more than one value a channel: more than one image, or more than 8 pixels a side.
    Train on patches of more than 32 pixels a side: then every tap of the dilated convolutions has something to read.

    Args:
        channels: of the image.
        encoder: "resnet18": torchvision's, with dilation instead of its last two strides; features 64, 64, 512 at 1/2,
            1/4, 1/8 of the image; 15,013,398 parameters.
            "small": residual blocks without normalisation, `width` times 1, 2, 3 at 1/2, 1/4, 1/8; trains on a CPU in
            minutes; 1,939,656 parameters.
        pretrained: of ResNet-18. True: ImageNet weights, from torchvision's file in the cache of torch.hub
            (resnet18-f37072fd.pth, 45 MB), where `course data fetch resnet18` puts it too; downloaded if it is not
            there, with a bar, and its hash compared. "if available": without file and network a warning and random
            weights. "if here": the same, but nothing is downloaded. `model.init` is "imagenet" or "random": print it
            beside every result. One channel gives the features that its RGB copy, normalised as
            ImageNet was, gives torchvision's network (see `grey_weights`).
        width: of the small encoder.
        dilations: a residual block for each in the bottleneck; (1, 1, 1) has as many parameters and sees less, () none.
        attention: "scse" (after each block of the decoder), "gate" (on what comes across), None, or
            `f(features, reduction) -> module` in place of scSE: a block of your own. (`models.save` keeps names only.)
        reduction: of cSE.
        residual: False: what is learned is the output, not what is added to the input.

    Raises:
        TypeError, ValueError: bad input.
        FileNotFoundError: says what to do without file and network, where `pretrained` is True.

    Source: attention U-Net deck (UNet-DCTD-A); He et al. 2016; Roy et al. 2018; Oktay et al. 2018.
    Lab: 14.
    """

    def __init__(
        self,
        channels: int = 1,
        *,
        encoder: str = "resnet18",
        pretrained: bool | str = False,
        width: int = 48,
        dilations: Sequence[int] = (1, 2, 4),
        attention: Attention = "scse",
        reduction: int = 8,
        residual: bool = True,
    ):
        super().__init__()
        if encoder not in ("resnet18", "small"):
            raise ValueError(f"encoder: expected 'resnet18' or 'small', got {encoder!r}")
        if encoder == "small" and pretrained is not False:
            raise ValueError(
                f"pretrained: expected False for the small encoder, which has no weights, got {pretrained!r}"
            )
        self.channels, self.residual = check_count(channels, "channels"), residual
        rates = [check_count(rate, "dilations") for rate in dilations]
        small, w = encoder == "small", check_count(width, "width")
        widths = (w, 2 * w, 3 * w) if small else RESNET_WIDTHS
        self.multiple = 2 ** len(widths)

        self.stem = nn.Conv2d(4 * channels, widths[0], 3, padding=1)
        self.encoder = _SmallEncoder(widths) if small else ResNetEncoder(channels, pretrained)
        # a ResNet's 512 features would cost 2.4 million weights a convolution: a quarter of them is dilated
        hidden = widths[-1] if small else widths[-1] // 4
        self.bottleneck = nn.Sequential(*[ResidualBlock(widths[-1], rate, hidden) for rate in rates])
        levels = range(len(widths) - 2, -1, -1)
        blocks = {0: 2 if small else 1}
        self.decoder = nn.ModuleList(
            [DecoderBlock(widths[n + 1], widths[n], attention, reduction, blocks=blocks.get(n, 1)) for n in levels]
        )
        self.head = nn.Conv2d(widths[0], 4 * channels, 3, padding=1)
        start_at_zero(self.head)
        self.init = "random" if small else self.encoder.init

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(image, self.channels)
        padded = pad_to_multiple(image, self.multiple)
        fine = self.stem(F.pixel_unshuffle(padded, 2))  # (N, C, H, W) -> (N, 4·C, H/2, W/2) -> (N, w, H/2, W/2)
        *across, x = self.encoder(padded, fine)  # H/2, H/4, H/8
        x = self.bottleneck(x)
        for block, level in zip(self.decoder, reversed(across), strict=True):
            x = block(x, level)  # (N, 2·w, H/4, W/4), (N, w, H/2, W/2) -> (N, w, H/2, W/2), and so on
        x = F.pixel_shuffle(self.head(x + fine), 2)  # (N, w, H/2, W/2) -> (N, 4·C, H/2, W/2) -> (N, C, H, W)
        x = x[..., :height, :width]
        return image + x if self.residual else x

    def stages(self) -> dict[str, tuple[nn.Module, ...]]:
        """The parts that `freeze` knows, from the image on; "encoder" stands for all of the encoder.

        Returns:
            {name: its parts}.
        """
        parts = dict(self.encoder.stages)
        encoder = tuple(module for modules in parts.values() for module in modules)
        rest = {"bottleneck": (self.bottleneck,), "decoder": (self.decoder,), "head": (self.head,)}
        return {"stem": (self.stem,)} | parts | {"encoder": encoder} | rest

    def train(self, mode: bool = True) -> AttentionUNet:
        """As every module's, but BN that is frozen keeps its averages: it stays in eval mode.

        Args:
            mode: False is eval mode.

        Returns:
            The model itself.
        """
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        return self


def freeze(model: AttentionUNet, *stages: str) -> None:
    """Let these stages learn no more. What BN has averaged in them stays too.

    The usual way of transfer: freeze the encoder, train the rest, unfreeze, train all at a smaller rate. An optimiser
    passes over what is frozen. Two calls of `training.fit` do it, the second with an optimiser of its own:

        freeze(model)
        training.fit(model, patches, corrupt=noisy, **(recipe | {"epochs": 20}))
        unfreeze(model)
        training.fit(model, patches, corrupt=noisy, **(recipe | {"epochs": 180, "optimizer": slower}))

    Args:
        model: changed in place.
        stages: names out of `model.stages()`, as "conv1", "layer1" (ResNet-18), "encoder", "decoder"; default
            "encoder".

    Raises:
        ValueError: an unknown name.

    Source: attention U-Net deck ("transfer learning").
    Lab: 14.
    """
    _set(model, stages, learns=False)


def unfreeze(model: AttentionUNet, *stages: str) -> None:
    """Let these stages learn (again). See `freeze`.

    Args:
        model: changed in place.
        stages: as for `freeze`; default "encoder".

    Raises:
        ValueError: an unknown name.

    Lab: 14.
    """
    _set(model, stages, learns=True)


def _set(model: AttentionUNet, stages: tuple[str, ...], learns: bool) -> None:
    known = model.stages()
    unknown = [name for name in stages if name not in known]
    if unknown:
        raise ValueError(f"stages: expected names out of {', '.join(known)}, got {', '.join(map(repr, unknown))}")
    for name in stages or ("encoder",):
        for module in known[name]:
            module.requires_grad_(learns)
    model.train(model.training)


class ResidualBlock(nn.Module):
    """`x + conv(ReLU(conv(x)))`, 3×3, both dilated, no normalisation: (N, features, H, W), the same shape.

    The second convolution starts at 0, so that the block starts as the identity: that is what makes it train without
    BN.

    Args:
        features: of input and output.
        dilation: of both convolutions.
        hidden: features between the two; default `features`.

    Source: He et al. 2016; Zhang et al. 2019.
    Lab: 14.
    """

    def __init__(self, features: int, dilation: int = 1, hidden: int | None = None):
        super().__init__()
        hidden = features if hidden is None else hidden
        self.conv1 = nn.Conv2d(features, hidden, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv2d(hidden, features, 3, padding=dilation, dilation=dilation)
        start_at_zero(self.conv2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(torch.relu(self.conv1(x)))


class DecoderBlock(nn.Module):
    """One level up: double, add what comes across, residual blocks, attention.

    (N, below, H, W) and (N, here, 2·H, 2·W) -> (N, here, 2·H, 2·W).

    Args:
        below: features of the level below.
        here: features of this level.
        attention: as in `AttentionUNet`.
        reduction: as in `AttentionUNet`.
        blocks: how many residual blocks.

    Lab: 14.
    """

    def __init__(self, below: int, here: int, attention: Attention = "scse", reduction: int = 8, *, blocks: int = 1):
        super().__init__()
        if not callable(attention) and attention not in ATTENTIONS:
            raise ValueError(f"attention: expected a function, 'scse', 'gate' or None, got {attention!r}")
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.gate = AttentionGate(here, below) if attention == "gate" else None
        self.blocks = nn.Sequential(*[ResidualBlock(here) for _ in range(blocks)])
        own = ConcurrentSE if attention == "scse" else attention
        self.attention = own(here, reduction) if callable(own) else nn.Identity()

    def forward(self, x: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
        if self.gate is not None:
            across = self.gate(across, x)
        return self.attention(self.blocks(self.doubled(x) + across))


class _SmallEncoder(nn.Module):
    """Two residual blocks at 1/2 and at 1/4 of the image, 2×2 convolutions of stride 2 between; nothing at 1/8."""

    def __init__(self, widths: Sequence[int]):
        super().__init__()
        a, b, c = widths
        self.level1 = nn.Sequential(ResidualBlock(a), ResidualBlock(a))
        self.level2 = nn.Sequential(nn.Conv2d(a, b, 2, stride=2), ResidualBlock(b), ResidualBlock(b))
        self.level3 = nn.Conv2d(b, c, 2, stride=2)
        self.stages = {name: (getattr(self, name),) for name in ("level1", "level2", "level3")}

    def forward(self, image: torch.Tensor, fine: torch.Tensor) -> list[torch.Tensor]:
        large = self.level1(fine)
        small = self.level2(large)
        return [large, small, self.level3(small)]
