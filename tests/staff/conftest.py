"""What holds for all tests of the instructor's side."""

import pytest


@pytest.fixture(autouse=True)
def tiny_labs_need_no_explanations(monkeypatch):
    """`course check` demands an explanation of each exercise; the tiny labs of the tests explain nothing."""
    from course_staff.proof import check

    monkeypatch.setattr(check, "EXPLANATIONS_DEMANDED", False)
