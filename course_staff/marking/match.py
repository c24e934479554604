"""Which cell of a submission is which cell of the lab?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from course_staff.marking.lab import GradedCell, Lab
from course_staff.marking.notebook import Cell

_BINDS = re.compile(r"^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


@dataclass
class Match:
    """cells: of the submission, in the lab's order where they had been shuffled. All else by their place in it.

    of_lab: place -> number of the lab's cell. tests: place -> name of the lab's test, which a copy of it stands for.
    answers: exercise -> places of the student's answers to it, in order. needed: places of answers outside their cell.
    """

    cells: list[Cell]
    of_lab: dict[int, int] = field(default_factory=dict)
    tests: dict[int, str] = field(default_factory=dict)
    answers: dict[str, list[int]] = field(default_factory=dict)
    needed: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def match(cells: list[Cell], lab: Lab) -> Match:
    """Recognise the lab's cells: by what they say they are, their text, the names they define, their neighbours."""
    matcher = _Matcher(cells, lab)
    if matcher.shuffled():
        matcher = _Matcher(matcher.in_order_of_lab(), lab)
        matcher.found.notes.append("the cells were not in the lab's order: they were put back into it")
    return matcher.found


def same_text(one: str, other: str) -> bool:
    """Equal but for white space at the ends of lines and of the text?"""
    return one == other or _normal(one) == _normal(other)


