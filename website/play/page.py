"""The page in Markdown: for each widget a question, the widget, what one should see, and where it is taught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scipy import stats

from website.play import floor, noise, parts, sampling, strength
from website.play.charts import chart, dot, mark
from website.play.sprites import DIFFERENCE
from website.play.widget import decibels, number


def page(repository: Path, told: dict[str, Any]) -> str:
    """The whole page; `told` is what `play.json` holds."""
    data = {name: {part: widget[part] for part in ("strips", "states")} for name, widget in told.items()}
    script = json.dumps({"folder": parts.FOLDER, "widgets": data}, ensure_ascii=False, separators=(",", ":"))
    return "\n".join(
        [
            "# Play",
            "",
            "Four questions, four sliders. Nothing to install: move a slider and the picture follows, with the mouse or"
            " with the arrow keys. Make up your mind first, then open *What you should see*.",
            "",
            raw(f'<link rel="stylesheet" href="{parts.FOLDER}play.css">'),
            *_noise(repository, told["noise"]),
            *_sampling(repository, told["sampling"]),
            *_floor(repository),
            *_strength(repository, told["strength"]),
            "## How these pictures were made",
            "",
            "With the course's own library, from one slice of one real head, and one draw of the noise. The head is Colin27,"
            " one man scanned 27 times and averaged, so nearly free of noise (copyright 1993–2009 Louis Collins,"
            " McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University; its notice stands on"
            " the page of {doc}`licences and data </licences>`). Brightness runs from 0 to 1. PSNR compares the whole"
            " slice with the head without noise, unless it says *brain*. Every number was computed when this site was"
            " built; those of the third question are computed in your browser.",
            "",
            raw(
                f'<script type="application/json" id="play-data">{script.replace("<", chr(92) + "u003c")}</script>\n'
                f'<script defer src="{parts.FOLDER}rician.js"></script>\n'
                f'<script defer src="{parts.FOLDER}play.js"></script>'
            ),
        ]
    )


def raw(html: str) -> str:
    """HTML as it is."""
    return f"```{{raw}} html\n{html}\n```\n"


def folded(text: str) -> str:
    """The finding, closed until somebody asks."""
    return f"```{{dropdown}} What you should see\n{text}\n```\n"


def taught(repository: Path, labs: list[str], lecture: str) -> str:
    """Where this is taught; the titles are those of the pages."""
    links = [f"{{doc}}`/labs/{_named(repository / 'solutions', f'lab{lab}')}`" for lab in labs]
    links.append(f"{{doc}}`/lectures/{_named(repository / 'lectures', lecture)}`")
    return f"In the course: {' · '.join(links)}\n"


def _named(folder: Path, number: str) -> str:
    """The docname of the lab or lecture with this number."""
    (found,) = [path for path in folder.glob(f"{number}_*.py") if not path.name.endswith(".wrong.py")]
    return found.stem


def _picture(widget: dict[str, Any], slot: str, caption: str) -> str:
    choice, step = widget["start"]
    states = widget["states"][choice]
    file = widget["strips"][slot][choice]
    return parts.picture(slot, file, step, len(states), widget["size"], states[step][slot], caption)


def _slider(widget: dict[str, Any], name: str, label: str) -> str:
    choice, step = widget["start"]
    states = widget["states"][choice]
    now = states[step]
    return parts.slider(
        name, label, low=0, high=len(states) - 1, step=1, value=step, told=now["told"], shown=now["readout"]
    )


def _start(widget: dict[str, Any]) -> dict[str, str]:
    choice, step = widget["start"]
    state: dict[str, str] = widget["states"][choice][step]
    return state


def _noise(repository: Path, widget: dict[str, Any]) -> list[str]:
    now, gauss, rice = _start(widget), widget["numbers"]["gaussian"], widget["numbers"]["rician"]
    step = widget["start"][1]
    sigma, truth = gauss["sigma"][step], gauss["brain"][0]
    axes = noise.AXES
    drawing = chart(
        axes,
        [
            f'<path class="play-area play-orange" data-slot="brain-bars" d="{now["brain-bars"]}"/>',
            f'<path class="play-area play-blue" data-slot="air-bars" d="{now["air-bars"]}"/>',
            f'<g transform="{axes.shift(0)}"><path class="play-line play-dashed" d="M0 12V228"/></g>',
            f'<g transform="{axes.shift(truth)}"><path class="play-line play-dashed" d="M0 12V228"/></g>',
            mark("brain-mean", "play-orange", now["brain-mean"], axes),
            mark("air-mean", "play-blue", now["air-mean"], axes),
        ],
        slot="histogram",
        alternative=now["histogram"],
        across={0: "0", 0.4: "0.4", 0.8: "0.8"},
        name="brightness of a pixel",
    )
    figures = [
        _picture(widget, "noisy", "noisy head"),
        _picture(widget, "difference", "noisy − clean" + parts.scale(DIFFERENCE)),
        parts.figure(
            drawing,
            "pixels, and their means"
            + parts.key({"play-blue": "air", "play-orange": "brain", "play-dashed": "true mean"}),
        ),
    ]
    below = parts.numbers(
        "noise-sigma noise-kind-gaussian noise-kind-rician",
        {
            "psnr": ("PSNR", now["psnr"]),
            "air": ("mean of the air (truth: 0)", now["air"]),
            "brain": (f"mean of the brain (truth: {number(truth)})", now["brain"]),
        },
    )
    controls = [
        _slider(widget, "noise-sigma", "Noise level sigma"),
        parts.choice("noise-kind", "Noise", noise.NAMES),
    ]
    lifted, shift = rice["air"][step], rice["brain"][step] - truth
    finding = (
        f"Gaussian noise pulls as often up as down: at sigma {sigma:g} the air, 0 in truth, has a mean of"
        f" {number(gauss['air'][step])}, and the difference map shows red and blue alike. A scanner shows the"
        f" *magnitude*, and a magnitude cannot be negative. So Rician noise lifts the dark: now the air has a mean of"
        f" {number(lifted)}, which is {lifted / sigma:.2f} sigma, while the brain moves by only {number(shift, sign=True)}."
        f" All of the air turns red.\n\nPSNR hardly tells: {decibels(gauss['psnr'][step])} and"
        f" {decibels(rice['psnr'][step])}. Look at the difference map and at the mean of the air, too."
    )
    return [
        "## Where does noise hurt most?",
        "",
        "Compare the two kinds of noise at the same sigma. Watch the air around the head: it is black in truth.",
        "",
        raw(parts.section("noise", "Noise on a head", controls, figures, below)),
        folded(finding),
        taught(repository, ["00", "04"], "02"),
    ]


def _sampling(repository: Path, widget: dict[str, Any]) -> list[str]:
    now, numbers = _start(widget), widget["numbers"]
    step = widget["start"][1]
    factor = numbers["regular"]["acceleration"][step]
    figures = [
        _picture(widget, "mask", "white lines are measured"),
        _picture(widget, "image", "the others set to 0"),
        _picture(widget, "difference", "image − truth" + parts.scale(DIFFERENCE)),
    ]
    below = parts.numbers(
        "sampling-factor sampling-centre " + " ".join(f"sampling-kind-{kind}" for kind in sampling.KINDS),
        {
            "psnr": ("PSNR", now["psnr"]),
            "draws": (f"{sampling.DRAWS} such masks", now["draws"]),
            "lines": ("lines measured", now["lines"]),
            "lobe": ("strongest false copy", now["lobe"]),
        },
    )
    controls = [
        _slider(widget, "sampling-factor", "Acceleration"),
        parts.choice("sampling-kind", "Lines", sampling.NAMES),
        parts.check("sampling-centre", "centre", f"always keep the {sampling.CENTER:.0%} in the centre"),
    ]

    def middle(choice: str) -> float:
        return float(stats.scoreatpercentile(numbers[choice]["draws"][step], 50))

    def lobe(choice: str) -> str:
        return f"{100 * numbers[choice]['lobe'][step]:.0f} %"

    finding = (
        f"At acceleration {factor}, evenly spaced lines lay copies of the head on top of one another, each as sharp as the"
        f" head: the strongest copy has {lobe('regular')} of its strength. Random lines smear the same error over the"
        f" picture, more like noise ({lobe('random')}). A method that removes noise can remove that; a sharp copy it"
        " takes for anatomy.\n\nThe centre holds the brightness and the coarse shape. Keep it, and the median PSNR of"
        f" {sampling.DRAWS} masks rises from {middle('random'):.1f} to {middle('random-centre'):.1f} dB for random lines."
        f" Lines that grow denser towards the middle reach {middle('variable_density-centre'):.1f} dB with the same"
        " number of lines. But masks of one kind differ, as the range says: one mask proves little."
    )
    return [
        "## Which lines can a scanner leave out?",
        "",
        "An MR scanner measures k-space line by line, and time is lines. Leave lines out, set them to 0, and see what"
        " becomes of the head. Can you find a mask that is fast and leaves no copy of the head behind?",
        "",
        raw(parts.section("sampling", "Sampling of k-space", controls, figures, below)),
        folded(finding),
        taught(repository, ["08"], "05"),
    ]


def _floor(repository: Path) -> list[str]:
    zero, three = stats.rice(0).mean(), stats.rice(3).mean()
    finding = (
        f"Without any signal the magnitude still has a mean of {zero:.2f} sigma: the **noise floor**. At 3 sigma the bias is"
        f" {three - 3:.2f} sigma, and the density looks nearly Gaussian. So averaging does not help a weak signal: it"
        " converges to the wrong value.\n\nSubtracting sigma² from the squared mean is nearly right from 2 sigma on"
        f" ({(stats.rice(2).mean() ** 2 - 1) ** 0.5 - 2:+.2f} sigma there), and leaves {(zero**2 - 1) ** 0.5:.2f} sigma in the"
        " air. Right everywhere is to look the mean up on the orange curve and read off the signal below it."
    )
    return [
        "## How far does the floor lift a weak signal?",
        "",
        "One pixel, scanned again and again: its true signal is A, the noise in each channel of the scanner has the"
        " standard deviation sigma. From which signal on can you trust the average?",
        "",
        raw(floor.widget()),
        folded(finding),
        taught(repository, ["04"], "02"),
    ]


def _strength(repository: Path, widget: dict[str, Any]) -> list[str]:
    now, numbers = _start(widget), widget["numbers"]
    axes, truth = strength.AXES, strength.SIGMA
    drawing = chart(
        axes,
        [
            f'<g transform="{axes.shift(truth)}"><path class="play-line play-dashed" d="M0 10V228"/></g>',
            f'<path class="play-line play-blue" data-slot="curve-line" d="{now["curve-line"]}"/>',
            dot("curve-best", "play-hollow", now["curve-best"]),
            dot("curve-now", "play-orange", now["curve-now"]),
        ],
        slot="curve",
        alternative=now["curve"],
        across={0: "0", 0.1: "0.1", 0.2: "0.2", 0.3: "0.3"},
        up={20: "20", 24: "24", 28: "28", 32: "32"},
        name="sigma that it is told",
        up_name="PSNR (dB)",
    )
    figures = [
        _picture(widget, "denoised", "denoised head"),
        _picture(widget, "difference", "what was removed" + parts.scale(DIFFERENCE)),
        parts.figure(
            drawing,
            "score at every strength"
            + parts.key({"play-orange": "now", "play-hollow": "best", "play-dashed": "true sigma"}),
        ),
    ]
    below = parts.numbers(
        "strength-told " + " ".join(f"strength-method-{method}" for method in strength.METHODS),
        {
            "psnr": ("PSNR", now["psnr"]),
            "brain-psnr": ("PSNR, brain", now["brain-psnr"]),
            "removed": (f"removed, standard deviation (noise: {truth:.3f})", now["removed"]),
        },
    )
    names = {"nlm": "Non-local means", "bm3d": "BM3D", "gaussian": "Gaussian filter"}
    controls = [
        _slider(widget, "strength-told", "The filter is told sigma"),
        parts.choice("strength-method", "Filter", names),
    ]
    top = {method: strength.best(found["psnr"]) for method, found in numbers.items()}
    scores = ", ".join(
        f"{names[method]} {decibels(numbers[method]['psnr'][top[method]])} at {numbers[method]['told'][top[method]]:.3f}"
        for method in numbers
    )
    finding = (
        f"The truth is sigma {truth:g}. The best score of each: {scores}. Told too little, a filter leaves noise behind;"
        " told too much, it takes edges away, and *what was removed* shows the outline of the head.\n\nGood removal looks"
        " like noise and is as strong as the noise. Told three times the truth, non-local means removes"
        f" {number(numbers['nlm']['removed'][-1])}, more than there was: the rest was anatomy. The Gaussian filter shows"
        " edges at nearly every strength, for it cannot tell an edge from noise."
    )
    return [
        "## How strong should a denoiser be?",
        "",
        f"The head has Gaussian noise of sigma {truth:g}. Tell the filter less, the truth, or more. When does what it"
        " removes begin to look like a head?",
        "",
        raw(parts.section("strength", "Strength of a filter", controls, figures, below)),
        folded(finding),
        taught(repository, ["04", "05"], "03"),
    ]
