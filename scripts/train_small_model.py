"""Train a small attention U-Net to ship with the course, and measure it: `python scripts/train_small_model.py`.

None ships yet: 30 epochs of the default settings stayed below BM3D.

Training material: synthetic heads of the ICBM152 cohort, and scikit-image's photographs. Colin27 is looked at once, at
the end. Noise: Gaussian or Rician by a coin, its sigma drawn anew for each patch, so that one model serves both tables
of lab 14. An interrupted run goes on where it was (`--checkpoint`).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from course_lib import evaluation, models, noise, training
from course_lib.data.brains import brain_slices
from course_lib.data.mixture import Mixture
from course_lib.data.photographs import photographs
from course_lib.models.attention_unet import AttentionUNet

SIGMA = (0.03, 0.2)


def either(image: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    """Gaussian or Rician noise by a coin, sigma uniform in SIGMA."""
    kind = "rician" if torch.rand((), generator=generator) < 0.5 else "gaussian"
    return training.noising(kind, SIGMA)(image, generator=generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("small_attention_unet.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--patches", type=int, default=1600, help="an epoch")
    parser.add_argument("--heads", type=int, default=30)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--photographs", type=float, default=0.3, help="their share of the patches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed-precision", default=None, help="bf16 where the processor has it")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    sources = {"heads": brain_slices("cohort", subjects=options.heads, seed=100).images, "photographs": photographs()}
    shares = {"heads": 1 - options.photographs, "photographs": options.photographs}
    train = Mixture(sources, shares, count=options.patches, size=96, smallest={"photographs": 0.35})
    validation = brain_slices("cohort", subjects=4, slices=4, seed=200).images
    with training.fixed_seed(options.seed):
        model = AttentionUNet(encoder="small", width=options.width)
    start = time.process_time()
    history = training.fit(
        model, train, validation, loss=torch.nn.MSELoss(), corrupt=either, epochs=options.epochs, batch_size=8,
        learning_rate=2e-3, clip_norm=1.0, ema=0.998, schedule="cosine", seed=options.seed,
        checkpoint=options.checkpoint, mixed_precision=options.mixed_precision,
    )  # fmt: skip
    seconds = time.process_time() - start

    test = brain_slices("colin27", slices=24)
    methods = {"model": lambda noisy, sigma: training.denoise(model, noisy)}
    found = {}
    for name, corrupt, sigma in (("Gaussian 0.1", noise.gaussian, 0.1), ("Rician 0.11", noise.rician, 0.11)):
        table = evaluation.compare(
            methods, test.images, corrupt, sigma=sigma, masks={"whole image": None, "brain": test.brain_masks}
        )
        print(table.markdown())
        for region in table.values:
            for metric, values in table.values[region].items():
                found[f"{metric}, {name}, {region}"] = round(float(values["model"].mean()), 4)
    card = models.save(
        model,
        options.out,
        data=f"{options.heads} synthetic heads (ICBM152 cohort, seed 100), photographs of scikit-image",
        noise=f"Gaussian or Rician, sigma uniform in {SIGMA}",
        seed=options.seed,
        arguments={"encoder": "small", "width": options.width},
        metrics=found,
        note=f"{options.epochs} epochs of {options.patches} patches 96×96, {seconds:.0f} CPU seconds in the last run;"
        f" validation loss {history.validation_loss[-1]:.3e}; metrics on 24 slices of Colin27, seed 0",
        half=True,
    )
    print(card)


if __name__ == "__main__":
    main()
