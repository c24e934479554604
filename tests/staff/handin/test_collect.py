"""Collection: whose submission is which file, in folders and in zips as Canvas, Moodle and Drive give them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from classroom.handed_in import LAB, folder, notebook, taken, zipped

from course_staff.handin import collect as collecting
from course_staff.handin import preflight
from course_staff.handin.participants import participants


def files_of(collection) -> dict[str, str]:
    return {row.student: row.file for row in collection.accepted}


both = pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])


@both
@pytest.mark.parametrize(
    "names",
    [
        ("jane/{lab}.ipynb", "ben/{lab}.ipynb"),
        ("jane/{lab}/{lab}.ipynb", "ben/{lab}/{lab}.ipynb"),
        ("submitted/jane/{lab}/{lab}.ipynb", "submitted/ben/{lab}/{lab}.ipynb"),
        ("all of lab 42/jane/Copy of {lab}.ipynb", "all of lab 42/ben/{lab} (3).ipynb"),
        ("jane/{lab}-Copy1.ipynb", "ben/lab42.ipynb"),
        ("jane.ipynb", "ben.ipynb"),
        ("{lab}_jane.ipynb", "{lab}_ben.ipynb"),
        ("jane - {lab}.ipynb", "ben - Copy of {lab} (1).ipynb"),
        ("downloads/jane_{lab}.ipynb", "downloads/lab42-ben.ipynb"),
        ("lab42/jane-{lab}.ipynb.txt", "lab42/ben-{lab}.ipynb.json"),
        ("drive-download-20261121T130000Z-1-001/jane.ipynb", "drive-download-20261121T130000Z-1-002/ben.ipynb"),
    ],
)
def test_a_folder_or_a_name_says_whose_it_is(run, course, names, as_zip):
    jane, ben = (name.format(lab=LAB) for name in names)
    collection = run({jane: notebook("jane"), ben: notebook("ben")}, as_zip=as_zip)
    assert taken(course) == {"jane": notebook("jane"), "ben": notebook("ben")}
    assert not collection.rejected
    assert files_of(collection) == {"jane": jane, "ben": ben}


def test_one_student_alone_is_found_too(run, course):
    run({f"jane/{LAB}.ipynb": notebook()}, as_zip=True)
    run({f"submitted/ben/{LAB}/{LAB}.ipynb": notebook()}, as_zip=True)
    assert taken(course).keys() == {"jane", "ben"}


CANVAS = {
    f"doejane_12345_678910_{LAB}.ipynb": notebook("jane"),
    f"müllerbenoît_LATE_12346_678911_{LAB}-2.ipynb": notebook("ben"),
    f"anon_Xy1Z2_678912_{LAB} (1).ipynb": notebook("anonymous"),
    "kimlee_12347_text.html": b"<html>typed</html>",
}


def test_canvas_zip_without_a_table(run, course):
    collection = run(CANVAS, as_zip=True)
    students = {row.student: row for row in collection.accepted}
    ben = next(name for name in students if name.endswith("12346") or "12346-" in name)
    assert students.keys() == {"doejane_12345", ben, "anon_Xy1Z2"}
    assert students[ben].late and not students["doejane_12345"].late
    assert "LATE" in students[ben].note
    assert not list(course.root.glob("submitted/*/*/timestamp.txt")), "Canvas does not say when"
    [row] = collection.rejected
    assert row.student == "kimlee_12347" and "typed" in row.reason


def test_canvas_zip_with_canvas_own_gradebook_as_table(run, course):
    table = (
        "Student,ID,SIS User ID,SIS Login ID,Section,lab42 (99)\n"
        "    Points Possible,,,,,6\n"
        '"Doe, Jane",12345,U1,jdoe,1,\n"Müller, Benoît",12346,U2,bmuller,1,\n"Late, Nora",12399,U3,nlate,1,\n'
    )
    files = {name: data for name, data in CANVAS.items() if "anon" not in name}
    collection = run(files, table, as_zip=True)
    assert taken(course) == {"jdoe": notebook("jane"), "bmuller": notebook("ben")}
    assert collection.missing == ["nlate"]
    assert [(row.student, "12347" in row.reason) for row in collection.rejected] == [("", True)]
    run({f"Copy of {LAB} nora late.ipynb": notebook()})
    assert "nlate" in taken(course), "a surname is no LATE mark of Canvas"


def test_the_table_names_a_renamed_file_of_canvas_and_a_rejected_one_is_not_missing(run, course):
    files = {"doejane_LATE_12345_678910_my homework.ipynb": notebook("jane"), "leekim_12347_678911_notes.pdf": b"%PDF"}
    collection = run(files, "id,lms\njane,12345\nkim,12347\nzoe,12348\n", as_zip=True)
    assert [row.student for row in collection.rejected] == ["jane", "kim"] and collection.missing == ["zoe"]
    table = "id,lms,file,submitted\njane,12345,my homework.ipynb,2026-11-20 21:00\nkim,12347,,\nzoe,12348,,\n"
    assert run(files, table, as_zip=True).missing == ["zoe"]
    assert taken(course) == {"jane": notebook("jane")}
    [again] = run(files, as_zip=True).accepted
    assert "LATE" not in again.note, "when it came is known from the first time"


def test_the_newest_attachment_of_canvas_counts_and_the_other_is_told(run, course):
    files = {
        f"doejane_12345_99_{LAB}-3.ipynb": notebook("first"),
        f"doejane_12345_678915_{LAB}.ipynb": notebook("last"),
        f"doejane_12345_678913_{LAB}-9.ipynb": notebook("second"),
    }
    collection = run(files, "id,lms\njane,12345\n", as_zip=True)
    assert taken(course) == {"jane": notebook("last")}
    assert {row.file.split("_")[2] for row in collection.rejected} == {"99", "678913"}
    assert all("newest" in row.reason for row in collection.rejected)


@pytest.mark.parametrize(
    "pattern",
    [
        "{name}_{number}_assignsubmission_file/{lab}.ipynb",
        "{name}_{number}_assignsubmission_file_/{lab}.ipynb",
        "{name}_{number}_assignsubmission_file_/my folder/{lab}.ipynb",
        "{name}_{number}_assignsubmission_file_{lab}.ipynb",
    ],
)
def test_moodle_zip(run, course, pattern):
    files = {
        pattern.format(name="Jane Doe", number=1327627, lab=LAB): notebook("jane"),
        pattern.format(name="José Ñandú", number=1327628, lab=LAB): notebook("josé"),
        "Kim Lee_1327629_assignsubmission_onlinetext/onlinetext.html": b"typed",
    }
    worksheet = (
        "Identifier,Full name,ID number,Email address,Status,Grade,Last modified (submission)\n"
        'Participant 1327627,Jane Doe,u1,jane@x.org,Submitted,,"Saturday, 21 November 2026, 1:05 PM"\n'
        "Participant 1327628,José Ñandú,u2,jose@x.org,Submitted,,-\n"
        "Participant 1327629,Kim Lee,u3,kim@x.org,Submitted,,-\n"
    )
    collection = run(files, worksheet, as_zip=True, zone="Europe/Vienna")
    assert taken(course) == {"u1": notebook("jane"), "u2": notebook("josé")}
    assert (course.submitted("u1", LAB) / "timestamp.txt").read_text() == "2026-11-21 12:05:00 UTC\n"
    assert not (course.submitted("u2", LAB) / "timestamp.txt").exists()
    assert [(row.student, "typed" in row.reason) for row in collection.rejected] == [("u3", True)]
    assert collection.missing == [], "what was typed in is rejected, not missing"


def test_moodle_zip_without_a_table_keeps_the_number_for_the_way_back(run, course):
    run({f"Jane Doe_1327627_assignsubmission_file/{LAB}.ipynb": notebook()}, as_zip=True)
    assert taken(course).keys() == {"Jane_Doe_1327627"}
    assert "Jane_Doe_1327627,Jane,Doe" in (course.root / "grading" / "students.csv").read_text()
    assert participants(course, LAB) == {"Jane_Doe_1327627": "1327627"}
    assert (course.root / "grading").stat().st_mode & 0o077 == 0, "names and marks are for their owner"
    run({f"Ben Coe_1327628_assignsubmission_file/{LAB}.ipynb": notebook()}, as_zip=True)
    assert taken(course).keys() == {"Jane_Doe_1327627", "Ben_Coe_1327628"}, "a guessed class is open to others"


@both
def test_a_zip_of_a_student_is_opened(run, course, as_zip):
    inner = zipped(
        {f"my work/{LAB}.ipynb": notebook("jane"), "my work/data.npy": b"0" * 999, "__MACOSX/._x.ipynb": b""}
    )
    collection = run(
        {"doejane_12345_678910_homework.zip": inner, f"ben_12346_678911_{LAB}.ipynb": notebook("ben")}, as_zip=as_zip
    )
    assert taken(course) == {"doejane_12345": notebook("jane"), "ben_12346": notebook("ben")}
    assert not collection.rejected


def test_a_download_of_several_zips_in_a_folder_or_named_one_by_one(run, course, tmp_path):
    parts = {f"lab-20261121T130000Z-1-00{n}.zip": zipped({f"lab/s{n} {LAB}.ipynb": notebook(str(n))}) for n in (1, 2)}
    run(parts)
    assert taken(course) == {"s1": notebook("1"), "s2": notebook("2")}
    single = [tmp_path / name for name in parts]
    for path in single:
        path.write_bytes(parts[path.name])
    assert len(collecting.collect(course, LAB, single).accepted) == 2


def test_a_table_gives_file_names_to_students(run, course):
    table = "id;first;last;file\nb17;Jane;Doe;homework final.ipynb\nb18;Ann;Lee;group7\nb19;Ann Marie;Lee;\n"
    files = {
        "homework final.ipynb": notebook("jane"),
        f"group7/{LAB}.ipynb": notebook("ann"),
        f"{LAB} Lee, Ann-Marie.ipynb": notebook("ann marie"),
        f"{LAB}_bob.ipynb": notebook("bob"),
    }
    collection = run(files, table)
    assert taken(course) == {"b17": notebook("jane"), "b18": notebook("ann"), "b19": notebook("ann marie")}
    [row] = collection.rejected
    assert row.student == "" and "nobody in the table" in row.reason and "bob" in row.reason


def test_a_name_that_two_students_share_is_no_guess(run, course):
    collection = run({f"{LAB} Ann Lee.ipynb": notebook()}, "id,first,last\nx1,Ann,Lee\nx2,Ann,Lee\n")
    assert not taken(course)
    assert "x1, x2" in collection.rejected[0].reason
    assert collection.missing == ["x1", "x2"]


@both
def test_missing_renamed_and_other_labs_are_rows_with_a_reason(run, course, as_zip):
    files = {
        "ann/homework.ipynb": notebook(),
        "ben/report.pdf": b"%PDF",
        "kim/lab03_other.ipynb": notebook(),
        f"zoe/{LAB}/solution.py": b"x = 1",
        f"jane/{LAB}.ipynb": notebook("jane"),
        "jane/other.py": b"",
    }
    collection = run(files, as_zip=as_zip)
    reasons = {row.student: row.reason for row in collection.rejected}
    assert taken(course).keys() == {"jane"}
    assert reasons.keys() == {"ann", "ben", "kim", "zoe"}
    assert "renamed" in reasons["ann"] and "missing" in reasons["ben"] and "missing" in reasons["zoe"]
    assert "another lab" in reasons["kim"]
    assert all(LAB in reason for reason in reasons.values())


def test_a_name_that_names_nobody_is_a_row_that_says_the_remedy(run, course):
    collection = run(
        {f"Copy_of_{LAB} (2).ipynb": notebook("a"), f"{LAB}.ipynb": notebook("b"), f"{LAB} jane.ipynb": b"{}"}
    )
    reasons = [row.reason for row in collection.rejected if not row.student]
    assert len(reasons) == 2 and all("column `file`" in reason for reason in reasons)
    run({f"Copy_of_{LAB} (2).ipynb": notebook("a")}, f"id,file\njane,Copy_of_{LAB} (2).ipynb\n")
    assert taken(course) == {"jane": notebook("a")}


def test_names_of_people_with_numbers_are_not_taken_for_canvas(run, course):
    run({f"jane_2024_02_{LAB}.ipynb": notebook("a")})
    assert taken(course).keys() == {"jane_2024_02"}
    run({f"jane_2024_1234_{LAB}.ipynb": notebook("b")}, "id\njane\n")
    assert taken(course)["jane"] == notebook("b")


def test_a_damaged_released_notebook_does_not_stop_collection(run, course):
    folder(course.root, {f"labs/{LAB}/{LAB}.ipynb": b"{"})
    assert not run({f"jane/{LAB}.ipynb": notebook()}).rejected


def test_another_lab_under_the_right_name_is_no_silent_zero(run, course):
    released = json.loads(notebook("def double(x):\n    raise NotImplementedError"))
    released["cells"][0]["metadata"] = {"nbgrader": {"grade_id": "double"}}
    folder(course.root, {f"labs/{LAB}/{LAB}.ipynb": json.dumps(released).encode()})
    mine = notebook("def double(x):\n    return 2 * x")
    collection = run({f"jane/{LAB}.ipynb": mine, f"ben/{LAB}.ipynb": notebook("import this")})
    assert taken(course) == {"jane": mine}
    assert [(row.student, "another notebook" in row.reason) for row in collection.rejected] == [("ben", True)]


def test_every_file_of_a_student_of_the_table_is_that_student_s(run, course):
    files = {f"{LAB} jane.ipynb": notebook("a"), f"{LAB} jane (1).ipynb": notebook("b"), "jane - lab42.ipynb": b""}
    collection = run(files, "id\njane\nben\n", as_zip=True)
    assert [row.student for row in collection.accepted + collection.rejected] == ["jane"] * 3


@pytest.mark.parametrize("table", [None, "id,first,last,file\njane,Jane,Doe,\nben,Ben,Lee,mine.ipynb\n"])
def test_nobody_can_hand_in_for_another(run, course, table):
    inner = zipped({f"submitted/ben/{LAB}/{LAB}.ipynb": notebook("evil"), f"{LAB} Ben Lee.ipynb": notebook("evil")})
    files = {
        f"jane/ben/{LAB}/{LAB}.ipynb": notebook("evil"),
        f"jane/ben/{LAB}.ipynb": notebook("evil"),
        f"jane/{LAB}_ben_lee.ipynb": notebook("evil"),
        f"jane/Ben Lee_1_assignsubmission_fil/{LAB}.ipynb": notebook("evil"),
        "jane/mine.ipynb": notebook("evil"),
        "jane/homework.zip": inner,
        f"ben/{LAB}.ipynb": notebook("ben"),
    }
    for number, name in enumerate(name for name in files if name.startswith("jane/") and name.endswith("ipynb")):
        files[name] = notebook(f"evil {number}")
    collection = run(files, table)
    assert taken(course).keys() == {"jane", "ben"}
    assert taken(course)["ben"] == notebook("ben")
    assert {row.student for row in collection.rejected} == {"jane"}


def test_the_number_of_the_lms_counts_more_than_a_name(run, course):
    table = "id,first,last,lms\nu1,Jane,Doe,11\nu2,Ben,Lee,\n"
    files = {
        f"doejane_99_678910_{LAB}.ipynb": notebook("another Jane"),
        f"leeben_12_678911_{LAB}.ipynb": notebook("ben"),
    }
    collection = run(files, table, as_zip=True)
    assert taken(course) == {"u2": notebook("ben")}
    assert "99" in collection.rejected[0].reason


def test_a_zip_of_thousands_leaves_few_rows(run, course):
    inner = zipped({f"{LAB} ({number}).ipynb": notebook(str(number)) for number in range(300)})
    collection = run({f"good/{LAB}.ipynb": notebook(), "jane.zip": inner})
    assert taken(course).keys() == {"good", "jane"}
    assert len(collection.rejected) == 21 and "279 more" in collection.rejected[-1].reason


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-30 23:59 Europe/Vienna", "2026-11-30 22:59"),
        ("2026-07-30 23:59 Europe/Vienna", "2026-07-30 21:59"),
        ("2026-11-30 23:59", "2026-11-30 23:59"),
        ("2026-11-30 23:59 +0530", "2026-11-30 18:29"),
        ("2026-11-30T23:59:00Z", "2026-11-30 23:59"),
        ("2026-11-30 23:59 EST", "2026-12-01 04:59"),
        ("Monday, 30 November 2026, 11:59 PM", "2026-11-30 23:59"),
        ("20261130T235900", "2026-11-30 23:59"),
        ("2026-11-30", "2026-11-30 00:00"),
        ("11.12.2026 08:00", "2026-12-11 08:00"),
        ("11/30/2026 23:59", "2026-11-30 23:59"),
        ("30/11/2026 23:59", "2026-11-30 23:59"),
    ],
)
def test_times_as_people_and_programs_write_them(text, utc):
    assert f"{preflight.moment(text):%Y-%m-%d %H:%M}" == utc


@pytest.mark.parametrize(
    "text",
    ["", "next Friday", "2026-11", "2026", "11:59", "2026-11-30 23:59 Mars/Phobos", "1999-01-01", "11/12/2026 08:00"],
)
def test_half_a_time_is_none(text):
    with pytest.raises(preflight.Refused, match="expected a time"):
        preflight.moment(text)


def test_a_link_as_time_stamp_and_a_bad_time_in_the_table_are_rows(course, tmp_path):
    source = folder(tmp_path / "class", {f"jane/{LAB}.ipynb": notebook(), f"ben/{LAB}.ipynb": notebook()})
    (source / "jane" / "timestamp.txt").symlink_to("/etc/hostname")
    (tmp_path / "table.csv").write_text("id,submitted\njane,\nben,soon\n")
    collection = collecting.collect(course, LAB, source, tmp_path / "table.csv")
    assert not taken(course)
    reasons = [(row.student, row.reason) for row in collection.rejected]
    assert any(student == "ben" and "table" in reason for student, reason in reasons)
    assert any(student == "jane" and "timestamp.txt is bad" in reason for student, reason in reasons)


def test_own_times_of_files_in_zips(course, tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, when in (
            ("jane", (2026, 11, 20, 12, 0, 0)),
            ("ben", (1980, 1, 1, 0, 0, 0)),
            ("kim", (2099, 1, 1, 0, 0, 0)),
        ):
            archive.writestr(zipfile.ZipInfo(f"{name}/{LAB}.ipynb", when), notebook())
        info = zipfile.ZipInfo(f"zoe/{LAB}.ipynb", (2026, 11, 20, 12, 0, 0))
        info.extra = b"\x55\x54\x05\x00\x01" + (1_790_000_000).to_bytes(4, "little")
        archive.writestr(info, notebook())
    collection = collecting.collect(course, LAB, path, file_times=True, zone="Europe/Vienna")
    when = {row.student: row.submitted and f"{row.submitted:%d %H:%M}" for row in collection.accepted}
    assert when == {"jane": "20 11:00", "ben": None, "zoe": "21 14:13"}
    assert [(row.student, "future" in row.reason) for row in collection.rejected] == [("kim", True)]


def test_times_come_from_the_stamp_then_the_table_then_the_file_if_asked(run, course):
    files = {
        f"jane/{LAB}.ipynb": notebook(),
        "jane/timestamp.txt": b"2026-11-20 10:00:00.123 Europe/Vienna",
        f"ben/{LAB}.ipynb": notebook(),
        f"kim/{LAB}.ipynb": notebook(),
    }
    collection = run(files, "id,submitted\njane,2026-11-21 11:00\nben,2026-11-21 11:00\nkim,\n", zone="Europe/Vienna")
    when = {row.student: str(row.submitted) for row in collection.accepted}
    assert when == {"jane": "2026-11-20 09:00:00+00:00", "ben": "2026-11-21 10:00:00+00:00", "kim": "None"}
    assert {row.student: str(row.submitted) for row in collecting.collected(course, LAB)} == when
    source = folder(course.root.parent / "own", {f"kim/{LAB}.ipynb": notebook()})
    os.utime(source / "kim" / f"{LAB}.ipynb", (1_790_000_000, 1_790_000_000))
    [row] = collecting.collect(course, LAB, source, file_times=True).accepted
    assert row.submitted.timestamp() == 1_790_000_000
    assert "submitted" not in collecting.collected(course, LAB)[0].note


def test_times_of_one_lab_are_not_those_of_the_next(run, course):
    run({f"jane/{LAB}.ipynb": notebook()}, "id,submitted\njane,2026-11-21 11:00\n")
    source = folder(course.root.parent / "next", {"jane/lab43_next.ipynb": notebook()})
    [row] = collecting.collect(course, "lab43_next", source).accepted
    assert row.submitted is None


@pytest.mark.parametrize(
    "stamp",
    [b"yesterday", b"", b"12:00", b"2026-13-45", b"2999-01-01 00:00:00 UTC", b"1815-12-10", b"\xff\x00", b"9" * 500],
)
def test_a_bad_time_stamp_is_a_row(run, course, stamp):
    collection = run({f"jane/{LAB}.ipynb": notebook(), "jane/timestamp.txt": stamp})
    assert not taken(course)
    assert [(row.student, "timestamp.txt" in row.reason) for row in collection.rejected] == [("jane", True)]


def test_a_student_cannot_set_the_clock_from_inside_a_zip(run, course):
    inner = zipped({f"{LAB}.ipynb": notebook(), "timestamp.txt": b"2020-01-01 00:00:00 UTC"})
    run({"doejane_12345_678910_x.zip": inner, "ben.zip": inner}, as_zip=True)
    assert len(taken(course)) == 2
    assert not list(course.root.glob("submitted/*/*/timestamp.txt"))


def test_the_newest_of_two_is_kept_and_told(run, course, tmp_path):
    sources = []
    for day, text in ((2, "new"), (1, "old")):
        stamp = f"2026-11-0{day} 10:00:00 UTC".encode()
        files = {f"jane/{LAB}/{LAB}.ipynb": notebook(text), f"jane/{LAB}/timestamp.txt": stamp}
        sources.append(folder(tmp_path / text, files))
    collection = collecting.collect(course, LAB, sources)
    assert taken(course) == {"jane": notebook("new")}
    assert [(row.student, "newest" in row.reason) for row in collection.rejected] == [("jane", True)]


def test_if_the_newest_is_broken_the_one_before_it_counts(run, course):
    files = {f"{LAB} jane.ipynb": notebook("good"), f"{LAB} jane (1).ipynb": b"{"}
    collection = run(files, as_zip=True)
    assert taken(course) == {"jane": notebook("good")}
    assert [row.student for row in collection.rejected] == ["jane"]


def test_collecting_again_changes_nothing_and_never_goes_back_in_time(run, course):
    stamped = {f"jane/{LAB}.ipynb": notebook("second"), "jane/timestamp.txt": b"2026-11-02 10:00:00 UTC"}
    run(stamped)
    before = taken(course), (course.grading(LAB) / "collected.csv").read_bytes()
    assert run(stamped).accepted[0].note == "unchanged"
    assert (taken(course), (course.grading(LAB) / "collected.csv").read_bytes()) == before
    older = run({f"jane/{LAB}.ipynb": notebook("first"), "jane/timestamp.txt": b"2026-11-01 10:00:00 UTC"})
    assert taken(course) == before[0] and "older" in older.rejected[0].reason
    newer = run({f"jane/{LAB}.ipynb": notebook("third"), "jane/timestamp.txt": b"2026-11-03 10:00:00 UTC"})
    assert taken(course) == {"jane": notebook("third")} and "replaces" in newer.accepted[0].note
    assert not collecting.rejections(course, LAB), "jane's row is settled"


def test_rows_of_other_students_stay_when_a_second_part_is_collected(run, course):
    run({"ann/x.pdf": b"", f"jane/{LAB}.ipynb": notebook()})
    run({"ben/x.pdf": b""})
    assert [row.student for row in collecting.rejections(course, LAB)] == ["ann", "ben"]
    run({f"ann/{LAB}.ipynb": notebook()})
    assert [row.student for row in collecting.rejections(course, LAB)] == ["ben"]
    assert [row.student for row in collecting.collected(course, LAB)] == ["ann", "jane"]


def test_submitted_itself_can_be_checked_in_place(course):
    folder(
        course.root / "submitted",
        {
            f"jane/{LAB}/{LAB}.ipynb": notebook("jane"),
            "jane/lab03_other/lab03_other.ipynb": notebook(),
            f"ben/{LAB}/{LAB}.ipynb": b"",
            f".collect-xyz/{LAB}.ipynb": notebook(),
        },
    )
    collection = collecting.collect(course, LAB, course.root / "submitted")
    assert files_of(collection).keys() == {"jane"}
    assert [(row.student, row.reason) for row in collection.rejected] == [("ben", "it is empty")]


def test_what_is_written_is_only_submitted_and_grading_and_no_scratch(run, course):
    run({f"jane/{LAB}.ipynb": notebook(), "jane/helper.py": b"x", "jane/timestamp.txt": b"2026-11-01 10:00 UTC"})
    found = {str(path.relative_to(course.root)) for path in course.root.rglob("*") if path.is_file()}
    assert found == {
        f"submitted/jane/{LAB}/{LAB}.ipynb",
        f"submitted/jane/{LAB}/timestamp.txt",
        f"grading/{LAB}/rejected.csv",
        f"grading/{LAB}/collected.csv",
        "grading/students.csv",
    }


@pytest.mark.parametrize("bad", [{"zone": "Mars/Phobos"}, {"students": Path("no such table.csv")}])
def test_a_wrong_argument_is_said_before_anything_is_written(run, course, bad):
    with pytest.raises(ValueError, match="expected a time zone|cannot be read"):
        run({f"jane/{LAB}.ipynb": notebook()}, **bad)
    assert not (course.root / "submitted").exists()


def test_a_source_that_is_not_there(course):
    with pytest.raises(ValueError, match="does not exist"):
        collecting.collect(course, LAB, course.root / "nothing")
