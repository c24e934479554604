"""The parts of a widget in HTML: a slider, a choice, a picture that shows one frame of a strip, the numbers below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

FOLDER = "../_static/play/"  # seen from play/index.html


def slider(name: str, label: str, *, low: float, high: float, step: float, value: float, told: str, shown: str) -> str:
    """A native slider: label, readout and words for the ear. The keyboard moves it without any help."""
    return (
        f'<div class="play-slider"><label for="{name}">{escape(label)}</label>'
        f' <output for="{name}" data-slot="readout" aria-live="off">{escape(shown)}</output>'
        f'<input type="range" id="{name}" min="{low:g}" max="{high:g}" step="{step:g}" value="{value:g}"'
        f' data-slot="told" aria-valuetext="{escape(told)}" autocomplete="off"></div>'
    )


def choice(name: str, legend: str, options: Mapping[str, str]) -> str:
    """Radio buttons, the first one chosen."""
    buttons = [
        f'<label for="{name}-{value}"><input type="radio" id="{name}-{value}" name="{name}" value="{value}"'
        f'{"" if place else " checked"} autocomplete="off"> {escape(text)}</label>'
        for place, (value, text) in enumerate(options.items())
    ]
    return f'<fieldset class="play-choice"><legend>{escape(legend)}</legend>{"".join(buttons)}</fieldset>'


def check(name: str, value: str, text: str) -> str:
    """A check box, ticked."""
    return (
        f'<div class="play-choice"><label for="{name}"><input type="checkbox" id="{name}" value="{value}" checked'
        f' autocomplete="off"> {escape(text)}</label></div>'
    )


def picture(slot: str, file: str, step: int, steps: int, size: Sequence[int], alternative: str, caption: str) -> str:
    """A window onto one frame of a strip. The strip lies under it, moved to the left; without JavaScript it stays."""
    width, height = size
    return (
        f'<figure><div class="play-window" style="aspect-ratio: {width} / {height}">'
        f'<img class="dark-light" data-slot="{slot}" src="{FOLDER}{file}" alt="{escape(alternative)}" loading="lazy"'
        f' width="{width * steps}" height="{height}" style="width: {100 * steps}%; left: {-100 * step}%"></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def figure(drawing: str, caption: str) -> str:
    """A drawing with what stands below it."""
    return f'<figure class="play-drawn">{drawing}<figcaption>{caption}</figcaption></figure>'


def scale(limit: float) -> str:
    """The colours of a difference map, said beside it."""
    return f'<span class="play-scale"><span>−{limit:g}</span><i></i><span>+{limit:g}</span></span>'


def numbers(inputs: str, named: Mapping[str, tuple[str, str]]) -> str:
    """The live numbers: {slot: (what it is, its words)}. `inputs` are the controls that they follow from."""
    cells = [
        f'<span class="play-number"><span>{name}</span> <b data-slot="{slot}">{escape(text)}</b></span>'
        for slot, (name, text) in named.items()
    ]
    return f'<output class="play-numbers" for="{inputs}">{" ".join(cells)}</output>'


def key(entries: Mapping[str, str]) -> str:
    """What the lines of a drawing are: {their class: words}."""
    swatches = [f'<span><i class="play-swatch {kind}"></i>{escape(text)}</span>' for kind, text in entries.items()]
    return f'<span class="play-key">{" ".join(swatches)}</span>'


def section(name: str, label: str, controls: Sequence[str], figures: Sequence[str], below: str) -> str:
    """A whole widget."""
    return "\n".join(
        [
            f'<div class="play" data-widget="{name}" role="group" aria-label="{escape(label)}">',
            '<div class="play-controls">',
            *controls,
            "</div>",
            f'<div class="play-figures play-{len(figures)}">',
            *figures,
            "</div>",
            below,
            "<noscript><p>Without JavaScript this stands still; the labs named below let you move it.</p></noscript>",
            "</div>",
        ]
    )
