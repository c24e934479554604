"""Items of bench.py on reconstruction: compressed sensing beside sigpy, data consistency beside MONAI, the cascade."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

from bench_speed import interleaved, number, ratios, spread, table, timed

ACCELERATIONS = ((4, 0.08), (8, 0.04))


def reconstruction(quick: bool) -> str:
    """Seconds an iteration beside sigpy's, and what the methods reach on the test head."""
    import torch

    from course_lib.classical import sparse

    iterations, repeats, count, size = (2, 1, 1, 48) if quick else (100, 7, 8, None)
    image, _, mask, measured = _scan(count, size, 4, 0.08, "variable_density")
    measured, mask = measured[:1], mask[:1]
    options = {"strength": 0.003, "iterations": iterations}
    actions: dict[str, Callable] = {
        "course_lib, fista, db4": lambda: sparse.fista(measured, mask, **options),
        "course_lib, fista, undecimated haar": lambda: sparse.fista(measured, mask, undecimated=True, **options),
        "course_lib, total_variation": lambda: sparse.total_variation(measured, mask, **options),
    }
    first = {name: name for name in actions}
    try:
        peers = _sigpy(measured, mask, iterations)
        actions |= peers
        first |= dict(zip(peers, ("course_lib, fista, db4", "course_lib, total_variation"), strict=True))
        missing = ""
    except ImportError as error:
        missing = f"\n\nsigpy: not measured ({type(error).__name__})."
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = interleaved(
            {name: lambda action=action: timed(action) / iterations for name, action in actions.items()}, repeats
        )
    finally:
        torch.set_num_threads(threads)
    rows = [
        [name, spread([1000 * value for value in values]), spread(ratios(values, seconds[first[name]]))]
        for name, values in seconds.items()
    ]
    shape = "×".join(map(str, image.shape[-2:]))
    text = f"One slice of {shape}, lines at R 4, {iterations} iterations, setting up included, one torch thread.\n\n"
    text += table(["", "milliseconds an iteration", "as long as ours of the same kind"], rows) + missing
    text += (
        f"\n\nMean PSNR in dB over {count} axial slices of Colin27 with smooth phase, another mask for each, no noise,"
        " at the library's defaults; magnitudes clipped to [0, 1]; whole image / brain.\n\n"
    )
    short = {"iterations": 2} if quick else {}
    methods = {
        "wavelet (db4)": lambda *data: sparse.fista(*data, **short).image,
        "wavelet (undecimated haar)": lambda *data: sparse.fista(*data, undecimated=True, **short).image,
        "total variation": lambda *data: sparse.total_variation(*data, **short).image,
    }
    return text + _quality(methods, count, size)


def consistency(quick: bool) -> str:
    """Data consistency, forward and backward, beside MONAI's block; training steps of the deep cascade."""
    import torch

    from course_lib import kspace
    from course_lib.models.cascade import DeepCascade

    repeats, count, size = (1, 1, 48) if quick else (9, 8, None)
    image, _, mask, measured = _scan(count, size, 4, 0.08, "random")
    image = kspace.zero_filled(measured)
    layer = kspace.DataConsistency()

    def step(method: Callable) -> torch.Tensor:
        start = image.clone().requires_grad_()
        result = method(start)
        result.abs().square().sum().backward()
        return start.grad

    methods = {"course_lib": lambda x: layer(x, measured, mask)}
    try:
        methods["monai"] = _monai(measured, mask)
        missing = ""
    except ImportError as error:
        missing = f"\n\nmonai: not measured ({type(error).__name__})."
    seconds = interleaved({name: lambda m=method: timed(lambda: step(m)) for name, method in methods.items()}, repeats)
    ours = methods["course_lib"](image)
    rows = [
        [name, spread([1000 * value for value in seconds[name]]), spread(ratios(seconds[name], seconds["course_lib"])),
         f"{float((method(image) - ours).abs().max()):.1e}"]
        for name, method in methods.items()
    ]  # fmt: skip
    shape = "×".join(map(str, image.shape))
    text = f"Replacement (λ = ∞) of the measured lines, {shape}, forward and backward.\n\n"
    text += table(["", "milliseconds", "as long as course_lib", "largest difference"], rows) + missing

    cascade = DeepCascade(cascades=2, width=8) if quick else DeepCascade()
    optimiser = torch.optim.Adam(cascade.parameters(), lr=1e-4)
    crops, _, crop_mask, crop_measured = _scan(2 if quick else 4, 48 if quick else 64, 4, 0.08, "random")

    def train() -> None:
        optimiser.zero_grad()
        (cascade(crop_measured, crop_mask) - crops).abs().square().mean().backward()
        optimiser.step()

    found = interleaved({"train": lambda: timed(train)}, repeats)["train"]
    parameters = sum(weights.numel() for weights in cascade.parameters())
    text += (
        f"\n\nTraining the deep cascade of {parameters:,} parameters on batches of {'×'.join(map(str, crops.shape))}:"
        f" {spread([1 / value for value in found])} steps a second ({number(len(crops) / min(found))} images a second"
        " at best)."
    )
    return text


