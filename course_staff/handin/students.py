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

# What other tables call our columns. Canvas's "ID" is its own number, so that table is told by its SIS columns.
_COLUMNS = {
    "id": ("id", "student id", "student_id", "student", "username", "sis login id", "sis user id", "id number"),
    "first": ("first", "first name", "firstname", "first_name", "given name"),
    "last": ("last", "last name", "lastname", "last_name", "surname", "family name"),
    "email": ("email", "email address", "e-mail", "mail"),
    "lms": ("lms", "lms id", "lms_id", "lms_user_id", "identifier", "canvas id", "moodle id"),
    "file": ("file", "file name", "filename", "folder"),
    "submitted": ("submitted", "submitted at", "time", "last modified (submission)"),
    "name": ("name", "full name"),
}


@dataclass(frozen=True)
class Student:
    """A person of the class. id: safe as the name of a folder. known: of a table given, not guessed from a file."""

    id: str
    first: str = ""
    last: str = ""
    email: str = ""
    lms: str = ""
    file: str = ""
    submitted: str = ""
    known: bool = True


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

    def without_times(self) -> Students:
        """The same class without the times of one lab's submissions."""
        return Students(dataclasses.replace(student, submitted="") for student in self.by_id.values())

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
        """The student with this number in the LMS."""
        found = [student for student in self.by_id.values() if student.lms and student.lms == number]
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
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"the table of students {path} cannot be read: {error.strerror}") from None
    text = _decoded(raw)
    head = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))
    if not rows:
        raise ValueError(f"{path}: expected a table with a header and a row a student")
    columns = {" ".join((name or "").lower().split()): name for name in rows[0] if name}
    canvas = "id" in columns and ("sis login id" in columns or "sis user id" in columns)
    found = []
    for number, row in enumerate(rows, start=2):
        cells = {key: (row[name] or "").strip() for key, name in columns.items()}
        if not any(cells.values()) or (canvas and not cells["id"]):
            continue  # Canvas has a second row with the points possible
        try:
            found.append(_student(cells, canvas))
        except ValueError as error:
            raise ValueError(f"{path}, row {number}: {error}") from None
    try:
        return Students(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write(path: Path, students: Students) -> None:
    """Write the table, so that `read` gives the same again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [field.name for field in fields(Student)], lineterminator="\n")
    table.writeheader()
    for student in students.by_id.values():
        table.writerow(asdict(student) | {"known": "yes" if student.known else ""})
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


def _student(cells: dict[str, str], canvas: bool) -> Student:
    def cell(column: str) -> str:
        return next((cells[name] for name in _COLUMNS[column] if cells.get(name)), "")

    first, last, lms = cell("first"), cell("last"), cell("lms").removeprefix("Participant ")
    name = cell("name")
    identifier = cell("id")
    if canvas:
        identifier, lms, name = cells.get("sis login id") or cells.get("sis user id") or cells["id"], cells["id"], ""
        last, _, first = (part.strip() for part in cells.get("student", "").partition(","))
    identifier = identifier or cell("email") or lms
    if not identifier:
        raise ValueError("expected an id, an e-mail or a number in the LMS")
    if name and not last:
        first, _, last = name.rpartition(" ")
    known = "known" not in cells or bool(cells["known"])
    return Student(safe_id(identifier), first, last, cell("email"), lms, cell("file"), cell("submitted"), known)


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")  # what Excel on Windows writes
