"""Train the network that comes with the course for scans of any noise: `python scripts/train_scan_network.py`.

A `NoiseMapUNet` is told sigma and the floor of the noise, and sees a slice with its neighbours, near or far, or alone.
It is trained over sigma 0.004 to 0.27, Gaussian, Rician and chi noise, white and correlated, air noisy or cleared, on
synthetic heads (whole and stripped), two real heads that are not the test head, and photographs, all under random
contrasts. What is minimised is the root mean square error of each patch (errors at weak noise are small, and would not
count in a mean of squares) and a little of 1 - SSIM. The weights are those of the epoch whose average (EMA) was best on
other synthetic heads. Colin27 is not looked at.

An interrupted run goes on where it was: `--checkpoint FILE`.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch

from course_lib import losses, models, noise, training
from course_lib.data.contrast import random_contrast
from course_lib.data.mixture import Mixture
from course_lib.data.photographs import photographs
from course_lib.data.real_heads import real_heads
from course_lib.data.stacks import drifting, head_stacks
from course_lib.models.noise_map import NoiseMapUNet, noise_floor

SIGMA = (0.004, 0.27)
SIZE = 80
SHARES = {"heads": 0.3, "stripped": 0.1, "T1": 0.25, "PD": 0.1, "photographs": 0.25}


def corrupt(stack: torch.Tensor, *, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise of a random level and kind: the noisy stack, sigma, and the floor of the noise in units of sigma."""
    draws = torch.rand(9, generator=generator).tolist()
    level, kind, filtered, strength, cleared, coils, turned, moved, missing = draws
    sigma = math.exp(math.log(SIGMA[0]) + level * math.log(SIGMA[1] / SIGMA[0]))
    name = "gaussian" if kind < 0.4 else "rician" if kind < 0.9 else "chi"
    count = 2 + int(7 * coils) if name == "chi" else 1
    if turned < 0.5:
        stack = stack.flip(0)
    if moved < 0.12:
        stack = misplaced(stack, unrelated=moved < 0.03, generator=generator)
    if name == "chi":
        noisy = noise.noncentral_chi(stack, sigma, coils=count, generator=generator)
    elif filtered < 0.2:
        way = noise.FILTERS[int(15 * filtered) % 3]
        limits = {"smoothed": (0.3, 0.8), "interpolated": (0.1, 0.5), "zero-filled": (0.5, 0.9)}[way]
        noisy = noise.correlated(
            stack, sigma, filter=way, strength=limits[0] + (limits[1] - limits[0]) * strength,
            magnitude=name == "rician", generator=generator,
        )  # fmt: skip
    elif filtered < 0.26:
        noisy = through_planes(stack, sigma, 0.5 * strength, magnitude=name == "rician", generator=generator)
    else:
        noisy = {"gaussian": noise.gaussian, "rician": noise.rician}[name](stack, sigma, generator=generator)
    if cleared < 0.3:
        noisy = noisy * (stack > 0.02)
    noisy[absent(len(stack), missing)] = 0
    return noisy, torch.full((1, 1, 1), sigma), torch.full((1, 1, 1), noise_floor(name, count))


def misplaced(stack: torch.Tensor, *, unrelated: bool, generator: torch.Generator) -> torch.Tensor:
    """Neighbours of another brightness that do not lie where they should, or show something else: heads move."""
    reach, moved = len(stack) // 2, stack.clone()
    for number in range(len(stack)):
        if number != reach:
            lines, columns, light = torch.rand(3, generator=generator).tolist()
            shift = (int(5 * lines) - 2, int(5 * columns) - 2)
            other = stack[number].flip(1) if unrelated else stack[number]
            moved[number] = (0.85 + 0.3 * light) * other.roll(shift, (0, 1))
    return moved


def through_planes(
    stack: torch.Tensor, sigma: float, share: float, *, magnitude: bool, generator: torch.Generator
) -> torch.Tensor:
    """Noise that neighbouring slices have in common, as where a volume was interpolated between its slices."""

    def mixed() -> torch.Tensor:
        white = torch.randn(len(stack) + 1, *stack.shape[1:], generator=generator)
        return sigma * ((1 - share) * white[1:] + share * white[:-1]) / math.hypot(1 - share, share)

    real = stack + mixed()
    return torch.hypot(real, mixed()) if magnitude else real


def absent(slices: int, draw: float) -> list[int]:
    """Which neighbours the network must do without: in 30 % all (a picture alone), in 10 % some of one side."""
    reach = slices // 2
    if draw < 0.3:
        return [number for number in range(slices) if number != reach]
    if draw >= 0.4:
        return []
    side, share = divmod((draw - 0.3) / 0.05, 1)
    lost = range(min(reach, 1 + int(reach * share)))
    return [slices - 1 - number if side else number for number in lost]