def _scan(count: int, size: int | None, acceleration: float, center_fraction: float, kind: str):
    """Complex images, their brain masks, sampling masks and k-space: (N, 1, H, W) each."""
    import torch

    from course_lib import kspace
    from course_lib.data import brains

    found = brains.brain_slices("colin27", slices=count, size=size, progress=False)
    generator = torch.Generator().manual_seed(0)
    image = kspace.with_phase(found.images, generator=generator)
    masks = [
        kspace.cartesian_mask(image.shape[-2:], acceleration, center_fraction, kind=kind, generator=generator)
        for _ in range(count)
    ]
    mask = torch.stack(masks)[:, None]
    return image, found.brain_masks, mask, kspace.undersample(image, mask)


def _quality(methods: dict[str, Callable], count: int, size: int | None) -> str:
    from course_lib import kspace, metrics

    methods = {"zero-filled": lambda measured, mask: kspace.zero_filled(measured), **methods}
    columns, values = [], {name: [] for name in methods}
    for kind in ("random", "variable_density"):
        for acceleration, center_fraction in ACCELERATIONS:
            image, brain, mask, measured = _scan(count, size, acceleration, center_fraction, kind)
            columns.append(f"{kind.replace('_', ' ')}, R {acceleration}")
            for name, method in methods.items():
                found, clean = method(measured, mask).abs().clamp(0, 1), image.abs().clamp(0, 1)
                whole, inside = (metrics.psnr(found, clean, data_range=1, mask=region) for region in (None, brain))
                values[name].append(f"{whole.mean():.2f} / {inside.mean():.2f}")
    return table(["", *columns], [[name, *cells] for name, cells in values.items()])


def _sigpy(measured, mask, iterations: int) -> dict[str, Callable]:
    import numpy as np
    from sigpy.mri import app

    kspace, weights = measured[0].numpy(), mask[0, 0].numpy().astype(np.float32)
    one_coil = np.ones_like(kspace)
    options = {"weights": weights, "max_iter": iterations, "show_pbar": False}
    name = f"sigpy {importlib.metadata.version('sigpy')}"
    return {
        f"{name}, L1WaveletRecon": lambda: app.L1WaveletRecon(kspace, one_coil, 0.003, **options).run(),
        f"{name}, TotalVariationRecon": lambda: app.TotalVariationRecon(kspace, one_coil, 0.003, **options).run(),
    }


def _monai(measured, mask) -> Callable:
    """The same step with MONAI's centred FFT and the data consistency of its VarNetBlock, real and imaginary apart."""
    import torch
    from monai.apps.reconstruction.networks.blocks.varnetblock import VarNetBlock
    from monai.networks.blocks.fft_utils_t import fftn_centered_t, ifftn_centered_t

    block = VarNetBlock(torch.nn.Identity()).requires_grad_(False)
    reference, mask = torch.view_as_real(measured), mask[..., None]

    def method(image):
        kspace = fftn_centered_t(torch.view_as_real(image), spatial_dims=2)
        kspace = kspace - block.soft_dc(kspace, reference, mask)
        return torch.view_as_complex(ifftn_centered_t(kspace, spatial_dims=2).contiguous())

    return method
