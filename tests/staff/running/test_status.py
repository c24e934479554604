"""Whether something waits for a person, the exit code of `course grade status`; and what a person has looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_class import LAB, open_course

from course_staff.marking import results
from course_staff.marking.grade import Graded
from course_staff.running import seen
from course_staff.running.status import Status, status


@pytest.mark.parametrize(
    ("given", "waits"),
    [
        ({}, False),
        ({"collected": ["a"], "graded": ["a"]}, False),
        ({"collected": ["a"], "graded": ["a"], "missing": ["b"], "extensions": ["b 3 days"]}, False),
        ({"collected": ["a", "b"], "graded": ["a"]}, True),
        ({"collected": ["a"], "graded": ["a"], "waiting": ["a"]}, True),
        ({"collected": ["a"], "rejected": [("a", "empty")]}, True),
        ({"collected": ["a"], "graded": ["a"], "flagged": [("a", "reads the grader's code")]}, True),
        ({"collected": ["a"], "graded": ["a"], "lost": [("b", "3 workers were lost")]}, True),
        ({"collected": ["a"], "graded": ["a"], "interrupted": True}, True),
    ],
)
def test_whether_a_person_has_something_to_do(given: dict, waits: bool):
    assert Status("lab42", **given).waits is waits


def test_a_flag_is_ticked_off_for_one_submission_and_no_other(tmp_path, monkeypatch):
    course = open_course(tmp_path)
    flagged = Graded("student01", LAB, "d", look=["double: traces its caller (line 1: import sys)", "double: second"])
    results.save(course, LAB, flagged, submission="first")
    results.save(course, LAB, replace(flagged, student="student02"), submission="other")
    assert "2 things" in seen.tick_off(course, LAB, ["student01"])
    found = status(course, LAB)
    assert {student for student, _ in found.flagged} == {"student02"} and found.seen == 2
    assert "course grade seen" in str(found) and "looked at before: 2 flags" in str(found)
    seen.tick_off(course, LAB, ["student02"])
    assert not status(course, LAB).flagged
    results.save(course, LAB, flagged, submission="second")
    assert len(status(course, LAB).flagged) == 2, "handed in anew: a person looks again"
    results.save(course, LAB, replace(flagged, look=[*flagged.look, "treble: new"]), submission="first")
    assert [words for _, words in status(course, LAB).flagged] == ["treble: new"]
    seen.tick_off(course, LAB, ["student01"], undo=True)
    assert len(status(course, LAB).flagged) == 3


def test_who_is_not_graded_cannot_be_ticked_off(tmp_path):
    course = open_course(tmp_path)
    with pytest.raises(ValueError, match="nothing of 'nobody' is graded"):
        seen.tick_off(course, LAB, ["nobody"])
    course.grading(LAB).mkdir(parents=True)
    (course.grading(LAB) / "seen.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="seen.csv: expected the columns"):
        seen.read(course, LAB)
