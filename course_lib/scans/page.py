"""The page beside a denoised scan: before, after and what was taken away, and what is known of the noise."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_lib import viz
from course_lib.files import write_whole
from course_lib.scans.denoising import Denoised
from course_lib.scans.files import StoredImage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222;
  background: #fff }
img { max-width: 100%; height: auto }
table { border-collapse: collapse }
td, th { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ccc }
.doubt { border-left: .3rem solid #b45309; padding-left: .8rem }
"""


def write_page(path: str | Path, image: StoredImage, outcome: Denoised) -> None:
    """Write an .html page with the pictures in it; it needs no other file and no network.

    Args:
        path: of the page.
        image: the file that was denoised.
        outcome: of its first volume, with the volume.

    Raises:
        ValueError: another name.

    Lab: 14.
    """
    path = check_page(path)
    before = np.moveaxis(image.volume(0), outcome.axis, 0)
    after = np.moveaxis(outcome.volume, outcome.axis, 0)
    rows = {
        "file": image.path.name,
        "voxels": " × ".join(map(str, image.stored.shape)),
        "voxel size": " × ".join(f"{side:.3g}" for side in image.voxel_size) + " mm",
        "method": outcome.how(),
        "noise": str(outcome.noise),
        "taken away": f"{_median(outcome.removed):.2f} of sigma inside the head (1: all noise and nothing else)",
        "neighbouring pixels of what was taken away": f"share {outcome.alike:.2f} (0: white noise)",
    }
    doubts = [f'<p class="doubt">{html.escape(doubt)}</p>' for doubt in outcome.doubts]
    table = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows.items()
    )
    shown = _planes(after)
    pictures = "".join(_panel(before[number], after[number], number) for number in shown)
    write_whole(
        path,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Denoised: {html.escape(image.path.name)}</title>'
        f"<style>{_STYLE}</style><h1>Denoised: {html.escape(image.path.name)}</h1>{''.join(doubts)}"
        f"<table>{table}</table><h2>Slices</h2><p>In the map of what was taken away there should be no anatomy.</p>"
        f"{pictures}<h2>Level from slice to slice</h2>{_levels(outcome)}</html>",
    )


def check_page(path: str | Path) -> Path:
    """The path of a page; ValueError for a name that no browser opens as one."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path}: expected a name that ends in .html")
    return path


def _planes(stack: np.ndarray) -> list[int]:
    """Three slices with much in them, spread over the volume."""
    content = stack.reshape(len(stack), -1).std(1)
    good = np.flatnonzero(content >= 0.5 * content.max())
    return sorted({int(number) for number in np.quantile(good, [0.2, 0.5, 0.8], method="nearest")})


def _panel(before: np.ndarray, after: np.ndarray, number: int) -> str:
    low, high = np.percentile(before, [0.5, 99.7]).tolist()
    span = high - low or 1.0

    def grey(plane: np.ndarray) -> np.ndarray:
        return np.rot90(np.clip((plane - low) / span, 0, 1)).astype(np.float32)

    rest = np.rot90((before - after) / span).astype(np.float32)
    limit = float(np.percentile(np.abs(rest), 99.5)) or 1.0
    figure = viz.figure(9, 3.4, title=f"Slice {number}")
    axes = figure.subplots(1, 3)
    for axis, plane, title, how in (
        (axes[0], grey(before), "before", {"cmap": "gray", "vmin": 0, "vmax": 1}),
        (axes[1], grey(after), "after", {"cmap": "gray", "vmin": 0, "vmax": 1}),
        (
            axes[2],
            rest,
            f"taken away, −{limit:.2g} to {limit:.2g} of the greys",
            {"cmap": "PuOr", "vmin": -limit, "vmax": limit},
        ),
    ):
        axis.imshow(plane, **how)
        axis.set_title(title)
        axis.axis("off")
    return _embedded(figure, f"Slice {number}: before, after, and what was taken away")


def _levels(outcome: Denoised) -> str:
    figure = viz.figure(9, 2.8, title="Sigma by slice, and how much of it was taken away")
    axis = figure.subplots()
    axis.plot(outcome.noise.sigma, color=viz.COLOURS[0], label="sigma")
    axis.plot(outcome.noise.sigma * outcome.removed, color=viz.COLOURS[1], label="taken away, inside the head")
    axis.set_xlabel("slice")
    axis.set_ylabel("units of the scan")
    axis.set_ylim(bottom=0)
    axis.legend()
    return _embedded(figure, "Sigma by slice, and how much of it was taken away")


def _embedded(figure: Figure, words: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return (
        f'<img alt="{html.escape(words)}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
    )


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
