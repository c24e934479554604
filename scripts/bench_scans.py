"""Item of bench.py: seconds that `course denoise` takes for a volume, by each method, and what comes out."""

from __future__ import annotations

import functools

import torch
from bench_speed import interleaved, number, ratios, spread, table, timed

from course_lib import metrics, noise, scans
from course_lib.data.anatomy import colin27, upright

SIGMA = 0.05


def volumes(quick: bool) -> str:
    slices, repeats = (2, 1) if quick else (24, 3)
    head, planes = colin27(), slice(70, 70 + slices)
    clean, masks = (
        torch.from_numpy(upright(part[..., planes]))[:, None]  # (X, Y, N) -> (N, 1, Y, X)
        for part in (head.data, head.brain_mask)
    )
    stored = noise.rician(clean, SIGMA, generator=torch.Generator().manual_seed(0))
    volume = (900 * stored[:, 0]).permute(2, 1, 0).contiguous().numpy()  # (N, H, W) -> (W, H, N)
    methods = {
        name: functools.partial(scans.denoise_volume, volume, method=name, sigma=900 * SIGMA, progress=False)
        for name in scans.METHODS
    }
    found = interleaved({name: functools.partial(timed, method) for name, method in methods.items()}, repeats)
    rows = []
    for name, seconds in found.items():
        image = torch.from_numpy(methods[name]().volume).permute(2, 1, 0)[:, None] / 900
        score = metrics.psnr(image.clamp(0, 1), clean, data_range=1, mask=masks).mean()
        per_slice = [one / slices for one in seconds]
        times = spread(ratios(seconds, found["bm3d"]))
        rows.append([name, spread(seconds), spread(per_slice), times, f"{number(float(score))} dB"])
    height, width = clean.shape[-2:]
    text = (
        f"`scans.denoise_volume` on {slices} neighbouring slices of {height}×{width} of Colin27 under Rician noise,"
        f" sigma {SIGMA:g} of the data range, told sigma. The network sees each slice with its neighbours; BM3D and"
        f" non-local means see it alone, variance stabilised. Seed 0, the median of {repeats} repeats."
    )
    header = ["method", "s a volume", "s a slice", "time, × BM3D", "PSNR in the brain"]
    return f"{text}\n\n{table(header, rows)}"
