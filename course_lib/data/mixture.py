"""Training material from several sources, cut to patches and varied: brains for what matters, photographs for the rest.

    train = Mixture(
        {"heads": cohort.images, "photographs": photographs()},
        {"heads": 0.7, "photographs": 0.3},
        count=2000, size=96, smallest={"photographs": 0.35},
    )
    training.fit(model, train, validation, corrupt=training.noising("gaussian", 0.1), **ATTENTION_RECIPE["MSE"])

Lab 14.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.utils.data import Dataset

from course_lib._checks import check_count, check_image, check_number
from course_lib.data._patches import check_range, check_smallest, cut, vary
from course_lib.profiles import seeded

Images = torch.Tensor | Sequence[torch.Tensor]


class Mixture(Dataset):
    """`count` patches an epoch, float32 (C, size, size) in [0, 1]: each from a source drawn by its share.

    `training.fit` asks for `draw(index, generator=g)`: a patch depends on its (seed, epoch, index) alone, however it is
    batched, resumed, or shared among processes, and validation gets the same patches each time. `mixture[index]` is an
    example to look at, always the same. The global random state is left alone.

    Args:
        sources: by name, images in [0, 1]: a tensor (N, C, H, W), or tensors (C, H, W), each of its own size; none
            smaller than `size`, all with as many channels. float16 saves memory; what comes out is float32.
        shares: by name, any numbers above 0, of which only the ratios count; None: all alike. The source is drawn by
            its share, then one of its images: 16 photographs at a share of 0.3 each come more often than 900 slices at
            0.7.
        count: what an epoch is. (Images drawn anew have no natural end.)
        size: side of the patches.
        smallest: by name, or one number for all: half of the patches are cut larger and averaged down, by a factor
            drawn from [smallest, 1]. For photographs; a brain has its size, so the default is 1: never.
        gamma: exponents, uniform in (low, high), applied to half of the patches; (1, 1) switches it off.
        brightness: factors, likewise, applied to half of the patches, each on its own; what becomes brighter than 1 is
            cut off.
        turned: mirrored up and down, left and right, transposed, each in half of the patches.

    Raises:
        TypeError, ValueError: bad input.

    Source: attention U-Net deck (augmentation).
    Lab: 14.
    """

    def __init__(
        self,
        sources: Mapping[str, Images],
        shares: Mapping[str, float] | None = None,
        *,
        count: int,
        size: int,
        smallest: float | Mapping[str, float] = 1.0,
        gamma: tuple[float, float] = (0.7, 1.3),
        brightness: tuple[float, float] = (0.6, 1.1),
        turned: bool = True,
    ) -> None:
        self.count, self.size = check_count(count, "count"), check_count(size, "size")
        self.gamma, self.brightness = check_range(gamma, "gamma"), check_range(brightness, "brightness")
        self.turned = bool(turned)
        if not isinstance(sources, Mapping) or not sources:
            raise TypeError(f"sources: expected images by name, as {{'heads': images}}, got {type(sources).__name__}")
        self.sources = {name: _checked(name, images, self.size) for name, images in sources.items()}
        channels = {name: images[0].shape[0] for name, images in self.sources.items()}
        if len(set(channels.values())) > 1:
            raise ValueError(f"sources: expected images with as many channels, got {channels}")

        shares = dict.fromkeys(self.sources, 1.0) if shares is None else dict(shares)
        if shares.keys() != self.sources.keys():
            raise ValueError(f"shares: expected one for each of {list(self.sources)}, got {list(shares)}")
        numbers = [check_number(shares[name], f"shares[{name!r}]", low=0, above=True) for name in self.sources]
        self.shares = {name: number / sum(numbers) for name, number in zip(self.sources, numbers, strict=True)}

        each = smallest if isinstance(smallest, Mapping) else dict.fromkeys(self.sources, smallest)
        if each.keys() - self.sources.keys():
            raise ValueError(f"smallest: expected names out of {list(self.sources)}, got {list(each)}")
        self.smallest = {name: check_smallest(each.get(name, 1.0)) for name in self.sources}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> torch.Tensor:
        if not -self.count <= index < self.count:
            raise IndexError(f"index: expected one below {self.count}, got {index}")
        return self.draw(index, generator=torch.Generator().manual_seed(seeded(0, "example", index % self.count)))

    def draw(self, index: int, *, generator: torch.Generator) -> torch.Tensor:
        """A patch; which one, the generator says.

        Args:
            index: plays no part: it has gone into the generator's seed.
            generator: of all draws.

        Returns:
            float32 (C, size, size) in [0, 1].
        """
        shares = torch.tensor(list(self.shares.values()), dtype=torch.float64, device=generator.device)
        name = list(self.sources)[int(torch.multinomial(shares, 1, generator=generator))]
        images = self.sources[name]
        which = int(torch.randint(len(images), (), generator=generator, device=generator.device))
        patch = cut(images[which], self.size, generator, self.smallest[name])
        return vary(patch, self.gamma, self.brightness, generator, turned=self.turned)


def _checked(name: str, images: Images, size: int) -> Images:
    if not isinstance(images, torch.Tensor):
        images = list(images)
    elif images.ndim != 4:
        raise ValueError(f"{name}: expected images (N, C, H, W) or a list of (C, H, W), got {tuple(images.shape)}")
    if len(images) == 0:
        raise ValueError(f"{name}: expected at least one image, got none")
    for image in [images] if isinstance(images, torch.Tensor) else images:
        if not isinstance(image, torch.Tensor) or image.ndim < 3:
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise TypeError(f"{name}: expected tensors (C, H, W), got {got}")
        check_image(image, name)
        low, high = float(image.min()), float(image.max())
        if low < 0 or high > 1:
            raise ValueError(f"{name}: expected values in [0, 1], got {low:g} to {high:g}")
        if min(image.shape[-2:]) < size:
            raise ValueError(f"{name}: expected images of at least {size}×{size}, got {tuple(image.shape[-2:])}")
    if len({image.shape[0] for image in images}) > 1:
        raise ValueError(f"{name}: expected images with as many channels")
    return images
