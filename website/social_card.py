"""The picture that a messenger shows beside a link to the site: a head before and after denoising, and the title."""

from __future__ import annotations

from pathlib import Path

SIZE = 1200, 630  # pixels, as messengers want it


def draw(target: Path) -> None:
    """Draw the card with the course's own head and its own denoiser."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from course_lib import noise, viz
    from course_lib.classical import filters
    from course_lib.data import brains

    clean = brains.brain_slices("colin27", slices=1, progress=False).images[0, 0].numpy()
    noisy = noise.gaussian(clean, 0.1, generator=np.random.default_rng(0))
    images = {"noisy": noisy, "denoised": filters.non_local_means(noisy, 0.1)}
    low, high = viz.window(clean)
    figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor="#0b1f33")
    FigureCanvasAgg(figure)
    for left, (name, image) in zip((0.47, 0.735), images.items(), strict=True):
        axes = figure.add_axes((left, 0.16, 0.25, 0.72))
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        axes.set_axis_off()
        axes.set_title(name, color="white", fontsize=20)
    figure.text(
        0.05, 0.56, "Denoising and\nreconstructing\nMR images", color="white", fontsize=38, weight="bold", va="center"
    )
    figure.text(
        0.05, 0.27, "A course with PyTorch:\nlabs, lectures, a library", color="#9fd3ff", fontsize=22, va="center"
    )
    figure.savefig(target)
