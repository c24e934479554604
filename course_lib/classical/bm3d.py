"""BM3D: denoise groups of similar patches together (Dabov, Foi, Katkovnik and Egiazarian 2007). Lab 04 uses it.

The algorithm, in the words of the paper: for each reference patch, **match** the patches of its neighbourhood that look
most like it, and stack them into a group. **Filter** the group in a 3D transform (2D cosine transform of each patch,
Haar transform across the patches), where a group of like patches has few large coefficients. **Aggregate**: put all
filtered patches back and average where they overlap, with more weight for groups that became simple. This is done
twice: first with a hard threshold, then with the Wiener filter that the first estimate makes possible.

Where it differs from the paper, for simplicity and speed (BENCHMARKS.md sets its PSNR beside that of PyPI's bm3d):
groups always hold 16 patches (the paper drops patches beyond a distance), and the first stage uses the cosine
transform as the second does (the paper: a biorthogonal wavelet).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import torch
import torch.nn.functional as F

from course_lib._checks import Array, as_tensor, check_count, check_image, check_number

# 3D coefficients (group, G, 64) and the patches they come from -> shrunk coefficients, a weight for each group
Shrink = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

PATCH = 8  # pixels a side
# References that one matrix product compares with their neighbourhood: its result should fit into a CPU's cache.
STRIP = 32
_CORES = threading.Lock()


def bm3d(
    image: Array,
    sigma: float,
    *,
    step: int = 3,
    search: int = 39,
    group: int = 16,
    threshold: float = 3.0,
    wiener: float = 1.05,
) -> Array:
    """Denoise by BM3D, for white Gaussian noise of standard deviation `sigma`.

    Computed in float32, without gradients, not clipped.

    Args:
        image: (H, W) or (N, C, H, W), each channel on its own, at least 8×8 pixels; numpy or torch, on any device.
        sigma: standard deviation of the noise, in the units of the image.
        step: pixels between reference patches.
        search: side of the neighbourhood in which patches are matched, odd.
        group: patches in a group, a power of two.
        threshold: of the hard threshold, in units of sigma (tuned on the synthetic cohort).
        wiener: by which sigma is multiplied in the Wiener stage (tuned on the synthetic cohort, too).

    Returns:
        The same kind, shape and dtype.

    Raises:
        TypeError, ValueError: bad input.

    Source: Dabov et al. 2007, section III; attention U-Net deck, tables 1 and 2.
    Lab: 04.
    """
    check_image(image, shapes=True)
    sigma = check_number(sigma, "sigma", low=0)
    step, search, group = check_count(step, "step"), check_count(search, "search", low=5), check_count(group, "group")
    if step > PATCH:
        raise ValueError(f"step: expected at most {PATCH}, or patches would leave gaps, got {step}")
    if search % 2 == 0:
        raise ValueError(f"search: expected an odd number of pixels, got {search}")
    if group & (group - 1):
        raise ValueError(f"group: expected a power of two, got {group}")
    threshold = check_number(threshold, "threshold", low=0)
    wiener = check_number(wiener, "wiener", low=0, above=True)
    tensor = as_tensor(image)
    height, width = tensor.shape[-2:]
    if min(height, width) < PATCH:
        raise ValueError(f"image: expected at least {PATCH}×{PATCH} pixels, got {height}×{width}")
    # in a corner, the patches within reach are few: never more in a group than there are
    fewest = math.prod(min(search // 2 + 1, size - PATCH + 1) for size in (height, width))
    if group > fewest:
        raise ValueError(f"group: expected at most {fewest} patches for {height}×{width} pixels, got {group}")
    if sigma == 0:
        return image.clone() if isinstance(image, torch.Tensor) else image.copy()

    noisy = tensor.detach().to(torch.float32).reshape(-1, 1, height, width)  # (N·C, 1, H, W)
    stages = partial(
        _two_stages, sigma=sigma, step=step, reach=search // 2, group=group, threshold=threshold, wiener=wiener
    )
    with torch.autocast(noisy.device.type, enabled=False):
        if noisy.device.type == "cpu":
            denoised = torch.cat(_on_all_cores(stages, noisy.split(1)))
        else:
            denoised = torch.cat([stages(part) for part in noisy.split(16)])
    denoised = denoised.reshape(tensor.shape).to(tensor.dtype)
    return denoised if isinstance(image, torch.Tensor) else denoised.numpy()


def _on_all_cores(function: Callable[[torch.Tensor], torch.Tensor], images: Sequence[torch.Tensor]) -> list:
    """Each image on a thread of its own, as many at once as torch may use; inside, torch uses one.

    Torch's own threads would wait for each other after each of thousands of small steps, which takes far longer than
    one thread does as soon as something else runs on the cores.
    """
    with _CORES:  # two callers at once would restore each other's number of threads
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(min(threads, len(images))) as pool:
                return list(pool.map(function, images))
        finally:
            torch.set_num_threads(threads)


@torch.no_grad()
def _two_stages(
    noisy: torch.Tensor, sigma: float, step: int, reach: int, group: int, threshold: float, wiener: float
) -> torch.Tensor:
    """Hard threshold, then Wiener filter: (N, 1, H, W) -> the same."""
    height, width = noisy.shape[-2:]
    # mirrored until the last reference patch touches the border
    noisy = F.pad(noisy, (0, -(width - PATCH) % step, 0, -(height - PATCH) % step), mode="reflect")
    spectra = _spectra(noisy, reach)

    def hard_threshold(coefficients: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        keep = (coefficients.abs() > threshold * sigma).to(coefficients.dtype)
        return coefficients * keep, 1 / keep.sum((0, 2)).clamp(min=1)

    basic = _filter_groups(spectra, spectra, hard_threshold, noisy.shape, step, reach, group)
    basic_spectra = _spectra(basic, reach)

    def wiener_filter(coefficients: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        power = _group_transform(basic_spectra, index, group).square_()
        gain = power.div_(power + (wiener * sigma) ** 2)
        return coefficients.mul_(gain), 1 / gain.square().sum((0, 2)).clamp(min=1e-6)

    final = _filter_groups(spectra, basic_spectra, wiener_filter, noisy.shape, step, reach, group)
    return final[..., :height, :width]


def _spectra(image: torch.Tensor, reach: int) -> torch.Tensor:
    """Cosine transform of every patch: (N, 1, H, W) -> (N, H - 7, W - 7 + 2·reach, 64).

    `reach` columns at either side stand for patches outside the image: they let every reference have a neighbourhood of
    the same width, and are never matched.
    """
    padded = F.pad(image[:, 0], (reach, reach))
    patches = padded.unfold(1, PATCH, 1).unfold(2, PATCH, 1)  # (N, R, C, 8, 8)
    return patches.reshape(*patches.shape[:3], PATCH**2) @ _cosine_basis(image.device).T


def _filter_groups(
    spectra: torch.Tensor, guide: torch.Tensor, shrink: Shrink, shape: torch.Size, step: int, reach: int, group: int
) -> torch.Tensor:
    """One stage: match in `guide`, filter the groups of `spectra` by `shrink`, aggregate to an image of `shape`."""
    count, rows, columns, size = spectra.shape
    window = 2 * reach + 1
    energy = guide.square().sum(-1)  # (N, R, C)
    energy[:, :, :reach] = energy[:, :, columns - reach :] = math.inf
    total = torch.zeros(count * rows * columns, size, device=spectra.device)
    weights = torch.zeros(count * rows * columns, device=spectra.device)
    haar = _haar_basis(group, spectra.device)
    flat = spectra.view(-1, size)
    first_patch = torch.arange(count, device=spectra.device)[:, None, None] * rows * columns  # of each image

    for left in range(0, columns - 2 * reach, STRIP * step):
        references = range(left, min(left + STRIP * step, columns - 2 * reach), step)
        across = slice(left, references[-1] + window)
        strip, strip_energy = guide[:, :, across].contiguous(), energy[:, :, across].contiguous()
        first = (torch.tensor(references, device=spectra.device)[:, None] + first_patch).view(count, -1, 1)
        for row in range(0, rows, step):
            top, bottom = max(0, row - reach), min(rows, row + reach + 1)
            centres = strip[:, row, reach : strip.shape[2] - reach : step]  # (N, J, 64)
            index = _match(centres, row - top, strip[:, top:bottom], strip_energy[:, top:bottom], step, window, group)
            index = (index // window + top) * columns + index % window + first
            index = index.view(-1, group).T.reshape(-1)  # (group · N·J,), patches of the flat spectra
            values, weight = shrink(_group_transform(flat, index, group), index)
            values = (haar.T @ (values * weight[:, None]).view(group, -1)).view(-1, size)
            total.index_add_(0, index, values)
            weights.index_add_(0, index, weight.repeat(group))

    window_2d = _kaiser_window(spectra.device)
    patches = (_cosine_basis(spectra.device).T * window_2d.view(-1, 1)) @ total.view(count, -1, size).transpose(1, 2)
    wide = (shape[-2], shape[-1] + 2 * reach)
    summed = F.fold(patches, wide, PATCH)  # (N, 64, R·C) -> (N, 1, H, W + 2·reach)
    divisor = F.fold(window_2d.view(-1, 1) * weights.view(count, 1, -1), wide, PATCH)
    inside = slice(reach, wide[1] - reach)
    return summed[..., inside] / divisor[..., inside]


def _match(
    references: torch.Tensor,
    row: int,
    candidates: torch.Tensor,
    energy: torch.Tensor,
    step: int,
    window: int,
    group: int,
) -> torch.Tensor:
    """The `group` nearest patches of each reference, as positions in its neighbourhood of h rows and `window` columns.

    references: (N, J, 64), all in one row of the candidates (N, h, W, 64), whose |candidate|² is energy (N, h, W).
    Returns (N, J, group), the reference itself first.
    """
    count, height, width, size = candidates.shape
    # |r - c|² = |r|² - 2 r·c + |c|², where |r|² changes no order: all distances are one matrix product
    distance = torch.baddbmm(
        energy.reshape(count, 1, -1), references, candidates.reshape(count, -1, size).transpose(1, 2), alpha=-2
    )  # (N, J, h·W)
    # reference j has its own neighbourhood, `step` columns further than that of j - 1: (N, J, h, window)
    strides = (distance.stride(0), height * width + step, width, 1)
    own = distance.as_strided((count, references.shape[1], height, window), strides).flatten(2)
    # Where all is flat, many patches are as near as the reference; without it, some pixels would be in no group.
    own[:, :, row * window + window // 2] = -math.inf
    # sorted, so that the Haar transform meets the same order on every device
    return own.topk(group, largest=False, sorted=True).indices


def _group_transform(spectra: torch.Tensor, index: torch.Tensor, group: int) -> torch.Tensor:
    """Haar transform across each group: flat index (group · G,) -> 3D coefficients (group, G, 64)."""
    size = spectra.shape[-1]
    gathered = spectra.view(-1, size).index_select(0, index)  # (group · G, 64)
    return (_haar_basis(group, spectra.device) @ gathered.view(group, -1)).view(group, -1, size)


@cache
def _cosine_basis(device: torch.device) -> torch.Tensor:
    """The 64 orthonormal 2D cosines of 8×8 pixels, one a row: (64, 64)."""
    frequency, pixel = torch.arange(PATCH)[:, None], torch.arange(PATCH)
    cosines = torch.cos(math.pi * (2 * pixel + 1) * frequency / (2 * PATCH)) * math.sqrt(2 / PATCH)
    cosines[0] /= math.sqrt(2)
    return torch.kron(cosines, cosines).to(device)


@cache
def _haar_basis(size: int, device: torch.device) -> torch.Tensor:
    """The orthonormal Haar wavelets over `size` values (a power of two), one a row: (size, size)."""
    if size == 1:
        return torch.ones(1, 1, device=device)
    half = size // 2
    coarse = torch.kron(_haar_basis(half, device), torch.ones(1, 2, device=device))
    fine = torch.kron(torch.eye(half, device=device), torch.tensor([[1.0, -1.0]], device=device))
    return torch.cat([coarse, fine]) / math.sqrt(2)


@cache
def _kaiser_window(device: torch.device) -> torch.Tensor:
    """The paper's Kaiser window (beta 2): less weight at the border of a patch, where blocks would show: (8, 8)."""
    side = torch.kaiser_window(PATCH, periodic=False, beta=2.0)
    return torch.outer(side, side).to(device)
