"""Feedback after the deadline: explanations and mark schemes, never before the last student may hand in."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import LAB, enter, graded, lab

from course_staff.gradebook.extensions import extend
from course_staff.gradebook.marks import CellMark, Mark
from course_staff.reports import explanations
from course_staff.reports import feedback as module
from course_staff.reports import report as report_module
from course_staff.reports.explanations import Explanations
from course_staff.reports.feedback import feedback
from course_staff.reports.feedback_page import page
from course_staff.reports.gathered import Gathered

NAMED = {"double": {"print of double": ["squares it: Confuses doubling with squaring.", "adds: Adds <two>."]}}
SCHEME = "Because.\n### BEGIN MARK SCHEME\n- 1: SAYS WHY\n### END MARK SCHEME"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Ada has all right, Bob has doubled wrongly; the lab was due long ago."""
    course = graded_class.course(tmp_path)
    results = {"ada": graded("ada"), "bob": graded("bob", 0.0)}
    enter(course, list(results.values()))
    monkeypatch.setattr(module, "gather", lambda course, name: Gathered(lab(), results))
    monkeypatch.setattr(report_module, "known_mistakes", lambda *_: (NAMED, []))
    (tmp_path / "solutions").mkdir()
    text = "# %% [markdown]\n# ### BEGIN EXPLANATION\n# Twice is *plus itself*.\n# ### END EXPLANATION\n"
    text += '\n# %% nbgrader={"grade_id": "double", "solution": true}\n'
    (tmp_path / "solutions" / f"{LAB}.py").write_text(text)
    return course


def test_the_author_explains_and_the_mistake_is_named_to_whom_it_belongs(course):
    ada, bob = (path.read_text() for path in feedback(course, LAB, explain=True))
    for text in (ada, bob):
        assert "<h3>Explanation</h3>" in text and "Twice is <em>plus itself</em>." in text
    assert "Confuses doubling" in bob and "known mistakes" in bob and "<two>" not in bob
    assert "squares it" not in bob, "the name is the author's"
    assert "Confuses doubling" not in ada
    assert not any("Explanation" in path.read_text() for path in feedback(course, LAB))


def test_not_while_somebody_may_still_hand_in(course):
    later = datetime.now(UTC) + timedelta(days=2)
    extend(course, LAB, "bob", until=f"{later:%Y-%m-%d %H:%M}")
    with pytest.raises(ValueError, match=f"until {later:%Y-%m-%d %H:%M} UTC; --now"):
        feedback(course, LAB, students=["ada"], explain=True)
    assert "Explanation" in feedback(course, LAB, explain=True, now=True)[0].read_text()
    extend(course, LAB, "bob", days=0)
    explanations.check_all_over(course, LAB)
    with course.gradebook() as book:
        book.find_assignment(LAB).duedate = None
        book.db.commit()
    with pytest.raises(ValueError, match="no due date"):
        feedback(course, LAB, explain=True)


def test_a_rejected_submission_is_told_no_mistake():
    found = Explanations(lab(), {"double": "Twice."}, NAMED)
    assert found.to(graded("x", rejected="no notebook")) == {"double": "Twice."}


@pytest.mark.parametrize("waits", [True, False])
def test_the_mark_scheme_shows_once_a_person_has_graded(waits):
    cells = tuple(dataclasses.replace(cell, solution=SCHEME) if cell.by_hand else cell for cell in lab().graded)
    mark = Mark("x", LAB, "graded", 6.0, cells={"why": CellMark("why", 1.0, None if waits else 0.5, waits)})
    text = page(dataclasses.replace(lab(), graded=cells), mark, graded("x"), [])
    assert ("SAYS WHY" in text) is not waits
