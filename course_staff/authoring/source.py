"""A lab's text source, read: the notebook that it describes, its exercises with points, its named wrong answers.

The format is told in CONTRIBUTING.md: percent-format text (jupytext) whose graded cells carry nbgrader metadata. Only
what differs from nbgrader's defaults is written; the rest is filled in here.
"""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from course_lib.project import PLACEHOLDER, labs_called
from course_staff.authoring.author_blocks import CARD, EXPLANATION, MARK_SCHEME, has_block, split_block
from course_staff.authoring.card import Card, read_card
from course_staff.authoring.edits import EditError, applied
from course_staff.authoring.head import head
from course_staff.authoring.hidden_lines import HiddenValue
from course_staff.authoring.my_cell import my_cell, unknown_tests
from course_staff.authoring.own_objects import wrong_calls
from course_staff.authoring.picture import tagged
from course_staff.authoring.placeholders import exercise_table, fill_in, points_in_words
from course_staff.authoring.setup_cell import setup_cell

BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"  # nbgrader's marks
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


_ON_GITHUB = re.compile(r"[\w.-]+/[\w.-]+")


class SourceError(ValueError):
    """A lab source, or its file of wrong answers, is not as CONTRIBUTING.md says; the message names file and cell."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: the id of its answer cell, its points, and whether a person grades it."""

    name: str
    points: float
    by_hand: bool

    @property
    def graded_cell(self) -> str:
        """nbgrader's id of the cell that carries the points."""
        return self.name if self.by_hand else f"{self.name}_test"


@dataclass(frozen=True)
class WrongAnswer:
    """A named wrong answer: real code for one exercise, and the misconception behind it."""

    exercise: str
    name: str
    misconception: str
    code: str


@dataclass(frozen=True)
class Address:
    """Where the course lives, `[tool.course]` of pyproject.toml: `branch` may be the tag or commit that it pins."""

    repository: str
    branch: str

    @classmethod
    def of(cls, root: Path) -> Address:
        settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["course"]
        return cls(settings["repository"], settings.get("pin") or settings["branch"])

    def badges(self, notebook: str) -> str:
        """The Colab and Binder badges of a notebook, as Markdown; none before the course has an address.

        notebook: path inside the repository. Colab and Binder open what lies on GitHub: others have no badges either.
        """
        if self.repository == PLACEHOLDER or not _ON_GITHUB.fullmatch(self.repository):
            return ""
        colab = f"https://colab.research.google.com/github/{self.repository}/blob/{self.branch}/{notebook}"
        binder = f"https://mybinder.org/v2/gh/{self.repository}/{self.branch}?urlpath=lab/tree/{notebook}"
        return (
            f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
            f" [![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})"
        )


def lab_sources(root: Path, only: list[str] | None = None) -> list[Path]:
    """The sources of all labs in order, or of those that are called by one of `only` ("lab01")."""
    found = sorted(path for path in (root / "solutions").glob("lab*.py") if not path.stem.endswith(".wrong"))
    if not only:
        return found
    names = [path.stem for path in found]
    chosen: set[str] = set()
    for name in only:
        called = labs_called(name, names)
        if not called:
            raise SourceError(f"no lab called {name!r}; there are: {', '.join(names)}")
        chosen.update(called)
    return [path for path in found if path.stem in chosen]


