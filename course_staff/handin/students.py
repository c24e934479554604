"""The table of students: read from one of ours, from Canvas's gradebook or from Moodle's grading worksheet.

Columns of ours: id, first, last, email, lms (the LMS's own number of the person), file (the name of the file, or of the
folder, that this person sends), submitted (a time). Only `id` must be there.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_lib.files import write_whole
from course_staff.handin import spreadsheet
from course_staff.handin.headings import columns_of, participant_number


@dataclass(frozen=True)
class Student:
    """A person of the class. id: safe as the name of a folder. known: of a table given, not guessed from a file.

    lms: the LMS's number of the person; participant: Moodle's in one assignment; section, sis, login: Canvas's words.
    """

    id: str
    first: str = ""
    last: str = ""
    email: str = ""
    lms: str = ""
    file: str = ""
    submitted: str = ""
    known: bool = True
    participant: str = ""
    section: str = ""
    sis: str = ""
    login: str = ""


class Students:
    """The class: found by id, number, e-mail, name or file name; the order is that of the table."""

    def __init__(self, students: Iterable[Student] = ()) -> None:
        self.by_id: dict[str, Student] = {}
        self._keys: dict[str, set[str]] = {}
        folded: dict[str, str] = {}
        for student in students:
            if folded.setdefault(student.id.casefold(), student.id) != student.id or student.id in self.by_id:
                raise ValueError(f"the table of students names {student.id!r} twice")
            self.add(student)

    @property
    def closed(self) -> bool:
        """Whether a table was given: then nobody else belongs to the class."""
        return any(student.known for student in self.by_id.values())

    def add(self, student: Student) -> None:
        self.by_id[student.id] = student
        for key in self._names(student):
            self._keys.setdefault(key, set()).add(student.id)

    @staticmethod
    def _names(student: Student) -> set[str]:
        both = {f"{student.first} {student.last}", f"{student.last} {student.first}"} if student.last else set()
        short = {student.email.partition("@")[0]} if "@" in student.email else set()
        exact = {student.file, Path(student.file).stem} if student.file else set()
        single = {student.id, student.email, student.lms, student.first * (not student.last)}
        found = {normal(text) for text in single | short | both}
        found |= {normal(text) for text in exact}
        return {key for key in found if key}

    def lms(self, number: str) -> Student | None:
        """The student with this number in the LMS, or in the assignment."""
        found = [student for student in self.by_id.values() if number and number in (student.lms, student.participant)]
        return found[0] if len(found) == 1 else None

    def named(self, text: str) -> set[str]:
        """Ids of the students whom `text` as a whole names: id, e-mail, its local part, name, file or LMS number."""
        return set(self._keys.get(normal(text), ()))

    def within(self, text: str) -> set[str]:
        """Ids of the students whom a run of words in `text` names; the longest counts ("ann-marie" over "ann")."""
        words = [word for word in re.split(r"[\W_]+", unicodedata.normalize("NFC", text)) if word][:40]
        for length in range(len(words), 0, -1):
            found = set()
            for start in range(len(words) - length + 1):
                found |= self.named(" ".join(words[start : start + length]))
            if found:
                return found
        return set()


def read(path: Path) -> Students:
    """Read a table of students; raises ValueError that says what is wrong with it, and in which row."""
    headings, rows = cells_of(path)
    plain = [heading.lower() for heading in headings]
    canvas = "id" in plain and "student" in plain and not {"section", "sis login id", "sis user id"}.isdisjoint(plain)
    try:
        columns = columns_of(headings, rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    found = []
    for number, row in enumerate(rows, start=2):
        if not any(row) or (canvas and not row[plain.index("id")]):
            continue  # Canvas has a second row with the points possible
        cells = {ours: next((row[place] for place in places if row[place]), "") for ours, places in columns.items()}
        if not columns["known"]:
            cells["known"] = "yes"  # a table of somebody else is given, not guessed
        try:
            found.append(_of_canvas(dict(zip(plain, row, strict=True))) if canvas else _student(cells))
        except ValueError as error:
            raise ValueError(f"{path}, row {number}: {error}") from None
    try:
        return Students(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def cells_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """The headings of a table, and its rows of as many cells. Raises ValueError where it is none."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"the table of students {path} cannot be read: {error.strerror}") from None
    text = _decoded(raw)
    head = text.lstrip().split("\n", 1)[0]
    found = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count)) if row]
    if len(found) < 2:
        raise ValueError(f"{path}: expected a table with a header and a row a student")
    width = len(found[0])
    rows = [[spreadsheet.plain(cell).strip() for cell in [*row, *[""] * width][:width]] for row in found]
    return [" ".join(heading.split()) for heading in rows[0]], rows[1:]


def write(path: Path, students: Students) -> None:
    """Write the table, so that `read` gives the same again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [field.name for field in fields(Student)], lineterminator="\n")
    table.writeheader()
    for student in students.by_id.values():
        row = asdict(student) | {"known": "yes" if student.known else ""}
        table.writerow({name: spreadsheet.harmless(cell) for name, cell in row.items()})
    write_whole(path, text.getvalue())


def safe_id(text: str) -> str:
    """A name for a folder, a URL and a gradebook, from whatever a student is called; different names stay different."""
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        raise ValueError("expected an id, got none")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_.@-]+", "_", plain).strip("._-@")
    if plain == text and len(text) <= 60:
        return plain
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{plain[:50].strip('._-@') or 'student'}-{mark}"


def normal(text: str) -> str:
    """A name without case, accents' composition, punctuation and spaces: "Doe, Jane" and "doejane" are one."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _student(cells: dict[str, str]) -> Student:
    """cells: by our names of the columns."""
    first, last = cells["first"], cells["last"]
    lms, participant = cells["lms"].removeprefix("Participant "), participant_number(cells["participant"])
    identifier = cells["id"] or cells["email"] or lms or participant
    if not identifier:
        raise ValueError("expected an id, an e-mail or a number in the LMS")
    if cells["name"] and not last:
        first, _, last = cells["name"].rpartition(" ")
    known = bool(cells["known"])
    return Student(
        safe_id(identifier), first, last, cells["email"], lms, cells["file"], cells["submitted"], known,
        participant, cells["section"], cells["sis"], cells["login"],
    )  # fmt: skip


def _of_canvas(cells: dict[str, str]) -> Student:
    """cells: by Canvas's headings, in small letters. Its "ID" is its own number, "Student" the name."""
    login, sis = cells.get("sis login id", ""), cells.get("sis user id", "")
    last, _, first = (part.strip() for part in cells["student"].partition(","))
    found = Student(safe_id(login or sis or cells["id"]), first, last, lms=cells["id"])
    return dataclasses.replace(found, section=cells.get("section", ""), sis=sis, login=login)


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")  # what Excel on Windows writes
