"""Collection again and from other systems: who and when in names, numbers of one lab, rows that heal, large files."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from classroom.handed_in import LAB, folder, notebook, taken, zipped

from course_staff.handin import archive, records
from course_staff.handin import collect as collecting
from course_staff.handin.canvas import column_of, keep_columns
from course_staff.handin.dated_names import dated
from course_staff.handin.participants import participants
from course_staff.handin.preflight import read_notebook
from course_staff.handin.spreadsheet import harmless, plain

NEXT = "lab43_next"


def in_zip(path: Path, names: list[str], *, as_folder: bool = False) -> Path:
    """Notebooks that lie in a zip, all of the same time; each says where in the list it stands."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name, (2025, 11, 28, 10, 0, 0)), notebook(str(number)))
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Nov 9, 2025 959 PM", "Nov 20, 2025 801 AM"),
        ("Nov 30, 2098 959 PM", "Dec 1, 2098 801 AM"),  # this computer's clock may be wrong: the LMS knows better
        ("Nov 20, 2024 801 AM", "Dec 1, 2024 1201 AM"),
        ("Nov 20, 2025 959 AM", "Nov 20, 2025 1001 AM"),
        ("Nov 20, 2025 801 AM", "Nov 20, 2025 802 AM"),
        ("Nov 20, 2025 1159 AM", "Nov 20, 2025 1201 PM"),
    ],
)
@pytest.mark.parametrize(
    "shape", ["12345-67890 - Jane Doe - {} - mine.ipynb", "12345-67890 - Jane Doe - {}/mine.ipynb"]
)
def test_the_later_attempt_of_brightspace_counts(course, tmp_path, old, new, shape):
    (tmp_path / "class.csv").write_text("id,first,last\njdoe,Jane,Doe\n")
    for order in ((old, new), (new, old)):
        path = in_zip(tmp_path / "b.zip", [shape.format(when) for when in order])
        collection = collecting.collect(course, LAB, path, tmp_path / "class.csv", zone="Europe/Vienna")
        assert taken(course) == {"jdoe": notebook(str(order.index(new)))}
        assert [row.reason.split(":")[0] for row in collection.rejected] == ["it is not the newest"]
        assert ("clock" in collection.accepted[0].note) == ("2098" in new)
    assert (course.submitted("jdoe", LAB) / "timestamp.txt").exists()


def test_the_time_in_a_name_of_brightspace_or_blackboard_is_that_of_the_zone(course, tmp_path):
    names = ["1-2 - Jane Doe - Nov 9, 2025 959 PM - x.ipynb", "Lab 42_ben_attempt_2025-11-09-21-59-03_my_own.ipynb"]
    names += ["Lab 42_ben_attempt_2025-11-08-21-59-03_x.ipynb", "Lab 42_ben_attempt_2025-11-09-21-59-03.txt"]
    path = in_zip(tmp_path / "both.zip", names)
    collecting.collect(course, LAB, path, zone="Europe/Vienna")
    assert taken(course) == {"Jane_Doe": notebook("0"), "ben": notebook("1")}
    when = {row.student: f"{row.submitted:%H:%M:%S}" for row in collecting.collected(course, LAB)}
    assert when == {"Jane_Doe": "20:59:00", "ben": "20:59:03"}
    (tmp_path / "class.csv").write_text("id,first,last\nj1,Jane,Doe\nzoe,Zoe,Lee\n")
    collection = collecting.collect(course, LAB, path, tmp_path / "class.csv")
    assert [row.student for row in collection.accepted] == ["j1"]
    assert collection.rejected and all("'ben'" in row.reason for row in collection.rejected)


def test_only_names_of_an_lms_are_dated():
    assert dated("1-2 - A - B - Nov 9, 2025 9:59 pm - x - y.ipynb").people == ("A - B",)
    assert dated("Lab_1_jane_doe_attempt_2025-11-09-21-59-03_x.ipynb").people[-2:] == ("jane_doe", "doe")
    for name in ("lab02 - Jane Doe.ipynb", "attempt_2.ipynb", "jane_attempt_2.ipynb", "Nov 9, 2025 959 PM.ipynb"):
        assert dated(name) is None