def read_lab(path: Path, address: Address) -> NotebookNode:
    """Read `solutions/labNN_topic.py` as the solution notebook: metadata complete, stable ids, points filled in."""
    notebook = _read_percent(path)
    notebook_path = f"labs/{path.stem}/{path.stem}.ipynb"
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            _complete(cell, path)
        _take_out_explanation(cell, path)
        if _HIDDEN_VALUE.search(cell.source) or _EXEMPT.search(cell.source):
            _hide_values(cell, path)
    text = _take_out_card(notebook, path)
    notebook.cells = [cell for cell in notebook.cells if cell.source or cell.cell_type != "markdown"]
    found = exercises(notebook, path)
    values = _values_of_a_lab(found, text, address.badges(notebook_path), path)
    if text and not any("{{head}}" in cell.source for cell in notebook.cells):
        raise SourceError(f"{path.name}: the card is shown nowhere: write {{{{head}}}} in the first cell")
    _check_picture(notebook, path)
    for problem in wrong_calls(notebook, [item.name for item in found if not item.by_hand]):
        raise SourceError(f"{path.name}: {problem}")
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = setup_cell(address.repository, address.branch, path.stem)
        if cell.cell_type == "markdown":
            cell.source = _filled_in(cell.source, values, path)
    if any("setup" in cell.metadata.get("tags", []) for cell in notebook.cells):
        for name in unknown_tests(notebook, found):
            raise SourceError(f'{path.name}: {name}_test: its last line must begin with `print("{name}: right`')
        notebook.cells.append(my_cell(found))
    _give_ids(notebook)
    return notebook


def _check_picture(notebook: NotebookNode, path: Path) -> None:
    try:
        tagged(notebook)
    except ValueError as error:
        raise SourceError(f"{path.name}: {error}") from None


def _take_out_explanation(cell: NotebookNode, path: Path) -> None:
    """An author's blocks never reach a notebook of students; a mark scheme goes with the answer that it stands in."""
    meta = cell.metadata.get("nbgrader", {})
    name = meta.get("grade_id") or cell.source.split("\n")[0]
    written = cell.cell_type == "markdown" and meta.get("solution") and meta.get("grade")
    if has_block(cell.source, MARK_SCHEME) and not written:
        raise SourceError(f"{path.name}: {name}: a mark scheme stands in the cell of a written question, nowhere else")
    if has_block(cell.source, EXPLANATION) and cell.cell_type != "markdown":
        raise SourceError(f"{path.name}: {name}: an explanation stands in a Markdown cell, nowhere else")
    try:
        cell.source = split_block(cell.source, EXPLANATION)[1]
    except ValueError as error:
        raise SourceError(f"{path.name}: {name}: {error}") from None


def read_lecture(path: Path, address: Address) -> NotebookNode:
    """Read `lectures/NN_topic.py` as a notebook: set-up cell, badges and stable ids filled in."""
    notebook = _read_percent(path)
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = setup_cell(address.repository, address.branch, path.stem)
        if cell.cell_type == "markdown":
            cell.source = _filled_in(cell.source, {"badges": address.badges(f"lectures/{path.stem}.ipynb")}, path)
    _give_ids(notebook)
    return notebook


def exercises(notebook: NotebookNode, path: Path) -> list[Exercise]:
    """The exercises of a lab in order. Raises SourceError where an answer has no test, or a test no answer."""
    answers, tests, found = [], {}, []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if meta is None:
            continue
        if meta["solution"] and meta["grade"]:
            found.append(Exercise(meta["grade_id"], float(meta["points"]), by_hand=True))
        elif meta["solution"]:
            answers.append(meta["grade_id"])
        elif meta["grade"]:
            name = meta["grade_id"].removesuffix("_test")
            tests[name] = float(meta["points"])
            found.append(Exercise(name, float(meta["points"]), by_hand=False))
    for name in set(answers) ^ set(tests):
        raise SourceError(f"{path.name}: exercise {name!r} needs an answer cell {name!r} and a test cell '{name}_test'")
    return found


