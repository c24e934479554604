"""Dictionary-learning MRI: the corrupted image itself teaches the few shapes that its patches are made of. Lab 08.

The three steps of the lecture, iterated. **Learn**: find a dictionary of small patches ("atoms") such that patches of
the current image are sums of a few atoms. **Code**: approximate every patch by a few atoms, put all patches back and
average where they overlap; aliasing looks like no atom, so part of it stays behind. **Be consistent**: put the measured
samples back into k-space. `learn` and `sparse_code` are the first two steps, `reconstruct` is all of it.

Patches have any number of dimensions: (8, 8) for an image, (4, 4, 4) for a sequence (T, H, W), whose atoms then are
small films (Caballero et al. 2014).

Complex images: **atoms are real, coefficients are complex.** Where the phase is smooth, a patch is nearly a real patch
times one complex number. So real and imaginary part share their atoms, chosen by the magnitude of the complex
coefficient, and the atoms describe anatomy whatever the phase.

`_pursuit.py` holds the pursuit and the learning step: our own, since they take thousands of patches at once, complex
ones too, on any device. scikit-learn's pursuit takes one real patch after the other; it is the oracle of the tests.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple

import numpy as np
import torch

from course_lib._checks import Array, as_tensor, check_count, check_image, check_number
from course_lib._progress import progress_bar
from course_lib.classical._pursuit import CHUNK, approximate, choose, coefficients, improve
from course_lib.kspace.checks import check_complex, check_sampling, check_sensitivities
from course_lib.kspace.coils import combine, spread
from course_lib.kspace.fourier import inverse, transform

__all__ = ["DictionaryReconstruction", "learn", "reconstruct", "sparse_code"]

FIRST_ROUNDS = 5  # of learning before the first coding; one round before each further one
NOISE_LEFT = 1.5  # root mean square, in units of sigma, that coding leaves of a noisy patch (of two channels: √2)


class DictionaryReconstruction(NamedTuple, Generic[Array]):
    """What `reconstruct` returns.

    Attributes:
        image: complex, as the image of one coil.
        dictionary: real, (atoms, *patch_size), of norm 1 each; for a batch (N, atoms, *patch_size), since each image
            has its own.
        change: ‖new - old‖ / ‖new‖ of each iteration.
    """

    image: Array
    dictionary: Array
    change: list[float]


def learn(
    patches: Array,
    *,
    atoms: int = 128,
    sparsity: int = 5,
    error: float = 0.0,
    iterations: int = 10,
    dictionary: Array | None = None,
    seed: int = 0,
) -> Array:
    """Find atoms, patches of norm 1, such that the given patches are sums of a few of them.

    Alternates two steps: code all patches (`sparse_code`), then improve one atom after the other with the
    coefficients held. An atom that no patch uses, or that stands twice, becomes a patch that is badly approximated.

    Args:
        patches: (N, …), real or complex; numpy or torch, on any device.
        atoms: how many.
        sparsity: as in `sparse_code`.
        error: as in `sparse_code`.
        iterations: how often the two steps are done.
        dictionary: (atoms, …), where to start; default: random patches.
        seed: of that choice.

    Returns:
        The dictionary (atoms, …): real, of the patches' kind and precision (half precision gives float32).

    Raises:
        TypeError, ValueError: bad input.

    Source: Mairal et al. 2010, algorithms 1 and 2, on all patches at once; Ravishankar and Bresler 2011.
    Lab: 08.
    """
    flat = _flat(patches)  # (N, 1 or 2, d)
    atoms, iterations = check_count(atoms, "atoms"), check_count(iterations, "iterations")
    sparsity = _check_sparsity(sparsity, atoms, flat.shape[2])
    error = check_number(error, "error", low=0)
    seed = check_count(seed, "seed", low=0)
    if dictionary is None:
        learned = choose(flat, atoms, torch.Generator().manual_seed(seed))
    else:
        learned = _check_dictionary(dictionary, patches, flat)
        if len(learned) != atoms:
            raise ValueError(f"dictionary: expected {atoms} atoms, got {len(learned)}")
    with _full_precision(flat):
        for _ in range(iterations):
            learned = improve(flat, learned, sparsity, error)
    return _like(learned.view(atoms, *patches.shape[1:]), patches)


def sparse_code(patches: Array, dictionary: Array, *, sparsity: int, error: float = 0.0) -> Array:
    """Coefficients of at most `sparsity` atoms for each patch, by orthogonal matching pursuit.

    Again and again: take the atom that looks most like what is left of the patch, and fit all atoms taken so far anew.

    Args:
        patches: (N, …), real or complex; numpy or torch, on any device.
        dictionary: (atoms, …), real, of norm 1 each.
        sparsity: until so many atoms are taken.
        error: or until the root mean square of what is left is at most this.

    Returns:
        (N, atoms), real or complex as the patches (half precision gives float32), without gradients:
        `coefficients @ dictionary.reshape(atoms, -1)` approximates `patches.reshape(N, -1)`.

    Raises:
        TypeError, ValueError: bad input.

    Source: Pati, Rezaiifar and Krishnaprasad 1993.
    Lab: 08.
    """
    flat = _flat(patches)
    matrix = _check_dictionary(dictionary, patches, flat)
    sparsity = _check_sparsity(sparsity, len(matrix), flat.shape[2])
    error = check_number(error, "error", low=0)
    with _full_precision(flat):
        coded = coefficients(flat, matrix, sparsity, error)  # (N, 1 or 2, atoms)
    coded = coded[:, 0] if coded.shape[1] == 1 else torch.complex(coded[:, 0], coded[:, 1])
    return _like(coded, patches)


@torch.no_grad()
def reconstruct(
    measured: Array,
    mask: Array,
    *,
    patch_size: Sequence[int] = (8, 8),
    atoms: int = 128,
    sparsity: int = 5,
    error: tuple[float, float] = (0.07, 0.02),
    iterations: int = 50,
    momentum: float = 0.8,
    stride: int | None = None,
    training_patches: int = 2000,
    sigma: float = 0.0,
    sensitivities: Array | None = None,
    seed: int = 0,
    progress: bool = True,
) -> DictionaryReconstruction[Array]:
    """Reconstruct an image, or a sequence, from undersampled k-space by a dictionary that is learned from itself.

    Starts from the zero-filled image. Each iteration draws patches of the current image and improves the dictionary
    with them, codes the patches on a grid of `stride` pixels and averages them, and puts the measured samples back.
    The grid is shifted at random each time. Patches wrap around the borders, as the FFT does.

    Defaults: for R 4 and 8 without noise on the synthetic cohort.

    Args:
        measured: complex k-space, (H, W) or (N, 1, H, W), coils (coils, H, W) or (N, coils, H, W); with a `patch_size`
            of three numbers a sequence, (T, H, W) or (N, T, H, W). Each image or sequence learns a dictionary of its
            own.
        mask: bool, True = measured; (H, W), or anything that broadcasts to `measured`.
        patch_size: (rows, columns) or (frames, rows, columns).
        atoms: in the dictionary.
        sparsity: most atoms a patch.
        error: of the first and the last iteration, falling geometrically in between: a patch is coded when the root
            mean square of what is left is at most this times the largest magnitude of the zero-filled image. At first
            it is large, since much of a patch is aliasing.
        iterations: how many.
        momentum: each iteration starts ahead of the last image by this times the last step; from 0 to below 1.
        stride: pixels between patches; default 0.4 of the patch's shortest side, rounded: 3 for 8, 2 for 4.
        training_patches: drawn in each iteration.
        sigma: the noise in each channel of `measured`. With 0, measured samples are put back as they are. Else the
            coded image's samples count, too, with a weight that follows from sigma and from how far the two are apart;
            and no patch is coded better than to 1.5 sigma.
        sensitivities: (coils, H, W) or (N, coils, H, W), then the measured samples pull by one gradient step.
        seed: of patches and shifts.
        progress: a bar, where it takes longer than two seconds.

    Returns:
        A `DictionaryReconstruction`; numpy in, numpy out; torch in, torch out, on the same device, without gradients.
        Not clipped.

    Raises:
        TypeError, ValueError: bad input.

    Source: Ravishankar and Bresler 2011; Caballero et al. 2014 (sequences); DLMI lecture.
    Lab: 08.
    """
    size = _check_patch_size(patch_size)
    atoms = check_count(atoms, "atoms")
    sparsity = _check_sparsity(sparsity, atoms, math.prod(size))
    iterations = check_count(iterations, "iterations")
    errors = _falling(error, iterations)
    momentum = check_number(momentum, "momentum", low=0, high=1)
    if momentum == 1:
        raise ValueError("momentum: expected less than 1, or no step is ever forgotten, got 1")
    stride = max(1, round(0.4 * min(size))) if stride is None else check_count(stride, "stride")
    if stride > min(size):
        raise ValueError(f"stride: expected at most {min(size)}, or patches would leave gaps, got {stride}")
    training_patches = check_count(training_patches, "training_patches")
    sigma = check_number(sigma, "sigma", low=0)
    seed = check_count(seed, "seed", low=0)
    _check_acquisition(measured, mask, sensitivities, size)

    images, dictionaries, steps = [], [], torch.zeros(iterations, 2, dtype=torch.float64)
    parts = _parts(measured, mask, sensitivities, size)
    bar = progress_bar(total=len(parts) * iterations, unit="iteration", delay=2, disable=not progress)
    with bar, _full_precision(parts[0][0]):
        for part in parts:
            consistent = _Consistency(*part, sigma)
            generator = torch.Generator().manual_seed(seed)
            image = ahead = consistent.zero_filled()
            scale, dictionary = float(image.abs().max()) or 1.0, torch.empty(0)
            for step, relative in enumerate(errors):
                allowed = max(relative * scale, NOISE_LEFT * sigma)
                patches, shift = _patches(ahead, size, stride, generator)
                drawn = _draw(patches, training_patches, allowed, generator)
                if step == 0:
                    dictionary = choose(drawn, atoms, generator)
                for _ in range(1 if step else FIRST_ROUNDS):
                    dictionary = improve(drawn, dictionary, sparsity, allowed)
                coded = _code_and_average(patches, image.shape, size, stride, dictionary, sparsity, allowed)
                new = consistent(torch.roll(coded, shift, tuple(range(-len(size), 0))))
                moved = new - image
                steps[step] += torch.stack([moved.norm(), new.norm()]).double().cpu() ** 2
                image, ahead = new, new + momentum * moved
                bar.update()
            images.append(image)
            dictionaries.append(dictionary.view(atoms, *size))
    image, dictionary = torch.stack(images), torch.stack(dictionaries)
    if measured.ndim == 4:
        image = image[:, None] if len(size) == 2 else image  # (N, H, W) -> (N, 1, H, W)
    else:
        image, dictionary = image[0], dictionary[0]
    change = (steps[:, 0] / steps[:, 1].clamp(min=1e-30)).sqrt().tolist()
    return DictionaryReconstruction(_like(image, measured), _like(dictionary, measured), change)


class _Consistency:
    """Step 3, for one image: take the coded image towards what was measured."""

    def __init__(
        self, measured: torch.Tensor, mask: torch.Tensor, sensitivities: torch.Tensor | None, sigma: float
    ) -> None:
        self.mask, self.sensitivities, self.sigma = mask, sensitivities, sigma
        self.measured = torch.where(mask, measured, 0)
        self.samples = mask.expand(measured.shape).sum()
        # of the operator: 1 for one coil, where a step of 1 is the exact replacement
        self.bound = 1.0 if sensitivities is None else float(sensitivities.abs().square().sum(0).max())

    def zero_filled(self) -> torch.Tensor:
        return combine(inverse(self.measured), self.sensitivities)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        apart = self.measured - self.mask * transform(spread(image, self.sensitivities))
        weight: torch.Tensor | float = 1.0
        if self.sigma > 0:
            # Of the mean square, 2 sigma² is noise, and the rest the coded image's error. Averaging with inverse
            # variances gives the measured samples the share of that error: λ / (1 + λ) with λ = error² / noise².
            power = (apart.abs().square().sum() / self.samples).clamp(min=1e-30)
            weight = (1 - 2 * self.sigma**2 / power).clamp(min=0)
        return image + weight / self.bound * combine(inverse(apart), self.sensitivities)


def _patches(
    image: torch.Tensor, size: tuple[int, ...], stride: int, generator: torch.Generator
) -> tuple[torch.Tensor, tuple[int, ...]]:
    """All patches of a randomly shifted grid as a view, (2, *grid, *size), and the shift."""
    shift = tuple(torch.randint(stride, (len(size),), generator=generator).tolist())
    channels = torch.view_as_real(image).movedim(-1, 0)  # (…, H, W) complex -> (2, …, H, W)
    for axis, (side, offset) in enumerate(zip(size, shift, strict=True), start=1):
        channels = torch.roll(channels, -offset, axis)
        channels = torch.cat([channels, channels.narrow(axis, 0, side - 1)], axis)
    for axis, side in enumerate(size, start=1):
        channels = channels.unfold(axis, side, stride)
    return channels, shift


def _draw(patches: torch.Tensor, count: int, error: float, generator: torch.Generator) -> torch.Tensor:
    """At most `count` random patches that one coefficient at least is needed for: (n, 2, d)."""
    grid = patches.shape[1 : (patches.ndim + 1) // 2]
    places = [torch.randint(n, (4 * count,), generator=generator).to(patches.device) for n in grid]
    drawn = patches[_both(*places)].flatten(2).movedim(0, 1)  # (2, 4 · count, *size) -> (4 · count, 2, d)
    energy = drawn.square().sum((1, 2))
    needed = energy > error**2 * drawn.shape[2]
    return (drawn[needed] if bool(needed.any()) else drawn[energy.argmax()][None])[:count].contiguous()


def _code_and_average(
    patches: torch.Tensor,
    shape: torch.Size,
    size: tuple[int, ...],
    stride: int,
    dictionary: torch.Tensor,
    sparsity: int,
    error: float,
) -> torch.Tensor:
    """Step 2: code all patches (2, *grid, *size), and average them to a complex image of `shape` where they overlap."""
    grid = patches.shape[1 : 1 + len(size)]
    total = patches.new_zeros(2, *(n + side - 1 for n, side in zip(shape, size, strict=True)))
    at_once = max(1, CHUNK // math.prod(grid[1:]))  # rows of patches: all of them would take much memory
    for first in range(0, grid[0], at_once):
        rows = patches[:, first : first + at_once]
        counts = rows.shape[1 : 1 + len(size)]
        flat = rows.reshape(2, math.prod(counts), -1).movedim(0, 1).contiguous()  # (n, 2, d)
        coded = approximate(flat, dictionary, sparsity, error).permute(1, 2, 0).reshape(2, *size, *counts)
        for offset in itertools.product(*map(range, size)):  # this pixel of all patches at once
            starts = (offset[0] + first * stride, *offset[1:])
            place = (slice(o, o + stride * (n - 1) + 1, stride) for o, n in zip(starts, counts, strict=True))
            total[_both(*place)] += coded[_both(*offset)]
    overlap = total.new_ones(())
    for axis, (n, side, count) in enumerate(zip(shape, size, grid, strict=True)):
        total = _wrap(total, axis + 1, n)
        covered = total.new_zeros(n + side - 1)
        for start in range(side):
            covered[start : start + stride * (count - 1) + 1 : stride] += 1
        overlap = overlap[..., None] * _wrap(covered, 0, n)
    return torch.view_as_complex((total / overlap).movedim(0, -1).contiguous())


def _both(*place: Any) -> tuple[Any, ...]:
    """The index of a place in both channels."""
    return (slice(None), *place)


def _wrap(values: torch.Tensor, axis: int, length: int) -> torch.Tensor:
    """What stands beyond `length` is added at the beginning."""
    beyond = values.shape[axis] - length
    values.narrow(axis, 0, beyond).add_(values.narrow(axis, length, beyond))
    return values.narrow(axis, 0, length)


def _parts(
    measured: Array, mask: Array, sensitivities: Array | None, size: tuple[int, ...]
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
    """k-space, mask and coils of each image: (H, W), (coils, H, W) or (T, H, W)."""
    data = _tensor(measured)
    whole = _tensor(mask).expand(data.shape)
    if data.ndim < 4:
        data, whole = data[None], whole[None]
    if sensitivities is None:
        coils: Iterable[torch.Tensor | None] = [None] * len(data)
        if len(size) == 2:
            data, whole = data.flatten(0, -3), whole.flatten(0, -3)  # (N, 1, H, W) -> (N, H, W)
    else:
        maps = _tensor(sensitivities).to(data.dtype)
        coils = maps.expand(len(data), *maps.shape[-3:])
    return list(zip(data, whole, coils, strict=True))


def _full_precision(values: torch.Tensor) -> torch.autocast:
    """Which atom is taken would change with bfloat16's few digits."""
    return torch.autocast(values.device.type, enabled=False)


