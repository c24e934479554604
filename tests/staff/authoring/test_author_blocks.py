"""Mark schemes and explanations: read from the source, never given to students, refused where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from course_staff.authoring import build as building
from course_staff.authoring import source
from course_staff.authoring.author_blocks import EXPLANATION, MARK_SCHEME, scheme_points, split_block
from course_staff.authoring.explanations import read_explanations
from course_staff.authoring.source import Address, SourceError
from course_staff.marking.reading import read_lab_to_grade
from course_staff.proof.written import scheme_problems, without_scheme

ROOT = Path(__file__).resolve().parents[3]
LAB = """\
# %% [markdown]
# # Lab 92: Blocks

# %% [markdown]
# ## Exercise 1
#
# Double it.
#
# ### BEGIN EXPLANATION
# SECRET: two times.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double_test", "points": 2}
assert double(2) == 4

# %% [markdown]
# ### BEGIN EXPLANATION
# SECRET: it is linear.
# ### END EXPLANATION

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "points": 3}
# Because.
#
# ### BEGIN MARK SCHEME
# - 1: SECRET says that it is linear
#   and what that means
# - 2: SECRET gives an example
# ### END MARK SCHEME
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "lab92_blocks.py").write_text(LAB)
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "o/n"\nbranch = "main"\n')
    (tmp_path / "nbgrader_config.py").write_bytes((ROOT / "nbgrader_config.py").read_bytes())
    return tmp_path


def test_students_get_nothing_of_either_and_the_grader_gets_the_scheme(root: Path, tmp_path: Path):
    derived = building.derive(root, tmp_path / "scratch", ["lab92"])
    released = derived[Path("labs/lab92_blocks/lab92_blocks.ipynb")]
    assert "SECRET" not in released and "BEGIN" not in released and "Double it." in released
    solution = derived[Path("solutions/lab92_blocks/lab92_blocks.ipynb")]
    assert "EXPLANATION" not in solution and "SECRET gives an example" in solution
    lab = read_lab_to_grade(root, "lab92_blocks", secret="secret")
    assert lab.cell("why").scheme.startswith("- 1: SECRET says") and lab.cell("double_test").scheme == ""
    assert all("SECRET" not in cell["source"] for cell in lab.cells)


def test_an_explanation_belongs_to_the_next_answer(root: Path):
    path = root / "solutions" / "lab92_blocks.py"
    assert read_explanations(path) == {"double": "SECRET: two times.", "why": "SECRET: it is linear."}
    path.write_text(LAB + "\n# %% [markdown]\n# ### BEGIN EXPLANATION\n# too late\n# ### END EXPLANATION\n")
    with pytest.raises(SourceError, match="no answer is below 'too late'"):
        read_explanations(path)
    path.write_text(LAB.replace("# Because.", "# ### BEGIN EXPLANATION\n# again\n# ### END EXPLANATION"))
    with pytest.raises(SourceError, match="two explanations"):
        read_explanations(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("# ### END EXPLANATION", "#", "expected one line"),
        ("# Double it.", "# ### BEGIN MARK SCHEME\n# - 1: x\n# ### END MARK SCHEME", "written question, nowhere else"),
        ("assert double(2) == 4", "### BEGIN EXPLANATION\n### END EXPLANATION", "Markdown cell, nowhere else"),
    ],
)
def test_a_block_in_the_wrong_place_is_refused(root: Path, old: str, new: str, words: str):
    path = root / "solutions" / "lab92_blocks.py"
    path.write_text(LAB.replace(old, new, 1))
    with pytest.raises(SourceError, match=words):
        source.read_lab(path, Address.of(root))


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("- 1: one\n- 0.5: half\n\n- 1.5: the rest\n  in two lines", ""),
        ("- 1: one", "give 1 points, the question 3"),
        ("- one", "expected lines such as"),
        ("  - 3: indented from the first", "expected lines such as"),
        ("- 3:", "expected lines such as"),
    ],
)
def test_the_lines_of_a_scheme_add_up(scheme: str, words: str):
    cell = f"Because.\n\n### BEGIN MARK SCHEME\n{scheme}\n### END MARK SCHEME"
    found = scheme_problems("why", cell, 3.0)
    assert words in "".join(found) and bool(found) is bool(words)
    assert without_scheme("why", cell) == []


def test_a_question_without_a_scheme_is_warned_of_only():
    assert scheme_problems("why", "Because.", 3.0) == []
    assert "why: no mark scheme" in without_scheme("why", "Because.")[0]


def test_a_block_is_taken_out_whole():
    text = "before\n\n### BEGIN EXPLANATION\nin it\n### END EXPLANATION\n\nafter"
    assert split_block(text, EXPLANATION) == ("in it", "before\n\nafter")
    assert split_block(text, MARK_SCHEME) == ("", text)
    assert scheme_points("- 1: a\n- 2.5: b") == 3.5
