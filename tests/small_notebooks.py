"""Two versions of a small lab as a student gets it, for tests of the student's side. Plain dicts."""

import hashlib

from course_lib.student import notebook as notebooks


def cell(text, name="", *, points=None, kind="code", identifier=None, tags=(), attachments=None):
    """A cell as `course build` writes it; a test has points, a written question is Markdown with points."""
    meta = {"tags": list(tags)} if tags else {}
    if name:
        solution = points is None or kind == "markdown"
        meta["nbgrader"] = {"grade_id": name, "solution": solution, "grade": points is not None}
        meta["nbgrader"] |= {} if points is None else {"points": points}
    made = {"cell_type": kind, "metadata": meta, "source": text}
    made["id"] = identifier or name or hashlib.sha256(text.encode()).hexdigest()[:12]
    made |= {"outputs": [], "execution_count": None} if kind == "code" else {}
    return made | ({"attachments": attachments} if attachments else {})


def stub(name):
    return f"def {name}(x):\n    raise NotImplementedError('{name}')"


def lab(*cells, name="lab90_tiny"):
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"]["course"] = {"lab": name, "stubs": notebooks.stub_texts(notebook)}
    return notebook


def first():
    return lab(
        cell("# start", tags=["setup"], identifier="start"),
        cell("sigma = 0.1"),
        cell(stub("double"), "double"),
        cell("assert double(2) == 4", "double_test", points=2.0),
        cell("between", kind="markdown"),
        cell(stub("half"), "half"),
        cell("assert half(2) == 1", "half_test", points=1.0),
        cell("*Write here*", "why", points=1.0, kind="markdown"),
        cell("my(double=2)", tags=["my", "experiment"], identifier="my"),
    )


def second():
    """`half` is gone, `treble` is new, the test of `double` and a text have changed."""
    return lab(
        cell("# start anew", tags=["setup"], identifier="start"),
        cell("sigma = 0.1"),
        cell("new words", kind="markdown"),
        cell(stub("double"), "double"),
        cell("assert double(3) == 6", "double_test", points=3.0),
        cell(stub("treble"), "treble"),
        cell("assert treble(2) == 6", "treble_test", points=1.0),
        cell("*Write here*", "why", points=1.0, kind="markdown"),
        cell("my(double=3, treble=1)", tags=["my", "experiment"], identifier="my"),
    )


def written(notebook, **texts):
    """The notebook with answers in it. texts: by the name of the cell."""
    for item in notebook["cells"]:
        if notebooks.name(item) in texts:
            item["source"] = texts[notebooks.name(item)]
    return notebook


def sources(notebook):
    return [notebooks.text(item) for item in notebook["cells"]]
