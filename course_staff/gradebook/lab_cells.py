"""A lab's cells in nbgrader's gradebook, as nbgrader itself enters them; mended where a test was fixed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from course_staff.marking.lab import Lab

if TYPE_CHECKING:
    from nbgrader.api import BaseCell, Gradebook, Notebook


def enter_lab(gradebook: Gradebook, course_id: str, lab: Lab) -> Notebook:
    """The lab's notebook in the gradebook: made where there is none, its cells and points as the lab has them.

    Commits nothing. Raises RuntimeError where a cell that is gone has marks by hand.
    """
    from nbgrader.api import Assignment, GradeCell, Notebook, SolutionCell

    database = gradebook.db
    assignment = database.query(Assignment).filter(Assignment.name == lab.name).one_or_none()
    if assignment is None:
        assignment = Assignment(name=lab.name, course_id=course_id)
        database.add(assignment)
    notebook = next((item for item in assignment.notebooks if item.name == lab.name), None)
    if notebook is None:
        kernel = json.dumps(lab.metadata.get("kernelspec", {}))
        notebook = Notebook(name=lab.name, assignment=assignment, kernelspec=kernel)
        database.add(notebook)
    database.flush()

    by_id = {name: cell for cell in lab.cells if (name := _meta(cell).get("grade_id"))}
    grades = {cell.name: cell for cell in notebook.grade_cells}
    for cell in lab.graded:
        kind = by_id[cell.name]["cell_type"] if cell.name in by_id else "markdown" if cell.by_hand else "code"
        if cell.name in grades:
            grades[cell.name].max_score, grades[cell.name].cell_type = cell.points, kind
        else:
            database.add(GradeCell(name=cell.name, notebook=notebook, max_score=cell.points, cell_type=kind))
    solutions = {cell.name: cell for cell in notebook.solution_cells}
    wanted = {name for name, cell in by_id.items() if _meta(cell).get("solution")}
    wanted |= {cell.exercise for cell in lab.graded}
    for name in sorted(wanted - set(solutions)):
        database.add(SolutionCell(name=name, notebook=notebook))
    for name in sorted(set(grades) - {cell.name for cell in lab.graded}):
        _remove(gradebook, grades[name])
    for name in sorted(set(solutions) - wanted):
        _remove(gradebook, solutions[name])
    _enter_sources(gradebook, notebook, by_id)
    database.flush()
    database.expire_all()
    return notebook


def _enter_sources(gradebook: Gradebook, notebook: Notebook, by_id: dict[str, dict[str, Any]]) -> None:
    """Sources that are there already stay: `course grade release` enters them with the hidden tests."""
    from nbformat import from_dict
    from nbgrader.api import SourceCell
    from nbgrader.utils import compute_checksum

    there = {cell.name for cell in notebook.source_cells}
    for name, cell in by_id.items():
        if name not in there:
            gradebook.db.add(
                SourceCell(
                    name=name,
                    notebook=notebook,
                    cell_type=cell["cell_type"],
                    locked=bool(_meta(cell).get("locked")),
                    source=cell["source"],
                    checksum=compute_checksum(from_dict(cell)),
                )
            )


def _remove(gradebook: Gradebook, cell: BaseCell) -> None:
    by_hand = any(grade.manual_score is not None or grade.extra_credit is not None for grade in cell.grades)
    if by_hand or any(comment.manual_comment for comment in cell.comments):
        raise RuntimeError(
            f"the lab has no cell {cell.name!r} any more, but the gradebook has marks or comments by hand for it: "
            "put the cell back, or remove them in formgrader"
        )
    for entry in [*cell.grades, *cell.comments]:
        gradebook.db.delete(entry)
    gradebook.db.flush()
    gradebook.db.delete(cell)


def _meta(cell: dict[str, Any]) -> dict[str, Any]:
    return cell.get("metadata", {}).get("nbgrader", {})
