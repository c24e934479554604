"""A small course: one lab with three tests of 2, 3 and 1 points and a written answer, and papers handed in for it.

The lab needs only numpy, so that a session starts in milliseconds. `double` and `mse` are checked by hidden values,
`sign` by its visible test alone. What must never reach a student is marked by the word TREASURE.
"""

from __future__ import annotations

import base64
import copy
import json
import shutil
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "lab90_hostile"
FULL = {"double_test": 2.0, "mse_test": 3.0, "sign_test": 1.0}
TREASURE = "TREASURE"

# Some attacks would kill every process of a machine, or fill it: they look first whether they are on one.
ONLY_INSIDE = """\
import os
if os.path.exists('/etc/passwd'):
    raise SystemExit('never outside a sandbox')
"""

SOURCE = '''\
# %% [markdown]
# # Lab 90: Hostile
#
# {{exercises}}

# %%
import numpy as np

# %% [markdown]
# ## Exercise 1 ({{points double}})

# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double_test", "points": 2}
from course_lib.exercise import without

with without("statistics.fmean"):
    assert np.allclose(double(np.array([1.0, -2.0])), [2, -4]), "twice 1 and -2 are 2 and -4: multiply by two"
    assert double(0.5) == 1, "twice a half is one: do not round"
    ### HIDDEN VALUE: double(rng.random((3, 5)))
    ### BEGIN HIDDEN TESTS
    treasure = 7
    assert double(treasure) == 14, "TREASURE: look at whole numbers"
    ### END HIDDEN TESTS
print("double: right")

# %% [markdown]
# ## Exercise 2 ({{points mse}})

# %% nbgrader={"grade_id": "mse", "solution": true}
def mse(a, b):
    """Mean squared error of two arrays."""
    ### BEGIN SOLUTION
    return np.mean((a - b) ** 2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "mse_test", "points": 3}
from course_lib.exercise import without

with without("statistics.fmean"):
    rng = np.random.default_rng(0)
    a, b = rng.random((4, 5)), rng.random((4, 5))
    expected = sum((x - y) ** 2 for x, y in zip(a.ravel(), b.ravel(), strict=True)) / 20
    got = mse(np.zeros((2, 2)), np.full((2, 2), 2.0))
    assert np.isclose(got, 4), f"an error of 2 everywhere is 4, got {got}: square, then average"
    got = mse(a, b)
    assert np.isclose(got, expected), f"expected {expected:.4f}, got {got}: the mean of the squares"
    ### HIDDEN VALUE: mse(rng.random((4, 6)), rng.random((4, 6)))
print("mse: right")

# %% tags=["experiment"]
raise RuntimeError("an experiment is skipped when grading")

# %% nbgrader={"grade_id": "sign", "solution": true}
def sign(x):
    """-1, 0 or 1."""
    ### BEGIN SOLUTION
    return (x > 0) - (x < 0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "sign_test", "points": 1}
from course_lib.exercise import without

with without("statistics.fmean"):
    assert sign(-3) == -1, "the sign of -3 is -1"
    assert sign(0.5) == 1, "the sign of 0.5 is 1"
    assert sign(0) == 0, "zero has no sign"
print("sign: right")

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "points": 2}
# Because.
'''

WRONG = """\
# %% [double] calls_the_library
# Calls the library.
def double(x):
    import statistics

    return statistics.fmean([2 * x])


# %% [double] squares
# Confuses doubling with squaring.
def double(x):
    return x**2


# %% [mse] takes_the_root
# Confuses MSE with RMSE.
def mse(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


# %% [sign] forgets_zero
# Forgets that zero has no sign.
def sign(x):
    return 1 if x >= 0 else -1
"""

ANSWERS = {
    "double": "def double(x):\n    return 2 * x\n",
    "mse": "def mse(a, b):\n    return np.mean((a - b) ** 2)\n",
    "sign": "def sign(x):\n    return (x > 0) - (x < 0)\n",
    "why": "Because the squares say so.",
}


def make_course(folder: Path) -> Path:
    """A course with this one lab in `folder`, its gradebook a stand-in file that nothing may touch."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "solutions").mkdir()
    (folder / "solutions" / f"{NAME}.py").write_text(SOURCE)
    (folder / "solutions" / f"{NAME}.wrong.py").write_text(WRONG)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    (folder / "pyproject.toml").write_text('[tool.course]\nrepository = "o/n"\nbranch = "main"\n')
    return folder


class Paper:
    """A released notebook that somebody fills in: answers, cells of their own, and mischief."""

    def __init__(self, cells, answers: dict[str, str]):
        self.cells = json.loads(json.dumps(list(cells)))
        self.metadata: dict = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        self.minor = 5
        for cell in self.cells:
            if cell["cell_type"] == "code":
                cell.setdefault("outputs", [])
                cell.setdefault("execution_count", None)
        self.released = {name: self.cell(name)["source"] for name in answers}
        for name, source in answers.items():
            self.answer(name, source)

    def cell(self, name: str) -> dict:
        """The cell that nbgrader calls `name`."""
        return next(cell for cell in self.cells if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)

    def answer(self, name: str, source: str, *, dangerous: bool = False) -> None:
        """Replace an answer (or anything that has a name). dangerous: to a machine; does nothing outside a sandbox."""
        self.cell(name)["source"] = ONLY_INSIDE * dangerous + textwrap.dedent(source).strip("\n") + "\n"

    def put(
        self,
        source: str,
        *,
        before: str | None = None,
        after: str | None = None,
        kind: str = "code",
        dangerous: bool = False,
    ) -> dict:
        """Add a cell of one's own: before or after a named cell, else at the end. dangerous: as in `answer`."""
        cell = {"cell_type": kind, "id": f"own{len(self.cells)}", "metadata": {}}
        cell["source"] = ONLY_INSIDE * dangerous + textwrap.dedent(source).strip("\n")
        if kind == "code":
            cell |= {"outputs": [], "execution_count": None}
        place = len(self.cells)
        if before or after:
            place = self.cells.index(self.cell(before or after)) + bool(after)
        self.cells.insert(place, cell)
        return cell

    def first(self, source: str, *, dangerous: bool = False) -> dict:
        """Add a cell of one's own right before the first exercise, after the imports."""
        return self.put(source, before="double", dangerous=dangerous)

    def delete(self, name: str) -> None:
        self.cells.remove(self.cell(name))

    def copy(self, name: str) -> dict:
        """A second cell just like the named one, right after it."""
        cell = copy.deepcopy(self.cell(name))
        self.cells.insert(self.cells.index(self.cell(name)) + 1, cell)
        return cell

    def content(self) -> dict:
        return {"cells": self.cells, "metadata": self.metadata, "nbformat": 4, "nbformat_minor": self.minor}

    def bytes(self) -> bytes:
        return json.dumps(self.content()).encode()


def picture(megabytes: int) -> str:
    """That much base64, such as a notebook holds for a picture."""
    return base64.b64encode(b"\x89PNG" + bytes(megabytes * 750_000)).decode()
