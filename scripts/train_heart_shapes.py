"""Train the autoencoder of heart shapes that comes with the course (lab 12), on label maps alone.

    python scripts/train_heart_shapes.py

Label maps of synthetic hearts, moved by up to two pixels; cross-entropy; one cycle of learning rates. The number of
epochs was fixed beforehand. Then the codes are brought to a unit, the Dice on hearts that it never saw is measured, and
the file is written with its card.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from course_lib import metrics, models, training
from course_lib.data.hearts import LABELS, one_hot, synthetic_hearts
from course_lib.models.shape import TRAINED, ShapeAutoencoder

SEED, TEST_SEED, REACH = 1000, 2000, 2


def label_maps(subjects: int, seed: int, kinds: Sequence[str] = ("normal", "dilated", "thickened")) -> torch.Tensor:
    """One-hot label maps (N, 4, 64, 64) of all slices with wall."""
    return one_hot(synthetic_hearts(subjects, seed, kinds=kinds).slices()[1])


def moved(maps: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    """Label maps moved by whole pixels; nothing but background crosses the edge."""
    down, right = torch.randint(-REACH, REACH + 1, (2,), generator=generator).tolist()
    return maps.roll((down, right), (-2, -1))


def unseen_dice(model: ShapeAutoencoder, maps: torch.Tensor) -> dict[str, float]:
    """Mean Dice of what the autoencoder makes of label maps, over the slices that have the structure."""
    with torch.no_grad():
        drawn = one_hot(model(maps).argmax(1)).bool()
    scores, there = metrics.dice(drawn, maps.bool()), maps.flatten(2).any(2)
    return {name: round(float(scores[there[:, k], k].mean()), 4) for name, k in LABELS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=TRAINED)
    parser.add_argument("--subjects", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    maps = label_maps(options.subjects, SEED)
    with training.fixed_seed(options.seed):
        model = ShapeAutoencoder()
    start = time.process_time()
    training.fit(
        model, maps, loss=F.cross_entropy, transform=moved, epochs=options.epochs, batch_size=16, learning_rate=4e-3,
        schedule="one cycle", seed=options.seed, device="cpu", mixed_precision="no",
    )  # fmt: skip
    seconds = time.process_time() - start
    model.eval().unit_codes(maps)
    found = unseen_dice(model, label_maps(30, TEST_SEED))
    bulging = unseen_dice(model, label_maps(30, TEST_SEED, ["aneurysm"]))
    card = models.save(
        model,
        options.out,
        data=f"label maps of {options.subjects} synthetic hearts (seed {SEED}; normal, dilated, thickened; no"
        f" aneurysm), {len(maps)} slices of 64×64, moved by up to {REACH} pixels",
        noise="none",
        stop=f"fixed: {options.epochs} epochs",
        seed=options.seed,
        metrics={f"Dice, unseen, {name}": value for name, value in found.items()}
        | {f"Dice, aneurysm, {name}": value for name, value in bulging.items()},
        note=f"{seconds:.0f} CPU seconds; codes in a unit: two slices of its training lie 1 apart in the mean square",
        half=True,
    )
    print(card)


if __name__ == "__main__":
    main()
