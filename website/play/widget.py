"""What a widget with precomputed frames consists of, and how its numbers are put into words."""

from __future__ import annotations

from typing import Any, NamedTuple


class Widget(NamedTuple):
    """All that a page needs to show a slider's frames and numbers.

    Attributes:
        size: width and height of a frame in pixels.
        start: (choice, step) to begin with.
        strips: {slot: {choice: WebP}}, frames side by side in the order of the slider's steps.
        states: {choice: [{slot: words or path} for each step]}: whatever changes on the page.
        numbers: {choice: {name: [a number for each step]}}, as measured; words and tests are made of them.
    """

    size: tuple[int, int]
    start: tuple[str, int]
    strips: dict[str, dict[str, bytes]]
    states: dict[str, list[dict[str, str]]]
    numbers: dict[str, dict[str, list[Any]]]


def decibels(value: float | None) -> str:
    """A PSNR in words; JSON knows no infinity, so None stands for a perfect image."""
    return "infinite" if value is None else f"{value:.1f}\u00a0dB"  # never at the end of a line without its unit


def number(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """A number with a real minus sign, and no minus before a zero."""
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if not float(text):
        return f"{0:.{digits}f}"
    return text.replace("-", "−")
