"""`course grade collect`: submissions from folders and zips into submitted/STUDENT/LAB, a row for what is refused.

Nothing is unpacked, no link is followed, nothing but submitted/ and grading/ is written, each file in one step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from course_staff.course import Course
from course_staff.handin import preflight
from course_staff.handin import students as _students
from course_staff.handin.archive import Item, Refused, opened, printable
from course_staff.handin.canvas import keep_columns
from course_staff.handin.layouts import Claim, Layout, other_case
from course_staff.handin.participants import keep, of_lab
from course_staff.handin.records import (
    Accepted,
    Rejection,
    collected,
    merge,
    missing,
    rejections,
    settle,
    students_table,
)
from course_staff.handin.store import STAMP, UNCHANGED, store, stored_time
from course_staff.handin.students import Student, Students

__all__ = ["Accepted", "Collection", "Rejection", "collect", "collected", "missing", "rejections"]

_LATE = "Canvas says LATE, but not since when: give the table of students a column `submitted`"
_AHEAD = "by this computer's clock, its time lies in the future"
_EARLIER = "when it came is not known: the time of the one before it counts"
_ASIDE = (".csv", ".md", ".txt", ".xlsx", ".html")  # an instructor's own files beside the submissions
_MOST_ROWS = 20  # of one student, who may have sent a zip of thousands
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Collection:
    """What one collection did. missing: students of the table of whom nothing came; printed with str()."""

    lab: str
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.lab}: {len(self.accepted)} collected, {len(self.rejected)} rejected"]
        same = sum(row.note.startswith(UNCHANGED) for row in self.accepted)
        lines[0] += f", {same} of the collected as before" if same else ""
        lines += [f"  {row.student}: {row.note}" for row in self.accepted if row.note not in ("", UNCHANGED)]
        if self.rejected:
            lines += [f"rejected (also in grading/{self.lab}/rejected.csv):"]
            lines += [f"  {row.student or '?'}: {row.file}: {row.reason}" for row in self.rejected]
        if self.missing:
            lines += [f"missing ({len(self.missing)}): {', '.join(self.missing)}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Candidate:
    """A notebook that may be a student's submission, before its content was looked at."""

    item: Item
    claim: Claim
    submitted: datetime | None
    trouble: str = ""

    @property
    def order(self) -> tuple:
        own = self.item.modified or _NEVER
        own = own if own.tzinfo else own.replace(tzinfo=UTC)
        attachment, copy = self.claim.order
        return (self.submitted or _NEVER, self.claim.fits, attachment, own, copy, self.item.shown)


def collect(
    course: Course,
    lab: str,
    source: Path | Sequence[Path],
    students: Path | None = None,
    *,
    max_bytes: int = preflight.MAX_BYTES,
    zone: str = "UTC",
    file_times: bool = False,
) -> Collection:
    """Take in the submissions of `lab` (its full name) from a folder, a zip or several of them.

    students: table of the class; default that of the last collection. max_bytes: of a notebook. zone: of times that
    name none. file_times: take a file's own time for that of the submission, where nothing else says it (right for
    Drive; the times in zips of Canvas and Moodle are those of the download). Raises ValueError for a wrong argument.
    """
    preflight.time_zone(zone)
    table = students_table(course)
    people = _students.read(students) if students else _students.read(table) if table.exists() else Students()
    if students:
        keep_columns(course, _students.cells_of(students)[0])
    people = of_lab(course, lab, people)
    collection = Collection(lab)
    marks = preflight.marks_of(course.root / "labs" / lab / f"{lab}.ipynb")
    with contextlib.ExitStack() as stack:
        work = _Work(course, collection, people, marks, zone, file_times)
        for one in [source] if isinstance(source, str | Path) else source:
            work.look_at(list(stack.enter_context(opened(Path(one), max_bytes=max_bytes))), str(Path(one).resolve()))
        work.take()
    collection.rejected = _capped(collection.rejected)
    table.parent.mkdir(mode=0o700, exist_ok=True)  # names and marks are for their owner
    merge(course, lab, collection.accepted, collection.rejected, seen=work.seen)
    people = keep(course, lab, people, work.participants)
    if people.by_id:
        _students.write(table, people)
    collection.missing = missing(course, lab)
    return collection


