"""Clean images in, batches of clean and noisy images out: what `training.fit` feeds on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from course_lib._checks import check_image
from course_lib.profiles import seeded


class Batches:
    """Images and what happens to each of them; `(indices, *when)` gives the batch (clean, noisy), each (N, C, H, W).

    One generator is seeded anew for every image, from (seed, when, index of the image), so that an image's
    noise is the same however the images are batched, split over processes, or resumed.
    """

    def __init__(
        self,
        images: Any,
        name: str,
        corrupt: Callable[..., torch.Tensor] | None,
        transform: Callable[..., torch.Tensor] | None,
        seed: int,
    ):
        if isinstance(images, torch.Tensor):
            check_image(images, name)
            if images.ndim != 4:
                raise ValueError(f"{name}: expected images (N, C, H, W), got the shape {tuple(images.shape)}")
            images = images.detach().cpu()
        elif not (hasattr(images, "__len__") and hasattr(images, "__getitem__")):
            raise TypeError(
                f"{name}: expected a tensor (N, C, H, W) or a Dataset of tensors (C, H, W), got {type(images).__name__}"
            )
        elif len(images) == 0:
            raise ValueError(f"{name}: expected at least one image, got an empty {type(images).__name__}")
        self.images, self.name, self.seed = images, name, seed
        self.corrupt, self.transform = corrupt, transform
        self.generator = torch.Generator()

    def __len__(self) -> int:
        return len(self.images)

    def __call__(self, indices: Sequence[int], *when: int | str) -> tuple[torch.Tensor, torch.Tensor]:
        pairs = [self.pair(index, *when) for index in indices]
        return tuple(self._stack(part) for part in zip(*pairs, strict=True))

    def pair(self, index: int, *when: int | str) -> tuple[torch.Tensor, torch.Tensor]:
        """One image, clean and noisy, each (C, H, W)."""
        clean = self._image(index)
        self.generator.manual_seed(seeded(self.seed, *when, index))
        # a function that works in place (`image += noise`) must change neither the data nor the target
        if self.transform is not None:
            clean = self._checked("transform", self.transform(clean.clone(), generator=self.generator))
        if self.corrupt is None:
            return clean, clean
        return clean, self._checked("corrupt", self.corrupt(clean.clone(), generator=self.generator))

    def order(self, epoch: int, batch_size: int) -> list[list[int]]:
        """The batches of one epoch, as lists of indices: every image once, shuffled by (seed, epoch)."""
        generator = torch.Generator().manual_seed(seeded(self.seed, "order", epoch))
        return [part.tolist() for part in torch.randperm(len(self), generator=generator).split(batch_size)]

    def check_model(self, model: nn.Module) -> None:
        """Refuse images of another precision than the weights: the error inside the model is hard to read."""
        dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
        found = self._image(0).dtype
        if dtype is not None and found != dtype:
            raise TypeError(
                f"{self.name}: expected {dtype}, as the model's weights, got {found}: use images.to({dtype})"
            )

    def _checked(self, name: str, image: Any) -> torch.Tensor:
        if not isinstance(image, torch.Tensor) or image.ndim != 3:
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise TypeError(f"{name}: expected it to return a tensor (C, H, W), got {got}")
        return image

    def _image(self, index: int) -> torch.Tensor:
        image = self.images[index]
        if not isinstance(image, torch.Tensor):
            raise TypeError(
                f"{self.name}: expected each item to be a clean image, a tensor (C, H, W), got"
                f" {type(image).__name__} (from a labelled Dataset take the images alone)"
            )
        if image.ndim != 3 or not image.is_floating_point():
            raise ValueError(
                f"{self.name}: expected each item to be a float tensor (C, H, W), got"
                f" {image.dtype} of the shape {tuple(image.shape)}"
            )
        return image

    def _stack(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        shapes = {tuple(image.shape) for image in images}
        if len(shapes) > 1:
            raise ValueError(
                f"{self.name}: expected images of one size in a batch, got {sorted(shapes)}:"
                " crop training images with transform, and others beforehand"
            )
        return torch.stack(list(images))
