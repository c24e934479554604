"""A lab's figure for its card: a few of its panels side by side, without title and small print."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

SIZE = 480, 270  # twice what a card is wide on most screens
PAPER = 246  # what is brighter than this is paper
GAP = 6
CROPPED = 0.3  # of a panel this much may be cut off; else it stands whole on paper

Box = tuple[int, int, int, int]


def card_picture(figure: Image.Image, numbers: tuple[int, ...]) -> Image.Image:
    """The panels with these numbers (from 1, as one reads) beside each other; the whole figure where there are none.

    Raises ValueError where the figure has fewer panels.
    """
    figure = figure.convert("RGB")
    if not numbers:
        return ImageOps.pad(figure, SIZE, color="white")
    boxes = panels(figure)
    if max(numbers) > len(boxes):
        raise ValueError(f"picture: there is no panel {max(numbers)}, the figure has {len(boxes)}")
    card = Image.new("RGB", SIZE, "white")
    width = (SIZE[0] - GAP * (len(numbers) - 1)) / len(numbers)
    for position, number in enumerate(numbers):
        left = round(position * (width + GAP))
        card.paste(_fitted(figure.crop(boxes[number - 1]), (round(width), SIZE[1])), (left, 0))
    return card


def panels(figure: Image.Image) -> list[Box]:
    """Images and plots of a figure in the order in which one reads: left, top, right, bottom of each."""
    ink = np.asarray(figure.convert("RGB")).min(axis=-1) < PAPER
    least = 0.1 * max(figure.size)
    found: list[Box] = []
    for rows, columns in ndimage.find_objects(ndimage.label(ink)[0]):
        box = columns.start, rows.start, columns.stop, rows.stop
        if min(box[2] - box[0], box[3] - box[1]) > least:
            found.append(box)
    outer = [box for box in found if not any(_inside(box, other) for other in found if other != box)]
    lines: list[list[Box]] = []
    for box in sorted(outer, key=lambda box: box[1] + box[3]):
        middle = (box[1] + box[3]) / 2
        if lines and lines[-1][0][1] < middle < lines[-1][0][3]:
            lines[-1].append(box)
        else:
            lines.append([box])
    return [box for line in lines for box in sorted(line)]


def _inside(box: Box, other: Box) -> bool:
    return other[0] <= box[0] and other[1] <= box[1] and box[2] <= other[2] and box[3] <= other[3]


def _fitted(panel: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The panel fills the size if little of it is cut off."""
    ratio = (size[0] / size[1]) / (panel.width / panel.height)
    if min(ratio, 1 / ratio) >= 1 - CROPPED:
        return ImageOps.fit(panel, size, Image.Resampling.LANCZOS)
    return ImageOps.pad(panel, size, Image.Resampling.LANCZOS, color="white")