_EXEMPT = re.compile(r"^[ \t]*### EXEMPT:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_HIDDEN_VALUE = re.compile(r"^[ \t]*### HIDDEN VALUE:(.*)$", re.MULTILINE)


def hidden_values(test: str) -> tuple[HiddenValue, ...]:
    """The hidden values that a test cell's source asks for, in order.

    All that the cell closes by `without` anywhere is closed while they are computed. Raises SourceError where a line is
    no expression, or draws nothing from `rng`.
    """
    expressions = [text.strip() for text in _HIDDEN_VALUE.findall(test)]
    closed = _closed(test) if expressions else ()
    for expression in expressions:
        try:
            names = {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}
        except SyntaxError as error:
            raise SourceError(f"hidden value {expression!r}: expected one Python expression: {error.msg}") from None
        if "rng" not in names:
            raise SourceError(f"hidden value {expression!r}: draw its inputs from `rng`, or they are not hidden")
    return tuple(HiddenValue(expression, closed) for expression in expressions)


def exempt(test: str) -> str | None:
    """Why a test can have no hidden values, as its author says in a line `### EXEMPT: reason`; None without one."""
    found = _EXEMPT.search(test)
    return found and found[1]


def _closed(test: str) -> tuple[str, ...]:
    """The names that a test cell hands to `without`, in order."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "without":
            names: list[Any] = [part.value for part in node.args if isinstance(part, ast.Constant)]
            if len(names) < len(node.args):
                raise SourceError("a test with hidden values must write out the names that it hands to `without`")
            found |= dict.fromkeys(names)
    return tuple(found)


def _hide_values(cell: NotebookNode, path: Path) -> None:
    """Put each line for authors between nbgrader's marks of a hidden test: students do not get it."""
    meta = cell.metadata.get("nbgrader", {})
    name = meta.get("grade_id", cell.source.split("\n")[0])
    if cell.cell_type != "code" or not meta.get("grade") or meta.get("solution"):
        raise SourceError(f"{path.name}: {name}: a hidden value stands in the test cell of an exercise, nowhere else")
    try:
        hidden_values(cell.source)
    except (SourceError, SyntaxError) as error:
        raise SourceError(f"{path.name}: {name}: {error}") from None
    lines, hidden = [], False
    for line in cell.source.split("\n"):
        hidden = BEGIN_HIDDEN in line or (hidden and END_HIDDEN not in line)
        indent = line[: len(line) - len(line.lstrip())]
        alone = (_HIDDEN_VALUE.match(line) or _EXEMPT.match(line)) and not hidden
        lines += [f"{indent}{BEGIN_HIDDEN}", line, f"{indent}{END_HIDDEN}"] if alone else [line]
    cell.source = "\n".join(lines)


def title(notebook: NotebookNode) -> str:
    """The first heading of a notebook, without its `#`."""
    for cell in notebook.cells:
        heading = re.search(r"^# (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if heading:
            return heading[1]
    raise SourceError("a notebook needs a first heading: a Markdown cell with a line '# Lab NN: …'")


def read_wrong_answers(path: Path) -> list[WrongAnswer]:
    """Read `solutions/labNN_topic.wrong.py`: cells headed `# %% [exercise] name`, then the misconception as comment.

    The code below is a whole answer, or edits of the answer in the lab's source beside it (`edits.py`).
    """
    lab = path.with_name(path.name.replace(".wrong.py", ".py"))
    cells = _read_percent(lab).cells if lab.exists() else []
    answers = {name: cell.source for cell in cells if (name := _answer_name(cell))}
    found = []
    for header, body in re.findall(r"^# %% (.+)\n((?:(?!# %% ).*\n?)*)", path.read_text(), re.MULTILINE):
        heading = re.fullmatch(r"\[(\w+)\] (\w+)", header.strip())
        if not heading:
            raise SourceError(f"{path.name}: expected a cell header '# %% [exercise] name', got '# %% {header}'")
        lines = body.strip("\n").split("\n")
        comment = []
        while lines and lines[0].startswith("#"):
            comment.append(lines.pop(0).lstrip("# ").rstrip())
        if not comment:
            raise SourceError(f"{path.name}: {header}: say the misconception in a comment below the header")
        code = "\n".join(lines).strip("\n") + "\n"
        try:
            code = applied(code, answers.get(heading[1], ""))
            ast.parse(code)
        except (EditError, SyntaxError) as error:
            raise SourceError(f"{path.name}: {header}: {error}") from None
        found.append(WrongAnswer(heading[1], heading[2], " ".join(comment), code))
    return found


def _answer_name(cell: NotebookNode) -> str:
    """The exercise whose answer a code cell is; nothing for other cells."""
    meta = cell.metadata.get("nbgrader", {})
    return meta.get("grade_id", "") if cell.cell_type == "code" and meta.get("solution") else ""


def _read_percent(path: Path) -> NotebookNode:
    notebook = jupytext.read(path, fmt="py:percent")
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    return notebook


def _complete(cell: NotebookNode, path: Path) -> None:
    """Fill in nbgrader's metadata from what the author wrote: grade_id, and solution or points or both."""
    given = cell.metadata["nbgrader"]
    if "grade_id" not in given or not (given.get("solution") or "points" in given):
        raise SourceError(f"{path.name}: a graded cell needs a grade_id, and solution or points, got {dict(given)}")
    solution = bool(given.get("solution"))
    full = {
        "grade": "points" in given,
        "grade_id": given["grade_id"],
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if "points" in given:
        full["points"] = given["points"]
    if full["grade"] and not solution and cell.cell_type == "code":  # collapsed: in JupyterLab, and in Colab
        cell.metadata["jupyter"] = nbformat.from_dict({"source_hidden": True})
        cell.metadata["cellView"] = "form"
    cell.metadata["nbgrader"] = nbformat.from_dict(dict(sorted(full.items())))


def card_of(path: Path) -> Card | None:
    """The card of a lab's source; None where it has none. Raises SourceError for one that is not as it must be."""
    notebook = _read_percent(path)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            _complete(cell, path)
    return _card(_take_out_card(notebook, path), exercises(notebook, path), path)


def _take_out_card(notebook: NotebookNode, path: Path) -> str:
    """The text of the card, which then stands in the notebook no more; empty where there is none."""
    if any(has_block(cell.source, CARD) for cell in notebook.cells[1:]):
        raise SourceError(f"{path.name}: the card stands in the first cell, nowhere else")
    if not notebook.cells:
        return ""
    try:
        text, notebook.cells[0].source = split_block(notebook.cells[0].source, CARD)
    except ValueError as error:
        raise SourceError(f"{path.name}: card: {error}") from None
    return text


def _card(text: str, found: list[Exercise], path: Path) -> Card | None:
    if not text:
        return None
    try:
        return read_card(text, [item.name for item in found])
    except ValueError as error:
        raise SourceError(f"{path.name}: card: {error}") from None


def _values_of_a_lab(found: list[Exercise], text: str, badges: str, path: Path) -> dict[str, str]:
    """What stands for each name in double braces. text: of the card."""
    card = _card(text, found, path)
    values = {"badges": badges, "exercises": exercise_table(found, card)}
    values |= {f"points {item.name}": points_in_words(item.points) for item in found}
    if card is not None:
        try:
            values["head"] = head(card, path.parent.parent)
        except ValueError as error:
            raise SourceError(f"{path.name}: card: {error}") from None
    return values


def _filled_in(text: str, values: dict[str, str], path: Path) -> str:
    if "{{head}}" in text and "head" not in values:
        raise SourceError(f"{path.name}: {{{{head}}}} needs a card: ### BEGIN CARD … ### END CARD in the first cell")
    try:
        return fill_in(text, values)
    except ValueError as error:
        raise SourceError(f"{path.name}: {error}") from None


def _give_ids(notebook: NotebookNode) -> None:
    """Ids that change only where a cell changes: nbgrader's own id, else a hash of the source."""
    taken: set[str] = set()
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        name = name or hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        identifier, count = name, 1
        while identifier in taken:
            count += 1
            identifier = f"{name}-{count}"
        taken.add(identifier)
        cell.id = identifier
    notebook.nbformat, notebook.nbformat_minor = 4, 5
