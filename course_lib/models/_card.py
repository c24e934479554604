"""The card of a saved model: what it is and where it comes from, as JSON; checked on the way in and on the way out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

FORMAT = 1
INIT = ("random", "imagenet")
STORED_AS = ("float32", "float16")
LARGEST = (
    4096  # of a whole number or a list among the arguments: a card must not ask for a network that fills a machine
)
LONGEST = 2000  # letters in a text
LARGEST_CARD = 100_000  # bytes


@dataclass(frozen=True)
class Card:
    """What stands beside the weights. What its maker wrote is the maker's word: reading it proves nothing.

    Attributes:
        architecture: module and class in `course_lib.models`, as "unet.UNet".
        arguments: that it was made with.
        data: what it was trained on, in words.
        noise: what it was trained with, in words.
        stop: how it was decided when to stop, in words; None: not said (as in files of before 0.2).
        seed: of the training, or None.
        metrics: {name: number} that its maker measured.
        init: "random" or "imagenet", what the training started from.
        parameters: trainable ones.
        stored_as: "float32" or "float16".
        commit: of the course, "…+changes" where files differed; None if unknown.
        library: version of course_lib.
        note: anything else, or None.
    """

    architecture: str
    arguments: Mapping[str, Any]
    data: str
    noise: str
    stop: str | None
    seed: int | None
    metrics: Mapping[str, float]
    init: str
    parameters: int
    stored_as: str
    commit: str | None
    library: str
    note: str | None = None

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        rows = asdict(self) | {"architecture": f"{self.architecture}({given})"}
        del rows["arguments"]
        rows["stop"] = self.stop or "not said: if the test images had a say, the metrics flatter"
        rows["metrics"] = ", ".join(f"{name} {value:g}" for name, value in self.metrics.items()) or None
        rows["parameters"] = f"{self.parameters:,}"
        shown = {name.replace("_", " "): "–" if value is None else value for name, value in rows.items()}
        return "\n".join(f"{name:13} {value}" for name, value in shown.items())


def to_json(card: Card) -> str:
    """The card as text."""
    return json.dumps({"format": FORMAT, **asdict(checked(card))}, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Card:
    """The card that a text holds; ValueError for anything else."""
    if len(text) > LARGEST_CARD:
        raise ValueError(f"expected at most {LARGEST_CARD} letters, got {len(text)}")
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, got a {type(values).__name__}")
    if values.pop("format", None) != FORMAT:
        raise ValueError(f"expected format {FORMAT}: it was made by another version of the course")
    values.setdefault("stop", None)  # unknown to the files of before 0.2
    known = [field.name for field in fields(Card)]
    wrong = [name for name in known if name not in values] or [name for name in values if name not in known]
    if wrong:
        raise ValueError(f"expected the fields {', '.join(known)}; missing or unknown: {', '.join(map(repr, wrong))}")
    return checked(Card(**values))


def checked(card: Card) -> Card:
    """The card with every field of its right kind; ValueError for one that is not."""
    return Card(
        architecture=_text(card.architecture, "architecture"),
        arguments={
            _text(name, "arguments"): _plain(value, f"arguments: {name}")
            for name, value in _mapping(card.arguments, "arguments").items()
        },
        data=_text(card.data, "data"),
        noise=_text(card.noise, "noise"),
        stop=None if card.stop is None else _text(card.stop, "stop"),
        seed=None if card.seed is None else _whole(card.seed, "seed"),
        metrics={
            _text(name, "metrics"): _number(value, f"metrics: {name}")
            for name, value in _mapping(card.metrics, "metrics").items()
        },
        init=_one_of(card.init, "init", INIT),
        parameters=_whole(card.parameters, "parameters"),
        stored_as=_one_of(card.stored_as, "stored_as", STORED_AS),
        commit=None if card.commit is None else _text(card.commit, "commit"),
        library=_text(card.library, "library"),
        note=None if card.note is None else _text(card.note, "note"),
    )


def _plain(value: Any, name: str) -> Any:
    """What JSON holds: None, truth, numbers, texts, and lists of them (as tuples)."""
    if isinstance(value, (list, tuple)):
        if len(value) > LARGEST:
            raise ValueError(f"{name}: expected at most {LARGEST} values, got {len(value)}")
        return tuple(_plain(each, name) for each in value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"{name}: expected a number of at most {LARGEST}, got {value}")
        return value
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, float):
        return _number(value, name)
    raise ValueError(f"{name}: expected numbers, texts, or a list of them, got a {type(value).__name__}")


def _text(value: Any, name: str) -> str:
    """One line without control characters, which could play tricks on whoever prints it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: expected a text, got {value!r:.80}")
    value = " ".join(value.split())
    if len(value) > LONGEST or not value.isprintable():
        raise ValueError(f"{name}: expected at most {LONGEST} printable letters, got {value!r:.80}")
    return value


def _number(value: Any, name: str) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {value!r:.80}")
    return number


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, got {value!r:.80}")
    return value


def _one_of(value: Any, name: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name}: expected {' or '.join(map(repr, choices))}, got {value!r:.80}")
    return value


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: expected {{name: value}}, got {value!r:.80}")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"a finite number, got {constant}")
