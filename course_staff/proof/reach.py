"""Which cells a wrong answer can reach, and which of the others those stand on: the rest need not run to grade it.

The argument. A notebook begins with an empty namespace, so all that an answer cell can change is

1. the names that it binds, or that the right answer would have bound, and objects that it shares with other names;
2. what lies outside the notebook: modules, settings, random states.

Of 1, every name is followed from cell to cell. A cell that reads a changed name is reached: what it binds is changed,
and so is all data that it reads, under each of its names, because it may be changed in place. A cell that is not
reached does what it did with the right answers, which earned full marks.
Of 2, any hint in the text makes the whole lab run. What gives no hint leaves its mark in the kernel, which all wrong
answers share, and in which solution and stub are graded last of all.
"""

from __future__ import annotations

from collections.abc import Iterable

from course_staff.code.names import Names


def cells_to_run(lab: list[Names], optional: list[bool], answer: int, wrong: Names) -> set[int]:
    """The numbers of the cells that grade a wrong answer as the whole lab would.

    lab: the cells that are run when grading, in order. optional: those that may be left out where nothing asks for
    them. answer: the number of the cell in whose place the wrong answer stands.
    """
    return _Reach(lab, optional, answer, wrong).cells_to_run()


class _Reach:
    def __init__(self, lab: list[Names], optional: list[bool], answer: int, wrong: Names):
        self.cells = list(lab)
        self.answer = answer
        self.cells[answer] = _either(wrong, lab[answer])
        self.reads = [self._all_reads(names) for names in self.cells]
        # a name that holds data somewhere may hold it everywhere
        self.data = set().union(*(names.data for names in self.cells))
        self.sharing = self._sharing()
        self.always = {
            number for number, names in enumerate(self.cells) if not optional[number] or names.meddles or names.blind
        }

    def cells_to_run(self) -> set[int]:
        reached = self._reached()
        if reached is None:
            return set(range(len(self.cells)))
        run = self.always | reached | {self.answer}
        pending = list(run)
        while pending:
            found = self._stands_on(pending.pop()) - run
            run |= found
            pending += found
        return run

    def _reached(self) -> set[int] | None:
        """The cells that may now do something else; None if there is no telling."""
        reached: set[int] = set()
        changed: set[str] = set()
        for number in range(self.answer, len(self.cells)):
            names = self.cells[number]
            if number == self.answer or names.blind or self.reads[number] & changed:
                if self._strays(number):
                    return None
                reached.add(number)
                changed |= names.binds | self._shared(self.reads[number] & self.data)
            else:
                changed -= names.surely
        return reached

    def _strays(self, number: int) -> bool:
        """Does the cell, or a function of another cell that it may call, touch more than names?"""
        makers = [names for names in self.cells if (names.data | names.fixed) & self.reads[number]]
        return any(names.meddles or names.blind for names in [self.cells[number], *makers])

    def _stands_on(self, number: int) -> set[int]:
        """The cells before `number` that bind a name which it reads, or may have changed the data behind it."""
        found = set()
        for name in self.reads[number]:
            shared = self._shared({name} & self.data)
            for earlier in reversed(range(number)):
                names = self.cells[earlier]
                if name in names.binds or shared & (names.binds | self.reads[earlier]):
                    found.add(earlier)
                if name in names.surely:
                    break
        return found

    def _all_reads(self, names: Names) -> set[str]:
        """What a cell reads itself, and what the functions read that it may call."""
        reads, pending = set(), set(names.needs)
        while pending:
            reads |= pending
            makers = [other for other in self.cells if (other.data | other.fixed) & pending]
            pending = set().union(*(other.later for other in makers)) - reads
        return reads

    def _sharing(self) -> list[set[str]]:
        """Groups of names that may hold parts of one object, because one cell had to do with them all."""
        used = set().union(*self.reads) & self.data
        groups: list[set[str]] = []
        for names, reads in zip(self.cells, self.reads, strict=True):
            group = (names.data | reads) & used
            for other in [other for other in groups if other & group]:
                groups.remove(other)
                group |= other
            groups.append(group)
        return groups

    def _shared(self, names: set[str]) -> set[str]:
        return names.union(*(group for group in self.sharing if group & names))


def _either(first: Names, second: Names) -> Names:
    """What one of two cells does, one does not know which."""

    def union(field: str) -> set[str]:
        return getattr(first, field) | getattr(second, field)

    return Names(
        **{field: union(field) for field in ("needs", "binds", "later", "imports", "fixed", "data")},
        surely=first.surely & second.surely,
        blind=first.blind or second.blind,
        meddles=first.meddles or second.meddles,
    )


def imported(lab: Iterable[Names]) -> frozenset[str]:
    """The names that imports bind anywhere in a lab."""
    return frozenset().union(*(names.imports for names in lab))