def middle(stack: torch.Tensor) -> torch.Tensor:
    """The slice that is denoised: (N, slices, H, W) -> (N, 1, H, W)."""
    reach = stack.shape[1] // 2
    return stack[:, reach : reach + 1]


def root_mean_square(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Of the slice that is denoised, one number a stack: twice (N, slices, H, W) -> (N,)."""
    return ((middle(prediction) - middle(target)) ** 2).mean((1, 2, 3)).add(1e-8).sqrt()


def decibels(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """PSNR of an image, against a data range of 1: (N,)."""
    return -20 * root_mean_square(prediction, target).log10()


class AsStack(torch.nn.Module):
    """The network, whose answer is given the shape of the clean stack: `fit` compares nothing else."""

    def __init__(self, network: NoiseMapUNet):
        super().__init__()
        self.network = network

    def forward(self, stack: torch.Tensor, sigma: torch.Tensor, floor: torch.Tensor) -> torch.Tensor:
        return self.network(stack, sigma, floor).expand(-1, stack.shape[1], -1, -1)


class Error(torch.nn.Module):
    """Root mean square, and a little of 1 - SSIM, which counts the faint floor that is left in black air."""

    def __init__(self, share: float):
        super().__init__()
        self.share, self.similarity = share, losses.SSIMLoss(1.0)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        error = root_mean_square(prediction, target)
        return error + self.share * self.similarity(middle(prediction), middle(target)) if self.share else error


def material(heads: int, patches: int, slices: int) -> Mixture:
    """Patches of all sources, in [0, 1]."""
    reach = slices // 2
    stacks, brains = head_stacks(heads, reach=reach, seed=100)
    real = real_heads(reach=reach, enlarged=(1.0, 1.4, 2.0))
    generator = torch.Generator().manual_seed(0)
    moved = [drifting(image, reach, generator=generator) for image in 3 * photographs()]
    sources = {"heads": stacks, "stripped": stacks * brains, **real, "photographs": moved}
    smallest = {"photographs": 0.35, "heads": 0.6, "stripped": 0.6, "PD": 0.6}
    halves = {name: [image.half() for image in images] for name, images in sources.items()}
    return Mixture(halves, SHARES, count=patches, size=SIZE, smallest=smallest)


def begin_with_fewer_slices(model: NoiseMapUNet, path: Path) -> None:
    """Give the body the weights of a network that sees fewer slices: the others begin without any effect."""
    old = models.load(path)
    assert isinstance(old, NoiseMapUNet)
    more = model.slices // 2 - old.slices // 2
    # of what the body is given, the old slices lie in the middle, and the floor is last; unshuffled, each has four
    kept = [4 * number + part for number in (*range(more, more + old.slices), model.slices) for part in range(4)]
    body = model.body.state_dict()
    for name, weights in old.body.state_dict().items():
        if name == "stem.weight":  # (w, 4·(slices + 1), 3, 3)
            body[name].zero_()
            body[name][:, kept] = weights
        elif name in ("head.weight", "head.bias"):  # (4·(slices + 1), ...)
            body[name].zero_()
            body[name][kept] = weights
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
    parser.add_argument("--slices", type=int, default=5, help="that the network sees at once, odd")
    parser.add_argument("--similarity", type=float, default=0.02, help="share of 1 - SSIM in the loss")
    parser.add_argument("--begin", type=Path, default=None, help="a saved NoiseMapUNet of as many slices, or fewer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed-precision", default=None)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    start = time.process_time()
    arguments = {
        "width": options.width, "slices": options.slices,
        "attention": None if options.attention == "none" else options.attention,
    }  # fmt: skip
    with training.fixed_seed(options.seed):
        model = NoiseMapUNet(**arguments)
    if options.begin:
        begin_with_fewer_slices(model, options.begin)

    model = model.to(memory_format=torch.channels_last)  # a fifth faster on a CPU

    def told(history: training.History) -> None:
        last = f"{history.train_loss[-1]:.5f} {history.validation_loss[-1]:.5f} {history.metrics['PSNR'][-1]:.3f} dB"
        print(len(history.train_loss), last, f"{time.process_time() - start:.0f} CPU s", flush=True)

    validation, _ = head_stacks(6, slices=4, reach=options.slices // 2, seed=200)
    history = training.fit(
        AsStack(model), material(options.heads, options.patches, options.slices), validation.float(),
        loss=Error(options.similarity), corrupt=corrupt, transform=random_contrast, metrics={"PSNR": decibels},
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
