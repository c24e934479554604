"""A test cell must not leave behind a name that a later cell of the lab reads: experiments are not run when grading.

`for shape, lines in cases:` in a test takes the place of the lab's `lines`, and the slider below it stops, at a student
whose answers are all right.
"""

from __future__ import annotations

from nbformat import NotebookNode

from course_staff.code.names import names_of


def shadowed(cells: list[NotebookNode]) -> list[str]:
    """What tests bind and later cells read, in words. cells: of the solution notebook, experiments too."""
    problems: list[str] = []
    given: set[str] = set()  # names of the lab
    left: dict[str, str] = {}  # name of the lab -> the test that bound it last
    for cell in cells:
        if cell.cell_type != "code":
            continue
        names, meta = names_of(cell.source), cell.metadata.get("nbgrader", {})
        if meta.get("grade") and not meta.get("solution"):
            left |= dict.fromkeys((names.binds - names.imports) & given, meta["grade_id"])
            continue
        for name in sorted((names.needs | names.later) & set(left)):
            first = cell.source.strip().split("\n")[0][:60]
            problems.append(f"{left[name]}: binds `{name}`, which a later cell reads ({first}): use another name")
        given |= names.binds
        for name in names.binds:
            left.pop(name, None)
    return problems
