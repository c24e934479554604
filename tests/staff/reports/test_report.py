"""The report: a row for each student, true statistics, how it was run; whatever students wrote stays text."""

import csv
import dataclasses
import html
import io
import re

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import LAB, graded, lab

from course_staff.gradebook.marks import CellMark, Mark
from course_staff.reports import gathered, report
from course_staff.reports.gathered import Gathered, Rejection
from course_staff.reports.report_page import page

NASTY = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&</td></table>"
NAMED = {"double": {"print of double": ["squares: Confuses doubling with squaring."]}}


def a_class(**fields) -> Gathered:
    results = {
        "ada": graded("ada"),
        "bob": graded("bob", double=0.0, problems=["cell 7 was stopped after 60 s"]),
        "cem": graded("cem", double=0.0, triple=0.0),
        "dan": dataclasses.replace(graded("dan"), marks={}, rejected="not JSON: line 1"),
    }
    given = {
        "graded": results,
        "marks": {"eve": Mark("eve", LAB, "missing", 6.0, first="Eve")},
        "rejected": [Rejection("fay", "fay.ipynb", "is a link"), Rejection("", "../x.ipynb", "leads out")],
        "handed_in": {*results, "gus"},
        "run": {"workers": 2, "seconds": 12.0, "sandbox": "bubblewrap 0.8", "lost": [["gus", "its worker died"]]},
    }
    return Gathered(lab(), **(given | fields))


def table(found: report.Report) -> dict[str, dict[str, str]]:
    return {row["student"]: row for row in csv.DictReader(io.StringIO(report.as_csv(found), newline=""))}


def test_everybody_has_a_row_and_only_submissions_have_a_mark():
    rows = table(report.make(a_class(), NAMED))
    status = {student: (row["status"], row["mark"]) for student, row in rows.items()}
    assert status == {
        "ada": ("waits for a person", "5"),
        "bob": ("waits for a person", "3"),
        "cem": ("waits for a person", "0"),
        "dan": ("rejected", ""),
        "eve": ("missing", ""),
        "fay": ("rejected", ""),
        "gus": ("not graded", ""),
        "": ("rejected", ""),
    }
    assert rows["ada"]["why"] == "" and rows["bob"]["double_test"] == "0" and rows["bob"]["points"] == "6"
    assert (rows["ada"]["seconds"], rows["ada"]["peak_memory_mb"]) == ("1.50", "300")


def test_a_test_that_we_changed_is_no_student_s_doing():
    words = "double_test: the test cell had been changed, and was put back"
    one = "triple_test: the test cell had been changed, and was put back"
    results = {name: graded(name, problems=[words]) for name in ("ada", "bob", "cem")}
    results |= {"dan": graded("dan", problems=[one])}
    found = report.make(a_class(graded=results), NAMED)
    rows = table(found)
    assert rows["ada"]["what_went_wrong"] == "" and rows["dan"]["what_went_wrong"] == one
    assert "double_test" in found.notes[0] and "3 of 4" in found.notes[0] and found.notes[0] in page(found)
    few = {name: graded(name, problems=[words] * (name == "ada")) for name in ("ada", "bob", "cem")}
    assert table(report.make(a_class(graded=few), NAMED))["ada"]["what_went_wrong"] == words


def test_what_a_mistake_says_already_is_not_said_again():
    words = "the cell took more than 60 s"
    told = graded("ada", 0.0, messages={"double_test": words}, problems=[f"double: {words}", f"triple: {words}"])
    rows = table(report.make(a_class(graded={"ada": told}), {}))
    assert rows["ada"]["what_went_wrong"] == f"double: {words}; triple: {words}"


def test_what_went_wrong_is_said_in_words():
    rows = table(report.make(a_class(), NAMED))
    assert rows["ada"]["what_went_wrong"] == ""
    assert rows["bob"]["what_went_wrong"] == (
        "double: squares: Confuses doubling with squaring.; cell 7 was stopped after 60 s"
    )
    assert "triple: AssertionError: look at triple" in rows["cem"]["what_went_wrong"]
    assert rows["dan"]["what_went_wrong"] == "not JSON: line 1"
    assert rows["eve"]["what_went_wrong"] == "nothing was handed in"
    assert rows["gus"]["what_went_wrong"] == "its worker died"
    assert (rows["fay"]["what_went_wrong"], rows[""]["what_went_wrong"]) == (
        "fay.ipynb: is a link",
        "../x.ipynb: leads out",
    )


def test_statistics_count_what_is_graded():
    found = {item.exercise: item for item in report.make(a_class(), NAMED).exercises}
    assert (found["double"].full, found["double"].share) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert found["triple"].full == pytest.approx(2 / 3)
    assert found["why"].full is None and found["why"].share is None
    assert found["double"].mistakes == (("squares: Confuses doubling with squaring.", 2),)
    some = a_class()
    some.graded["cem"].marks["why"] = 0.0  # left empty; the others wait
    assert report.make(some, NAMED).exercises[2].share is None
    text = page(report.make(a_class(), NAMED))
    assert "<b>2 students</b>: squares" in text and "<b>1 student</b>: AssertionError" in text
    assert text.index("<td>double</td>") < text.index("<td>triple</td>")  # hardest first


