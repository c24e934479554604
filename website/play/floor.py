"""The law of a magnitude at one true signal: what the browser computes, as it stands in the page before it moves."""

from __future__ import annotations

import json
import math

import numpy as np
from scipy import stats

from website.play import parts
from website.play.charts import Axes, chart, dot, mark
from website.play.widget import number

LAW = Axes(340, 240, x=(-3, 9), y=(0, 0.65), left=14)
CURVE = Axes(340, 240, x=(0, 6), y=(0, 6.5), left=26, top=24)
START = 1.0
STEP = 0.1


def widget() -> str:
    """The slider of the true signal, its two drawings, its numbers."""
    mean = float(stats.rice(START).mean())
    mended = math.sqrt(mean**2 - 1)
    bias = number(mean - START, 2, sign=True)
    law_words = f"Density of the magnitude for a true signal of {START:.1f} sigma: its mean is {mean:.2f}"
    curve_words = f"Mean of the magnitude against the true signal: {mean:.2f} at {START:.1f}"
    controls = [
        parts.slider(
            "floor-signal",
            "True signal A, in sigma",
            low=0,
            high=6,
            step=STEP,
            value=START,
            told=f"signal {START:.1f} sigma: mean of the magnitude {mean:.2f}, bias {bias}",
            shown=f"{START:.1f}",
        )
    ]
    figures = [
        parts.figure(
            _with_axes(_law(mean, law_words), LAW),
            "How often each magnitude comes"
            + parts.key({"play-blue": "magnitude (Rician)", "play-dashed": "if noise were Gaussian"})
            + parts.key({"play-plain": "true signal", "play-orange": "mean of the magnitude"}),
        ),
        parts.figure(
            _with_axes(_curve(mean, mended, curve_words), CURVE),
            "What the average tells"
            + parts.key(
                {
                    "play-dashed": "the truth",
                    "play-orange": "mean of the magnitude",
                    "play-green": "corrected: √(mean² − sigma²)",
                }
            ),
        ),
    ]
    below = parts.numbers(
        "floor-signal",
        {
            "truth": ("true signal", f"{START:.2f}"),
            "mean": ("mean magnitude", f"{mean:.2f}"),
            "bias": ("bias", bias),
            "corrected": ("corrected (error left)", f"{mended:.2f} ({number(mended - START, 2, sign=True)})"),
        },
    )
    return parts.section("floor", "The Rician floor", controls, figures, below)


def _law(mean: float, words: str) -> str:
    grid = np.linspace(*LAW.x, 241)
    above = grid[grid >= 0]
    rice = LAW.curve(zip(above, stats.rice(START).pdf(above), strict=True), filled=True)
    gauss = LAW.curve(zip(grid, stats.norm(START).pdf(grid), strict=True))
    body = [
        f'<path class="play-area play-blue" data-slot="rice-line" d="{rice}"/>',
        f'<path class="play-line play-dashed" data-slot="gauss-line" d="{gauss}"/>',
        mark("law-truth", "play-plain", LAW.shift(START), LAW),
        mark("law-mean", "play-orange", LAW.shift(mean), LAW),
    ]
    ticks = {float(value): number(value, 0) for value in range(-2, 10, 2)}
    return chart(LAW, body, slot="law", alternative=words, across=ticks, name="magnitude m / sigma")


def _curve(mean: float, mended: float, words: str) -> str:
    signals = np.linspace(0, CURVE.x[1], 121)
    means = stats.rice(signals).mean()
    corrected = np.sqrt(means**2 - 1)
    body = [
        f'<path class="play-line play-dashed" d="{CURVE.curve([(0, 0), (6, 6)])}"/>',
        f'<path class="play-line play-green" d="{CURVE.curve(zip(signals, corrected, strict=True))}"/>',
        f'<path class="play-line play-orange" d="{CURVE.curve(zip(signals, means, strict=True))}"/>',
        dot("curve-corrected", "play-green", CURVE.shift(START, mended)),
        dot("curve-mean", "play-orange", CURVE.shift(START, mean)),
    ]
    ticks = {float(value): str(value) for value in range(0, 7, 2)}
    return chart(
        CURVE,
        body,
        slot="curve",
        alternative=words,
        across=ticks,
        up=ticks,
        name="true signal A / sigma",
        up_name="average / sigma",
    )


def _with_axes(drawing: str, axes: Axes) -> str:
    """JavaScript reads here where the axes lie."""
    return drawing.replace("<svg ", f"<svg data-axes='{json.dumps(axes._asdict())}' ", 1)