def _normal(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _bound(source: str) -> set[str]:
    return {one or other for one, other in _BINDS.findall(source)}


class _Matcher:
    def __init__(self, cells: list[Cell], lab: Lab):
        self.lab, self.found = lab, Match(cells)
        self.names = [cell["metadata"].get("nbgrader", {}).get("grade_id", "") for cell in lab.cells]
        self.code = [cell["cell_type"] == "code" for cell in lab.cells]
        self.graded = {cell.name: cell for cell in lab.graded}
        self.answers = {cell.exercise: cell for cell in lab.graded}
        self.copies: dict[int, list[int]] = {}  # number of the lab's cell -> places of cells that say they are it
        self.by_what_they_say()
        self.by_text()
        self.choose()
        self.by_name()
        self.by_neighbours()
        self.say_what_was_mended()

    def is_test(self, number: int) -> bool:
        graded = self.graded.get(self.names[number])
        return graded is not None and not graded.by_hand

    def by_what_they_say(self) -> None:
        known: dict[str, int] = {}
        for number, own in enumerate(self.lab.cells):
            known.setdefault(own["id"], number)
            if self.names[number]:
                known[self.names[number]] = number
        for place, cell in enumerate(self.found.cells):
            says = [known[name] for name in cell.ids if name in known]
            if not says:
                continue
            number = says[0]
            plain_text = not self.code[number] and not self.names[number]
            if plain_text and cell.kind == "code":
                continue  # a text that became code is the student's own
            self.copies.setdefault(number, []).append(place)

    def by_text(self) -> None:
        said = {place for places in self.copies.values() for place in places}
        numbers: dict[str, list[int]] = {}
        for number, own in enumerate(self.lab.cells):
            if self.is_test(number) or number not in self.copies:
                numbers.setdefault(_normal(own["source"]), []).append(number)
        for place, cell in enumerate(self.found.cells):
            wanted = numbers.get(_normal(cell.source)) if place not in said and cell.source.strip() else None
            if wanted:
                number = wanted[0] if self.is_test(wanted[0]) or len(wanted) == 1 else wanted.pop(0)
                if self.is_test(number) or number not in self.copies:
                    self.copies.setdefault(number, []).append(place)

    def choose(self) -> None:
        """Of several cells that say that they are the same one, the one that counts."""
        for number, places in self.copies.items():
            places.sort()
            name = self.names[number]
            if self.is_test(number):
                self.found.tests |= dict.fromkeys(places, name)
                continue
            if name in self.answers:
                stub = self.answers[name].stub
                touched = [place for place in places if not same_text(self.found.cells[place].source, stub)]
                chosen = (touched or places)[-1]
                self.found.answers[name] = touched or [chosen]
                self.found.needed |= set(touched) - {chosen}
                self.found.of_lab[chosen] = number
                if touched:  # an untouched copy must not undo the answer
                    for place in set(places) - set(touched):
                        self.found.cells[place] = Cell("markdown", "")
            else:
                self.found.of_lab[places[0]] = number
        self.found.of_lab = dict(sorted(self.found.of_lab.items()))

    def by_name(self) -> None:
        """An answer that is not in its cell: deleted, or left untouched while the function stands elsewhere."""
        wanted: dict[str, list[GradedCell]] = {}
        for graded in self.lab.graded:
            places = self.found.answers.get(graded.exercise, [])
            if graded.by_hand or any(not same_text(self.found.cells[at].source, graded.stub) for at in places):
                continue
            names = _bound(graded.stub)
            for name in (
                {graded.exercise} if graded.exercise in names else names & set(re.findall(r"\w+", graded.source))
            ):
                wanted.setdefault(name, []).append(graded)
        if not wanted:
            return
        numbers = {name: number for number, name in enumerate(self.names) if name}
        for place, cell in enumerate(self.found.cells):
            test = self.found.tests.get(place)
            changed_test = test is not None and not same_text(cell.source, self.graded[test].source)
            if place in self.found.of_lab or cell.kind != "code" or (test is not None and not changed_test):
                continue
            for graded in (item for name in _bound(cell.source) & wanted.keys() for item in wanted[name]):
                self.found.answers.setdefault(graded.exercise, []).append(place)
                self.found.needed.add(place)
                self.found.tests.pop(place, None)  # the answer was written into the test cell
        for graded in {item.exercise: item for items in wanted.values() for item in items}.values():
            places = sorted(set(self.found.answers.get(graded.exercise, [])))
            moved = [place for place in places if place in self.found.needed]
            if not moved:
                continue
            self.found.answers[graded.exercise] = moved
            number = numbers[graded.exercise]
            if number not in self.found.of_lab.values() and moved[-1] not in self.found.of_lab:
                self.found.of_lab[moved[-1]] = number
                self.found.needed.discard(moved[-1])

    def by_neighbours(self) -> None:
        """As many unknown cells between two known ones as the lab has there: they are these, in order."""
        places = {number: place for place, number in self.found.of_lab.items()}
        places |= {self.names.index(test): place for place, test in self.found.tests.items()}
        known = sorted(places)
        for before, after in zip([-1, *known], [*known, len(self.lab.cells)], strict=True):
            first = places.get(before, -1) + 1
            last = places.get(after, len(self.found.cells))
            missing = [number for number in range(before + 1, after) if not self.is_test(number)]
            for kind in (True, False) if missing else ():
                numbers = [number for number in missing if self.code[number] == kind]
                free = [
                    place
                    for place in range(first, last)
                    if (self.found.cells[place].kind == "code") == kind and self.is_free(place)
                ]
                if len(numbers) == len(free):
                    for number, place in zip(numbers, free, strict=True):
                        self.found.of_lab[place] = number
                        if self.names[number] in self.answers:
                            self.found.answers.setdefault(self.names[number], []).append(place)

    def is_free(self, place: int) -> bool:
        taken = place in self.found.of_lab or place in self.found.tests or place in self.found.needed
        return not taken and bool(self.found.cells[place].source.strip())

    def say_what_was_mended(self) -> None:
        notes, cells = self.found.notes, self.found.cells
        present = set(self.found.of_lab.values())
        for number, cell in enumerate(self.lab.cells):
            copies = [place for place, name in self.found.tests.items() if name == self.names[number]]
            if self.is_test(number):
                if not copies:
                    notes.append(f"{self.names[number]}: the test cell was missing, and was put back")
                elif any(not same_text(cells[place].source, cell["source"]) for place in copies):
                    notes.append(f"{self.names[number]}: the test cell had been changed, and was put back")
                elif len(copies) > 1:
                    notes.append(f"{self.names[number]}: the test cell was there {len(copies)} times")
            elif self.names[number] in self.answers and number not in present:
                notes.append(f"{self.names[number]}: the answer cell is missing")
            elif self.code[number] and number not in present and "experiment" not in cell["metadata"].get("tags", []):
                first = cell["source"].strip().split("\n")[0][:80]
                notes.append(f"a code cell of the lab was missing, and was put back: {first}")

    def shuffled(self) -> bool:
        """Are cells of code that run in another order than in the lab?"""
        return not _rising(number for _, number in sorted(self.found.of_lab.items()) if self.code[number])

    def in_order_of_lab(self) -> list[Cell]:
        """The cells in the lab's order; a cell of the student's own stays behind the one that it follows."""
        heads = dict(self.found.of_lab)
        for place, test in sorted(self.found.tests.items(), reverse=True):
            heads[place] = self.names.index(test)
        head, keys = -1, []
        for place in range(len(self.found.cells)):
            head = heads.get(place, head)
            keys.append(head)
        return [self.found.cells[place] for place in sorted(range(len(keys)), key=keys.__getitem__)]


def _rising(numbers: Iterable[int]) -> bool:
    last = -1
    for number in numbers:
        if number < last:
            return False
        last = number
    return True
