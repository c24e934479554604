"""The three widgets with precomputed frames, in HTML, as they stand before anything moves."""

from __future__ import annotations

from typing import Any

from website.play import noise, parts, sampling, strength
from website.play.charts import chart, dot, mark, standing
from website.play.sprites import DIFFERENCE
from website.play.widget import number

SCALE = parts.scale(DIFFERENCE)


def noise_widget(widget: dict[str, Any]) -> str:
    """Noisy head, difference, histograms of air and brain."""
    now, axes = _start(widget), noise.AXES
    truth = widget["numbers"]["gaussian"]["brain"][0]
    drawing = chart(
        axes,
        [
            f'<path class="play-area play-orange" data-slot="brain-bars" d="{now["brain-bars"]}"/>',
            f'<path class="play-area play-blue" data-slot="air-bars" d="{now["air-bars"]}"/>',
            standing("play-dashed", axes.shift(0), axes),
            standing("play-dashed", axes.shift(truth), axes),
            mark("brain-mean", "play-orange", now["brain-mean"], axes),
            mark("air-mean", "play-blue", now["air-mean"], axes),
        ],
        slot="histogram",
        alternative=now["histogram"],
        across={0: "0", 0.4: "0.4", 0.8: "0.8"},
        name="brightness of a pixel",
    )
    key = parts.key({"play-blue": "air", "play-orange": "brain", "play-dashed": "true mean"})
    return parts.section(
        "noise",
        "Noise on a head",
        [_slider(widget, "noise-sigma", "Noise level sigma"), parts.choice("noise-kind", "Noise", noise.NAMES)],
        [
            _picture(widget, "noisy", "noisy head"),
            _picture(widget, "difference", "noisy − clean" + SCALE),
            parts.figure(drawing, "pixels and their means" + key),
        ],
        parts.numbers(
            "noise-sigma noise-kind-gaussian noise-kind-rician",
            {
                "psnr": ("PSNR", now["psnr"]),
                "air": ("mean of the air (truth 0)", now["air"]),
                "brain": (f"of the brain (truth {number(truth)})", now["brain"]),
            },
        ),
    )


def sampling_widget(widget: dict[str, Any]) -> str:
    """Mask, zero-filled head, difference."""
    now = _start(widget)
    return parts.section(
        "sampling",
        "Sampling of k-space",
        [
            _slider(widget, "sampling-factor", "Acceleration"),
            parts.choice("sampling-kind", "Lines", sampling.NAMES),
            parts.check("sampling-centre", "centre", f"keep the middle {100 * sampling.CENTER:g} %"),
        ],
        [
            _picture(widget, "mask", "white lines are measured"),
            _picture(widget, "image", "all others set to 0"),
            _picture(widget, "difference", "image − truth" + SCALE),
        ],
        parts.numbers(
            "sampling-factor sampling-centre " + " ".join(f"sampling-kind-{kind}" for kind in sampling.KINDS),
            {
                "psnr": ("PSNR", now["psnr"]),
                "draws": (f"{sampling.DRAWS} such masks", now["draws"]),
                "lines": ("lines measured", now["lines"]),
                "lobe": ("strongest copy", now["lobe"]),
            },
        ),
    )


def strength_widget(widget: dict[str, Any]) -> str:
    """Denoised head, what was removed, PSNR against what the filter is told."""
    now, axes = _start(widget), strength.AXES
    drawing = chart(
        axes,
        [
            standing("play-dashed", axes.shift(strength.SIGMA), axes),
            f'<path class="play-line play-blue" data-slot="curve-line" d="{now["curve-line"]}"/>',
            dot("curve-now", "play-orange", now["curve-now"]),
            dot("curve-best", "play-hollow", now["curve-best"]),
        ],
        slot="curve",
        alternative=now["curve"],
        across={0: "0", 0.1: "0.1", 0.2: "0.2", 0.3: "0.3"},
        up={20: "20", 24: "24", 28: "28", 32: "32"},
        name="sigma that it is told",
        up_name="PSNR (dB)",
    )
    key = parts.key({"play-orange play-point": "now", "play-hollow": "best", "play-dashed": "true sigma"})
    spread = widget["numbers"]["nlm"]["noise"][0]
    return parts.section(
        "strength",
        "Strength of a filter",
        [_slider(widget, "strength-told", "Told sigma"), parts.choice("strength-method", "Filter", strength.NAMES)],
        [
            _picture(widget, "denoised", "denoised head"),
            _picture(widget, "difference", "what was removed" + SCALE),
            parts.figure(drawing, "score at every strength" + key),
        ],
        parts.numbers(
            "strength-told " + " ".join(f"strength-method-{method}" for method in strength.METHODS),
            {
                "psnr": ("PSNR", now["psnr"]),
                "brain-psnr": ("PSNR, brain", now["brain-psnr"]),
                "removed": (f"removed, sd (noise {number(spread)})", now["removed"]),
            },
        ),
    )


def _start(widget: dict[str, Any]) -> dict[str, str]:
    choice, step = widget["start"]
    state: dict[str, str] = widget["states"][choice][step]
    return state


def _picture(widget: dict[str, Any], slot: str, caption: str) -> str:
    choice, step = widget["start"]
    steps = len(widget["states"][choice])
    file = widget["strips"][slot][choice]
    return parts.picture(slot, file, step, steps, widget["size"], _start(widget)[slot], caption)


def _slider(widget: dict[str, Any], name: str, label: str) -> str:
    choice, step = widget["start"]
    now, last = _start(widget), len(widget["states"][choice]) - 1
    return parts.slider(name, label, low=0, high=last, step=1, value=step, told=now["told"], shown=now["readout"])
