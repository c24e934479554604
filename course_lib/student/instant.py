"""Instant questions: a few choices in the middle of a lab, answered at once, never graded.

The questions lie in `questions/LAB.json`, in the form of the package jupyterquiz; shown by ipywidgets, which the course
has anyway, works without a network, and is read by screen readers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_lib.student.words import _shell

FOLDER = Path(__file__).with_name("questions")
KINDS = ("multiple_choice", "many_choice", "numeric")
LONGEST = 160  # characters of a choice

Question = dict[str, Any]


def instant_questions(lab: str, positions: Sequence[int] | None = None) -> None:
    """Show the questions of a lab to the student, who gets an answer to each choice at once.

    On paper, in profile ci and outside a notebook the questions are printed, without their answers.

    Args:
        lab: such as "lab05".
        positions: which of them, counted from 1; default: all.

    Raises:
        ValueError: there are no questions of that lab, or none at a position; or one is not written as it must be.

    Lab: all that ask questions on the way.
    """
    every = read_questions(lab)
    chosen = list(range(1, len(every) + 1)) if positions is None else list(positions)
    for position in chosen:
        if position not in range(1, len(every) + 1):
            raise ValueError(f"positions: {lab} has the questions 1 to {len(every)}, got {position!r}")
    questions = {position: every[position - 1] for position in chosen}
    shell = _shell()
    if getattr(shell, "kernel", None) is None or os.environ.get("COURSE_PROFILE", "").strip().lower() == "ci":
        print(in_print(questions))
        return
    from IPython.display import display

    from course_lib.student.instant_widgets import box

    # a saved notebook, which has no kernel, shows the text
    display(box(questions)._repr_mimebundle_() | {"text/plain": in_print(questions)}, raw=True)


def read_questions(lab: str) -> list[Question]:
    """The questions of a lab, in order.

    Args:
        lab: such as "lab05".

    Returns:
        Each as jupyterquiz has it: "question", "type" and "answers", each with "answer", "correct" and "feedback".

    Raises:
        ValueError: there are none, or one is not written as CONTRIBUTING.md says.
    """
    path = FOLDER / f"{lab}.json"
    if not path.is_file():
        names = ", ".join(sorted(found.stem for found in FOLDER.glob("*.json")))
        raise ValueError(f"there are no instant questions of {lab!r}; there are: {names}")
    try:
        questions = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from None
    problems = faults(questions)
    if problems:
        raise ValueError(f"{path.name}: {'; '.join(problems)}")
    return list(questions)


def faults(questions: object) -> list[str]:
    """What is wrong with questions, a sentence each.

    Args:
        questions: what a file holds.

    Returns:
        Nothing where all is as it must be.
    """
    if not isinstance(questions, list) or not questions or not all(isinstance(item, dict) for item in questions):
        return ["expected a list of questions"]
    problems = [f"question {number}: {fault}" for number, item in enumerate(questions, 1) for fault in _faults(item)]
    texts = [item.get("question") for item in questions]
    return problems + [f"asked twice: {text!r}" for text in dict.fromkeys(texts) if texts.count(text) > 1]


def in_print(questions: dict[int, Question]) -> str:
    """Questions and choices as text, without what is right.

    Args:
        questions: by number.

    Returns:
        The text.
    """
    parts = []
    for number, question in questions.items():
        choices = [] if question["type"] == "numeric" else [f"   - {item['answer']}" for item in question["answers"]]
        parts.append("\n".join([f"{number}. {question['question']}", *choices]))
    return "\n\n".join([*parts, "In a notebook with a running kernel you can answer here, and learn at once why."])


def _faults(question: Question) -> list[str]:
    kind, answers = question.get("type"), question.get("answers")
    if not str(question.get("question", "")).strip() or kind not in KINDS or not isinstance(answers, list):
        return [f'it needs "question", "answers" and a "type", one of {", ".join(KINDS)}']
    if not all(isinstance(item, dict) and str(item.get("feedback", "")).strip() for item in answers):
        return ['each answer needs "feedback" that says why']
    return _faults_of_numbers(answers) if kind == "numeric" else _faults_of_choices(kind, answers)


def _faults_of_choices(kind: str, answers: list[dict[str, Any]]) -> list[str]:
    problems = []
    texts = [item.get("answer") for item in answers]
    if not all(isinstance(text, str) and 0 < len(text) <= LONGEST for text in texts) or len(set(texts)) < len(texts):
        problems.append(f'each answer needs an "answer" of its own, a text of at most {LONGEST} characters')
    if any(set("$`<") & set(str(text)) for text in texts):
        problems.append("a choice is plain text, without $, ` or <")
    right = [item.get("correct") for item in answers]
    if not all(isinstance(value, bool) for value in right) or False not in right or True not in right:
        problems.append('each answer is "correct": true or false, and both occur')
    if kind == "multiple_choice" and right.count(True) != 1:
        problems.append(f"exactly one answer of multiple_choice is correct, here {right.count(True)}")
    return problems


def _faults_of_numbers(answers: list[dict[str, Any]]) -> list[str]:
    """One right "value" or "range", any number of wrong ones, and a "default" for all other numbers."""
    problems = []
    defaults = [item for item in answers if item.get("type") == "default"]
    numbers = [item for item in answers if item.get("type") in ("value", "range")]
    if len(defaults) != 1 or len(defaults) + len(numbers) != len(answers):
        problems.append('its answers have a "type": "value", "range", or "default", of which there is one')
    if not all(_is_number(item.get("value")) if item["type"] == "value" else _is_range(item) for item in numbers):
        problems.append('a "value" is a number, a "range" two numbers, the smaller one first')
    if [item.get("correct") for item in numbers].count(True) != 1 or any(item.get("correct") for item in defaults):
        problems.append('exactly one value or range is "correct": true')
    return problems


def _is_range(item: dict[str, Any]) -> bool:
    value = item.get("range")
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
