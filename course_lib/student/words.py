"""A failed check in a notebook: one plain sentence first, and where it happened folded below it."""

from __future__ import annotations

import html
import os
import re
import sys
from types import TracebackType
from typing import Any

NO_ANSWER = "no answer yet: replace the line `raise NotImplementedError(...)` with your answer, then run the cell again"
_STUB = "replace this line with your answer"  # nbgrader_config.py: what the stub of an exercise says
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def sentence(error: BaseException) -> str:
    """What an error says to a student, on one line; empty where it says nothing in words."""
    text = " ".join(str(error).split())
    from_a_check = isinstance(error, (NotImplementedError, AssertionError))
    if from_a_check and _STUB in text:  # a test may pass the stub's words on
        return NO_ANSWER
    return text if isinstance(error, AssertionError) else ""


def show_sentences_first() -> None:
    """From now on a failed check and an empty answer show their sentence, and the traceback folded below it.

    Only where a person looks on: in JupyterLab, VS Code and Colab. What grades, proves or converts a notebook sees
    its errors as ever. An error stays an error output, with its name and its message.
    """
    shell = _shell()
    if shell is not None and _somebody_looks_on(shell):
        shell.set_custom_exc((AssertionError, NotImplementedError), _show)


def _shell() -> Any:
    """The IPython that runs here, or None; IPython is not imported for that."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


def _somebody_looks_on(shell: Any) -> bool:
    if getattr(shell, "kernel", None) is None or os.environ.get("NBGRADER_EXECUTION"):
        return False
    # Jupyter's server names the notebook of an open kernel, VS Code leaves a name in it
    return bool(
        os.environ.get("JPY_SESSION_NAME")
        or "__vsc_ipynb_file__" in shell.user_ns
        or os.environ.get("COLAB_RELEASE_TAG")
        or "google.colab" in sys.modules
    )


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    said = sentence(error)
    if not said:  # a bare assert, or an error that is not the course's
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return
    lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    where = _COLOURS.sub("", shell.InteractiveTB.stb2text(lines))
    shell._showtraceback(kind, error, [said])
    folded = f"<details><summary>where it happened</summary><pre>{html.escape(where)}</pre></details>"
    shell.display_pub.publish({"text/plain": f"where it happened:\n{where}", "text/html": folded})
