"""Train the network that comes with the course for scans of any noise: `python scripts/train_scan_network.py`.

A `NoiseMapUNet` is told sigma and the floor of the noise. It is trained over sigma 0.004 to 0.27, Gaussian, Rician
and chi noise, white and correlated, air noisy or cleared, on synthetic heads (whole and stripped), two real heads that
are not the test head, and photographs, all under random contrasts. What is minimised is the root mean square error of
each patch: errors at weak noise are small, and would not count in a mean of squares. The weights are those of the epoch
whose average (EMA) was best on other synthetic heads. Colin27 is not looked at.

An interrupted run goes on where it was: `--checkpoint FILE`.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch

from course_lib import models, noise, training
from course_lib.data.brains import brain_slices
from course_lib.data.contrast import random_contrast
from course_lib.data.mixture import Mixture
from course_lib.data.photographs import photographs
from course_lib.data.real_heads import real_heads
from course_lib.models.noise_map import NoiseMapUNet, noise_floor

SIGMA = (0.004, 0.27)
SIZE = 80
SHARES = {"heads": 0.35, "stripped": 0.1, "T1": 0.15, "PD": 0.1, "photographs": 0.3}


def corrupt(image: torch.Tensor, *, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise of a random level and kind: the noisy image, sigma, and the floor of the noise in units of sigma."""
    level, kind, filtered, strength, cleared, coils = torch.rand(6, generator=generator).tolist()
    sigma = math.exp(math.log(SIGMA[0]) + level * math.log(SIGMA[1] / SIGMA[0]))
    name = "gaussian" if kind < 0.4 else "rician" if kind < 0.9 else "chi"
    count = 2 + int(7 * coils) if name == "chi" else 1
    if name == "chi":
        noisy = noise.noncentral_chi(image, sigma, coils=count, generator=generator)
    elif filtered < 0.25:
        way = noise.FILTERS[int(12 * filtered) % 3]
        limits = {"smoothed": (0.3, 0.8), "interpolated": (0.1, 0.5), "zero-filled": (0.5, 0.9)}[way]
        noisy = noise.correlated(
            image, sigma, filter=way, strength=limits[0] + (limits[1] - limits[0]) * strength,
            magnitude=name == "rician", generator=generator,
        )  # fmt: skip
    else:
        noisy = {"gaussian": noise.gaussian, "rician": noise.rician}[name](image, sigma, generator=generator)
    if cleared < 0.3:
        noisy = noisy * (image > 0.02)
    return noisy, torch.full((1, 1, 1), sigma), torch.full((1, 1, 1), noise_floor(name, count))


def root_mean_square(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """One number an image: (N, C, H, W) -> (N,)."""
    return ((prediction - target) ** 2).mean((1, 2, 3)).add(1e-8).sqrt()


def decibels(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """PSNR of an image, against a data range of 1: (N,)."""
    return -20 * root_mean_square(prediction, target).log10()


def material(heads: int, patches: int) -> Mixture:
    """Patches of all sources, in [0, 1]."""
    cohort = brain_slices("cohort", subjects=heads, seed=100)
    real = real_heads()
    sources = {
        "heads": cohort.images, "stripped": cohort.images * cohort.brain_masks, "T1": real["T1"], "PD": real["PD"],
        "photographs": photographs(),
    }  # fmt: skip
    smallest = {"photographs": 0.35, "heads": 0.6, "stripped": 0.6, "PD": 0.6}
    return Mixture(sources, SHARES, count=patches, size=SIZE, smallest=smallest)


def begin_at_one_level(model: NoiseMapUNet, path: Path, sigma: float) -> None:
    """Give the body the weights of a network that was trained at one sigma: at that level it then does the same.

    The body sees the image in units of sigma, and says the noise in these units: so the first layer is divided, and the
    last one multiplied, by what the units differ. The floor of the noise begins without any effect.
    """
    old, body = models.load(path).state_dict(), model.body.state_dict()
    for name, weights in old.items():
        if name == "stem.weight":  # (w, 4, 3, 3) -> (w, 8, 3, 3): unshuffled, each channel has four
            body[name].zero_()
            body[name][:, :4] = weights * sigma
        elif name in ("head.weight", "head.bias"):  # (4, ...) -> (8, ...)
            body[name].zero_()
            body[name][:4] = weights / sigma
        else:
            body[name].copy_(weights)
    model.body.load_state_dict(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("any_noise.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--patches", type=int, default=6400, help="an epoch")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--heads", type=int, default=40)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--attention", default="scse", choices=("scse", "none"))
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--begin", type=Path, default=None, help="a saved small AttentionUNet, trained at sigma 0.1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed-precision", default=None)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    start = time.process_time()
    arguments = {"width": options.width, "attention": None if options.attention == "none" else options.attention}
    with training.fixed_seed(options.seed):
        model = NoiseMapUNet(**arguments)
    if options.begin:
        begin_at_one_level(model, options.begin, 0.1)

    model = model.to(memory_format=torch.channels_last)  # a fifth faster on a CPU

    def told(history: training.History) -> None:
        last = f"{history.train_loss[-1]:.5f} {history.validation_loss[-1]:.5f} {history.metrics['PSNR'][-1]:.3f} dB"
        print(len(history.train_loss), last, f"{time.process_time() - start:.0f} CPU s", flush=True)

    history = training.fit(
        model, material(options.heads, options.patches), brain_slices("cohort", subjects=6, slices=4, seed=200).images,
        loss=root_mean_square, corrupt=corrupt, transform=random_contrast, metrics={"PSNR": decibels},
        epochs=options.epochs, batch_size=options.batch_size, learning_rate=options.learning_rate, clip_norm=0.1,
        ema=0.999, schedule="cosine", seed=options.seed, checkpoint=options.checkpoint, patience=options.epochs,
        mixed_precision=options.mixed_precision,
        progress=False,
        on_epoch=told,
    )  # fmt: skip
    seconds = time.process_time() - start
    print(models.save(
        model, options.out,
        data=f"{options.heads} synthetic heads (ICBM152 cohort, seed 100), two real heads (T1, PD), photographs",
        noise=f"sigma {SIGMA[0]} to {SIGMA[1]}; Gaussian, Rician, chi; a quarter of it correlated; air cleared in 30 %",
        stop=f"epoch {history.best_epoch} of {len(history.train_loss)}, best on 6 other synthetic heads (seed 200)",
        seed=options.seed, arguments=arguments, half=True,
        note=(f"began as {options.begin.name}; " if options.begin else "")
        + f"{options.epochs} epochs of {options.patches} patches {SIZE}×{SIZE}, {seconds:.0f} CPU s in the last run",
    ))  # fmt: skip


if __name__ == "__main__":
    main()
