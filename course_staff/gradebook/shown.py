"""The notebook that formgrader shows: what was graded, with the mark scheme below each written answer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from course_staff.marking.lab import Lab


def with_mark_schemes(notebook: str, lab: Lab) -> str:
    """The autograded notebook with a text cell below each answer whose question says how it is marked."""
    schemes = {item.name: item for item in lab.graded if item.scheme}
    if not schemes:
        return notebook
    content = json.loads(notebook)
    cells: list[dict[str, Any]] = []
    for cell in content["cells"]:
        cells.append(cell)
        item = schemes.get(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", ""))
        if item is not None:
            text = f"**Mark scheme, {item.points:g} in all** (the student does not see this cell):\n\n{item.scheme}"
            name = hashlib.sha256(item.name.encode()).hexdigest()[:12]  # an id takes fewer letters than a name
            cells.append({"cell_type": "markdown", "id": f"scheme-{name}", "metadata": {}, "source": text})
    content["cells"] = cells
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
