"""Whether something waits for a person: the exit code of `course grade status`."""

from __future__ import annotations

import pytest

from course_staff.running.status import Status


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
