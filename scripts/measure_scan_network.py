"""What the network for scans reaches beside BM3D on the test head: `python scripts/measure_scan_network.py`.

24 slices of Colin27, which no training and no choice has seen; Gaussian and Rician noise of 0.02, 0.05, 0.1 and
0.2; whole image and brain. The network sees each slice alone, as BM3D does, and with its neighbours in the volume, as
`course denoise` gives them; non-local means too. BM3D is the best of its forms in each column anew. Differences slice
by slice with a paired t test (slices of one head are no sample of people: p says that a difference is no accident of
the noise, no more).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from skimage.restoration import denoise_nl_means

from course_lib import evaluation, models, noise
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import bias_corrected, stabilised
from course_lib.data.anatomy import colin27, plane_numbers, upright
from course_lib.data.stacks import head_stacks
from course_lib.images import self_ensemble, with_neighbours
from course_lib.models.noise_map import NoiseMapUNet
from course_lib.scans.denoising import shipped_network

REACH = 2
LEVELS = (0.02, 0.05, 0.1, 0.2)
NOISES = {"Gaussian": noise.gaussian, "Rician": noise.rician}
FORMS = {
    "Gaussian": {"BM3D": bm3d},
    "Rician": {
        "BM3D, bias-corrected": bias_corrected(bm3d, method="squared"),
        "BM3D, first-moment inverse": bias_corrected(bm3d, method="mean"),
        "BM3D, stabilised": stabilised(bm3d),
    },
}


def stacks(images: str, slices: int, distance: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clean slices with their neighbours (N, 2·REACH + 1, H, W), and the brains of the slices (N, 1, H, W)."""
    if images == "cohort":
        clean, brains = head_stacks(4, slices=slices, reach=REACH, seed=300, distances=(distance,))
        return clean.float(), brains[:, REACH : REACH + 1]
    head = colin27()
    planes = plane_numbers(head.brain_mask.sum(axis=(0, 1)), head.data[..., 0].size, slices)
    volume = torch.from_numpy(upright(head.data))  # (X, Y, Z) -> (Z, Y, X)
    clean = with_neighbours(volume, REACH, step=distance)[planes]
    return clean, torch.from_numpy(upright(head.brain_mask[..., planes]))[:, None]


class Beside:
    """Noisy slices get their noisy neighbours: independent noise, the same for whatever asks."""

    def __init__(self, clean: torch.Tensor, corrupt: Callable[..., torch.Tensor], sigma: float):
        self.stack = corrupt(clean, sigma, generator=torch.Generator().manual_seed(1))

    def __call__(self, noisy: torch.Tensor) -> torch.Tensor:
        """The first N slices: (N, 1, H, W) -> (N, 2·REACH + 1, H, W)."""
        stack = self.stack[: len(noisy)]
        return torch.cat([stack[:, :REACH], noisy, stack[:, REACH + 1 :]], 1)


def network(model: NoiseMapUNet, kind: str, *, beside: Beside | None = None, turned: bool = False) -> evaluation.Method:
    """The network as `compare` takes it; `turned`: the mean over the eight ways to turn and mirror an image."""

    def denoised(noisy: torch.Tensor, sigma: float) -> torch.Tensor:
        with torch.no_grad():
            told = model.told(sigma, kind.lower())
            reach = model.slices // 2
            given = noisy if beside is None else beside(noisy)[:, REACH - reach : REACH + reach + 1]
            # four at a time: memory stays small
            return torch.cat([self_ensemble(told, part) if turned else told(part) for part in given.split(4)])

    return denoised