def test_where_nothing_says_which_file_is_newer_that_is_said(course, tmp_path):
    (tmp_path / "class.csv").write_text("id\njane\nben\n")
    names = [f"{LAB}_jane_a.ipynb", f"{LAB}_jane_b.ipynb"]
    [row] = collecting.collect(course, LAB, in_zip(tmp_path / "tie.zip", names), tmp_path / "class.csv").rejected
    assert row.student == "jane" and "nothing says which of this student's files is newer" in row.reason


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("name", ["{}/{lab}.ipynb", "{} {lab}.ipynb", "{}_12_3456_{lab}.ipynb"])
def test_names_that_differ_in_case_only_are_one_row_and_stop_nothing(run, course, name, as_zip):
    files = {name.format(who, lab=LAB): notebook(who) for who in ("honest", "mallory", "Mallory")}
    for _ in range(2):
        collection = run(files, as_zip=as_zip)
        assert len(taken(course)) == 2 and len(collection.accepted) == 2
        [row] = collection.rejected
        assert row.student == "" and "upper and lower case only" in row.reason
    collection = run(files, "id\nhonest\nmallory\n", as_zip=as_zip)
    assert not [row for row in collection.rejected if "case" in row.reason], "a table says who they are"


def sheet(start: int) -> str:
    rows = [f"Participant {start + n},Stu{n} Dent{n},,s{n}@x.org" for n in (1, 2)]
    return "\n".join(["Identifier,Full name,ID number,Email address", *rows, ""])


def moodle_zip(path: Path, start: int, lab: str) -> Path:
    names = [f"Stu{n} Dent{n}_{start + n}_assignsubmission_file/{lab}.ipynb" for n in (1, 2)]
    return in_zip(path, names)


@pytest.mark.parametrize("own", [False, True])
def test_numbers_of_moodle_are_those_of_one_lab(course, tmp_path, own):
    """own: a table of ours, with Moodle's numbers in its column lms."""
    (tmp_path / "sheet.csv").write_text(
        "id,first,last,lms\ns1@x.org,Stu1,Dent1,2001\ns2@x.org,Stu2,Dent2,2002\n" if own else sheet(2000)
    )
    first, second = moodle_zip(tmp_path / "1.zip", 2000, LAB), moodle_zip(tmp_path / "2.zip", 3000, NEXT)
    assert len(collecting.collect(course, LAB, first, tmp_path / "sheet.csv").accepted) == 2
    assert not collecting.collect(course, NEXT, second).rejected, "its worksheet is not given: names say who it is"
    assert participants(course, LAB) == {"s1@x.org": "2001", "s2@x.org": "2002"}
    assert participants(course, NEXT) == {"s1@x.org": "3001", "s2@x.org": "3002"}
    (tmp_path / "sheet.csv").write_text(sheet(3000))
    collecting.collect(course, NEXT, second, tmp_path / "sheet.csv")
    assert not collecting.collect(course, LAB, first).rejected
    assert participants(course, LAB)["s1@x.org"] == "2001"
    assert "3001" not in (course.root / "grading" / "students.csv").read_text()


def test_two_of_one_name_in_moodle_are_not_one(course, tmp_path):
    (tmp_path / "class.csv").write_text("id,first,last\nj1,Jane,Doe\n")
    names = [f"Jane Doe_{number}_assignsubmission_file/{LAB}.ipynb" for number in (11, 12)]
    collection = collecting.collect(course, LAB, in_zip(tmp_path / "m.zip", names), tmp_path / "class.csv")
    assert taken(course) == {"j1": notebook("0")}
    assert ["two people called Jane Doe" in row.reason for row in collection.rejected] == [True]


def test_rows_heal_when_the_same_source_is_collected_again(course, tmp_path):
    source = folder(tmp_path / "class", {f"{LAB} bob.ipynb": b"{", f"ann {LAB}.ipynb": b""})
    other = folder(tmp_path / "other", {f"{LAB} zoe.ipynb": b"{"})
    collecting.collect(course, LAB, [source, other])
    assert {row.student for row in collecting.rejections(course, LAB)} == {"ann", "bob", "zoe"}
    (source / f"{LAB} bob.ipynb").rename(source / f"{LAB} robert.ipynb")  # mended under another name
    (source / f"{LAB} robert.ipynb").write_bytes(notebook())
    (source / f"ann {LAB}.ipynb").unlink()
    collecting.collect(course, LAB, source)
    assert {row.student for row in collecting.rejections(course, LAB)} == {"zoe"}


