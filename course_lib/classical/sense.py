"""CG-SENSE: the image that explains best what several coils have measured, without any prior.

Where every R-th line was measured, each coil sees R pixels on top of each other, with weights that its sensitivity
tells. Coils that are more than R, and differ, make that solvable, but the noise grows (g-factor). The mask may be any
other, too: then the equations of all pixels are solved together, by conjugate gradients.
"""

from __future__ import annotations

import torch

from course_lib._checks import Array, check_count, check_number
from course_lib.classical._scan import Reconstruction, Scan, energy
from course_lib.kspace.conjugate_gradients import conjugate_gradients

__all__ = ["cg_sense"]


def cg_sense(
    measured: Array,
    mask: Array,
    sensitivities: Array,
    *,
    strength: float = 0.0,
    iterations: int = 30,
) -> Reconstruction[Array]:
    """Solve `(Aᴴ A + strength) x = Aᴴ measured` by conjugate gradients, from x = 0.

    The solution minimises ½ ‖A x - measured‖² + ½ strength · ‖x‖²; A = M F S takes the image to what is measured. The
    first iterations find what the coils see well. The later ones find what they hardly tell apart, and its noise: to
    stop early works like a larger `strength`.

    Args:
        measured: complex k-space (coils, H, W) or (N, coils, H, W).
        mask: bool, True where measured, (H, W) or what broadcasts to `measured`.
        sensitivities: complex, (coils, H, W) or (N, coils, H, W).
        strength: of the penalty on the image's energy (Tikhonov), >= 0; without noise 0 is right.
        iterations: how many.

    Returns:
        The complex image, (H, W) or (N, 1, H, W), and what was minimised, after each iteration, summed over a batch.
        numpy in, numpy out; torch in, torch out, on the same device and differentiable.

    Raises:
        TypeError, ValueError: bad input, no sensitivities too.

    Source: Pruessmann et al. 2001, "Advances in sensitivity encoding with arbitrary k-space trajectories".
    Lab: 08.
    """
    if sensitivities is None:
        raise TypeError("sensitivities: expected (coils, H, W) or (N, coils, H, W), got None: one coil has no SENSE")
    strength = check_number(strength, "strength", low=0)
    iterations = check_count(iterations, "iterations")
    scan = Scan(measured, mask, sensitivities)
    right = scan.adjoint(scan.data)

    def operator(image: torch.Tensor) -> torch.Tensor:
        return scan.normal(image) + strength * image

    whole, objective = energy(scan.data), []
    image = right
    for image, left in conjugate_gradients(operator, right, iterations):
        # operator(image) is right - left, so nothing need be measured anew
        objective.append((whole - (image.conj() * (right + left)).real.sum()) / 2)
    return scan.result(image, objective)
