"""The widgets of the instant questions: radio buttons, boxes to tick, a number; in words, never by colour alone."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_lib.student.instant import Question

# ipywidgets gives each choice one line of fixed height: a long one would run over the next
_STYLE = (
    "<style>.course-question label {height: auto !important; line-height: 1.4 !important;"
    " white-space: normal !important; overflow: visible !important;}</style>"
)
_WIDE = {"width": "95%", "max_width": "760px"}


def box(questions: Mapping[int, Question]) -> Any:
    """One widget with all questions below each other.

    Args:
        questions: by number.

    Returns:
        An ipywidgets box.
    """
    import ipywidgets

    return ipywidgets.VBox([_shown(number, question) for number, question in questions.items()])


def judged(question: Question, answer: Any) -> tuple[bool, str]:
    """Whether an answer is right, and why.

    Args:
        question: as `instant.read_questions` gives it.
        answer: the text of a choice, of many_choice a list of those chosen, of numeric a number.

    Returns:
        Both; in the reason `code`, *emphasis* and $TeX$ may stand.
    """
    answers: list[dict[str, Any]] = question["answers"]
    if question["type"] == "numeric":
        inside = [item for item in answers if item["type"] != "default" and _is_near(answer, item)]
        found = (inside or [item for item in answers if item["type"] == "default"])[0]
        return bool(found.get("correct")), str(found["feedback"])
    if question["type"] == "multiple_choice":
        found = next(item for item in answers if item["answer"] == answer)
        return bool(found["correct"]), str(found["feedback"])
    wrong = [item for item in answers if item["correct"] is not (item["answer"] in answer)]
    if not wrong:
        return True, " ".join(item["feedback"] for item in answers if item["correct"])
    chosen = [item["feedback"] for item in wrong if not item["correct"]]
    missing = len(wrong) - len(chosen)
    more = [f"{missing} right {'answer is' if missing == 1 else 'answers are'} still missing."] if missing else []
    return False, " ".join([*chosen, *more])


def _is_near(number: float, item: Mapping[str, Any]) -> bool:
    """Whether a number lies in the range, or within 1 % of the value: what was worked out by hand is rounded."""
    if item["type"] == "range":
        return bool(item["range"][0] <= number <= item["range"][1])
    return abs(number - item["value"]) <= 0.01 * abs(item["value"])


def number_in(text: str) -> float | None:
    """The number that somebody typed.

    Args:
        text: with a point or a comma.

    Returns:
        The number; None where there is none.
    """
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def _shown(number: int, question: Question) -> Any:
    import ipywidgets

    asked = ipywidgets.HTMLMath(f"{_STYLE}<b>Question {number}.</b> {_as_html(question['question'])}")
    said = ipywidgets.HTMLMath()

    def say(answer: Any) -> None:
        right, why = judged(question, answer)
        said.value = f'<div role="status">{"✓ <b>Right.</b>" if right else "✗ <b>Not yet.</b>"} {_as_html(why)}</div>'

    make = {"multiple_choice": _radio_buttons, "many_choice": _boxes_to_tick, "numeric": _number}[question["type"]]
    whole = ipywidgets.VBox([asked, *make(number, question, say), said])
    whole.add_class("course-question")
    whole.layout = ipywidgets.Layout(margin="0 0 16px 0")
    return whole


def _radio_buttons(number: int, question: Question, say: Callable[[Any], None]) -> Sequence[Any]:
    import ipywidgets

    choices = [item["answer"] for item in question["answers"]]
    about = f"Choices of question {number}"
    buttons = ipywidgets.RadioButtons(options=choices, value=None, layout=_WIDE, tooltip=about)
    buttons.observe(lambda change: say(change["new"]), names="value")
    return [buttons]


def _boxes_to_tick(number: int, question: Question, say: Callable[[Any], None]) -> Sequence[Any]:
    import ipywidgets

    boxes = [
        ipywidgets.Checkbox(value=False, description=item["answer"], indent=False, layout=_WIDE)
        for item in question["answers"]
    ]
    check = ipywidgets.Button(description="Check", tooltip=f"Check the ticked answers of question {number}")
    check.on_click(lambda _: say([item.description for item in boxes if item.value]))
    return [*boxes, check]


def _number(number: int, question: Question, say: Callable[[Any], None]) -> Sequence[Any]:
    import ipywidgets

    field = ipywidgets.Text(
        description=f"Answer {number}:", placeholder="a number, then Enter", continuous_update=False
    )

    def told(change: Any) -> None:
        value = number_in(change["new"])
        if value is not None:
            say(value)

    field.observe(told, names="value")
    return [field]


def _as_html(text: str) -> str:
    """Text with `code`, *emphasis* and $TeX$ as HTML; TeX stays for the front end's own typesetting."""
    parts = re.split(r"(\$[^$]+\$)", html.escape(text, quote=False))
    return "".join(part if part.startswith("$") and len(part) > 1 else _marked(part) for part in parts)


def _marked(text: str) -> str:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", text)
