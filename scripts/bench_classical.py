"""Items of bench.py on classical denoisers: our BM3D beside PyPI's, and every filter at its defaults and tuned."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

from bench_speed import interleaved, ratios, spread, table, timed

SIGMAS = (0.05, 0.1, 0.2)
# What `evaluation.tune` tries for each filter; the best value should not lie at an edge.
GRIDS = {
    "gaussian": {"width": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8)},
    "median": {"size": (1, 3, 5, 7)},
    "bilateral": {"strength": (2.5, 3.5, 5.0, 7.0), "sigma_spatial": (0.8, 1.0, 1.2, 1.4, 1.7)},
    "total_variation": {"strength": (0.5, 0.6, 0.7, 0.85, 1.0, 1.2)},
    "wavelet": {"basis": ("db4", "sym8", "bior1.3"), "levels": (2, 3, 4)},
    "shift_invariant_wavelet": {"strength": (2.6, 3.0, 3.3, 3.6, 4.0), "levels": (2, 3, 4)},
    "non_local_means": {"strength": (0.5, 0.6, 0.7, 0.8, 0.9), "patch_size": (3, 5, 7), "distance": (4, 5, 7)},
}


def bm3d(quick: bool) -> str:
    import torch

    from course_lib import metrics, noise
    from course_lib.classical.bm3d import bm3d as ours
    from course_lib.data import brains

    count, size, repeats = (1, 48, 1) if quick else (8, None, 7)
    clean = brains.brain_slices("colin27", slices=count, size=size).images
    peer = _pypi_bm3d()
    rows = []
    for sigma in SIGMAS:
        noisy = noise.gaussian(clean, sigma, generator=torch.Generator().manual_seed(0))
        methods: dict[str, Callable] = {"course_lib": lambda x, sigma=sigma: ours(x, sigma)}
        if peer:
            for multiple in (1.0, 1.05, 1.1, 1.15, 1.2)[: 1 if quick else None]:
                methods[f"PyPI bm3d, {multiple:g} sigma"] = lambda x, s=multiple * sigma: peer(x, s)
        for name, method in methods.items():
            denoised = method(noisy).clamp(0, 1)
            psnr, ssim = metrics.psnr(denoised, clean, data_range=1), metrics.ssim(denoised, clean, data_range=1)
            rows.append([name, f"{sigma:g}", f"{psnr.mean():.2f}", f"{ssim.mean():.3f}"])
    rows.sort(key=lambda row: row[1])
    quality = table(["method", "sigma", "PSNR (dB)", "SSIM"], rows)
    text = (
        f"{count} axial slices of Colin27 with Gaussian noise, not clipped; outputs clipped to [0, 1]; whole image.\n\n"
    )
    text += quality
    few = noise.gaussian(clean[:4], 0.1, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        actions = {
            "course_lib, 4 slices": lambda: timed(lambda: ours(few, 0.1)) / len(few),
            "course_lib, one slice": lambda: timed(lambda: ours(few[:1], 0.1)),
        }
        if peer:
            actions[f"PyPI bm3d {importlib.metadata.version('bm3d')}"] = lambda: timed(lambda: peer(few[:1], 0.1))
        seconds = interleaved(actions, repeats)
    finally:
        torch.set_num_threads(threads)
    first = seconds["course_lib, 4 slices"]
    speed = [[name, spread(values), spread(ratios(values, first))] for name, values in seconds.items()]
    shape = "×".join(map(str, few.shape[-2:]))
    text += (
        f"\n\nSlices of {shape}, sigma 0.1, 2 threads. Ours uses one thread a slice; PyPI's binary chooses its own"
        " number of threads.\n\n"
    )
    text += table(["", "seconds a slice", "as long as the first"], speed)
    if not peer:
        text += "\n\nPyPI bm3d was not installed (`pip install -e .[noncommercial]`; its licence is non-commercial)."
    return text


def filters(quick: bool) -> str:
    from course_lib import evaluation, noise
    from course_lib.classical import filters as library
    from course_lib.data import brains

    subjects, slices, size = (1, 1, 48) if quick else (4, 2, None)
    clean = brains.brain_slices("cohort", subjects=subjects, slices=slices, seed=1, size=size).images
    rows, edges = [], []
    for name, grid in GRIDS.items():
        if quick:
            grid = {parameter: values[:1] for parameter, values in grid.items()}
        method = getattr(library, name)
        for sigma in SIGMAS[: 1 if quick else None]:
            defaults = evaluation.compare({name: method}, clean, noise.gaussian, sigma=sigma, progress=False)
            tuning = evaluation.tune(method, grid, clean, noise.gaussian, sigma=sigma, progress=False)
            default, best = defaults.mean(name, "PSNR"), tuning.tried[0][1]
            shown = ", ".join(f"{key} {value}" for key, value in tuning.best.items())
            rows.append([name, f"{sigma:g}", f"{default:.2f}", f"{best:.2f}", shown])
            edges += [f"{name} at {sigma:g} ({', '.join(tuning.at_edge)})"] if tuning.at_edge else []
    text = (
        f"Mean PSNR in dB over {len(clean)} slices of synthetic heads (Gaussian noise, not clipped; outputs clipped),"
        " at the library's defaults and at the best point of the grid in `scripts/bench_classical.py`.\n\n"
    )
    text += table(["filter", "sigma", "default", "tuned", "best parameters"], rows)
    return text + (f"\n\nAt the edge of the grid: {'; '.join(edges)}." if edges else "")


def nlm(quick: bool) -> str:
    """Ours calls scikit-image: what does our form cost?"""
    import torch
    from skimage.restoration import denoise_nl_means

    from course_lib import noise
    from course_lib.classical import filters as library
    from course_lib.data import brains

    repeats, size = (1, 48) if quick else (9, None)
    clean = brains.brain_slices("colin27", slices=1, size=size).images
    noisy = noise.gaussian(clean, 0.1, generator=torch.Generator().manual_seed(0))
    pixels = noisy[0, 0].numpy()
    seconds = interleaved(
        {
            "course_lib": lambda: timed(lambda: library.non_local_means(noisy, 0.1)),
            "scikit-image": lambda: timed(lambda: denoise_nl_means(pixels, 7, 5, 0.07, fast_mode=True, sigma=0.1)),
        },
        repeats,
    )
    rows = [[name, spread(values), spread(ratios(values, seconds["course_lib"]))] for name, values in seconds.items()]
    return "One slice, sigma 0.1; ours is scikit-image's, so the ratio is what our form costs.\n\n" + table(
        ["", "seconds", "as long as course_lib"], rows
    )


def _pypi_bm3d() -> Callable | None:
    """PyPI's bm3d on a batch of tensors, or None where it is not installed."""
    try:
        from bm3d import bm3d as binary
    except ImportError:
        return None
    import numpy as np
    import torch

    def peer(images: torch.Tensor, sigma: float) -> torch.Tensor:
        denoised = np.stack([binary(image[0].double().numpy(), sigma)[None] for image in images])
        return torch.from_numpy(denoised).to(images.dtype)

    return peer
