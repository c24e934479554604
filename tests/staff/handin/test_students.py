"""The table of students: the tables that it is read from, how a person is found in it, ids that are safe."""

from __future__ import annotations

import pytest

from course_staff.handin import students as _students
from course_staff.handin.students import Student, Students, normal, read, safe_id, write


@pytest.fixture
def table(tmp_path):
    def written(text: str | bytes, name: str = "table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


OURS = "id,first,last,email,lms,file\nu1,Jane,Doe,jane@x.org,77,jane.ipynb\nu2,José,Ñandú,jose@x.org,78,\n"


@pytest.mark.parametrize(
    "raw",
    [
        OURS.encode(),
        OURS.encode("utf-8-sig"),
        OURS.encode("cp1252"),
        OURS.encode("utf-16"),
        OURS.replace(",", ";").encode(),
        OURS.replace(",", "\t").replace("\n", "\r\n").encode(),
        OURS.replace("first,last,email,lms", "First Name,Surname,Email address,LMS ID").encode() + b"\n,,,,,\n",
    ],
    ids=["plain", "BOM", "Windows", "UTF-16", "semicolons", "tabs", "other headings"],
)
def test_tables_of_every_office_program_are_one(table, raw):
    students = read(table(raw)).by_id
    assert list(students) == ["u1", "u2"]
    assert students["u1"] == Student("u1", "Jane", "Doe", "jane@x.org", "77", "jane.ipynb")
    assert (students["u2"].first, students["u2"].last) == ("José", "Ñandú")


def test_tables_of_canvas_and_moodle():
    def one(cells: dict[str, str], canvas: bool) -> Student:
        return _students._student(cells, canvas)

    canvas = {"student": "Doe, Jane", "id": "12345", "sis user id": "U1", "sis login id": "jdoe", "section": "A"}
    assert one(canvas, True) == Student("jdoe", "Jane", "Doe", "", "12345")
    assert one(canvas | {"sis login id": ""}, True).id == "U1"
    moodle = {"identifier": "Participant 77", "full name": "Jane van Doe", "email address": "jane@x.org"}
    assert one(moodle, False) == Student("jane@x.org", "Jane van", "Doe", "jane@x.org", "77")
    assert one(moodle | {"id number": "m7"}, False).id == "m7"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "header"),
        ("id,first\n", "header"),
        ("first,last\nJane,Doe\n", "row 2: expected an id"),
        ("id\nu1\nu1\n", "'u1' twice"),
        ("id\nAnna\nanna\n", "'anna' twice"),
    ],
)
def test_a_bad_table_is_told_with_its_name(table, text, words):
    with pytest.raises(ValueError, match=words) as error:
        read(table(text))
    assert "table.csv" in str(error.value)


def test_what_is_written_is_read_again(table, tmp_path):
    students = Students([Student("a", "An,na", 'L"ee\n', "a@x", "7", "f.ipynb"), Student("b", known=False)])
    write(tmp_path / "deep" / "t.csv", students)
    again = read(tmp_path / "deep" / "t.csv")
    assert list(again.by_id.values()) == [
        Student("a", "An,na", 'L"ee', "a@x", "7", "f.ipynb"),
        Student("b", known=False),
    ]
    assert again.closed and not Students([Student("b", known=False)]).closed
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["t.csv"]


CLASS = Students(
    [
        Student("u1", "Ann", "Lee", "ann.lee@x.org", "77"),
        Student("u2", "Ann-Marie", "Lee", "amlee@x.org", "78"),
        Student("u3", "Max", "Lee-Ann", "max@x.org", "79", "group 4.zip"),
        Student("u4", "Ann", "Smith", "s@x.org", "80"),
        Student("u5", "Ann", "Smith", "t@x.org", "81"),
    ]
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("u1", {"u1"}),
        ("U1 final", {"u1"}),
        ("Lee, Ann", {"u1"}),
        ("lee_ann", {"u1"}),
        ("Ann Marie Lee", {"u2"}),
        ("my lab, ANN-MARIE LEE, last version", {"u2"}),
        ("amlee", {"u2"}),
        ("ann.lee@x.org", {"u1"}),
        ("group4", {"u3"}),
        ("Max Lee Ann", {"u3"}),
        ("ann smith", {"u4", "u5"}),
        ("ann", set()),
        ("version 77", {"u1"}),
        ("nobody", set()),
        ("u12", set()),
        ("", set()),
    ],
)
def test_people_are_found_by_whole_words_and_the_longest_name(text, ids):
    for _ in range(2):  # asking changes nothing
        found = CLASS.named(text) | CLASS.within(text)
        assert found == ids
        CLASS.named(text).clear()


def test_lms_numbers_that_two_have_name_nobody():
    assert CLASS.lms("79").id == "u3"
    assert CLASS.lms("7") is None
    assert Students([Student("a", lms="1"), Student("b", lms="1")]).lms("1") is None
    assert Students([Student("a")]).lms("") is None


@pytest.mark.parametrize("text", ["jane", "u-1", "a.b@x.org", "0123", "J_D"])
def test_safe_ids_stay_as_they_are(text):
    assert safe_id(text) == text == safe_id(f" {text} ")


def test_unsafe_ids_become_safe_and_stay_different():
    texts = [
        "..",
        ".",
        "-",
        "/",
        "../x",
        "a/b",
        "a\\b",
        "a b",
        "a\nb",
        "\0",
        "ä",
        "a",
        "A\u0308",
        "é" * 300,
        "é" * 301,
        "x" * 400,
    ]
    ids = [safe_id(text) for text in texts]
    assert len(set(ids)) == len(texts)
    for identifier in ids:
        assert identifier not in ("", ".", "..") and len(identifier) <= 70
        assert identifier.replace("-", "").replace("_", "").replace(".", "").isalnum() and identifier[0] not in ".-@"
        assert safe_id(identifier) == identifier
    assert safe_id("a\u0308") == safe_id("ä"), "one spelling of one name"
    with pytest.raises(ValueError, match="expected an id"):
        safe_id("  ")


def test_names_are_one_in_every_spelling():
    assert normal("Doe, Jane") == normal("doe_jane") == normal("DOE JANE") == "doejane"
    assert normal("Mu\u0308ller") == normal("MÜLLER")
    assert normal("Müller") != normal("Muller")
