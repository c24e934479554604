"""Item of bench.py: how good the small attention U-Net is after how many minutes, beside BM3D."""

from __future__ import annotations

from bench_speed import number, table


def small_model(quick: bool) -> str:
    """Each row is a whole training of its own, with its falling learning rate: no glimpse of a longer one."""
    from train_small_model import train

    from course_lib import evaluation, noise, training
    from course_lib.classical.bm3d import bm3d
    from course_lib.data.brains import brain_slices

    heads, slices, width = (1, 2, 8) if quick else (30, 24, 40)
    # material -> (steps, share of photographs) of each training
    runs = {"heads alone": [(2, 0.0)], "heads and photographs": [(2, 0.3)]}
    if not quick:
        runs = {"heads alone": [(1500, 0.0)], "photographs alone": [(1500, 1.0)]}
        runs["heads and photographs"] = [(1500, 0.3), (3000, 0.3), (4500, 0.3)]
    test = brain_slices("colin27", slices=slices)
    methods, minutes = {"BM3D": bm3d}, {}
    for material, trainings in runs.items():
        for steps, share in trainings:
            model, history = train(
                "gaussian", width=width, heads=heads, share=share, patches=8 * steps, epochs=1,
                mixed_precision=None if quick else "bf16", validated=False,
            )  # fmt: skip
            name = f"{material}, {8 * steps:,} patches"
            methods[name] = lambda noisy, sigma, model=model: training.denoise(model, noisy)
            # fit counts the seconds of its epochs: making heads and measuring do not count
            minutes[name] = number(sum(history.seconds) / 60)
    found = evaluation.compare(
        methods, test.images, noise.gaussian, sigma=0.1, masks={"whole image": None, "brain": test.brain_masks}
    )
    rows = []
    for name in methods:
        means = [[found.mean(name, metric, region) for region in found.values] for metric in ("PSNR", "SSIM")]
        scores = [f"{value:.2f}" for value in means[0]] + [f"{value:.3f}" for value in means[1]]
        rows.append([name, minutes.get(name, ""), *scores])
    header = ["", "minutes", "PSNR, whole image (dB)", "PSNR, brain (dB)", "SSIM, whole image", "SSIM, brain"]
    return (
        f"Gaussian noise of sigma 0.1, {slices} slices of Colin27. The small attention U-Net, width {width}, trained on"
        f" patches of {heads} synthetic heads, of photographs, or of both (three tenths photographs), seed 0, by the"
        " recipe of `train_small_model.py`. Minutes: of the training alone.\n\n" + table(header, rows)
    )