def _tensor(values: Array) -> torch.Tensor:
    return as_tensor(values).detach()


def _like(values: torch.Tensor, given: Array) -> Array:
    return values if isinstance(given, torch.Tensor) else values.numpy()


def _flat(patches: Array) -> torch.Tensor:
    """Patches (N, …) as their channels (N, 1 or 2, d): real, or real and imaginary."""
    if isinstance(patches, (np.ndarray, torch.Tensor)) and "complex" in str(patches.dtype):
        check_image(patches.real, "patches")
        check_image(patches.imag, "patches")
    else:
        check_image(patches, "patches")
    if patches.ndim < 2:
        raise ValueError(f"patches: expected shape (N, …), got {tuple(patches.shape)}")
    flat = _tensor(patches).flatten(1)
    if flat.is_complex():
        return torch.stack([flat.real, flat.imag], dim=1)
    return flat[:, None].to(torch.promote_types(flat.dtype, torch.float32))


def _check_dictionary(dictionary: Any, patches: Array, flat: torch.Tensor) -> torch.Tensor:
    """As a matrix (atoms, d) of the precision of the flat patches."""
    check_image(dictionary, "dictionary")
    if isinstance(dictionary, torch.Tensor) != isinstance(patches, torch.Tensor):
        raise TypeError(
            f"dictionary: expected the kind of patches, {type(patches).__name__}, got {type(dictionary).__name__}"
        )
    if dictionary.ndim != patches.ndim or dictionary.shape[1:] != patches.shape[1:]:
        raise ValueError(
            f"dictionary: expected (atoms, …) as the patches of shape {tuple(patches.shape[1:])}, got"
            f" {tuple(dictionary.shape)}"
        )
    matrix = _tensor(dictionary).flatten(1).to(flat)
    lengths = matrix.norm(dim=1)
    if bool(((lengths - 1).abs() > 1e-3).any()):
        low, high = float(lengths.min()), float(lengths.max())
        raise ValueError(f"dictionary: expected atoms of norm 1, got norms from {low:g} to {high:g}")
    return matrix


