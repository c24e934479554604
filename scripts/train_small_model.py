"""Train a small attention U-Net to ship with the course, and measure it: `python scripts/train_small_model.py`.

Training material: synthetic heads of the ICBM152 cohort, and scikit-image's photographs. The weights are those of the
epoch whose average (EMA) was best on other synthetic heads; Colin27 is looked at once, at the end; the card says so.
`--noise gaussian` and `--noise rician` train for one table of lab 14 at its own sigma; `--noise blind` draws
the kind by a coin and sigma anew for each patch, and needs far longer for the same quality. `--begin FILE` starts from
a saved model instead of random weights. An interrupted run goes on where it was (`--checkpoint`).
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

BLIND = (0.03, 0.2)
HEADS, VALIDATION = dict(seed=100), dict(subjects=4, slices=4, seed=200)  # other heads for other purposes


def either(image: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    """Gaussian or Rician noise by a coin, sigma uniform in BLIND."""
    kind = "rician" if torch.rand((), generator=generator) < 0.5 else "gaussian"
    return training.noising(kind, BLIND)(image, generator=generator)


#: What is trained on, and how the card says it.
NOISE = {
    "gaussian": (training.noising("gaussian", 0.1), "Gaussian, sigma 0.1"),
    "rician": (training.noising("rician", 0.11), "Rician, sigma 0.11"),
    "blind": (either, f"Gaussian or Rician, sigma uniform in {BLIND}"),
}
TABLES = {"gaussian": (noise.gaussian, 0.1), "rician": (noise.rician, 0.11)}


def train(
    kind: str,
    *,
    width: int,
    heads: int,
    share: float,
    patches: int,
    epochs: int,
    learning_rate: float = 2e-3,
    begin: Path | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    mixed_precision: str | None = None,
    validated: bool = True,
) -> tuple[AttentionUNet, training.History]:
    """A small attention U-Net for one kind of noise; share: of photographs, the rest are patches of synthetic heads.

    `validated`: the weights are those of the best epoch on validation heads; False: those of the last one.
    """
    sources = {"heads": brain_slices("cohort", subjects=heads, **HEADS).images, "photographs": photographs()}
    shares = {name: part for name, part in (("heads", 1 - share), ("photographs", share)) if part > 0}
    sources = {name: sources[name] for name in shares}
    smallest = {name: 0.35 for name in shares if name == "photographs"}
    material = Mixture(sources, shares, count=patches, size=96, smallest=smallest)
    validation = brain_slices("cohort", **VALIDATION).images if validated else None
    with training.fixed_seed(seed):
        model = AttentionUNet(encoder="small", width=width)
    if begin:
        model.load_state_dict(models.load(begin).state_dict())
    history = training.fit(
        model, material, validation, loss=torch.nn.MSELoss(), corrupt=NOISE[kind][0], epochs=epochs, batch_size=8,
        learning_rate=learning_rate, clip_norm=1.0, ema=0.998, schedule="cosine", seed=seed,
        checkpoint=checkpoint, mixed_precision=mixed_precision,
        patience=epochs if validated else None,  # never stops; the model gets the best epoch's average
    )  # fmt: skip
    return model, history


def how_it_stopped(history: training.History) -> str:
    """For the card: which epoch's weights these are, and by what."""
    return (
        f"epoch {history.best_epoch} of {len(history.validation_loss)}, whose averaged weights were best on"
        f" {VALIDATION['subjects']} other synthetic heads (seed {VALIDATION['seed']}); the test head, Colin27, was"
        " looked at once, after that"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("small_attention_unet.safetensors"))
    parser.add_argument("--noise", choices=sorted(NOISE), default="gaussian")
    parser.add_argument("--begin", type=Path, default=None, help="a saved model to start from")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--patches", type=int, default=6400, help="an epoch")
    parser.add_argument("--heads", type=int, default=30)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--photographs", type=float, default=0.3, help="their share of the patches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed-precision", default=None, help="bf16 where the processor has it")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    start = time.process_time()
    model, history = train(
        options.noise, width=options.width, heads=options.heads, share=options.photographs, patches=options.patches,
        epochs=options.epochs, learning_rate=options.learning_rate, begin=options.begin, seed=options.seed,
        checkpoint=options.checkpoint, mixed_precision=options.mixed_precision,
    )  # fmt: skip
    seconds = time.process_time() - start

    test = brain_slices("colin27", slices=24)
    methods = {"model": lambda noisy, sigma: training.denoise(model, noisy)}
    found = {}
    for kind in TABLES if options.noise == "blind" else [options.noise]:
        corrupt, sigma = TABLES[kind]
        name = f"{kind.capitalize()} {sigma:g}"
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
        data=f"{options.heads} synthetic heads (ICBM152 cohort, seed {HEADS['seed']}), photographs of scikit-image",
        noise=NOISE[options.noise][1],
        stop=how_it_stopped(history),
        seed=options.seed,
        arguments={"encoder": "small", "width": options.width},
        metrics=found,
        note=(f"began as {options.begin.name}; " if options.begin else "")
        + f"{options.epochs} epochs of {options.patches} patches 96×96, {seconds:.0f} CPU seconds in the last run;"
        f" {options.photographs:.0%} of them photographs (30 % was chosen with a look at Colin27);"
        f" validation loss {min(history.validation_loss):.3e}; metrics on 24 slices of Colin27, seed 0",
        half=True,
    )
    print(card)


if __name__ == "__main__":
    main()
