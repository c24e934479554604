"""Clean images in, batches of clean images and of what the model is given out: what `training.fit` feeds on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from course_lib.kspace.checks import as_parts, check_complex
from course_lib.profiles import seeded


class Batches:
    """Images and what happens to each of them; `(indices, *when)` gives the batch (clean, *given).

    clean: (N, C, H, W). given: what the model is called with, each (N, ...): the noisy images, or all that `corrupt`
    returns, as measured k-space and its mask.

    One generator is seeded anew for every image, from (seed, when, index of the image), so that an image's noise is the
    same however the images are batched, split over processes, or resumed.

    Args:
        images: clean, a tensor (N, C, H, W) or a Dataset of tensors (C, H, W).
        name: what the messages call them.
        corrupt, transform, seed, target: as for `fit`.
    """

    def __init__(
        self,
        images: Any,
        name: str,
        corrupt: Callable[..., Any] | None,
        transform: Callable[..., torch.Tensor] | None,
        seed: int,
        target: Callable[..., torch.Tensor] | None = None,
    ):
        if isinstance(images, torch.Tensor):
            check_complex(images, name, real_too=True)
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
        self.corrupt, self.transform, self.target = corrupt, transform, target
        self.generator = torch.Generator()

    def __len__(self) -> int:
        return len(self.images)

    def __call__(self, indices: Sequence[int], *when: int | str) -> tuple[torch.Tensor, ...]:
        items = [self.item(index, *when) for index in indices]
        counts = {len(item) - 1 for item in items}
        if len(counts) > 1:
            raise ValueError(f"corrupt: expected as many tensors for one image as for another, got {sorted(counts)}")
        return tuple(self._stack(part) for part in zip(*items, strict=True))

    def item(self, index: int, *when: int | str) -> tuple[torch.Tensor, ...]:
        """One image (C, H, W), clean or as `target` makes it, and what the model is given for it."""
        self.generator.manual_seed(seeded(self.seed, *when, index))
        clean = self._image(index, self.generator)
        # a function that works in place (`image += noise`) must change neither the data nor the target
        if self.transform is not None:
            clean = self._checked("transform", self.transform(clean.clone(), generator=self.generator))
        given = clean if self.corrupt is None else self.corrupt(clean.clone(), generator=self.generator)
        if self.target is not None:  # its noise comes from the same generator, after that of the input: independent
            clean = self._checked("target", self.target(clean.clone(), generator=self.generator))
        if isinstance(given, tuple):
            return clean, *as_parts(given, "corrupt")
        return clean, self._checked("corrupt", given)

    def order(self, epoch: int, batch_size: int) -> list[list[int]]:
        """The batches of one epoch, as lists of indices: every image once, shuffled by (seed, epoch)."""
        generator = torch.Generator().manual_seed(seeded(self.seed, "order", epoch))
        return [part.tolist() for part in torch.randperm(len(self), generator=generator).split(batch_size)]

    def check_model(self, model: nn.Module) -> None:
        """Refuse images of another precision than the weights: the error inside the model is hard to read."""
        dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
        found = self._image(0).dtype
        wanted = dtype.to_complex() if dtype is not None and found.is_complex else dtype
        if dtype is not None and found != wanted:
            raise TypeError(
                f"{self.name}: expected {wanted}, as the model's weights, got {found}: use images.to({wanted})"
            )

    def _checked(self, name: str, image: Any) -> torch.Tensor:
        if not isinstance(image, torch.Tensor) or image.ndim != 3:
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise TypeError(f"{name}: expected it to return a tensor (C, H, W), got {got}")
        return image

    def _image(self, index: int, generator: torch.Generator | None = None) -> torch.Tensor:
        if generator is not None and hasattr(self.images, "draw"):
            image = self.images.draw(index, generator=generator)
        else:
            image = self.images[index]
        if not isinstance(image, torch.Tensor):
            raise TypeError(
                f"{self.name}: expected each item to be a clean image, a tensor (C, H, W), got"
                f" {type(image).__name__} (from a labelled Dataset take the images alone)"
            )
        if image.ndim != 3 or not (image.is_floating_point() or image.is_complex()):
            raise ValueError(
                f"{self.name}: expected each item to be a float tensor (C, H, W), or a complex one, got"
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