def _check_sparsity(sparsity: Any, atoms: int, pixels: int) -> int:
    sparsity = check_count(sparsity, "sparsity")
    if sparsity > min(atoms, pixels):
        raise ValueError(
            f"sparsity: expected at most {min(atoms, pixels)} ({atoms} atoms of {pixels} pixels), got {sparsity}"
        )
    return sparsity


def _check_patch_size(patch_size: Any) -> tuple[int, ...]:
    if not isinstance(patch_size, Sequence) or isinstance(patch_size, str) or len(patch_size) not in (2, 3):
        raise ValueError(f"patch_size: expected (rows, columns) or (frames, rows, columns), got {patch_size!r}")
    return tuple(check_count(side, "patch_size") for side in patch_size)


def _falling(error: Any, iterations: int) -> list[float]:
    if not isinstance(error, Sequence) or isinstance(error, str) or len(error) != 2:
        raise TypeError(f"error: expected two numbers, of the first and the last iteration, got {error!r}")
    first, last = (check_number(value, "error", low=0, above=True) for value in error)
    return [first * (last / first) ** (step / max(1, iterations - 1)) for step in range(iterations)]


def _check_acquisition(measured: Any, mask: Any, sensitivities: Any, size: tuple[int, ...]) -> None:
    check_complex(measured, "measured")
    shape = tuple(measured.shape)
    if sensitivities is not None:
        if len(size) == 3:
            raise ValueError("sensitivities: expected None with a patch_size in time: sequences have one coil")
        check_sensitivities(sensitivities, measured, "measured", coils=True)
    else:
        forms = {2: "(H, W) or (N, 1, H, W)", 3: "(T, H, W) or (N, T, H, W)"}
        if len(shape) not in (len(size), 4) or (len(size) == 2 and len(shape) == 4 and shape[1] != 1):
            raise ValueError(f"measured: expected {forms[len(size)]} for a patch_size of {size}, got {shape}")
    if any(side > n for side, n in zip(size[::-1], shape[::-1], strict=False)):
        raise ValueError(f"patch_size: expected at most the image's {shape[-len(size) :]}, got {size}")
    check_sampling(mask, measured, "measured")