class _Work:
    """All files of a collection, sorted by student; of each the newest good notebook is stored."""

    def __init__(
        self, course: Course, collection: Collection, people: Students, marks: frozenset[str], zone: str, times: bool
    ) -> None:
        self.course, self.collection, self.people = course, collection, people
        self.lab, self.marks, self.zone, self.file_times = collection.lab, marks, zone, times
        self.notebooks: dict[str, list[_Candidate]] = {}
        self.others: dict[str, list[tuple[Item, Claim]]] = {}  # "" where nobody is named
        self.participants: dict[str, str] = {}
        self.seen: set[str] = set()  # sources and files: what is said of them now is all there is to say
        self.sources: dict[str, str] = {}
        self.spelled = {person.casefold(): person for person in people.by_id}

    def look_at(self, items: list[Item], source: str) -> None:
        """Sort the files of one source by student."""
        self.seen |= {source, *(printable(item.shown) for item in items)}
        self.sources |= dict.fromkeys((printable(item.shown) for item in items), source)
        layout = Layout(self.lab, self.people, [item.parts for item in items])
        found = [(item, self._settled(layout.claim(item.parts))) for item in items]
        stamps = {claim.folder: item for item, claim in found if item.parts[-1:] == (STAMP,)}
        for item, claim in found:
            name = claim.person.id if claim.person else ""
            if claim.person is None and claim.other_lab:
                continue
            if item.refused:
                self._reject(name, item.shown, item.refused)
                self.others.setdefault(name, [])
            elif not claim.notebook or claim.fits < 0:
                self.others.setdefault(name, []).append((item, claim))
            elif claim.person is None:
                self._reject("", item.shown, claim.why)
            else:
                self.notebooks.setdefault(name, []).append(self._candidate(item, claim, stamps))
                self._meet(claim.person)

    def _settled(self, claim: Claim) -> Claim:
        """The claim, or one of nobody where two spellings, or two numbers of Moodle, leave in doubt who it is."""
        person, why = claim.person, ""
        if person is None:
            return claim
        known = self.spelled.setdefault(person.id.casefold(), person.id)
        if known != person.id:
            why = other_case(known)
        elif claim.participant and self.participants.setdefault(person.id, claim.participant) != claim.participant:
            why = (
                f"Moodle knows two people called {person.first} {person.last}: give its grading worksheet as the table"
            )
        return replace(claim, person=None, why=why) if why else claim

    def take(self) -> None:
        """Store the newest notebook of each student, and say why where there is none."""
        for name in sorted(self.notebooks):
            self._keep_newest(name, sorted(self.notebooks[name], key=lambda one: one.order, reverse=True))
        for name in sorted(self.others.keys() - self.notebooks.keys()):
            self._explain(name, self.others[name])

    def _meet(self, person: Student) -> None:
        if person.id not in self.people.by_id and not self.people.closed:
            self.people.add(person)

    def _candidate(self, item: Item, claim: Claim, stamps: dict[tuple[str, ...], Item]) -> _Candidate:
        try:
            return _Candidate(item, claim, self._time(item, claim, stamps.get(claim.folder)))
        except Refused as error:
            return _Candidate(item, claim, None, str(error))

    def _time(self, item: Item, claim: Claim, stamp: Item | None) -> datetime | None:
        """When a notebook was handed in: by its time stamp, its name, the table, or its own time if that counts."""
        if stamp is not None and claim.own_times and claim.folder:
            try:
                if stamp.refused:
                    raise Refused(stamp.refused)
                return preflight.past(preflight.moment(stamp.read()[:200].decode("utf-8", "replace")))
            except Refused as error:
                raise Refused(f"its {STAMP} is bad: {error}") from None
        if claim.time:
            try:
                return preflight.moment(claim.time, self.zone)  # the LMS's clock counts, not this computer's
            except Refused as error:
                raise Refused(f"the time in its name is bad: {error}") from None
        if claim.person is not None and claim.person.submitted not in ("", "-"):
            try:
                return preflight.moment(claim.person.submitted, self.zone)
            except Refused as error:
                raise Refused(f"its time in the table of students is bad: {error}") from None
        if not self.file_times or not claim.own_times or item.modified is None:
            return None
        own = item.modified if item.modified.tzinfo else item.modified.replace(tzinfo=preflight.time_zone(self.zone))
        return preflight.past(own.astimezone(UTC))

    def _keep_newest(self, name: str, candidates: list[_Candidate]) -> None:
        kept: _Candidate | None = None
        seen: set[bytes] = set()
        for one in candidates:
            try:
                if one.trouble:
                    raise Refused(one.trouble)
                data = one.item.read()
                if data in seen:
                    continue  # the same file twice
                if kept is not None:
                    tie = one.order[:-1] == kept.order[:-1]
                    why = "nothing says which of this student's files is newer" if tie else "it is not the newest"
                    raise Refused(f"{why}: {kept.item.shown} was taken")
                preflight.check_notebook(data, self.marks)
                note = store(self.course, name, self.lab, data, one.submitted)
            except Refused as error:
                self._reject(name, one.item.shown, str(error))
                continue
            kept = one
            seen.add(data)
            if not note.startswith(UNCHANGED):
                settle(self.course, self.lab, name)
            when = one.submitted or stored_time(self.course, name, self.lab)
            if one.submitted is None and when and not note.startswith(UNCHANGED):
                note = "; ".join(filter(None, [note, _EARLIER]))
            if one.submitted is not None and preflight.ahead(one.submitted):
                note = "; ".join(filter(None, [note, _AHEAD]))
            if one.claim.late and not when:
                note = "; ".join(filter(None, [note, _LATE]))
            shown = printable(one.item.shown)
            row = Accepted(name, shown, when, one.claim.late, note, len(data))
            self.collection.accepted.append(row)

    def _explain(self, name: str, files: list[tuple[Item, Claim]]) -> None:
        """One row for a student from whom no notebook of the lab came; a row a file where nobody can be named."""
        strays = [(item, claim) for item, claim in files if item.parts[-1:] != (STAMP,) and not _aside(item, claim)]
        shown = ", ".join(item.shown for item, _ in strays)
        notebooks = [claim for _, claim in strays if claim.notebook]
        if not name:
            for item, claim in strays:
                self._reject("", item.shown, claim.why)
        elif any(claim.typed for _, claim in strays):
            self._reject(name, shown, "no file, but text or a link typed into the LMS: ask for the .ipynb file")
        elif notebooks:
            kind = "another lab's notebook" if all(claim.other_lab for claim in notebooks) else "renamed"
            remedy = "rename it, or give its name in the column `file` of the table of students"
            self._reject(name, shown, f"{kind}? expected {self.lab}.ipynb: {remedy}")
        elif strays or any(item.parts[-1:] == (STAMP,) for item, _ in files):
            self._reject(name, shown or STAMP, f"the notebook is missing: expected {self.lab}.ipynb")

    def _reject(self, student: str, file: str, reason: str) -> None:
        file = printable(file)
        source = self.sources.get(file) or next(iter(self.sources.values()), "")
        self.collection.rejected.append(Rejection(student, file, printable(reason, 500), source))


def _aside(item: Item, claim: Claim) -> bool:
    return len(item.parts) == 1 and claim.fits < 1 and not claim.typed and item.parts[0].lower().endswith(_ASIDE)


def _capped(rows: list[Rejection]) -> list[Rejection]:
    """The rows of a student up to a number that a person reads, and how many more there were."""
    found: dict[str, list[Rejection]] = {}
    for row in rows:
        found.setdefault(row.student, []).append(row)
    for student, theirs in found.items():
        if student and len(theirs) > _MOST_ROWS:
            words = f"{len(theirs) - _MOST_ROWS} more files were not taken in"
            more = Rejection(student, "(others)", words, theirs[0].source)
            found[student] = [*theirs[:_MOST_ROWS], more]
    return [row for theirs in found.values() for row in theirs]
