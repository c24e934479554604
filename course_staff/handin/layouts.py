"""Whose file is it? What Canvas, Moodle, Drive, Colab, nbgrader and people call what they hand over.

Canvas:  doejane_LATE_12345_678910_lab02-1.ipynb   sortable name, late?, user, attachment, name ("-1": sent again)
         anon_Ab12C_678910_lab02.ipynb, doejane_12345_text.html (typed in, no file)
Moodle:  Jane Doe_1327627_assignsubmission_file/lab02.ipynb, or "…_file_lab02.ipynb" (not in folders)
Drive:   drive-download-20261121T130000Z-1-001.zip, "Copy of lab02.ipynb", "Jane Doe - lab02 (1).ipynb"
Brightspace and Blackboard: see `dated_names.py`
nbgrader and people:  jane/lab02/lab02.ipynb, jane/lab02.ipynb, jane.zip, lab02_jane.ipynb
The times in zips of Canvas and Moodle are those of the download, so nothing is read from them. Names that differ in
upper and lower case only are no two people, nor surely one: without a table, only the first spelling is somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from course_staff.handin.dated_names import Dated, dated
from course_staff.handin.students import Student, Students, normal, safe_id

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?")
_CANVAS = re.compile(
    r"(?:(?P<name>\w*?)_)?(?P<late>LATE_)?(?:(?P<number>\d+)|(?P<anonymous>anon_[A-Za-z0-9]+))"
    r"(?:_(?P<attachment>\d+)_(?P<rest>.+)|_(?P<typed>text|link)\.html)"
)
_DRIVE = re.compile(r".*-\d{8}T\d{6}Z(-\d+)*-\d{3}(\.zip)?")
_NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)  # browsers add a second ending
_COPY = r"(?:copy|kopie|copie|copia|cópia)"
_BEFORE = re.compile(rf"(?:(?<=[ _-])|^)(?:{_COPY}[ _](?:of|von|de)[ _]+)+", re.IGNORECASE)
_AFTER = re.compile(rf"(?:[ _-]*\((?P<number>\d+)\)|[ _]*-[ _]*{_COPY}\d*|[ _]{_COPY}[ _]?\d*)$", re.IGNORECASE)
_AGAIN = re.compile(r"-(?P<number>\d{1,2})$")  # Canvas: the same name sent again


@dataclass(frozen=True)
class Claim:
    """What the path of a file says. person: the student, None where nobody is named (why: in words).

    fits: 2 the lab's name, 1 it contains it, 0 another name that may do, -1 not this lab's; order: of what the same
    person sent, the higher the later; folder: the parts above the file; late: Canvas says so; own_times: times that
    come with the file may be those of the submission; typed: no file at all, but text typed into the LMS; time: of the
    submission, where its name says it; participant: Moodle's number of the person in this assignment.
    """

    person: Student | None
    why: str = ""
    notebook: bool = False
    fits: int = -1
    order: tuple[int, int] = (0, 0)
    late: bool = False
    own_times: bool = True
    typed: bool = False
    other_lab: bool = False
    folder: tuple[str, ...] = field(default=())
    time: str = ""
    participant: str = ""


class Layout:
    """Reads paths of one source. paths: of all its files; students: the class, as far as it is known."""

    def __init__(self, lab: str, students: Students, paths: Iterable[tuple[str, ...]]) -> None:
        self.lab, self.students = lab, students
        number = re.match(r"[a-z]+\d+(?:[a-z](?![a-z]))?", lab)
        self.short = number[0] if number else lab
        ours = [path for path in paths if path and is_notebook(path[-1]) and not self._other(_stem(path[-1]))]
        self.wrapper = self._wrapper([self._bare(path) for path in ours])

    def claim(self, parts: tuple[str, ...]) -> Claim:
        """What one path says: whose file it is, and whether it may be the notebook of the lab."""
        if not parts:
            return Claim(None, "its path names nobody")
        below = self._bare(parts)[self.wrapper :] or parts[-1:]
        part, last = below[0], len(below) == 1  # only there is the name the LMS's word; below, it is a student's
        if (found := _MOODLE.fullmatch(part)) and (found["rest"] or not last):
            return self._moodle(below, found, found["rest"] if last else below[-1])
        if (word := dated(part)) and (word.rest or not last or part.lower().endswith(".txt")):
            return self._dated(below, word, (word.rest or part) if last else below[-1])
        if (found := _CANVAS.fullmatch(part)) and (last or part.lower().endswith(".zip")):
            if not self._lms(found["number"] or found["anonymous"], found["name"] or ""):
                plain = self._plain(below)  # perhaps a person's own name with numbers in it
                short = len(found["attachment"] or "100") < 3
                if plain.person and (short or (self.students.closed and not plain.person.lms)):
                    return plain
            return self._canvas(below, found, (found["rest"] or part) if last else below[-1])
        return self._plain(below)

    def _moodle(self, parts: tuple[str, ...], found: re.Match, name: str) -> Claim:
        first, _, last = found["name"].rpartition(" ")
        guess = f"{found['name']}_{found['number']}".replace(" ", "_")
        person, why = self._person(
            found["number"], found["name"], Student(guess, first, last, participant=found["number"])
        )
        typed, number = found["kind"] != "file", found["number"]
        return self._result(parts, name, person, why, own_times=False, typed=typed, participant=number)

    def _dated(self, parts: tuple[str, ...], found: Dated, name: str) -> Claim:
        for text in found.people:
            if len(ids := self.students.named(text)) > 1:
                return Claim(None, f"{text!r} may be any of {', '.join(sorted(ids))}", folder=parts[:-1])
            if ids:
                person = self.students.by_id[ids.pop()]
                return self._result(parts, name, person, "", flat=True, own_times=False, time=found.time)
        guess = found.people[-1]
        first, _, last = guess.rpartition(" ")
        if self.students.closed:
            return self._result(parts, name, None, f"nobody in the table of students is called {guess!r}")
        person = Student(safe_id(guess.replace(" ", "_")), first, last, known=False)
        return self._result(parts, name, person, "", flat=True, own_times=False, time=found.time)

    def _canvas(self, parts: tuple[str, ...], found: re.Match, name: str) -> Claim:
        number = found["number"] or found["anonymous"]
        guess = f"{found['name']}_{number}" if found["name"] else number
        person, why = self._person(number, found["name"] or "", Student(guess, "", found["name"] or ""))
        again = (int(found["attachment"] or 0), 0)
        late, typed = bool(found["late"]), bool(found["typed"])
        return self._result(parts, name, person, why, order=again, late=late, own_times=False, typed=typed)

    def _plain(self, parts: tuple[str, ...]) -> Claim:
        folders, name = [_without_zip(part) for part in parts[:-1]], parts[-1]
        stem, rest = _stem(name), self._rest(name)
        own = not any(part.lower().endswith(".zip") for part in parts[:-1])  # else times are a student's word
        if len(folders) > 1 and folders[-1] == stem and stem != self.lab and self._other(stem):
            return Claim(None, "another lab", other_lab=True)  # STUDENT/lab03/lab03.ipynb of a whole course
        guess = folders[0] if folders else rest
        for text in (*folders, name, stem, rest):  # from outside in: what lies in a student's folder is that student's
            found = self.students.named(text) or self.students.within(text)
            if len(found) > 1:
                return Claim(None, f"{text!r} may be any of {', '.join(sorted(found))}", folder=parts[:-1])
            if found:
                person = self.students.by_id[found.pop()]
                if not person.known and _other_case(guess, person.id):
                    return self._result(parts, name, None, other_case(person.id))
                return self._result(parts, name, person, "", flat=not folders, own_times=own)
        if self.students.closed:
            return self._result(parts, name, None, f"nobody in the table of students is called {guess or name!r}")
        if not guess:
            why = "its name does not say whose it is: give a table of students with the column `file`"
            return self._result(parts, name, None, why)
        return self._result(parts, name, Student(safe_id(guess), known=False), "", flat=not folders, own_times=own)

    def _result(
        self,
        parts: tuple[str, ...],
        name: str,
        person: Student | None,
        why: str,
        *,
        order: tuple[int, int] = (0, 0),
        flat: bool = False,
        **more: Any,
    ) -> Claim:
        own = {normal(text) for text in (name, _stem(name), parts[-1], _stem(parts[-1]))}
        given = person is not None and bool(person.file) and normal(person.file) in own  # the table's word
        fits, copy = self._fits(name, flat or given)
        if given:
            fits = 2
        return Claim(
            person,
            why,
            notebook=is_notebook(name),
            fits=fits,
            order=(order[0], copy),
            other_lab=self._other(_stem(name)) and not given,
            folder=tuple(parts[:-1]),
            **more,
        )

    def _person(self, number: str, name: str, guess: Student) -> tuple[Student | None, str]:
        found = self._lms(number, name)
        if found:
            return found, ""
        if self.students.closed:
            return None, f"nobody in the table of students is called {name!r} or has the LMS number {number}"
        lms = "" if guess.participant else number
        return replace(guess, id=safe_id(guess.id), lms=lms, known=False), ""

    def _lms(self, number: str, name: str) -> Student | None:
        """Whom the LMS means: by number, or by name where the table has no number of that person."""
        named = [self.students.by_id[found] for found in self.students.named(name)] if name else []
        named = [person for person in named if not person.lms and not person.participant]
        return self.students.lms(number) or (named[0] if len(named) == 1 else None)

    def _fits(self, name: str, any_name: bool) -> tuple[int, int]:
        """How well a name fits the lab, and the number of the copy in it."""
        stem, copy = _undecorated(_stem(name))
        again = _AGAIN.search(stem)
        if again and normal(stem[: again.start()]) in (normal(self.lab), normal(self.short)):
            stem, copy = stem[: again.start()], int(again["number"])
        if normal(stem) in (normal(self.lab), normal(self.short)):
            return 2, copy
        if self._rest(name) != stem.strip(" _-.,"):
            return 1, copy
        return (0 if any_name and not self._other(stem) else -1), copy

    def _rest(self, name: str) -> str:
        """What a file name says beside the name of the lab."""
        stem, _ = _undecorated(_stem(name))
        for lab in (self.lab, self.short):
            words = r"[\W_]*".join(re.escape(word) for word in re.split(r"[\W_]+", lab))
            stem = re.sub(rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])", " ", stem, flags=re.IGNORECASE)
        return _undecorated(_AGAIN.sub("", stem) if stem.startswith(" ") else stem)[0].strip(" _-.,")

    def _other(self, stem: str) -> bool:
        """Whether a name is that of another lab: lab03 or lab02b_x where lab02 is collected.

        "lab02b" alone may be somebody's second try.
        """
        kind = re.match(r"[a-z]+(?=\d)", self.short)
        own = rf"|{self.short[-1]}(?![a-z])" if self.short[-1].isalpha() else ""
        number = rf"\d+(?:[a-z](?=_){own})?"
        found = re.findall(rf"(?<![a-z]){kind[0]}[\W_]?{number}", stem.lower()) if kind else []
        return bool(found) and all(normal(text) != normal(self.short) for text in found)

    def _bare(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """A path without Drive's own folders and zips, of which a class may have several."""
        return tuple(part for part in parts[:-1] if not _DRIVE.fullmatch(part)) + parts[-1:]

    def _wrapper(self, paths: list[tuple[str, ...]]) -> int:
        """How many folders are around all submissions and name nobody, such as that which a zip was made of."""
        depth = 0
        while paths and all(len(path) > depth + 1 and path[depth] == paths[0][depth] for path in paths):
            below = [path[depth + 1 :] for path in paths]
            own = paths[0][depth]
            if _MOODLE.fullmatch(own) or _CANVAS.fullmatch(own) or dated(own):
                break
            if self.students.named(_without_zip(paths[0][depth])) or all(path[:-1] == (self.lab,) for path in below):
                break
            if all(len(path) == 1 and not self._rest(path[0]) for path in below):
                break  # one student's folder
            depth += 1
        return depth


def other_case(known: str) -> str:
    """Why nobody is named by a name that only its case tells from somebody's."""
    return f"its name differs from {known!r} in upper and lower case only: rename it, if it is another student's"


def _other_case(text: str, known: str) -> bool:
    found = safe_id(text) if text.strip() else ""
    return found != known and found.casefold() == known.casefold()


def is_notebook(name: str) -> bool:
    """Whether a file is called a notebook."""
    return bool(_NOTEBOOK.search(name))


def _stem(name: str) -> str:
    return _NOTEBOOK.sub("", name) if is_notebook(name) else name.rpartition(".")[0] or name


def _without_zip(name: str) -> str:
    return name[:-4] if name.lower().endswith(".zip") else name


def _undecorated(stem: str) -> tuple[str, int]:
    """A name without "Copy of …" and "… (2)", and that number."""
    stem, copy = _BEFORE.sub("", stem), 0
    while found := _AFTER.search(stem):
        stem, copy = stem[: found.start()], max(copy, int(found["number"] or 1))
    return stem, copy
