"""Which cells of a notebook an answer needs, by the names in their text: those alone run where it is asked for values.

An answer may lean on the lab's own cells, on a helper in a cell of the student's own, on another answer. What binds
none of the names that it reads is left out: a cell that changes how the test runs, and one that spoils a name, alike.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from course_staff.code.names import Names, names_in
from course_staff.code.strangers import parsed
from course_staff.marking.lab import GradedCell
from course_staff.marking.replay import Step
from course_staff.sandbox.inside.values import HELPERS

_ALWAYS_THERE = {*vars(builtins), "get_ipython", "display", "In", "Out", "_", "__name__"}


def needed(steps: Sequence[Step], test: GradedCell, answers: Sequence[str]) -> tuple[list[Step], set[str]]:
    """The steps before a test that it stands on, in order, and the names by which it does.

    answers: names of the cells that hold the answer. Cells of the lab that touch more than names always count.
    """
    here = next(number for number, step in enumerate(steps) if step.test is test)
    before = [step for step in steps[:here] if step.test is None]
    found = {step.name for step in before if step.name in answers or (not step.student and _reads_blindly(step.source))}
    wanted: set[str] = set()
    pending = _read(test.full_source) | (_read(*(value.expression for value in test.values)) - {"rng", *HELPERS})
    for step in before:
        if step.name in found:
            pending |= _reads(step)
    while pending:
        wanted |= pending
        makers = {step.name: step for name in pending for step in _makers(before, name)}
        if not makers and pending - _ALWAYS_THERE:  # perhaps from a star import
            makers = {step.name: step for step in before if step.own and _reads_blindly(step.source)}
        new = [step for name, step in makers.items() if name not in found]
        found |= {step.name for step in new}
        pending = set().union(*map(_reads, new)) - wanted
    return [step for step in before if step.name in found], wanted


def imports_again(steps: Sequence[Step]) -> list[Step]:
    """The cells of the lab that do nothing but import, and of which a student's cell after them has spoilt a name."""
    found = []
    for number, step in enumerate(steps):
        names = names_of_stranger(step.source)
        pure = names.imports and not (names.data or names.fixed or names.blind)
        if not step.student and pure and any(spoils(later, names.imports) for later in steps[number:] if later.student):
            found.append(replace(step, name=f"{step.name} again"))
    return found


def spoils(step: Step, names: set[str]) -> bool:
    """Does a cell bind one of the names?"""
    return bool(names_of_stranger(step.source).binds & names)


@lru_cache(maxsize=512)  # the lab's own cells are the same in each submission
def names_of_stranger(source: str) -> Names:
    """The names of a cell; where it cannot be parsed, it may do anything."""
    tree = parsed(source)
    try:
        return Names(blind=True) if tree is None else names_in(tree)
    except RecursionError:
        return Names(blind=True)


def _makers(before: list[Step], name: str) -> list[Step]:
    """The cells that bind a name: a student's own only where no others do; for an import, the lab's alone."""
    binding = [step for step in before if name in names_of_stranger(step.source).binds]
    lab = [step for step in binding if not step.student]
    if lab and all(name in names_of_stranger(step.source).imports for step in lab):
        return lab
    return [step for step in binding if not step.own] or binding


def _reads(step: Step) -> set[str]:
    return _read(step.source)


def _read(*sources: str) -> set[str]:
    found = [names_of_stranger(source) for source in sources]
    return set().union(*(names.needs | (names.later - names.surely) for names in found))


def _reads_blindly(source: str) -> bool:
    return names_of_stranger(source).blind
