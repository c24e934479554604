"""Orthogonal matching pursuit of thousands of patches at once, and the update of a dictionary. Part of `dictionary`.

Patches are (N, c, d): d pixels, and c = 2 channels (real and imaginary part) that share their atoms, or c = 1. A
dictionary is a matrix (atoms, d) with rows of norm 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

CHUNK = 2048  # patches that are coded at once: their correlations with all atoms should fit into a CPU's cache
DEPENDENT = 1e-4  # of its own length, left of an atom beside those already taken: less is rounding
TWICE = 0.99  # of two atoms that are more alike than this, learning needs only one


def pursue(
    patches: torch.Tensor, dictionary: torch.Tensor, sparsity: int, error: float
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield the patches in groups as they are finished: (rows, what is left (n, c, d), atoms (n, s), basis (n, s, d)).

    The atoms taken are kept as an orthonormal basis (Gram-Schmidt), so a step only takes one projection away from what
    is left. A basis vector is 0 where a patch needed no more atoms.
    """
    count, channels, size = patches.shape
    rows, residual = torch.arange(count, device=patches.device), patches
    energy = residual.square().sum((1, 2))
    # below a millionth of its own norm, what is left of a patch is rounding
    enough = (1e-12 * energy).clamp(min=error**2 * size)
    taken = torch.empty(count, 0, dtype=torch.long, device=patches.device)
    basis = patches.new_empty(count, 0, size)
    for _ in range(sparsity):
        going = energy > enough
        left = int(going.sum())
        if left < 0.7 * len(rows):  # moving the others together costs as much as a step for those that are done
            yield rows[~going], residual[~going], taken[~going], basis[~going]
            rows, residual, enough, taken, basis = (part[going] for part in (rows, residual, enough, taken, basis))
            going = going[going]
        if left == 0:
            break
        score = (residual.view(-1, size) @ dictionary.T).square_().view(len(rows), channels, -1)  # (n, c, atoms)
        score = score.sum(1) if channels > 1 else score[:, 0]
        score.scatter_(1, taken, -1.0)
        atom = score.argmax(1)
        direction = dictionary[atom][:, None]  # (n, 1, d)
        for _ in range(2 if basis.shape[1] else 0):  # once more against rounding, for atoms that are much alike
            direction = direction - (direction @ basis.mT) @ basis
        length = direction.norm(dim=2, keepdim=True)
        useful = going[:, None, None] & (length > DEPENDENT)
        direction = torch.where(useful, direction / length, 0)
        residual = residual - (residual @ direction.mT) * direction  # (n, c, 1) · (n, 1, d)
        energy = residual.square().sum((1, 2))
        taken = torch.cat([taken, atom[:, None]], 1)
        basis = torch.cat([basis, direction], 1)
    yield rows, residual, taken, basis


def approximate(patches: torch.Tensor, dictionary: torch.Tensor, sparsity: int, error: float) -> torch.Tensor:
    """The patches as sums of a few atoms: (N, c, d) -> (N, c, d)."""
    approximation = torch.empty_like(patches)
    for part, out in zip(patches.split(CHUNK), approximation.split(CHUNK), strict=True):
        for rows, residual, _, _ in pursue(part, dictionary, sparsity, error):
            out[rows] = part[rows] - residual
    return approximation


def coefficients(patches: torch.Tensor, dictionary: torch.Tensor, sparsity: int, error: float) -> torch.Tensor:
    """How much of each atom the patches hold: (N, c, d) -> (N, c, atoms), most of them 0."""
    channels, atoms = patches.shape[1], len(dictionary)
    found = patches.new_zeros(len(patches), channels, atoms)
    for part, out in zip(patches.split(CHUNK), found.split(CHUNK), strict=True):
        for rows, residual, taken, basis in pursue(part, dictionary, sparsity, error):
            # approximation = values · atoms; seen in the basis, the atoms are a triangle
            triangle = dictionary[taken] @ basis.mT  # (n, s, s)
            unused = (basis == 0).all(2)
            triangle = triangle.tril() + torch.diag_embed(unused.to(triangle.dtype))
            seen = (part[rows] - residual) @ basis.mT  # (n, c, s)
            values = torch.linalg.solve_triangular(triangle, seen, upper=False, left=False)
            # an atom may stand twice, once unused: add
            out[rows] = out.new_zeros(len(rows), channels, atoms).scatter_add_(
                2, taken[:, None].expand_as(values), values
            )
    return found


def improve(patches: torch.Tensor, dictionary: torch.Tensor, sparsity: int, error: float) -> torch.Tensor:
    """One round of learning: code the patches, then improve one atom after the other.

    ‖patches - coefficients · dictionary‖² is quadratic in each atom, so its best value, coefficients and other atoms
    held, is one formula (Mairal et al. 2010, algorithm 2). Atoms that no patch uses, or that stand twice, become
    patches that are badly approximated.
    """
    atoms, size = dictionary.shape
    gram, target = dictionary.new_zeros(atoms, atoms), dictionary.new_zeros(atoms, size)
    left = []
    for part in patches.split(CHUNK):
        values, pixels = coefficients(part, dictionary, sparsity, error).view(-1, atoms), part.reshape(-1, size)
        gram += values.T @ values
        target += values.T @ pixels
        left.append((pixels - values @ dictionary).square().view(len(part), -1).sum(1))
    used = gram.diagonal() > 1e-6 * gram.diagonal().max()
    improved = dictionary.clone()
    for atom in used.nonzero()[:, 0].tolist():
        best = improved[atom] + (target[atom] - gram[atom] @ improved) / gram[atom, atom]
        improved[atom] = best / best.norm().clamp(min=1e-30)
    twice = ((improved @ improved.T).abs().triu(1) > TWICE).any(0)
    unused = (twice | ~used).nonzero()[: len(patches), 0]
    replacement = as_real(patches[torch.cat(left).topk(len(unused)).indices])
    usable = replacement.norm(dim=1) > 0.5  # not those of zero patches
    improved[unused[usable]] = replacement[usable]
    return improved


def choose(patches: torch.Tensor, atoms: int, generator: torch.Generator) -> torch.Tensor:
    """Random patches that are not empty as a first dictionary, and noise where there are too few: (atoms, d)."""
    order = torch.randperm(len(patches), generator=generator).to(patches.device)
    energy = patches.square().sum((1, 2))[order]
    chosen = as_real(patches[order[energy > 1e-6 * energy.max()][:atoms]])
    noise = torch.randn(atoms - len(chosen), patches.shape[2], generator=generator).to(patches)
    return torch.cat([chosen, F.normalize(noise, dim=1)])


def as_real(patches: torch.Tensor) -> torch.Tensor:
    """The real patch of norm 1 that is most like a complex one but for its phase: (N, c, d) -> (N, d)."""
    if patches.shape[1] == 1:
        return F.normalize(patches[:, 0], dim=1)
    real, imaginary = patches[:, 0], patches[:, 1]
    # turned by half the phase of its sum of squares, a patch has the most energy in its real part
    phase = torch.atan2(2 * (real * imaginary).sum(1), (real**2 - imaginary**2).sum(1))[:, None] / 2
    return F.normalize(real * phase.cos() + imaginary * phase.sin(), dim=1)