def means_of_neighbours(kind: str, beside: Beside) -> evaluation.Method:
    """Non-local means that looks for like cubes in the neighbouring slices too; its strength fits synthetic heads."""

    def each(images: torch.Tensor, sigma: float) -> torch.Tensor:
        strength = 0.6 if sigma < 0.035 else 0.5 if sigma < 0.075 else 0.4
        cubes = [
            denoise_nl_means(cube, 5, 3, strength * sigma, fast_mode=True, sigma=sigma)[REACH]
            for cube in images.numpy()
        ]
        return torch.from_numpy(np.stack(cubes))[:, None]

    def denoised(noisy: torch.Tensor, sigma: float) -> torch.Tensor:
        return (stabilised(each) if kind == "Rician" else each)(beside(noisy), sigma)

    return denoised


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=None, help="default: the one that comes with the course")
    parser.add_argument("--slices", type=int, default=24)
    parser.add_argument("--images", default="colin27", choices=("colin27", "cohort"))
    parser.add_argument("--distance", type=int, default=1, help="of neighbours, in mm")
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS)
    parser.add_argument("--turned", action="store_true", help="rows for the mean over eight ways to turn the image")
    parser.add_argument("--write", action="store_true", help="write the network's scores into the card of --model")
    options = parser.parse_args()
    if options.write and not options.model:
        parser.error("--write needs --model")
    published = options.images == "colin27" and (options.slices, options.distance, options.levels) == (24, 1, LEVELS)
    if options.write and not published:
        parser.error("--write is for the published table: 24 slices of colin27, all levels, neighbours 1 mm away")
    model = models.load(options.model) if options.model else shipped_network()
    assert isinstance(model, NoiseMapUNet) and model.slices <= 2 * REACH + 1
    clean, brains = stacks(options.images, options.slices, options.distance)
    head, masks = clean[:, REACH : REACH + 1], {"whole image": None, "brain": brains}
    scores, shown = {}, ["one slice"]
    if model.slices > 1:
        shown.append("with neighbours")
    if options.turned:
        shown.append("×8")
    differences = " | ".join(f"{name}, − BM3D (p)" for name in shown)
    print(f"| noise | sigma | region | noisy | NLM | NLM, 5 slices | BM3D, best form | {differences} |", end="")
    print(" SSIM: BM3D; " + ", ".join(shown), "|")
    print("|---|---|---|" + "---:|" * (5 + len(shown)))
    for kind, corrupt in NOISES.items():
        for sigma in options.levels:
            beside = Beside(clean, corrupt, sigma)
            near = beside if model.slices > 1 else None
            ours = {
                "one slice": network(model, kind),
                "with neighbours": network(model, kind, beside=near),
                "×8": network(model, kind, beside=near, turned=True),
            }
            plain = filters.non_local_means if kind == "Gaussian" else stabilised(filters.non_local_means)
            methods = {
                **FORMS[kind], "NLM": plain, "NLM, 5 slices": means_of_neighbours(kind, beside),
                **{name: ours[name] for name in shown},
            }  # fmt: skip
            table = evaluation.compare(
                methods, head, corrupt, sigma=sigma, masks=masks, batch_size=len(head), progress=False
            )
            for region in masks:
                mean = {name: table.mean(name, "PSNR", region) for name in (evaluation.NOISY, *methods)}
                ssim = {name: table.mean(name, "SSIM", region) for name in methods}
                best = max(FORMS[kind], key=mean.__getitem__)
                cells = [f"{mean[name]:.2f}" for name in (evaluation.NOISY, "NLM", "NLM, 5 slices", best)]
                for name in shown:
                    scores[f"PSNR, {kind} {sigma:g}, {region}, {name}"] = round(mean[name], 2)
                    one, two = (table.per_slice(each, "PSNR", region) for each in (name, best))
                    test = evaluation.paired_test(one, two)
                    cells.append(f"{mean[name]:.2f}, {test.difference:+.2f} ({test.p:.1g})")
                sharpest = max(ssim[name] for name in FORMS[kind])
                cells.append(f"{sharpest:.3f}; " + ", ".join(f"{ssim[name]:.3f}" for name in shown))
                print(f"| {kind} | {sigma:g} | {region} |", " | ".join(cells), "|", flush=True)
    if options.write:
        card = models.read_card(options.model)
        models.save(
            model, options.model, data=card.data, noise=card.noise, stop=card.stop, seed=card.seed, note=card.note,
            arguments=card.arguments, metrics=scores, half=card.stored_as == "float16",
        )  # fmt: skip


if __name__ == "__main__":
    main()