def test_the_gradebook_has_the_last_word():
    cells = {"double_test": CellMark("double_test", 2.0, 1.5, False), "why": CellMark("why", 1.0, 1.0, False)}
    by_person = Mark("bob", LAB, "graded", 6.0, first="Bob", last="B.", cells=cells, penalty=0.5, days_late=1)
    found = report.make(a_class(marks={"bob": by_person}), NAMED)
    assert (table(found)["bob"]["mark"], table(found)["bob"]["why"], table(found)["bob"]["late_penalty"]) == (
        ("2", "1", "0.5")
    )
    assert "−0.5 late" in page(found) and "B., Bob" in page(found)


def test_a_run_without_sandbox_is_said_loudly_and_only_that():
    safe, unsafe = (page(report.make(a_class(run={"unsafe": flag, "workers": 2}), {})) for flag in (False, True))
    assert '<p class="unsafe">UNSAFE' in unsafe and '<p class="unsafe">' not in safe
    assert "each submission in a sandbox" in safe and "each submission in a sandbox" not in unsafe
    assert "not known" in page(report.make(a_class(run={}), {}))
    assert "slower: no namespaces" in page(report.make(a_class(run={"warm": False, "why_cold": "no namespaces"}), {}))
    assert "slower" not in page(report.make(a_class(run={"warm": None}), {}))
    assert "--resume" in page(report.make(a_class(run={"interrupted": True}), {}))


def test_nothing_that_a_student_wrote_becomes_markup():
    found = a_class(
        graded={NASTY: graded(NASTY, 0.0, messages={"double_test": NASTY}, fingerprints={}, problems=[NASTY])},
        marks={NASTY: Mark(NASTY, LAB, "missing", 6.0, first=NASTY, last=NASTY)},
        rejected=[Rejection("", NASTY, NASTY)],
        handed_in={NASTY},
        run={"sandbox": NASTY, "started": NASTY},
    )
    text = page(report.make(found, {}, [NASTY]))
    assert html.escape(NASTY) in text
    for tag in re.findall(r"<(/?[a-z]\w*)", text):
        assert tag.strip("/") not in ("script", "img", "iframe", "object", "link", "a", "base", "form")
    assert not re.search(r"<[^>]*\son\w+=", text)


def test_what_a_person_should_look_at_has_a_row_and_a_detail_and_stays_text():
    seen = f"sign: follows code while it runs (line 3: {NASTY})"
    found = report.make(a_class(graded={"ada": graded("ada", look=[seen]), "bob": graded("bob")}), {})
    text = page(found)
    assert "Look at these" in text and html.escape(seen) in text and NASTY not in text
    assert text.count("look at this: see above") == 1
    rows = table(found)
    assert f"look at {seen}" in rows["ada"]["what_went_wrong"] and "look at" not in rows["bob"]["what_went_wrong"]
    assert "Look at these" not in page(report.make(a_class(), {}))


def test_the_page_needs_and_runs_nothing():
    text = page(report.make(a_class(), NAMED))
    assert not re.search(r"https?:|//|@import|url\(", text)
    assert "default-src 'none'" in text and text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")


def test_bars_count_every_mark():
    found = a_class()
    text = page(report.make(found, {}))
    bars = [int(count) for count in re.findall(r'text-anchor="middle">(\d+)</text><text', text)]
    assert sum(bars) >= 3 and text.count("<rect") == 7  # 0 to 6 points


def test_a_message_of_a_megabyte_does_not_fill_the_report():
    found = a_class(graded={"x": graded("x", 0.0, messages={"double_test": "y" * 10**6}, fingerprints={})})
    assert len(page(report.make(found, {}))) < 20_000


def test_the_same_class_gives_the_same_bytes():
    first = a_class()
    second = a_class(graded=dict(reversed(first.graded.items())))
    assert page(report.make(first, NAMED)) == page(report.make(second, NAMED))
    assert report.as_csv(report.make(first, NAMED)) == report.as_csv(report.make(second, NAMED))


def test_it_is_written_beside_the_results(monkeypatch, tmp_path):
    course = graded_class.course(tmp_path)
    monkeypatch.setattr(report, "gather", lambda course, name: a_class())
    monkeypatch.setattr(report, "known_mistakes", lambda course, found: (NAMED, ["a note"]))
    paths = report.report(course, LAB)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == (
        [f"grading/{LAB}/report.html", f"grading/{LAB}/report.csv"]
    )
    assert "a note" in paths[0].read_text() and paths[1].read_bytes().count(b"\r\n") == 9
    assert sorted(path.name for path in course.grading(LAB).iterdir()) == ["report.csv", "report.html"]
    monkeypatch.setattr(report, "gather", lambda course, name: Gathered(lab()))
    with pytest.raises(RuntimeError, match="nothing of lab42_doubling is collected"):
        report.report(course, LAB)


def test_rejected_files_are_read_as_collect_writes_them(tmp_path):
    course = graded_class.course(tmp_path)
    assert gathered.rejections(course, LAB) == []
    course.grading(LAB).mkdir(parents=True)
    text = 'student,file,reason\r\nfay,"a,b.ipynb",is a link\r\n,x.zip,"a\nbomb"\r\n'
    (course.grading(LAB) / "rejected.csv").write_text(text, newline="")
    expected = [Rejection("fay", "a,b.ipynb", "is a link"), Rejection("", "x.zip", "a\nbomb")]
    assert gathered.rejections(course, LAB) == expected
