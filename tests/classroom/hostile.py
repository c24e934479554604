"""The hostile suite: submissions, and the mark that each must get. Row by row that of the course's grading notes.

A submission is a function that is given a paper with all answers right and spoils it. What it says in the decorator is
what it must *not* get: `@submission("4", double=0)` must earn all points but those of `double`; None means that
either mark is right (the answer harms only itself) as long as the rest is graded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from classroom.scratch import ANSWERS, FULL, Paper

# what the daemon of row 32 is called: other tests may run one of their own meanwhile
DAEMON = f"hostile-daemon-{os.getpid()}"

WRONG_MSE = "def mse(a, b):\n    return np.mean(np.abs(a - b)) + 0.1\n"
WRONG_SIGN = "def sign(x):\n    return 1\n"


@dataclass(frozen=True)
class Submission:
    """A submission by its name. marks: what each graded cell must earn, None where both marks are right. rejected:
    whether it must ("yes") or may ("or graded") be rejected instead, with a reason in words."""

    name: str
    row: str
    why: str
    spoil: Callable[[Paper], bytes | None]
    marks: dict[str, float | None]
    rejected: str = ""

    def content(self, cells, answers: dict[str, str] = ANSWERS) -> bytes:
        paper = Paper(cells, answers)
        return self.spoil(paper) or paper.bytes()


SUBMISSIONS: list[Submission] = []


def submission(row: str = "own", *, rejected: str = "", **marks: float | None):
    """Register a submission: row of the grading notes, and the exercises that must not earn their points."""

    def register(spoil: Callable[[Paper], bytes | None]) -> Callable[[Paper], bytes | None]:
        all_marks = FULL | {f"{exercise}_test": mark for exercise, mark in marks.items()}
        SUBMISSIONS.append(Submission(spoil.__name__, row, spoil.__doc__ or "", spoil, all_marks, rejected))
        return spoil

    return register


def as_text(content: dict) -> bytes:
    """A notebook as JSON with characters as they are (lone surrogates too)."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


@submission("1")
def correct(paper):
    """All answers right."""


@submission("2", double=0, sign=0)
def two_wrong(paper):
    """Two functions wrong."""
    paper.answer("double", "def double(x):\n    return x + 2\n")
    paper.answer("sign", WRONG_SIGN)


@submission("3", double=0, mse=0, sign=0)
def untouched(paper):
    """As it was released."""
    for name, source in paper.released.items():
        paper.answer(name, source)


@submission(double=0, mse=0, sign=0)
def stubs_by_hand(paper):
    """Answers that are none: a stub in the student's own words, nothing, a comment."""
    paper.answer("double", 'def double(x):\n    raise NotImplementedError("later")\n')
    paper.answer("mse", "")
    paper.answer("sign", "# I had no time")


@submission("4", double=0)
def infinite_loop(paper):
    """An answer that never returns."""
    paper.answer(
        "double",
        """
            def double(x):
                while True:
                    pass
            """,
    )


@submission("5", double=0)
def infinite_loop_ignores_interrupts(paper):
    """An answer that never returns and lets no interrupt through."""
    paper.answer(
        "double",
        """
            import signal
            for number in range(1, 64):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            def double(x):
                while True:
                    try:
                        while True:
                            pass
                    except BaseException:
                        pass
            """,
    )


@submission("6", mse=0)
def exits(paper):
    """sys.exit in an answer, quit() in a cell."""
    paper.first("""
            import sys
            quit()
            exit()
            """)
    paper.answer(
        "mse",
        """
            import sys
            def mse(a, b):
                sys.exit(0)
            """,
    )


@submission("7")
def exits_hard_at_the_top(paper):
    """os._exit in a cell of their own before all others."""
    paper.first("import os\nos._exit(0)")


@submission("8", mse=0)
def kills_itself_in_a_test(paper):
    """SIGKILL in an answer that a test calls."""
    paper.answer(
        "mse",
        """
            import os, signal
            def mse(a, b):
                os.kill(os.getpid(), signal.SIGKILL)
            """,
    )


@submission("9", double=0)
def test_tampered(paper):
    """A wrong answer, and a test that is content with it."""
    paper.answer("double", "def double(x):\n    return x\n")
    paper.answer("double_test", 'assert True\nprint("double: right")')


@submission("10")
def one_test_deleted(paper):
    """Right answers, one test cell deleted."""
    paper.delete("mse_test")


@submission("11")
def all_tests_deleted(paper):
    """Right answers, all test cells deleted."""
    for name in FULL:
        paper.delete(name)


