"""What `course build` derives beside notebooks, and what it leaves alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from course_staff.authoring import build as building
from course_staff.authoring.source import Address

ROOT = Path(__file__).resolve().parents[3]
LAB = """\
# %% [markdown]
# # Lab 91: Small
#
# {{badges}}
#
# **The question?** You need about two hours. And more.

# %% nbgrader={"grade_id": "double", "solution": true}
### BEGIN SOLUTION
answer = 2
### END SOLUTION

# %% nbgrader={"grade_id": "double_test", "points": 3}
assert answer == 2, "two"
"""
LECTURE = "# %% [markdown]\n# # Lecture 07: Talk\n#\n# {{badges}}\n#\n# Forty minutes. It goes with labs 91 and 93.\n"


@pytest.fixture
def course(tmp_path) -> Path:
    """One lab and one lecture, without an address."""
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "OWNER/NAME"\nbranch = "main"\n')
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "README.md").write_text("# Course\n<!-- labs:begin -->\n<!-- labs:end -->\n")
    for folder, name, text in (("solutions", "lab91_small.py", LAB), ("lectures", "07_talk.py", LECTURE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    (tmp_path / "lectures" / "glossary.md").write_text("# Glossary\n")
    return tmp_path


def _texts(course: Path) -> dict[str, str]:
    return {str(path.relative_to(course)): path.read_text() for path in course.rglob("*") if path.is_file()}


def test_without_sources_it_changes_nothing_and_says_so(course, capsys):
    building.build(course)
    shutil.rmtree(course / "solutions")
    before = _texts(course)
    capsys.readouterr()
    for labs, check in ((None, False), (None, True), (["lab91"], False)):
        assert building.build(course, labs, check=check) == 0
        told = capsys.readouterr().out
        assert told.count("\n") == 1 and "nothing is derived or changed" in told
    assert _texts(course) == before


def test_the_start_page_has_times_points_and_lectures_and_its_links_lead_somewhere(course):
    building.build(course)
    page = (course / "labs" / "START.md").read_text()
    row = "| [Lab 91: Small](lab91_small/lab91_small.ipynb) | two hours | 3 | [07](../lectures/07_talk.ipynb) |"
    assert row in page and "- [Lecture 07: Talk](../lectures/07_talk.ipynb)" in page
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (course / "labs" / link).is_file()


def test_every_lab_of_the_course_says_its_time_on_the_start_page():
    rows = re.findall(r"^\| \[Lab .*", (ROOT / "labs" / "START.md").read_text(), re.MULTILINE)
    assert len(rows) >= 3 and all(re.search("minutes|hour", row.split(" | ")[1]) for row in rows)


def test_badges_show_once_there_is_an_address_on_github(course):
    building.build(course)
    notebook = "labs/lab91_small/lab91_small.ipynb"
    for path in ("README.md", notebook, "lectures/07_talk.ipynb"):
        assert "badge" not in (course / path).read_text() and "{{" not in (course / path).read_text()
    assert "| [Lab 91: Small](labs/lab91_small/lab91_small.ipynb) | 3 |\n" in (course / "README.md").read_text()
    assert Address("https://host/ada/course.git", "main").badges(notebook) == ""
    settings = course / "pyproject.toml"
    settings.write_text(settings.read_text().replace("OWNER/NAME", "ada/course"))
    building.build(course)
    for path in ("README.md", notebook, "lectures/07_talk.ipynb"):
        assert f"github/ada/course/blob/main/{path if path != 'README.md' else notebook}" in (course / path).read_text()
