"""ACNN's second use: super-resolution of hearts with a prior of shape, on synthetic hearts, in 2D.

    python scripts/shape_super_resolution.py

1. A T-L network: the shipped autoencoder of shapes, and a predictor that finds its code in an image (first alone, then
   both).
2. DeepResolve fills slices that are four pixels thick, by smooth L1; then it goes on from there in two ways, with
   `weight · ‖p(x̂) - p(x)‖²` and without, from the same weights, for as many steps.

What it prints are test hearts that nothing was trained on: PSNR of the image, and Dice of the shape that the T-L
network draws from it, against the labels. No part of a lab; the lecture says what it found.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import losses, metrics, resolution, training
from course_lib.data.hearts import one_hot, synthetic_hearts
from course_lib.models.resolve import DeepResolve
from course_lib.models.shape import ShapeAutoencoder, ShapePredictor, heart_shapes

FACTOR = 4


def descend(
    networks: list[nn.Module],
    loss: Callable[[torch.Tensor], torch.Tensor],
    count: int,
    steps: int,
    rate: float,
    seed: int,
) -> None:
    """Adam with half a cosine; `loss` is given the indices of a batch of 8."""
    weights = [weight for network in networks for weight in network.train().parameters()]
    optimizer = torch.optim.Adam(weights, rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        value = loss(torch.randint(count, (8,), generator=generator))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    for network in networks:
        network.eval()


def thickened(images: torch.Tensor) -> torch.Tensor:
    """Images whose slices were `FACTOR` pixels thick, interpolated back to the grid."""
    return resolution.between_slices(resolution.thick_slices(images, FACTOR), FACTOR)


def t_l_network(
    images: torch.Tensor, labels: torch.Tensor, steps: int, seed: int
) -> tuple[ShapeAutoencoder, nn.Module]:
    """The shipped autoencoder and a predictor: the predictor alone, then both."""
    shapes, maps = heart_shapes(), one_hot(labels)
    with training.fixed_seed(seed):
        predictor = ShapePredictor()
    with torch.no_grad():
        codes = shapes.encode(maps)
    descend(
        [predictor], lambda i: (predictor(images[i]) - codes[i]).square().sum(1).mean(), len(images), steps, 2e-3, seed
    )
    shapes.requires_grad_(True)
    descend(
        [shapes, predictor], lambda i: losses.shape_code_loss(shapes, predictor, images[i], maps[i]),
        len(images), steps // 2, 5e-4, seed + 1,
    )  # fmt: skip
    return shapes.requires_grad_(False), predictor.requires_grad_(False)


def resolved(
    first: DeepResolve, seen: torch.Tensor, images: torch.Tensor, p: nn.Module, weight: float, steps: int, seed: int
) -> DeepResolve:
    """A copy of the network that went on by smooth L1 plus `weight` times the distance of the predictor's codes."""
    network = copy.deepcopy(first)

    def loss(i: torch.Tensor) -> torch.Tensor:
        found = network(seen[i])
        value = F.smooth_l1_loss(found, images[i])
        return value + weight * losses.shape_prior_loss(p, found, images[i]) if weight else value

    descend([network], loss, len(images), steps, 1e-3, seed)
    return network


@torch.no_grad()
def scores(
    image: torch.Tensor, clean: torch.Tensor, labels: torch.Tensor, shapes: ShapeAutoencoder, p: nn.Module
) -> str:
    """PSNR, and of the shape that is drawn from the image's code the Dice of cavity and wall."""
    drawn = one_hot(shapes.decode(p(image)).argmax(1)).bool()
    dice = metrics.dice(drawn, one_hot(labels).bool())[:, 1:3].mean(0).tolist()
    apart = float((p(image) - p(clean)).square().sum(1).mean())
    psnr = float(metrics.psnr(image.clamp(0, 1), clean, data_range=1).mean())
    return f"{psnr:.2f} | {apart:.4f} | {dice[0]:.3f} | {dice[1]:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.01, 0.1])
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()

    images, labels, _ = synthetic_hearts(options.subjects, 1).slices()
    clean, truth, _ = synthetic_hearts(max(1, options.subjects // 5), 3).slices()
    print("| seed | way | PSNR (dB) | distance of the codes | cavity: Dice | wall: Dice |\n|---|---|---|---|---|---|")
    for seed in range(options.seeds):
        shapes, predictor = t_l_network(images, labels, options.steps, seed)
        seen, test = thickened(images), thickened(clean)
        with training.fixed_seed(seed):
            first = DeepResolve(6, 16, dimensions=2)
        first = resolved(first, seen, images, predictor, 0.0, options.steps, seed)
        rows = {"the sharp image": clean, "interpolated": test}
        for weight in options.weights:
            network = resolved(first, seen, images, predictor, weight, options.steps // 2, 100 + seed)
            with torch.no_grad():
                rows[f"network, weight {weight:g}"] = network(test)
        for name, image in rows.items():
            print(f"| {seed} | {name} | {scores(image, clean, truth, shapes, predictor)} |", flush=True)


if __name__ == "__main__":
    main()