@submission("12")
def test_duplicated(paper):
    """A test cell twice (stops nbgrader's whole batch)."""
    paper.copy("double_test")
    paper.copy("double_test")["id"] = "other"


@submission("13")
def schema_of_the_future(paper):
    """nbgrader's schema_version is 99."""
    for cell in paper.cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["schema_version"] = 99


@submission("14")
def metadata_stripped(paper):
    """Some editor threw away all metadata."""
    for cell in paper.cells:
        cell["metadata"] = {}
    paper.metadata = {}


@submission("14b")
def metadata_and_ids_stripped(paper):
    """Some editor threw away all metadata and wrote an older format without cell ids."""
    paper.minor, paper.metadata = 4, {}
    for cell in paper.cells:
        cell["metadata"] = {}
        del cell["id"]


@submission("15", double=0)
def points_raised(paper):
    """Every test is worth 200 points, says the paper."""
    paper.answer("double", "def double(x):\n    return x\n")
    for name in FULL:
        paper.cell(name)["metadata"]["nbgrader"]["points"] = 200


@submission("16")
def foreign_kernel(paper):
    """Written with a kernel that is not here."""
    paper.metadata["kernelspec"] = {"display_name": "R", "language": "R", "name": "ir"}


@submission("17", rejected="yes")
def invalid_json(paper):
    """Half a file."""
    return paper.bytes()[:500]


@submission("17b", rejected="yes")
def empty_file(paper):
    """Nothing at all."""
    return b"\n"


@submission("17c", rejected="yes")
def json_but_no_notebook(paper):
    """JSON of another kind."""
    return b'{"cells": "none", "nbformat": 4, "nbformat_minor": 5, "metadata": 3}'


@submission("21")
def warns(paper):
    """Right, with warnings and words on stderr."""
    paper.answer(
        "mse",
        """
            import sys, warnings, logging
            def mse(a, b):
                warnings.warn("careful", RuntimeWarning)
                print("hm", file=sys.stderr)
                logging.warning("oh")
                return np.mean((a - b) ** 2)
            """,
    )


@submission("22", mse=0)
def forged_result(paper):
    """A wrong answer that shows a result, as nbgrader takes for partial credit."""
    paper.answer(
        "mse",
        """
            def mse(a, b):
                get_ipython().displayhook(3)
                return 5
            """,
    )


@submission("23", mse=0)
def forged_9999(paper):
    """The same for 9999 points, through the publisher too."""
    paper.answer(
        "mse",
        """
            def mse(a, b):
                get_ipython().displayhook(9999)
                get_ipython().display_pub.publish({"text/plain": "9999"})
                return 5
            """,
    )


@submission("24", mse=0)
def always_equal(paper):
    """The answer is an object that equals everything, and any function of it is true."""
    paper.answer(
        "mse",
        """
            class Liar(np.ndarray):
                __eq__ = __ge__ = __le__ = lambda *a: True
                __bool__ = lambda self: True
                def __array_function__(self, *a, **k):
                    return True
                def __array_ufunc__(self, *a, **k):
                    return True
                def __format__(self, how):
                    return "right"
            def mse(a, b):
                return np.zeros(1).view(Liar)
            """,
    )


@submission("24b", sign=0)
def always_equal_without_hidden_values(paper):
    """The same where only the visible test looks."""
    paper.answer(
        "sign",
        """
            class Liar:
                __eq__ = lambda *a: True
            def sign(x):
                return Liar()
            """,
    )


@submission("25", double=None, mse=0, sign=0)
def asserts_removed(paper):
    """An ast hook takes every assert out of every cell."""
    paper.first(
        """
            import ast
            class NoAsserts(ast.NodeTransformer):
                def visit_Assert(self, node):
                    return ast.copy_location(ast.Pass(), node)
            get_ipython().ast_transformers.append(NoAsserts())
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission("25b", double=None, mse=0, sign=0)
def run_cell_replaced(paper):
    """IPython's run_cell is replaced by one that finds all right."""
    paper.first(
        """
            shell = get_ipython()
            from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
            def fine(self, *a, **k):
                return ExecutionResult(None)
            async def fine_too(self, *a, **k):
                return ExecutionResult(None)
            for kind in type(shell).__mro__:
                for name in ('run_cell', '_run_cell', 'run_cell_async', 'run_code'):
                    if name in vars(kind):
                        setattr(kind, name, fine if 'async' not in name else fine_too)
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)
