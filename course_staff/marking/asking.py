"""What a session is asked about one answer: variants of its test, some of which must fail, and hidden values."""

from __future__ import annotations

import ast
import builtins
import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from course_staff.marking import canaries
from course_staff.marking.canaries import Variant
from course_staff.marking.hidden_values import matches
from course_staff.marking.lab import GradedCell, Lab
from course_staff.marking.replay import GivenUp, Replay
from course_staff.sandbox.inside.plain import decode
from course_staff.sandbox.session import CellRun

if TYPE_CHECKING:
    from course_staff.sandbox.inside.plain import Value

UNSEEN = "on inputs that you have not seen, your answer is wrong"
TOO_LONG = "on inputs that you have not seen, your answer takes too long, or ends the process"
SWITCHED_OFF = "the check was switched off by something in the notebook: it does not fail where it must"
ENDED = "the process ended, or took too long, when the test was run again"
EQUALS_ALL = "the answer claims to equal whatever it is compared with"


@dataclass
class Finding:
    """What came of it. right: is the answer? words: why not, for the student; empty where its visible test says that.
    values: its hidden values, as far as they came. run: the visible test, as a student may see it."""

    right: bool
    words: str = ""
    values: list[Value | str] = field(default_factory=list)
    run: CellRun | None = None


def ask_visible(
    replay: Replay, lab: Lab, test: GradedCell, draw: random.Random, *, true: bool = True, false: bool = True
) -> Finding:
    """Variants of the visible test, in an order that nobody knows: true and false ones, or one kind. Raises GivenUp."""
    variants = true_variants(lab, test, draw) * true + false_variants(lab, test, draw) * false
    draw.shuffle(variants)
    finding = Finding(True)
    for variant in variants:
        words, done = _trouble(replay, lab, test, variant)
        plain = not (variant.fails or variant.probes)
        if plain:
            finding.run = done
        # an answer that is simply wrong passes what is false: the test itself says what is wrong with it
        if words is not None and (plain or finding.right):
            finding.right, finding.words = False, words
        if words == ENDED or (not finding.right and (finding.run is not None or not true)):
            break
    return finding


def ask_hidden(replay: Replay, lab: Lab, test: GradedCell, finding: Finding, draw: random.Random) -> Finding:
    """The hidden tests and values of an answer, after its visible test. Raises GivenUp.

    Values are asked for where the answer has failed, too: equal mistakes have equal values.
    """
    if test.has_hidden_tests and finding.right:
        done = replay.probe(canaries.true(test.full_source, draw).source, lab.canaries[test.name]["closed"])
        if done.status == "error":
            known = isinstance(getattr(builtins, done.ename, None), type) and done.ename != "AssertionError"
            finding.right, finding.words = False, UNSEEN + (f" ({done.ename})" if known else "")
        elif done.status != "ok":
            finding.right, finding.words = False, TOO_LONG
    if not test.values or finding.words in (TOO_LONG, ENDED):
        return finding
    try:
        finding.values = replay.values(test)
    except GivenUp:
        if finding.right:
            raise
        return finding
    if finding.right:
        expected = [decode(text) for text in lab.expected[test.exercise]]
        for one, other in zip(expected, finding.values, strict=True):
            if wrong := matches(one, other):
                finding.right, finding.words = False, wrong
                break
    return finding


def ask_true(replay: Replay, lab: Lab, test: GradedCell, draw: random.Random) -> Finding:
    """What a right answer passes, and nothing else. Raises GivenUp."""
    finding = ask_visible(replay, lab, test, draw, false=False)
    return ask_hidden(replay, lab, test, finding, draw)


def ask_false(replay: Replay, lab: Lab, test: GradedCell, draw: random.Random) -> Finding:
    """What nothing can pass. Raises GivenUp."""
    return ask_visible(replay, lab, test, draw, true=False)


def true_variants(lab: Lab, test: GradedCell, draw: random.Random) -> list[Variant]:
    known = lab.canaries[test.name]
    sides = [] if test.values else known["unequal"]
    found = [canaries.unequal(test.source, draw, left=side == "left") for side in sides]
    return [canaries.true(test.source, draw), *(variant for variant in found if variant is not None)]


def false_variants(lab: Lab, test: GradedCell, draw: random.Random) -> list[Variant]:
    numbers = lab.canaries[test.name]["false"]
    return [canaries.false(test.source, draw.choice(numbers), draw)] if numbers else []


def working_canaries(replay: Replay, test: GradedCell) -> dict[str, Any]:
    """The canaries that the solution, which this session has run, does not disturb. Raises GivenUp.

    Empty where the solution fails its own test.
    """
    draw = random.Random(test.name)
    closed = closed_by(test.full_source)

    def run(variant: Variant | None) -> CellRun:
        return replay.probe(variant.source, closed) if variant is not None else CellRun("none")

    if run(canaries.true(test.source, draw)).status != "ok":  # it may call outside of `without` what it closes inside
        closed = ()
        if replay.probe(test.source).status != "ok":
            return {}
    numbers = [
        number
        for number in range(canaries.falsifiable(test.source))
        if run(canaries.false(test.source, number, draw)).ename == "AssertionError"
    ]
    sides = [
        side
        for side in ("left", "right")
        if run(canaries.unequal(test.source, draw, left=side == "left")).status == "ok"
    ]
    if run(canaries.true(test.source, draw)).status != "ok":  # the test changes something: it can be run once only
        numbers, sides = [], []
    return {"false": numbers, "unequal": sides, "closed": list(closed)}


@lru_cache(maxsize=256)
def closed_by(test: str) -> tuple[str, ...]:
    """The names that a test closes by `without`."""
    try:
        tree = ast.parse(test)
    except SyntaxError:  # a line magic
        return ()
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "without"
    ]
    names = [part.value for call in calls for part in call.args if isinstance(part, ast.Constant)]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _trouble(replay: Replay, lab: Lab, test: GradedCell, variant: Variant) -> tuple[str | None, CellRun]:
    """What is wrong with how a variant ended, in words, None if nothing is; and how it ended."""
    done = replay.probe(variant.source, lab.canaries[test.name]["closed"])
    if done.status in ("timeout", "died"):
        return ENDED, done
    if variant.fails:
        return SWITCHED_OFF if done.status == "ok" else None, done
    if variant.probes:
        return EQUALS_ALL if done.ename == "AssertionError" else None, done
    return None if done.status == "ok" else "", done
