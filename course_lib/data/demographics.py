"""Who the people of IXI are: its spreadsheet, read and cleaned in the open.

`IXI.xls` has repeated people, missing ages and slips of the keyboard. Nothing is guessed and nothing is dropped in
silence: a value that cannot be true, or on which two rows disagree, becomes unknown (None), and a report says how
often and for whom. Unknown is a group of its own where subjects are split (:mod:`course_lib.data.splits`). Lab 03.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

#: Columns of the first sheet that are read: our name, and the beginning of the spreadsheet's.
COLUMNS = {
    "number": "IXI_ID",
    "sex": "SEX_ID",
    "height": "HEIGHT",
    "weight": "WEIGHT",
    "ethnicity": "ETHNIC_ID",
    "study_date": "STUDY_DATE",
    "age": "AGE",
}
SEXES: dict[float | None, str] = {1: "male", 2: "female"}
UNNAMED = "code {}"  # an ethnicity that the spreadsheet's own list does not name

#: What a grown person can measure; outside stand slips such as 1850 (mm for cm?) and 960 (a lost point?).
PLAUSIBLE = {"height": (100, 220, "cm"), "weight": (30, 200, "kg"), "age": (0, 120, "years")}

#: The age groups of the healthy-brain thesis: from this age on.
AGE_GROUPS = {"young (under 25)": 0, "adult (25 to 64)": 25, "elderly (65 and over)": 65}


@dataclass(frozen=True)
class Person:
    """One person; None is unknown.

    Attributes:
        number: IXI's.
        sex: "male" or "female".
        age: years at the scan.
        ethnicity: in the spreadsheet's words.
        height: cm.
        weight: kg.
    """

    number: int
    sex: str | None = None
    age: float | None = None
    ethnicity: str | None = None
    height: float | None = None
    weight: float | None = None

    def strata(self) -> dict[str, str]:
        """Age group, sex and ethnicity in words, for a stratified split.

        Returns:
            {trait: its value}; "unknown" for what is None.
        """
        return {
            "age group": age_group(self.age),
            "sex": self.sex or "unknown",
            "ethnicity": self.ethnicity or "unknown",
        }


@dataclass(frozen=True)
class Correction:
    """One kind of problem.

    Attributes:
        problem: what it is.
        count: in how many rows or people.
        done: what is done.
        numbers: to whom (IXI numbers).
    """

    problem: str
    count: int
    done: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Demographics:
    """People by their IXI number, and what was done to the spreadsheet to get them.

    Attributes:
        people: {IXI number: person}.
        rows: of the spreadsheet.
        corrections: what was done, one for each kind of problem.
    """

    people: dict[int, Person]
    rows: int
    corrections: tuple[Correction, ...]

    @property
    def report(self) -> str:
        """What was found and what was done, a line a problem."""
        lines = [f"IXI demographics: {self.rows} rows, {len(self.people)} people"]
        for correction in self.corrections:
            shown = ", ".join(map(str, correction.numbers[:8])) + (", ..." if len(correction.numbers) > 8 else "")
            lines.append(f"  {correction.count:3} {correction.problem}: {correction.done} (IXI {shown})")
        return "\n".join(lines)


def age_group(age: float | None) -> str:
    """The group of an age.

    Args:
        age: in years; None: unknown.

    Returns:
        One of AGE_GROUPS or "unknown".

    Source: the healthy-brain thesis.
    """
    if age is None:
        return "unknown"
    return max((start, name) for name, start in AGE_GROUPS.items() if start <= age)[1]


def read_demographics(path: str | Path, *, report: bool = True) -> Demographics:
    """Read and clean IXI.xls; prints what was done unless `report` is False.

    Needs python-calamine.

    Args:
        path: of the spreadsheet.
        report: print what was done.

    Returns:
        The people, and what was done.

    Raises:
        ValueError: what is no such spreadsheet; the message names the file.
        FileNotFoundError: there is none (`course data fetch ixi_demographics` gets it).

    Lab: 03.
    """
    path = Path(path)
    rows, names = _read(path)
    cleaned = clean(rows, names)
    if report:
        print(cleaned.report)
    return cleaned


def clean(rows: Sequence[dict[str, Any]], ethnicities: dict[int, str]) -> Demographics:
    """Turn raw rows into people; see the module for the rules.

    Args:
        rows: keys of COLUMNS, cells as in the spreadsheet.
        ethnicities: their names, by code.

    Returns:
        The people, and what was done.
    """
    corrections: list[Correction] = []

    def note(problem: str, numbers: Sequence[int], done: str) -> None:
        if numbers:
            corrections.append(Correction(problem, len(numbers), done, tuple(sorted(set(numbers)))))

    unscanned = [int(row["number"]) for row in rows if _number(row["age"]) is None and row["study_date"] == ""]
    scanned = [int(row["number"]) for row in rows if _number(row["age"]) is None and row["study_date"] != ""]
    note("rows without age and without a scan", unscanned, "age unknown")
    note("rows without age though scanned (no date of birth)", scanned, "age unknown")
    nothing = [int(row["number"]) for row in rows if not _number(row["ethnicity"])]
    note("rows with ethnicity 0, a code for no answer", nothing, "unknown, unless the person's other row knows")

    persons = [_person(row, ethnicities) for row in rows]
    unnamed = [person.number for person in persons if (person.ethnicity or "").startswith(UNNAMED.format(""))]
    note("rows with an ethnicity that the spreadsheet does not name", unnamed, "kept, as a group of its own")
    for key in ("height", "weight"):
        note(f"rows with {key} 0", [int(row["number"]) for row in rows if not _number(row[key])], "unknown")
    for key, (low, high, unit) in PLAUSIBLE.items():
        found = [(int(row["number"]), _number(row[key]) or None) for row in rows]
        wrong = [(number, value) for number, value in found if value is not None and not low <= value <= high]
        values = ", ".join(f"{value:g}" for _, value in wrong)
        numbers = [number for number, _ in wrong]
        note(f"rows with {key} outside {low} to {high} {unit} ({values})", numbers, "unknown, not repaired by a guess")

    together: dict[int, list[Person]] = {}
    for person in persons:
        together.setdefault(person.number, []).append(person)
    repeated = {number: found for number, found in together.items() if len(found) > 1}
    note("IDs stand in several rows", list(repeated), "made one person, each value from the row that has it")
    for key in ("sex", "age", "ethnicity", "height", "weight"):
        torn = [number for number, found in repeated.items() if len(_known(found, key)) > 1]
        note(f"of these disagree on the {key}", torn, f"{key} unknown")

    people = {number: _merge(found) for number, found in sorted(together.items())}
    return Demographics(people, len(rows), tuple(corrections))


def _person(row: dict[str, Any], ethnicities: dict[int, str]) -> Person:
    code = _number(row["ethnicity"])
    measured: dict[str, float | None] = {}
    for key, (low, high, _) in PLAUSIBLE.items():
        value = _number(row[key]) or None
        # nan marks what cannot be true until rows are merged: a second row must not seem to agree with it
        measured[key] = value if value is None or low <= value <= high else math.nan
    return Person(
        number=int(row["number"]),
        sex=SEXES.get(_number(row["sex"])),
        ethnicity=ethnicities.get(int(code), UNNAMED.format(f"{code:g}")) if code else None,
        **measured,
    )


def _known(found: Sequence[Person], key: str) -> set[Any]:
    return {getattr(person, key) for person in found} - {None}


def _merge(found: Sequence[Person]) -> Person:
    """One person from several rows: what they agree on, or what only some of them know."""
    agreed: dict[str, Any] = {}
    for key in ("sex", "age", "ethnicity", "height", "weight"):
        known = _known(found, key)
        value = known.pop() if len(known) == 1 else None
        agreed[key] = None if value is not None and value != value else value  # nan differs from itself
    return replace(found[0], **agreed)


def _number(cell: Any) -> float | None:
    """A cell as a number; None for an empty cell and for anything else."""
    if isinstance(cell, bool) or not isinstance(cell, (int, float)) or not math.isfinite(cell):
        return None
    return float(cell)


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """The rows of the first sheet and the names of the ethnicities."""
    from python_calamine import CalamineError, CalamineWorkbook

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; `course data fetch ixi_demographics` gets it")
    try:
        book = CalamineWorkbook.from_path(str(path))
        header, *rows = book.get_sheet_by_index(0).to_python()
        codes = book.get_sheet_by_name("Ethnicity").to_python()[1:]
    except (CalamineError, ValueError, OSError) as error:
        raise ValueError(f"{path}: expected the spreadsheet IXI.xls of the IXI project, but {error}") from error
    places = {}
    for key, name in COLUMNS.items():
        matching = [place for place, title in enumerate(header) if str(title).startswith(name)]
        if not matching:
            raise ValueError(f"{path}: expected a column {name}, got {', '.join(map(str, header))}")
        places[key] = matching[0]
    table = [{key: row[place] for key, place in places.items()} for row in rows]
    return (
        [row for row in table if _number(row["number"]) is not None],
        {int(number): str(name) for code, name, *_ in codes if (number := _number(code)) is not None},
    )
