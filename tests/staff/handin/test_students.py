"""The table of students: the tables that it is read from, how a person is found in it, ids that are safe."""

from __future__ import annotations

import re

import pytest

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


def test_tables_of_canvas_and_moodle(table):
    def one(text: str) -> Student:
        [student] = read(table(text)).by_id.values()
        return student

    points = "    Points Possible,,,,,6\n"
    canvas = f'Student,ID,SIS User ID,SIS Login ID,Section,lab42 (99)\n{points}"Doe, Jane",12345,U1,jdoe,A,\n'
    assert one(canvas) == Student("jdoe", "Jane", "Doe", "", "12345", section="A", sis="U1", login="jdoe")
    assert one(canvas.replace("jdoe", "")).id == "U1"
    few_rights = f'Student,ID,Section,lab42 (99)\n{points}"Doe, Jane",12345,A,\n'
    assert one(few_rights) == Student("12345", "Jane", "Doe", "", "12345", section="A")
    moodle = "Identifier,Full name,Email address\nParticipant 77,Jane van Doe,jane@x.org\n"
    assert one(moodle) == Student("jane@x.org", "Jane van", "Doe", "jane@x.org", participant="77")
    assert one(moodle.replace("Email address", "ID number").replace("jane@x.org", "m7")).id == "m7"


@pytest.mark.parametrize(
    ("headings", "word", "identifier"),
    [
        ("ID,Vollständiger Name,ID-Nummer,E-Mail-Adresse,Status", "Teilnehmer/in", "m7"),
        ("Identifiant,Nom complet,Numéro d'identification,Adresse de courriel,Statut", "Participant", "m7"),
        ("Identificador,Nombre completo,Número de ID,Dirección de correo,Estatus", "Participante", "m7"),
        ("識別子,氏名,番号,メール,状態", "参加者です", "jane@x.org"),
    ],
)
def test_a_worksheet_of_moodle_in_another_language_is_known_by_its_shape(table, headings, word, identifier):
    text = f"{headings}\n{word} 707,Jane Doe,m7,jane@x.org,x\n{word} 708,Ben Lee,m8,ben@x.org,x\n"
    student = next(iter(read(table(text)).by_id.values()))
    assert student == Student(identifier, "Jane", "Doe", "jane@x.org", participant="707")


def test_words_with_numbers_in_a_table_of_ours_are_no_participants(table):
    students = read(table("id,first,last,group\nstudent 1,Jane,Doe,Group 1\nstudent 2,Ben,Lee,Group 2\n")).by_id
    assert [student.participant for student in students.values()] == ["", ""]
    assert list(students) == [safe_id("student 1"), safe_id("student 2")]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1 x", "-x", "@x", "'=x", "''+x", "'x", "a;=1", "a;'=1", "\uff1d1"])
def test_a_name_that_is_a_formula_is_escaped_in_our_table_and_read_back_as_it_was(tmp_path, name):
    write(tmp_path / "t.csv", Students([Student("a", name, "Lee")]))
    assert read(tmp_path / "t.csv").by_id["a"].first == name
    row = (tmp_path / "t.csv").read_text().splitlines()[1].partition(",")[2]
    cells = [cell.strip('"') for cell in re.split("[,;]", row)]
    assert not any(cell.startswith(tuple("=+-@\uff1d")) for cell in cells)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "header"),
        ("id,first\n", "header"),
        ("first,last\nJane,Doe\n", "none of its headings .'first', 'last'. says who"),
        ("id,first\n,Jane\n", "row 2: expected an id"),
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