def test_a_row_of_nobody_heals_when_the_table_names_the_sender(run, course):
    files = {f"ann/{LAB}.ipynb": notebook("a"), f"bob/{LAB}.ipynb": notebook("b")}
    assert [row.student for row in run(files, "id\nann\n").rejected] == [""]
    run(files, "id\nann\nbob\n")
    assert not collecting.rejections(course, LAB)


def test_a_resubmission_without_a_time_is_no_less_late(run, course):
    run({f"jane/{LAB}.ipynb": notebook("1")}, "id,submitted\njane,2025-11-20 12:00\n")
    [row] = run({f"jane/{LAB}.ipynb": notebook("2")}).accepted
    when = datetime(2025, 11, 20, 12, tzinfo=UTC)
    assert row.submitted == when and "the one before it counts" in row.note
    assert taken(course) == {"jane": notebook("2")}
    assert (course.submitted("jane", LAB) / "timestamp.txt").read_text() == "2025-11-20 12:00:00 UTC\n"
    assert [row.submitted for row in collecting.collected(course, LAB)] == [when]
    [row] = run({f"jane/{LAB}.ipynb": notebook("3")}, "id,submitted\njane,2025-11-22 12:00\n").accepted
    assert row.submitted.day == 22


@pytest.mark.parametrize("as_zip", [False, True])
def test_what_max_mb_has_let_in_is_read_to_the_end(run, course, monkeypatch, as_zip):
    monkeypatch.setattr(records.preflight, "COLLECTED_BYTES", 1000)
    large = notebook("x = 1\n" * 400)
    files = {f"jane/{LAB}.ipynb": large, f"ben/{LAB}.ipynb": notebook()}
    assert len(run(files, max_bytes=2000).rejected) == 1 and records.largest(course, LAB) == 1000
    assert not run(files, as_zip=as_zip, max_bytes=5000).rejected
    assert records.largest(course, LAB) == len(large)
    assert read_notebook(course.submission("jane", LAB), records.largest(course, LAB)) == large
    run(files, max_bytes=5000)
    assert records.largest(course, LAB) == len(large), "unchanged is still as large"


def test_a_students_zip_may_be_as_large_as_max_mb_allows(run, course, monkeypatch):
    monkeypatch.setattr(archive, "NESTED_BYTES", 10)
    inner = zipped({f"{LAB}.ipynb": notebook()})
    assert len(run({"jane.zip": zipped({"jane.zip": inner})}, max_bytes=5).rejected) == 1
    assert not run({"class.zip": zipped({"jane.zip": inner})}, max_bytes=5000).rejected


def test_the_columns_of_canvas_are_kept_and_found_by_the_number_of_the_lab(course):
    assert column_of(course, LAB) is None
    headings = [
        "Student",
        "ID",
        "Section",
        "Lab 42: Doubling (77)",
        "Lab 4 (5)",
        "Lab 420 (6)",
        "Final Score",
        "Lab 42",
    ]
    keep_columns(course, headings)
    assert column_of(course, LAB) == "Lab 42: Doubling (77)"
    assert column_of(course, "lab04_four") == "Lab 4 (5)"
    assert column_of(course, NEXT) is None
    keep_columns(course, ["id", "first"])
    assert column_of(course, LAB), "a table of ours has none, and takes none away"
    keep_columns(course, ["lab42 a (1)", "lab42 b (2)"])
    assert column_of(course, LAB) is None, "two are a guess"


@pytest.mark.parametrize(
    "text", ["=1", "'=1", "''=1", "-x", "-", "-1.5", "a;=1", "a; \"'@b", "\t=1", "a\n\n=1", "x", "'x", "+1e5", "\r"]
)
def test_a_cell_that_is_no_formula_is_read_back_as_it_was(text):
    assert plain(harmless(text)) == text


def test_rows_on_disk_are_no_formulas_and_come_back_as_they_were(run, course):
    name = f"=cmd {LAB}.pdf"
    run({name: b"%PDF", f"jane/=x {LAB}.ipynb": notebook()})
    text = (course.grading(LAB) / "rejected.csv").read_text() + (course.grading(LAB) / "collected.csv").read_text()
    assert ",=" not in text and "\n=" not in text
    assert [row.file for row in collecting.rejections(course, LAB)] == [name]
