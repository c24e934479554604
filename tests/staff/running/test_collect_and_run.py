"""From collection to results: what `--max-mb` let in is graded, and work that was rejected waits again once mended."""

from __future__ import annotations

import pytest
from small_class import LAB, hand_in, in_this_process, open_course, prepared, submission

from course_staff.handin import preflight
from course_staff.handin.collect import collect
from course_staff.marking.notebook import read_cells
from course_staff.marking.results import read
from course_staff.running import pool
from course_staff.running import run as run_module
from course_staff.running.run import run, status


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "prepare_lazily", prepared())
    monkeypatch.setattr(pool, "grade_all", in_this_process)
    monkeypatch.setattr(preflight, "COLLECTED_BYTES", 1000)
    return open_course(tmp_path / "course")


def test_what_max_mb_let_in_is_graded_to_the_end(course, tmp_path):
    large = submission(note="x" * 2000)
    (tmp_path / "class" / "student01").mkdir(parents=True)
    (tmp_path / "class" / "student01" / f"{LAB}.ipynb").write_bytes(large)
    assert not collect(course, LAB, tmp_path / "class", max_bytes=5000).rejected
    hand_in(course, "student02", submission(note="x" * 4000))
    run(course, LAB, progress=False, workers=1)
    assert read(course, LAB, "student01").graded.marks
    assert "--max-mb" in read(course, LAB, "student02").graded.rejected


def test_work_that_the_grader_rejected_waits_again_once_it_is_mended(course, tmp_path):
    def sent(content: bytes) -> None:
        (tmp_path / "class" / "student01").mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / "student01" / f"{LAB}.ipynb").write_bytes(content)
        collect(course, LAB, tmp_path / "class")

    sent(submission(rejected="the notebook has no cells of the lab"))
    run(course, LAB, progress=False, workers=1)
    assert [student for student, _ in status(course, LAB).rejected] == ["student01"]
    sent(submission(rejected="the notebook has no cells of the lab"))
    assert status(course, LAB).rejected, "the same file again mends nothing"
    sent(submission())
    assert not status(course, LAB).rejected
    run(course, LAB, resume=True, progress=False, workers=1)
    assert status(course, LAB).graded == ["student01"] and read(course, LAB, "student01").graded.marks
    sent(submission({"double": 0.0}))
    assert read(course, LAB, "student01").graded.marks, "marks stay until the next run"


def test_the_grader_itself_has_no_limit_of_its_own():
    assert len(read_cells(submission() + b" " * 105_000_000)) == 1
