"""Compressed sensing: the image that explains what was measured and is sparse in wavelets or in its edges.

All minimise ½ ‖A x - measured‖² + strength · penalty(x), where A takes the image to its centred, orthonormal k-space
(times the coils' sensitivities, where there are any) and keeps what the mask measured. `ista` and `fista` penalise
the magnitudes of wavelet coefficients, `total_variation` those of the gradient. They have one form:

- measured: complex k-space (…, H, W); with sensitivities (N, coils, H, W) or (coils, H, W).
- mask: bool, True where measured, (H, W) or what broadcasts to `measured`; what `measured` holds elsewhere plays no
  part.
- sensitivities: complex, (coils, H, W) or (N, coils, H, W).

The image is complex, of the shape of `measured`, with one channel for all coils. complex64 stays complex64, complex128
complex128. numpy in, numpy out; torch in, torch out, on the same device and differentiable. Frames (N, T, H, W) are
reconstructed one by one. Nothing is clipped. All raise TypeError/ValueError on bad input.

strength is in units of the image, whose range is 1; with 0 nothing is penalised, and the zero-filled image is kept.
One default serves all, 0.003: within 0.2 dB of the best of 0.001 to 0.01 (PSNR of the magnitude clipped to [0, 1]) on
synthetic heads with smooth phase, random and variable-density lines at R 4 and 8, no noise. The test head had no say.
Noise asks for more: `evaluation.tune_reconstruction`. Source: Lustig, Donoho and Pauly 2007; lab 08.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from course_lib._checks import Array, as_tensor, check_count, check_image, check_number
from course_lib.classical._scan import Reconstruction, Scan, energy
from course_lib.classical._wavelets import Frame

__all__ = ["Reconstruction", "fista", "ista", "soft_threshold", "total_variation"]


def soft_threshold(values: Array, threshold: float) -> Array:
    """Shrink magnitudes by `threshold`, to 0 where they are smaller; the sign stays, and the phase of complex values.

    `values / |values| · max(|values| - threshold, 0)`: the proximal operator of threshold · ‖values‖₁.

    Args:
        values: any shape, real or complex.
        threshold: >= 0.

    Returns:
        Same type, dtype, device; differentiable.

    Raises:
        TypeError, ValueError: bad input.

    Source: Donoho 1995; Lustig 2007, appendix.
    Lab: 08.
    """
    parts = (values.real, values.imag) if "complex" in str(getattr(values, "dtype", "")) else (values,)
    for part in parts:
        check_image(part, "values")
    threshold = check_number(threshold, "threshold", low=0)
    if isinstance(values, torch.Tensor):
        return _shrink(values, threshold)
    return _shrink(as_tensor(values), threshold).numpy()


def ista(
    measured: Array,
    mask: Array,
    *,
    strength: float = 0.003,
    iterations: int = 100,
    wavelet: str | None = None,
    levels: int = 4,
    undecimated: bool = False,
    sensitivities: Array | None = None,
) -> Reconstruction[Array]:
    """Repeat two steps: descend towards the measured data, then shrink the wavelet coefficients.

    `x ← Wᴴ soft(W (x - t · Aᴴ(A x - measured)), t · strength)` with t = 1 / ‖A‖², from the zero-filled image. The
    objective never rises. The coarse band is not shrunk: it is not sparse.

    A frame has more coefficients than the image pixels; what they hold beyond those of any image is penalised too, by
    its energy / (2 t), so that the objective is one that these steps do minimise (the "balanced" one).

    Args:
        measured: complex k-space (…, H, W); with sensitivities (N, coils, H, W) or (coils, H, W).
        mask: bool, True where measured, (H, W) or what broadcasts to `measured`.
        strength: of the penalty, in units of the image.
        iterations: how many.
        wavelet: an orthogonal one of PyWavelets; by default "db4", and "haar" if undecimated.
        levels: at most this many, as many as the image allows.
        undecimated: use all shifts of the image at once (a tight frame, its coefficients weighted by 2^-level). With
            "haar" that takes about twice as long and is better by far: a decimated transform's grid shows.
        sensitivities: complex, (coils, H, W) or (N, coils, H, W).

    Returns:
        The image, complex, of the shape of `measured`, with one channel for all coils; and the objective after each
        iteration. See the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Daubechies, Defrise and De Mol 2004; for frames Liu et al. 2016 (pFISTA).
    Lab: 08.
    """
    return _shrinkage(measured, mask, strength, iterations, wavelet, levels, undecimated, sensitivities, momentum=False)


def fista(
    measured: Array,
    mask: Array,
    *,
    strength: float = 0.003,
    iterations: int = 100,
    wavelet: str | None = None,
    levels: int = 4,
    undecimated: bool = False,
    sensitivities: Array | None = None,
) -> Reconstruction[Array]:
    """ISTA with momentum: each step starts ahead of the image, where the last change leads. Same minimum, much sooner.

    The step starts at `x_k + (t_k - 1) / t_(k+1) · (x_k - x_(k-1))`, t_1 = 1, t_(k+1) = (1 + √(1 + 4 t_k²)) / 2. The
    objective falls as 1 / k² instead of 1 / k, but may rise now and then. All else is as for `ista`.

    Args:
        measured: complex k-space (…, H, W); with sensitivities (N, coils, H, W) or (coils, H, W).
        mask: bool, True where measured, (H, W) or what broadcasts to `measured`.
        strength: as for `ista`.
        iterations: as for `ista`.
        wavelet: as for `ista`.
        levels: as for `ista`.
        undecimated: as for `ista`.
        sensitivities: complex, (coils, H, W) or (N, coils, H, W).

    Returns:
        The image, complex, of the shape of `measured`, with one channel for all coils; and the objective after each
        iteration. See the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Beck and Teboulle 2009, equations 4.1 to 4.3.
    Lab: 08.
    """
    return _shrinkage(measured, mask, strength, iterations, wavelet, levels, undecimated, sensitivities, momentum=True)


def total_variation(
    measured: Array,
    mask: Array,
    *,
    strength: float = 0.003,
    iterations: int = 200,
    sensitivities: Array | None = None,
) -> Reconstruction[Array]:
    """Find the image with the fewest and lowest edges that explains the data, by the method of Chambolle and Pock.

    The penalty is Σ √(|x_down|² + |x_right|²), isotropic, of the complex image's differences to the next row and column
    (none at the last). Data and edges both have a dual variable, so that no step needs more than one FFT each way, with
    one coil or many. The objective need not fall in every iteration.

    Args:
        measured: complex k-space (…, H, W); with sensitivities (N, coils, H, W) or (coils, H, W).
        mask: bool, True where measured, (H, W) or what broadcasts to `measured`.
        strength: of the penalty, in units of the image.
        iterations: how many.
        sensitivities: complex, (coils, H, W) or (N, coils, H, W).

    Returns:
        The image, complex, of the shape of `measured`, with one channel for all coils; and the objective after each
        iteration. See the module.

    Raises:
        TypeError, ValueError: bad input.

    Source: Rudin, Osher and Fatemi 1992; Chambolle and Pock 2011, algorithm 1.
    Lab: 08.
    """
    strength = check_number(strength, "strength", low=0)
    iterations = check_count(iterations, "iterations")
    scan = Scan(measured, mask, sensitivities)
    image = scan.zero_filled()
    # Any steps with image_step · (data_step ‖A‖² + edge_step ‖gradient‖²) <= 1 converge; these in few iterations,
    # whatever the unit of the image. 8 is the squared norm of the gradient.
    brightest = _magnitude(image).amax((-2, -1), keepdim=True)  # (…, 1, 1)
    edge_step = (10 * strength / brightest).clamp_min(1e-6)
    data_step = 0.05
    image_step = 1 / (data_step * scan.bound + 8 * edge_step)
    slope, seen = _gradient(image), scan.forward(image)
    edges, misfit = torch.zeros_like(slope), torch.zeros_like(seen)  # the two dual variables
    objective = []
    for _ in range(iterations):
        image = image - image_step * (scan.adjoint(misfit) + _gradient_adjoint(edges))
        slope_before, seen_before = slope, seen
        slope, seen = _gradient(image), scan.forward(image)
        edges = _within(edges + edge_step * (2 * slope - slope_before), strength)
        misfit = (misfit + data_step * (2 * seen - seen_before - scan.data)) / (1 + data_step)
        objective.append(energy(seen - scan.data) / 2 + strength * _steepness(slope).sum())
    return scan.result(image, objective)


def _shrinkage(
    measured: Array,
    mask: Array,
    strength: float,
    iterations: int,
    wavelet: str | None,
    levels: int,
    undecimated: bool,
    sensitivities: Array | None,
    *,
    momentum: bool,
) -> Reconstruction[Array]:
    strength = check_number(strength, "strength", low=0)
    iterations = check_count(iterations, "iterations")
    levels = check_count(levels, "levels")
    wavelet = ("haar" if undecimated else "db4") if wavelet is None else wavelet
    scan = Scan(measured, mask, sensitivities)
    frame = Frame(scan.size, wavelet, levels, undecimated=undecimated, like=scan.data.real)
    step = 1 / scan.bound
    thresholds = [step * strength * weight for weight in frame.weights]
    descended = ahead = scan.zero_filled() - step * scan.descent(scan.zero_filled())[0]
    t, objective = 1.0, []
    for _ in range(iterations):
        parts = torch.stack([ahead.real, ahead.imag])  # (2, …, H, W)
        penalty: torch.Tensor | float = 0.0
        length: torch.Tensor | float = 0.0
        shrunk = []
        for band, threshold in zip(frame.analysis(parts), thresholds, strict=True):
            size = _length(*band)
            left = (size - threshold).clamp_min(0)
            shrunk.append(band * (left / size))
            penalty = penalty + (threshold * left).sum() / step
            length = length + energy(left)
        image = torch.complex(*frame.synthesis(shrunk))
        gradient, misfit = scan.descent(image)
        excess = (length - energy(image)) / (2 * step)  # 0 for an orthogonal transform
        objective.append(misfit / 2 + penalty + excess)
        before, descended = descended, torch.sub(image, gradient, alpha=step)
        ahead = descended
        if momentum:
            t, t_before = (1 + (1 + 4 * t * t) ** 0.5) / 2, t
            # the descent is affine: descending from the point ahead is to go ahead of what has descended
            ahead = torch.add(descended, descended - before, alpha=(t_before - 1) / t)
    return scan.result(image, objective)


def _shrink(values: torch.Tensor, threshold: float) -> torch.Tensor:
    size = _magnitude(values)
    return values * ((size - threshold).clamp_min(0) / size)


def _magnitude(values: torch.Tensor) -> torch.Tensor:
    return _length(values.real, values.imag) if values.is_complex() else _length(values)


def _length(*parts: torch.Tensor) -> torch.Tensor:
    """√(Σ part²), never quite 0: so nothing is divided by 0, and the gradient at 0 is 0. Much faster than abs."""
    square = parts[0].square()
    for part in parts[1:]:
        square = square + part.square()
    return square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()


def _gradient(image: torch.Tensor) -> torch.Tensor:
    """Differences to the next row and the next column, 0 at the last: (…, H, W) -> (2, …, H, W)."""
    down = pad(image[..., 1:, :] - image[..., :-1, :], (0, 0, 0, 1))
    right = pad(image[..., 1:] - image[..., :-1], (0, 1))
    return torch.stack([down, right])


def _gradient_adjoint(slope: torch.Tensor) -> torch.Tensor:
    """The transpose of `_gradient`: (2, …, H, W) -> (…, H, W)."""
    down, right = slope[0, ..., :-1, :], slope[1, ..., :-1]
    return pad(down, (0, 0, 1, 0)) - pad(down, (0, 0, 0, 1)) + pad(right, (1, 0)) - pad(right, (0, 1))


def _steepness(slope: torch.Tensor) -> torch.Tensor:
    """The length of the complex slope at each pixel: (2, …, H, W) -> (…, H, W)."""
    parts = torch.view_as_real(slope).square()
    parts = parts[0] + parts[1]  # a sum over axes of 2 would take ten times as long
    return (parts[..., 0] + parts[..., 1]).clamp_min(torch.finfo(parts.dtype).tiny).sqrt()


def _within(edges: torch.Tensor, radius: float) -> torch.Tensor:
    """Slopes longer than the radius are cut to it: the projection onto a ball at each pixel."""
    return edges * (radius / _steepness(edges).clamp_min(radius)) if radius else torch.zeros_like(edges)
