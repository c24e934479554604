"""The card of a lab: read, refused where a field is wrong, shown as the head, and never given to students."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring import build as building
from course_staff.authoring import source
from course_staff.authoring.card import in_words
from course_staff.authoring.source import Address, SourceError

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = Address("OWNER/NAME", "main")
CARD = """\
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 3
# labs = ["00b"]
# lectures = ["07"]
# mathematics = "the chain rule"
# objectives = [
#     "double a number",
#     "say why",
# ]
# minutes = {theory = 20, double = 45, first_look = 12.5, why = 30}
# ### END CARD
"""
LAB = f"""\
# %% [markdown]
# # Lab 91: Small
#
# {{{{badges}}}}
#
# **The question of this lab: why?**
#
# {{{{head}}}}
#
# {{{{exercises}}}}
#
{CARD}
# %% [markdown]
# ## Exercise 1 ({{{{points double}}}})

# %% nbgrader={{"grade_id": "double", "solution": true}}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={{"grade_id": "double_test", "points": 2}}
assert double(2) == 4, "two times two is four"
print("double: right")

# %% tags=["experiment"]
from course_lib.exercise import yours

twice = yours("double", lambda x: x + x, name="double")

# %% [markdown] nbgrader={{"grade_id": "why", "solution": true, "points": 3}}
# Because.
"""
BEFORE = "# %% [markdown]\n# # Lab 00b: Before\n\n# %%\nx = 1\n# %% [markdown]\n# # not a title\n"
LECTURE = "# %% [markdown]\n# # Lecture 07: Talk\n"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Two labs, the first without a card, and a lecture that names no lab."""
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "OWNER/NAME"\nbranch = "main"\n')
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "README.md").write_text("# Course\n<!-- labs:begin -->\n<!-- labs:end -->\n")
    for name, text in (
        ("solutions/lab00b_before.py", BEFORE),
        ("solutions/lab91_small.py", LAB),
        ("lectures/07_talk.py", LECTURE),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def read_with(course: Path, old: str, new: str):
    assert old in LAB
    path = course / "solutions" / "lab91_small.py"
    path.write_text(LAB.replace(old, new, 1))
    return source.read_lab(path, ADDRESS)


def test_the_head_says_time_what_comes_before_and_what_you_do_and_its_links_lead_somewhere(course: Path):
    assert building.build(course) == 0
    for folder in ("labs", "solutions"):  # the student version, and the solution
        path = course / folder / "lab91_small" / "lab91_small.ipynb"
        text = path.read_text()
        first = nbformat.read(path, as_version=4).cells[0].source
        assert "CARD" not in text and "compute_minutes" not in text and "first_look" not in text
        assert (
            "**Time.** About an hour and three quarters. On 2 CPU cores the cells compute for about 3 minutes" in first
        )
        assert "at most 2 GB of memory" in first
        before = re.search(r"\*\*Before this lab\.\*\* (.*)", first)[1]
        assert before.startswith(
            "Labs: [Lab 00b: Before](../lab00b_before/lab00b_before.ipynb). Lectures: [Lecture 07: Talk]"
        )
        assert before.endswith("Mathematics: the chain rule.")
        assert "**In this lab you will**\n\n- double a number\n- say why\n\n| exercise" in first
        for link in re.findall(r"\]\(([^)]+)\)", first):
            assert (path.parent / link).resolve().is_file()
        rows = first[first.index("| exercise") :].splitlines()
        assert [row.split(" | ")[2] for row in rows[2:4]] == ["45", "30"]
        assert rows[4] == "| theory, first look | | 32.5 | |" and rows[5] == "| **all** | **5** | **107.5** | |"
    assert rows[-1].startswith("| **all**"), "nothing is left of the card's lines"
    assert "| `double` | 2 | 45 | the test cell below it |" in (course / "labs" / "EXERCISES.md").read_text()
    page = (course / "labs" / "START.md").read_text()
    assert "| [Lab 91: Small](lab91_small/lab91_small.ipynb) | an hour and three quarters | 5 | core | [07]" in page


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"core"', '"hard"', "card: level: expected one of start, core, capstone, got 'hard'"),
        ('["00b"]', '["00"]', "card: labs: there is none with the number '00'; there are: 00b, 91"),
        ('["07"]', '["7"]', "card: lectures: there is none with the number '7'; there are: 07"),
        ('["07"]', '"07"', "card: lectures: expected a list of texts such as .*, got '07'"),
        ('["00b"]', "[0]", r"card: labs: expected a list of texts such as .*, got \[0\]"),
        (", why = 30", "", "card: minutes: why is missing"),
        ("double = 45", "double = -1", "card: minutes: double: expected a number of minutes, got -1"),
        ("double = 45", "double = true", "card: minutes: double: expected a number of minutes, got True"),
        ("{theory = 20, double = 45, first_look = 12.5, why = 30}", "90", "card: minutes: expected a table"),
        ("compute_minutes = 3", 'compute_minutes = "3"', "card: compute_minutes: expected a number of minutes"),
        ('memory = "2 GB"', 'memory = ""', "card: memory: expected a text, got ''"),
        ('# memory = "2 GB"\n', "", "card: memory: this field is missing"),
        ("# memory", "# memorie", "card: memorie: there is no such field; there are: level, memory"),
        ('level = "core"', "level = core", "card: this is no TOML"),
        ('#     "double a number",\n#     "say why",\n', "", "card: objectives: expected at least one"),
        ("# ### END CARD\n", "", "card: expected one line"),
        ("# {{head}}\n#\n", "", "the card is shown nowhere"),
        ("# ## Exercise 1", CARD + "# ## Exercise 1", "the card stands in the first cell, nowhere else"),
        (CARD, "", r"\{\{head\}\} needs a card"),
        (
            "{{exercises}}",
            "{{exercise}}",
            r"\{\{exercise\}\} is none of badges, exercises, points double, points why, head",
        ),
    ],
)
def test_what_is_wrong_is_said_with_lab_and_field(course: Path, old: str, new: str, words: str):
    with pytest.raises(SourceError, match="lab91_small.py: " + words):
        read_with(course, old, new)


