"""What the network for scans reaches beside BM3D on the test head: `python scripts/measure_scan_network.py`.

24 slices of Colin27, which no training and no choice has seen; Gaussian and Rician noise of 0.02, 0.05, 0.1 and
0.2; whole image and brain; BM3D in the best of its forms in each column anew. Differences slice by slice with a paired
t test (slices of one head are no sample of people: p says that a difference is no accident of the noise, no more).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from course_lib import evaluation, models, noise
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import bias_corrected, stabilised
from course_lib.data.brains import brain_slices
from course_lib.images import self_ensemble
from course_lib.models.noise_map import NoiseMapUNet
from course_lib.scans.denoising import shipped_network

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


def network(model: NoiseMapUNet, kind: str, turned: bool = False) -> evaluation.Method:
    """The network as `compare` takes it; `turned`: the mean over the eight ways to turn and mirror an image."""

    def denoised(noisy: torch.Tensor, sigma: float) -> torch.Tensor:
        with torch.no_grad():
            told = model.told(sigma, kind.lower())
            return self_ensemble(told, noisy) if turned else told(noisy)

    return denoised


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=None, help="default: the one that comes with the course")
    parser.add_argument("--slices", type=int, default=24)
    parser.add_argument("--images", default="colin27")
    parser.add_argument("--turned", action="store_true", help="a row for the mean over eight ways to turn the image")
    parser.add_argument("--write", action="store_true", help="write the network's scores into the card of --model")
    options = parser.parse_args()
    if options.write and not options.model:
        parser.error("--write needs --model")
    model = models.load(options.model) if options.model else shipped_network()
    assert isinstance(model, NoiseMapUNet)
    head = brain_slices(options.images, slices=options.slices)
    masks = {"whole image": None, "brain": head.brain_masks[:]}
    scores = {}
    print("| noise | sigma | region | noisy | NLM | BM3D, best form | network | difference in dB (p) | SSIM of both |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for kind, corrupt in NOISES.items():
        for sigma in LEVELS:
            nlm = filters.non_local_means if kind == "Gaussian" else stabilised(filters.non_local_means)
            methods = {**FORMS[kind], "NLM": nlm, "network": network(model, kind)}
            if options.turned:
                methods["network, 8 times"] = network(model, kind, turned=True)
            table = evaluation.compare(methods, head.images[:], corrupt, sigma=sigma, masks=masks, progress=False)
            for region in masks:
                mean = {name: table.mean(name, "PSNR", region) for name in methods}
                ssim = {name: table.mean(name, "SSIM", region) for name in methods}
                best = max(FORMS[kind], key=mean.__getitem__)
                sharpest = max(ssim[name] for name in FORMS[kind])
                noisy = table.mean(evaluation.NOISY, "PSNR", region)
                scores[f"PSNR, {kind} {sigma:g}, {region}"] = round(mean["network"], 2)
                for name in [name for name in methods if name.startswith("network")]:
                    ours, theirs = (table.per_slice(one, "PSNR", region) for one in (name, best))
                    test = evaluation.paired_test(ours, theirs)
                    print(
                        f"| {kind} | {sigma:g} | {region} | {noisy:.2f} | {mean['NLM']:.2f} |"
                        f" {mean[best]:.2f} ({best}) | {mean[name]:.2f}{' ×8' if '8' in name else ''} |"
                        f" {test.difference:+.2f} (p {test.p:.1g}) | {sharpest:.3f}, {ssim[name]:.3f} |",
                        flush=True,
                    )
    if options.write:
        card = models.read_card(options.model)
        models.save(
            model, options.model, data=card.data, noise=card.noise, stop=card.stop, seed=card.seed, note=card.note,
            arguments=card.arguments, metrics=scores, half=card.stored_as == "float16",
        )  # fmt: skip


if __name__ == "__main__":
    main()
