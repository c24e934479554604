"""The last touch to the student version: no error stops "Run All", and the notebook knows its own stubs."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import NbGraderPreprocessor

from course_lib.student import notebook as notebooks
from course_staff.authoring.picture import is_picture

GOES_ON = "raises-exception"  # Jupyter's own tag: an error of this cell stops no other


class HandedOut(NbGraderPreprocessor):
    """nbgrader's `generate_assignment` runs it last (nbgrader_config.py).

    Solutions never get the tag: in them nbval and `nbconvert` must stop at an error. Graders look at a test cell's
    error whatever its tags say; `course check` proves it, since its untouched stub has the tags and earns nothing.
    Which cell draws the lab's picture for the website is nothing to a student: that tag goes.
    The stubs are what `course my LAB --reset` puts back, and what `course update` knows an answer by. They travel in
    the notebook: they are there without git, off line and on Colab.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        for cell in nb.cells:
            if cell.cell_type == "code" and notebooks.SETUP not in notebooks.tags(cell):
                cell.metadata["tags"] = [*(tag for tag in notebooks.tags(cell) if not is_picture(tag)), GOES_ON]
        known = {"lab": resources["nbgrader"]["notebook"], "stubs": notebooks.stub_texts(nb)}
        nb.metadata[notebooks.METADATA] = from_dict(known)
        return nb, resources
