"""The measurement of MRI, y = M F S x + noise, its adjoint, and how much a mask blurs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_number
from course_lib._random import generator_for, normal
from course_lib.kspace.checks import check_complex, check_mask_alone, check_sampling, check_sensitivities
from course_lib.kspace.coils import combine, spread
from course_lib.kspace.fourier import inverse, transform


def forward(image: Array, mask: Array, sensitivities: Array | None = None) -> Array:
    """What a scanner without noise measures: `M F S image`, zero where the mask is False.

    Args:
        image: real or complex, (H, W), (N, 1, H, W) or, of films, (N, T, H, W).
        mask: booleans, True = measured, (H, W) or what broadcasts, as (N, 1, H, W).
        sensitivities: (coils, H, W) or (N, coils, H, W); None is one coil.

    Returns:
        complex64 (complex128 for double precision), of the image's shape; with sensitivities (H, W) gives (coils, H,
        W), and (N, 1, H, W) gives (N, coils, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Pruessmann 1999 (SENSE).
    Lab: 08.
    """
    kspace = _all_of_kspace(image, sensitivities)
    check_sampling(mask, kspace)
    return _keep(kspace, mask)


def adjoint(measured: Array, mask: Array, sensitivities: Array | None = None) -> Array:
    """The conjugate transpose of `forward`: `Sᴴ Fᴴ M measured`, so that <A x, y> = <x, Aᴴ y>.

    It is no inverse: with a mask that leaves gaps, or sensitivities whose squares do not sum to 1, adjoint of forward
    is not the image.

    Args:
        measured: complex k-space of `forward`'s shapes; values where the mask is False play no part.
        mask, sensitivities: as for `forward`.

    Returns:
        The complex image.

    Raises:
        TypeError, ValueError: bad input.

    Source: Pruessmann 1999.
    Lab: 08.
    """
    check_complex(measured, "measured")
    check_sampling(mask, measured, "measured")
    check_sensitivities(sensitivities, measured, "measured", coils=True)
    return combine(inverse(_keep(measured, mask)), sensitivities)


def undersample(
    image: Array, mask: Array, *, sigma: float = 0.0, sensitivities: Array | None = None, generator: Any = None
) -> Array:
    """Scan: `forward` plus complex Gaussian noise, where the mask is True; the rest is exactly 0.

    Args:
        image, mask, sensitivities: as for `forward`.
        sigma: standard deviation of each channel (real, imaginary) of each coil, in units of the data range, >= 0; the
            orthonormal FFT makes it that of the fully sampled image too.
        generator: of the image's kind, fresh entropy by default; the noise of a place does not depend on the mask.

    Returns:
        Shapes and dtype as of `forward`.

    Raises:
        TypeError, ValueError: as `forward`.
    """
    kspace = _all_of_kspace(image, sensitivities)
    check_sampling(mask, kspace)
    if check_number(sigma, "sigma", low=0) > 0:
        # as noise.complex_gaussian, which the ground floor cannot import from next door
        generator = generator_for(kspace, generator)
        kspace = kspace + sigma * (normal(kspace.real, generator) + 1j * normal(kspace.real, generator))
    return _keep(kspace, mask)


def zero_filled(measured: Array, sensitivities: Array | None = None) -> Array:
    """The simplest reconstruction: take what was not measured for zero, and transform back.

    Args:
        measured: complex k-space of `forward`'s shapes, zero where not measured.
        sensitivities: as for `forward`; several coils without sensitivities give an image of each
            (`root_sum_of_squares` makes one of them).

    Returns:
        The complex image, with all its aliasing.

    Raises:
        TypeError, ValueError: bad input.

    Source: DLMI lecture, "k-space undersampling".
    Lab: 08.
    """
    check_complex(measured, "measured")
    check_sensitivities(sensitivities, measured, "measured", coils=True)
    return combine(inverse(measured), sensitivities)


def point_spread(mask: Array) -> Array:
    """What zero filling makes of a single bright point in the middle: every image is smeared by this.

    Args:
        mask: booleans (…, H, W).

    Returns:
        complex64 (…, H, W): 1 / acceleration at [H // 2, W // 2], and elsewhere ghosts (regular mask) or something like
        noise (random mask).

    Raises:
        TypeError, ValueError: bad input.

    Source: Lustig, Donoho and Pauly 2007, "incoherent sampling".
    Lab: 08.
    """
    check_mask_alone(mask)
    places = mask.to(torch.complex64) if isinstance(mask, torch.Tensor) else mask.astype(np.complex64)
    height, width = mask.shape[-2:]
    return inverse(places) / (height * width) ** 0.5


def incoherence(mask: Array) -> float | Array:
    """The largest side lobe of `point_spread` over its peak: 0 for full sampling, 1 for a ghost as bright as the image.

    The smaller, the more aliasing looks like noise. The peak reaches to the first minimum along each axis: a densely
    sampled centre makes it wide, which blurs, but makes no ghost.

    Args:
        mask: booleans (H, W) or (…, H, W).

    Returns:
        A number for (H, W), one for each mask of (…, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Lustig 2007, equation 4 (here: in the image).
    Lab: 08.
    """
    lobes = abs(point_spread(mask))
    planes = lobes.detach().cpu().numpy() if isinstance(lobes, torch.Tensor) else lobes
    ratios = np.array([_largest_side_lobe(plane) for plane in planes.reshape(-1, *planes.shape[-2:])])
    if mask.ndim == 2:
        return float(ratios[0])
    ratios = ratios.reshape(mask.shape[:-2])
    return torch.from_numpy(ratios).to(mask.device) if isinstance(mask, torch.Tensor) else ratios


def _largest_side_lobe(lobes: np.ndarray) -> float:
    row, column = lobes.shape[0] // 2, lobes.shape[1] // 2
    peak = lobes[row, column]
    down, right = _first_minimum(lobes[row:, column]), _first_minimum(lobes[row, column:])
    side = lobes.copy()
    side[row - down + 1 : row + down, column - right + 1 : column + right] = 0
    return float(side.max() / peak)


def _first_minimum(profile: np.ndarray) -> int:
    """How far from the start the values stop falling; at least 1."""
    rising = np.flatnonzero(np.diff(profile[1:]) >= 0)
    return 1 + int(rising[0]) if len(rising) else max(1, len(profile) - 1)


def _all_of_kspace(image: Array, sensitivities: Array | None) -> Array:
    check_complex(image, "image", real_too=True)
    check_sensitivities(sensitivities, image, "image", coils=False)
    return transform(spread(image, sensitivities))


def _keep(kspace: Array, mask: Array) -> Array:
    """k-space where measured, exactly 0 elsewhere."""
    if isinstance(kspace, torch.Tensor):
        return kspace.masked_fill(~mask, 0)
    return np.where(mask, kspace, np.zeros((), dtype=kspace.dtype))
