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
    values: its hidden values, as far as they came."""

    right: bool
    words: str = ""
    values: list[Value | str] = field(default_factory=list)


def ask_all(replay: Replay, lab: Lab, test: GradedCell, draw: random.Random) -> Finding:
    """All variants in one session, in an order that nobody knows, then the values. Raises GivenUp."""
    variants = [*true_variants(lab, test, draw), *false_variants(lab, test, draw)]
    draw.shuffle(variants)
    finding = Finding(True)
    for variant in variants:
        words = _trouble(replay, lab, test, variant)
        if words is not None:
            finding = Finding(False, words)
            break
    return _with_values(replay, lab, test, finding)


def ask_true(replay: Replay, lab: Lab, test: GradedCell, draw: random.Random) -> Finding:
    """The variants that a right answer passes, then the values. Raises GivenUp."""
    for variant in true_variants(lab, test, draw):
        words = _trouble(replay, lab, test, variant)
        if words is not None:
            return _with_values(replay, lab, test, Finding(False, words))
    return _with_values(replay, lab, test, Finding(True))


def ask_false(replay: Replay, lab: Lab, test: GradedCell, draw: random.Random) -> Finding:
    """The variants that nothing can pass. Raises GivenUp."""
    for variant in false_variants(lab, test, draw):
        words = _trouble(replay, lab, test, variant)
        if words is not None:
            return Finding(False, words)
    return Finding(True)


def true_variants(lab: Lab, test: GradedCell, draw: random.Random) -> list[Variant]:
    known = lab.canaries[test.name]
    sides = [] if test.values else known["unequal"]
    found = [canaries.unequal(test.full_source, draw, left=side == "left") for side in sides]
    return [canaries.true(test.full_source, draw), *(variant for variant in found if variant is not None)]


def false_variants(lab: Lab, test: GradedCell, draw: random.Random) -> list[Variant]:
    numbers = lab.canaries[test.name]["false"]
    return [canaries.false(test.full_source, draw.choice(numbers), draw)] if numbers else []


def working_canaries(replay: Replay, test: GradedCell) -> dict[str, Any]:
    """The canaries that the solution, which this session has run, does not disturb. Raises GivenUp.

    Empty where the solution fails its own test.
    """
    draw = random.Random(test.name)
    closed = closed_by(test.full_source)

    def run(variant: Variant | None) -> CellRun | None:
        return replay.probe(variant.source, closed) if variant is not None else None

    first = run(canaries.true(test.full_source, draw))
    if first is not None and first.status != "ok":  # it may call outside of `without` what it closes inside
        closed = ()
        if replay.probe(test.full_source).status != "ok":
            return {}
    numbers = []
    for number in range(canaries.falsifiable(test.full_source)):
        done = run(canaries.false(test.full_source, number, draw))
        numbers += [number] if done is not None and done.ename == "AssertionError" else []
    sides = []
    for side in ("left", "right"):
        done = run(canaries.unequal(test.full_source, draw, left=side == "left"))
        sides += [side] if done is not None and done.status == "ok" else []
    again = run(canaries.true(test.full_source, draw))
    if again is None or again.status != "ok":  # the test changes something: it can be run once only
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


def _trouble(replay: Replay, lab: Lab, test: GradedCell, variant: Variant) -> str | None:
    """What is wrong with how a variant ended, in words that give nothing away; None if nothing is."""
    done = replay.probe(variant.source, lab.canaries[test.name]["closed"])
    if done.status in ("timeout", "died"):
        return TOO_LONG if test.has_hidden_tests and not variant.fails else ENDED
    if variant.fails:
        return SWITCHED_OFF if done.status == "ok" else None
    if variant.probes:
        return EQUALS_ALL if done.ename == "AssertionError" else None
    if done.status == "ok":
        return None
    if test.has_hidden_tests and replay.probe(test.source, lab.canaries[test.name]["closed"]).status == "ok":
        known = isinstance(getattr(builtins, done.ename, None), type) and done.ename != "AssertionError"
        return UNSEEN + (f" ({done.ename})" if known else "")
    return ""


def _with_values(replay: Replay, lab: Lab, test: GradedCell, finding: Finding) -> Finding:
    """Asked for where the answer has failed, too: equal mistakes have equal values."""
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
                return Finding(False, wrong, finding.values)
    return finding
