"""In a process of its own: run the cells of a notebook in IPython, and write what each test cell said.

    python -m course_lib.student.run_cells NOTEBOOK RESULTS

RESULTS gets a line of JSON after each test cell, so that what was found before an endless cell is not lost. Neither a
Jupyter kernel nor nbclient is needed. Experiments are not run: no test needs them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from course_lib.student import notebook as notebooks
from course_lib.student.words import NO_ANSWER, sentence

EXPERIMENT = "experiment"


def main(notebook: str, results: str) -> None:
    """Run all. A test whose answer cell itself could not be run says what that cell said."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    quiet = Config()
    quiet.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=quiet)
    broken: dict[str, str] = {}
    with open(results, "w", encoding="utf-8") as file:
        for cell in notebooks.read(Path(notebook))["cells"]:
            if cell["cell_type"] != "code" or EXPERIMENT in notebooks.tags(cell):
                continue
            done = shell.run_cell(notebooks.text(cell))
            error = done.error_before_exec or done.error_in_exec
            said = None if error is None else _words(error)
            name = notebooks.name(cell)
            if notebooks.is_test(cell):
                exercise = name.removesuffix("_test")
                file.write(json.dumps({exercise: broken.get(exercise, said) if said else None}) + "\n")
                file.flush()
            elif name and said:
                broken[name] = said if said == NO_ANSWER else f"its answer cell stops: {said}"


def _words(error: BaseException) -> str:
    where = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    said = error.msg if isinstance(error, SyntaxError) else error
    return sentence(error) or f"{type(error).__name__}: {said}{where}"


if __name__ == "__main__":
    main(*sys.argv[1:])
