"""The page: the text of `page.md`, and in it the widgets, and the numbers that the text needs."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from scipy import stats

from website.play import drawn, floor, sampling, strength
from website.play.parts import FOLDER
from website.play.widget import decibels, number


def text(repository: Path, told: dict[str, Any]) -> str:
    """The whole page in Markdown; `told` is what the frames' `play.json` holds."""
    template = Template((Path(__file__).parent / "page.md").read_text())
    fields = {
        "style": raw(f'<link rel="stylesheet" href="{FOLDER}play.css">'),
        "scripts": raw(_scripts(told)),
        "noise": raw(drawn.noise_widget(told["noise"])),
        "sampling": raw(drawn.sampling_widget(told["sampling"])),
        "floor_widget": raw(floor.widget()),
        "strength": raw(drawn.strength_widget(told["strength"])),
        "noise_links": taught(repository, ["00", "04"], "02"),
        "sampling_links": taught(repository, ["08"], "05"),
        "floor_links": taught(repository, ["04"], "02"),
        "strength_links": taught(repository, ["04", "05"], "03"),
    }
    return template.substitute(
        fields
        | _of_noise(told["noise"])
        | _of_sampling(told["sampling"])
        | _of_floor()
        | _of_strength(told["strength"])
    )


def raw(html: str) -> str:
    """HTML as it is."""
    return f"```{{raw}} html\n{html}\n```"


def taught(repository: Path, labs: list[str], lecture: str) -> str:
    """Where this is taught; the titles are those of the pages."""
    links = [f"{{doc}}`/labs/{_named(repository / 'solutions', f'lab{lab}')}`" for lab in labs]
    links.append(f"{{doc}}`/lectures/{_named(repository / 'lectures', lecture)}`")
    return f"In the course: {' · '.join(links)}"


def _named(folder: Path, number: str) -> str:
    """The docname of the lab or lecture with this number."""
    (found,) = [path for path in folder.glob(f"{number}_*.py") if not path.name.endswith(".wrong.py")]
    return found.stem


def _scripts(told: dict[str, Any]) -> str:
    """What the widgets show, as JSON in the page: so a page opened from a disk works, too."""
    data = {name: {part: widget[part] for part in ("strips", "states")} for name, widget in told.items()}
    words = json.dumps({"folder": FOLDER, "widgets": data}, ensure_ascii=False, separators=(",", ":"))
    return "\n".join(
        [
            f'<script type="application/json" id="play-data">{words.replace("<", chr(92) + "u003c")}</script>',
            f'<script defer src="{FOLDER}rician.js"></script>',
            f'<script defer src="{FOLDER}play.js"></script>',
        ]
    )


def _of_noise(widget: dict[str, Any]) -> dict[str, str]:
    step = widget["start"][1]
    gaussian, rician = widget["numbers"]["gaussian"], widget["numbers"]["rician"]
    sigma = gaussian["sigma"][step]
    return {
        "noise_sigma": f"{sigma:g}",
        "gaussian_air": number(gaussian["air"][step]),
        "rician_air": number(rician["air"][step]),
        "floor": f"{rician['air'][step] / sigma:.2f}",
        "rician_shift": number(rician["brain"][step] - rician["brain"][0], sign=True),
        "gaussian_psnr": decibels(gaussian["psnr"][step]),
        "rician_psnr": decibels(rician["psnr"][step]),
    }


def _of_sampling(widget: dict[str, Any]) -> dict[str, str]:
    step = widget["start"][1]
    numbers = widget["numbers"]
    copies = {choice: f"{100 * found['lobe'][step]:.0f}\u00a0%" for choice, found in numbers.items()}
    middle = {choice: f"{np.median(found['draws'][step]):.1f}" for choice, found in numbers.items()}
    return {
        "acceleration": f"{numbers['regular']['acceleration'][step]:g}",
        "draws": str(sampling.DRAWS),
        "regular_copy": copies["regular"],
        "random_copy": copies["random"],
        "random_without": middle["random"],
        "random_with": middle["random-centre"],
        "denser_with": middle["variable_density-centre"],
    }


def _of_floor() -> dict[str, str]:
    mean = {signal: float(stats.rice(signal).mean()) for signal in (0, 2, 3)}
    return {
        "mean_of_air": f"{mean[0]:.2f}",
        "bias_of_three": f"{mean[3] - 3:.2f}",
        "error_of_two": f"{np.sqrt(mean[2] ** 2 - 1) - 2:.2f}",
        "error_of_air": f"{np.sqrt(mean[0] ** 2 - 1):.2f}",
    }


def _of_strength(widget: dict[str, Any]) -> dict[str, str]:
    numbers = widget["numbers"]
    scores = []
    for method, found in numbers.items():
        top = strength.best(found["psnr"])
        scores.append(f"{strength.NAMES[method]} {decibels(found['psnr'][top])}, told {found['told'][top]:g}")
    truth, twice = (numbers["nlm"]["told"].index(round(times * strength.SIGMA, 3)) for times in (1, 2))
    loses = {method: decibels(found["psnr"][truth] - found["psnr"][twice]) for method, found in numbers.items()}
    return {
        "true_sigma": f"{strength.SIGMA:g}",
        "best_scores": "; ".join(scores),
        "removed_most": number(numbers["nlm"]["removed"][-1]),
        "noise_spread": number(numbers["nlm"]["noise"][-1]),
        "nlm_loses": loses["nlm"],
        "bm3d_loses": loses["bm3d"],
    }
