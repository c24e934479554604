"""Item of bench.py: gradients of MS-SSIM and of the SSIM loss beside four other packages, and whether values agree."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Callable

from bench_speed import interleaved, ratios, spread, table, timed


def _ours() -> tuple[Callable, Callable]:
    from course_lib.losses import MSSSIMLoss, SSIMLoss

    return SSIMLoss(data_range=1), MSSSIMLoss(data_range=1)


def _pytorch_msssim() -> tuple[Callable, Callable]:
    from pytorch_msssim import ms_ssim, ssim

    return lambda x, y: 1 - ssim(x, y, data_range=1), lambda x, y: 1 - ms_ssim(x, y, data_range=1)


def _torchmetrics() -> tuple[Callable, Callable]:
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure,
        structural_similarity_index_measure,
    )

    return (
        lambda x, y: 1 - structural_similarity_index_measure(x, y, data_range=1.0),
        lambda x, y: 1 - multiscale_structural_similarity_index_measure(x, y, data_range=1.0),
    )


def _monai() -> tuple[Callable, Callable]:
    from monai.losses import SSIMLoss
    from monai.metrics.regression import compute_ms_ssim  # MONAI has no MS-SSIM loss, but this has a gradient

    return SSIMLoss(spatial_dims=2, data_range=1.0), lambda x, y: 1 - compute_ms_ssim(x, y, spatial_dims=2).mean()


def _piqa() -> tuple[Callable, Callable]:
    from piqa import MS_SSIM, SSIM

    ssim, ms_ssim = SSIM(n_channels=1), MS_SSIM(n_channels=1)
    return lambda x, y: 1 - ssim(x, y), lambda x, y: 1 - ms_ssim(x, y)


def msssim(quick: bool) -> str:
    import torch

    from course_lib import metrics, noise
    from course_lib.data import brains

    # MS-SSIM needs 161 pixels, torchmetrics and MONAI ask for 176
    seed, repeats, count, size = (0, 1, 1, 176) if quick else (0, 7, 8, 256)
    peers = {
        "course_lib": _ours, "pytorch-msssim": _pytorch_msssim, "torchmetrics": _torchmetrics, "monai": _monai,
        "piqa": _piqa,
    }  # fmt: skip
    clean = brains.brain_slices("colin27", slices=count, size=size).images
    noisy = noise.gaussian(clean, 0.1, generator=torch.Generator().manual_seed(seed)).clamp(0, 1)  # piqa wants [0, 1]
    reference = 1 - metrics.ms_ssim(noisy.numpy(), clean.numpy(), data_range=1).mean()

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
                single, multiple = make()
                forward_backward(single)
                values[name] = forward_backward(multiple)
            except Exception as error:  # a peer may break in any way: the others are measured all the same
                if name == "course_lib":
                    raise
                print(f"{name}: {error}", file=sys.stderr)
                failed[name] = type(error).__name__  # not the message, which may name files of this machine
            else:
                for kind, function in (("ssim", single), ("ms-ssim", multiple)):
                    action = functools.partial(forward_backward, function)
                    actions[f"{name} {kind}"] = functools.partial(timed, action)
        found = interleaved(actions, repeats)
    finally:
        torch.set_num_threads(threads)

    rows = []
    for name in peers:
        if name in failed:
            rows.append([name, f"not measured: {failed[name]}", "", "", "", "", ""])
            continue
        row = [f"{name} {importlib.metadata.version(name)}"]
        for kind in ("ssim", "ms-ssim"):
            seconds = found[f"{name} {kind}"]
            row += [spread([1000 * x for x in seconds]), spread(ratios(seconds, found[f"course_lib {kind}"]))]
        rows.append([*row, f"{values[name]:.7f}", f"{values[name] - reference:+.1e}"])
    text = (
        "Value and gradient of the losses 1 - SSIM and 1 - MS-SSIM (5 scales, 11×11 Gaussian windows) of"
        f" {count}×1×{size}×{size} images, float32, on the CPU with {1 if quick else 2} threads. Images: Colin27 with"
        f" Gaussian noise of sigma 0.1 (seed {seed}), clipped, against itself. {repeats} repeats. Reference: course_lib"
        f" in double precision, {reference:.7f}. At sizes that 16 divides, as here, all but torchmetrics define the"
        " same MS-SSIM; torchmetrics also averages coarse windows that reach over a mirrored border. At other sizes"
        " only piqa agrees: the others drop the last odd row or column, or average it with zeros."
    )
    header = ["", "SSIM loss, ms", "ratio to course_lib", "MS-SSIM loss, ms", "ratio to course_lib", "1 - MS-SSIM", "minus reference"]  # fmt: skip  # noqa: E501
    return f"{text}\n\n{table(header, rows)}"
