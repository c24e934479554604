"""Item of bench.py: the gradient of SSIM beside four other packages, and whether all give the same value."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Callable

from bench_speed import interleaved, ratios, spread, table, timed


def _ssim_ours() -> Callable:
    from course_lib import metrics

    return lambda x, y: metrics.ssim(x, y, data_range=1).mean()


def _ssim_pytorch_msssim() -> Callable:
    from pytorch_msssim import ssim

    return lambda x, y: ssim(x, y, data_range=1)


def _ssim_torchmetrics() -> Callable:
    from torchmetrics.functional.image import structural_similarity_index_measure

    return lambda x, y: structural_similarity_index_measure(x, y, data_range=1.0)


def _ssim_monai() -> Callable:
    from monai.losses import SSIMLoss

    loss = SSIMLoss(spatial_dims=2, data_range=1.0)
    return lambda x, y: 1 - loss(x, y)


def _ssim_piqa() -> Callable:
    from piqa import SSIM

    return SSIM(n_channels=1)


def ssim(quick: bool) -> str:
    import numpy as np
    import torch
    from skimage.metrics import structural_similarity

    from course_lib import noise
    from course_lib.data import brains

    seed, repeats, count, size = (0, 1, 2, 64) if quick else (0, 15, 8, 256)
    peers = {
        "course_lib": _ssim_ours, "pytorch-msssim": _ssim_pytorch_msssim, "torchmetrics": _ssim_torchmetrics,
        "monai": _ssim_monai, "piqa": _ssim_piqa,
    }  # fmt: skip
    clean = brains.brain_slices("colin27", slices=count, size=size).images
    noisy = noise.gaussian(clean, 0.1, generator=torch.Generator().manual_seed(seed)).clamp(0, 1)  # piqa wants [0, 1]
    settings = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)
    pairs = zip(noisy.double().numpy(), clean.double().numpy(), strict=True)
    reference = np.mean([structural_similarity(x[0], y[0], **settings) for x, y in pairs])

    def forward_backward(function: Callable) -> float:
        prediction = noisy.clone().requires_grad_()
        value = function(prediction, clean)
        value.backward()
        return value.item()

    actions, values, failed = {}, {}, {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if quick else 2)
    try:
        for name, make in peers.items():
            try:
                function = make()
                values[name] = forward_backward(function)
            except Exception as error:  # a peer may break in any way: the others are measured all the same
                if name == "course_lib":
                    raise
                print(f"{name}: {error}", file=sys.stderr)
                failed[name] = type(error).__name__  # not the message, which may name files of this machine
            else:
                actions[name] = functools.partial(timed, functools.partial(forward_backward, function))
        found = interleaved(actions, repeats)
    finally:
        torch.set_num_threads(threads)

    rows = []
    for name in peers:
        if name in failed:
            rows.append([name, f"not measured: {failed[name]}", "", "", ""])
            continue
        milliseconds = [1000 * x for x in found[name]]
        rows.append([
            f"{name} {importlib.metadata.version(name)}", spread(milliseconds),
            spread(ratios(found[name], found["course_lib"])), f"{values[name]:.7f}", f"{values[name] - reference:+.1e}",
        ])  # fmt: skip
    text = (
        f"Value and gradient of the mean SSIM (11×11 Gaussian window) of {count}×1×{size}×{size} images, float32, on"
        f" the CPU with {1 if quick else 2} threads. Images: Colin27 against itself with Gaussian noise of sigma 0.1"
        f" (seed {seed}), clipped. {repeats} repeats. Reference: scikit-image in double precision, {reference:.7f}."
        " torchmetrics also averages windows that reach over a mirrored border, so its value is another one."
    )
    header = ["", "ms", "ratio to course_lib", "value", "minus scikit-image"]
    return f"{text}\n\n{table(header, rows)}"