def test_a_lab_without_a_card_is_derived_as_ever(course: Path):
    path = course / "solutions" / "lab91_small.py"
    path.write_text(LAB.replace(CARD, "").replace("# {{head}}\n#\n", "# You need about two hours. Go.\n#\n"))
    assert source.card_of(path) is None
    assert building.build(course) == 0
    first = nbformat.read(course / "labs" / "lab91_small" / "lab91_small.ipynb", as_version=4).cells[0].source
    assert "| exercise | points | checked by |" in first
    assert "ipynb) | two hours | 5 |  |" in (course / "labs" / "START.md").read_text()


def test_a_lab_that_takes_nothing_for_granted_says_so(course: Path):
    path = course / "solutions" / "lab91_small.py"
    text = LAB.replace('["00b"]', "[]").replace('["07"]', "[]").replace('"the chain rule"', '""')
    path.write_text(text.replace("compute_minutes = 3", "compute_minutes = 0.5"))
    first = source.read_lab(path, ADDRESS).cells[0].source
    assert "**Before this lab.** Nothing: you can begin here." in first and "for less than a minute in all" in first


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (3, "15 minutes"),
        (50, "45 minutes"),
        (67, "one hour"),
        (68, "an hour and a quarter"),
        (90, "an hour and a half"),
        (112.5, "two hours"),
        (130, "two and a quarter hours"),
        (165, "two and three-quarter hours"),
        (60 * 11 + 30, "11 and a half hours"),
    ],
)
def test_time_in_words(minutes: float, words: str):
    assert in_words(minutes) == words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('yours("double",', 'yours("treble",', "yours\\('treble', …\\): no exercise with a test"),
        ('yours("double",', 'yours("why",', "yours\\('why', …\\): no exercise with a test"),
        ('name="double")', 'name="Double")', "name='Double'\\): the test of the exercise uses nothing of that name"),
        (', name="double")', ")", "name=''\\): the test of the exercise uses nothing of that name"),
        ("x + x, name", "x + x, **more, name", ""),
        ("twice = yours", "%time twice = yours", ""),
    ],
)
def test_an_experiment_asks_for_an_object_that_a_test_has_seen(course: Path, old: str, new: str, words: str):
    if not words:
        assert read_with(course, old, new).cells
        return
    with pytest.raises(SourceError, match=words):
        read_with(course, old, new)
