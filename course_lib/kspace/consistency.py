"""Data consistency: what was measured is put back into the k-space of an image (part of `kspace`).

A network or a prior changes all of k-space, the measured part too. This layer mends that, and gradients pass it.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from course_lib._checks import check_count, check_number
from course_lib.kspace.checks import check_acquisition, check_tensor
from course_lib.kspace.coils import combine, spread
from course_lib.kspace.conjugate_gradients import conjugate_gradients
from course_lib.kspace.fourier import inverse, transform


class DataConsistency(nn.Module):
    """`layer(image, measured, mask)`: the image whose k-space is drawn to the measured one where that was measured.

    In k-space, s = F image: `s` where not measured, `(s + λ·measured) / (1 + λ)` where measured. Backward: the Jacobian
    is Fᴴ Λ F with Λ = 1 or 1 / (1 + λ); ∂/∂λ = (measured - s) / (1 + λ)² where measured.

    It is called with `image`, (…, H, W), complex; `measured`, k-space of the same shape; `mask`, bool, True where
    measured, (H, W) or what broadcasts to the image, as (N, 1, H, W), or (T, H, W) for frames (N, T, H, W). What
    `measured` holds elsewhere plays no part. Tensors only; complex64 stays complex64, also under autocast (no FFT knows
    bfloat16).

    Several coils: image (N, 1, H, W), measured (N, coils, H, W), sensitivities (coils, H, W) or (N, coils, H, W), the
    sum of whose squares should be 1. Each coil's view of the image is made consistent, and what that changed is
    combined with conj(sensitivities): `image + λ / (1 + λ) · Aᴴ(measured - A image)`. With one coil that is the formula
    above. With several it is one gradient step towards the data, not the minimum of |x - image|² + λ |A x - measured|²:
    measured lines come nearer and are met after many steps. The minimum has no formula with several coils; with
    `iterations` conjugate gradients approach it (MoDL, Aggarwal 2019): (Aᴴ A + 1/λ) · change = Aᴴ(measured - A image).

    Args:
        strength: λ. None is λ → ∞, replacement: right for data without noise, and applied twice it is as applied once.
            A number from 0 (the image as it is): data with noise, of which the image may know better.
        learned: λ is trained with everything else, from `strength` > 0 on. What is trained is its logarithm, so that λ
            stays positive; `layer.strength` reads it.
        iterations: of conjugate gradients, for several coils; None is one gradient step. One coil needs none.

    Raises:
        TypeError, ValueError: bad input, an empty mask too.

    Source: lecture, "Data consistency layer"; Schlemper et al. 2017, section III.
    Lab: 09.
    """

    def __init__(self, strength: float | None = None, *, learned: bool = False, iterations: int | None = None):
        super().__init__()
        self.iterations = None if iterations is None else check_count(iterations, "iterations")
        if strength is not None:
            strength = check_number(strength, "strength", low=0)
        if learned and not strength:
            raise ValueError(
                f"strength: expected a number above 0 where learning starts, as DataConsistency(1.0, learned=True),"
                f" got {strength!r}"
            )
        self._fixed = strength
        self.log_strength = nn.Parameter(torch.tensor(math.log(strength))) if learned and strength else None

    @property
    def strength(self) -> float | None:
        """λ as it is now; None for replacement."""
        return self._fixed if self.log_strength is None else float(self.log_strength.detach().exp())

    def forward(
        self,
        image: torch.Tensor,
        measured: torch.Tensor,
        mask: torch.Tensor,
        sensitivities: torch.Tensor | None = None,
    ) -> torch.Tensor:
        check_acquisition(measured, mask, sensitivities)
        check_tensor(image, "image")
        shape = tuple(measured.shape)
        if sensitivities is not None:  # (coils, H, W) -> (H, W), (N, coils, H, W) -> (N, 1, H, W)
            shape = shape[1:] if len(shape) == 3 else (shape[0], 1, *shape[2:])
        if tuple(image.shape) != shape:
            raise ValueError(f"image: expected the shape {shape} for this k-space, got {tuple(image.shape)}")
        return self.consistent(image, measured, mask, sensitivities)

    def consistent(
        self,
        image: torch.Tensor,
        measured: torch.Tensor,
        mask: torch.Tensor,
        sensitivities: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The same without any check: a network asks `check_acquisition` once and then calls this many times."""
        kspace = transform(spread(image, sensitivities))  # (N, 1, H, W) -> (N, coils, H, W)
        # what was measured and the image does not explain
        missing = inverse(torch.where(mask, measured - kspace, 0))
        gradient = combine(missing, sensitivities)  # (N, coils, H, W) -> (N, 1, H, W)
        if self.iterations is None or sensitivities is None or self._fixed == 0:
            return image + self._weight() * gradient
        rest = self._inverse_strength()

        def operator(change: torch.Tensor) -> torch.Tensor:
            seen = torch.where(mask, transform(spread(change, sensitivities)), 0)
            return combine(inverse(seen), sensitivities) + rest * change

        for change, _ in conjugate_gradients(operator, gradient, self.iterations):
            gradient = change
        return image + gradient

    def _weight(self) -> torch.Tensor | float:
        """λ / (1 + λ): 0 keeps the image, 1 replaces."""
        if self.log_strength is not None:
            return self.log_strength.sigmoid()
        return 1.0 if self._fixed is None else self._fixed / (1 + self._fixed)

    def _inverse_strength(self) -> torch.Tensor | float:
        """1 / λ, 0 for replacement."""
        if self.log_strength is not None:
            return (-self.log_strength).exp()
        return 0.0 if self._fixed is None else 1 / self._fixed

    def extra_repr(self) -> str:
        learned = self.log_strength is not None
        return f"strength={self.strength}, learned={learned}, iterations={self.iterations}"
