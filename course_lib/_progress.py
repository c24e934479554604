"""The bar that runs while something takes time, and that is gone when it is done."""

from __future__ import annotations

import sys
from typing import Any

WIDTH = 88  # characters of a bar in a notebook, which has no terminal to ask


def progress_bar(iterable: Any = None, **options: Any) -> Any:
    """A tqdm bar that leaves nothing behind: in a terminal its line is wiped, in a notebook its output is emptied.

    In a notebook the bar is one line of text that is replaced in place. It needs no widgets, and a saved notebook shows
    neither a bar at 100 % nor a widget whose kernel is gone.

    Args:
        iterable: what is gone through, if anything.
        options: of `tqdm.tqdm`.

    Returns:
        The bar.
    """
    from tqdm import tqdm

    if _in_kernel():
        options = {"file": _Line(), "ncols": WIDTH, "ascii": False, "position": 0} | options
    return tqdm(iterable=iterable, **({"leave": False} | options))


def _in_kernel() -> bool:
    if "IPython" not in sys.modules:
        return False
    return getattr(sys.modules["IPython"].get_ipython(), "kernel", None) is not None


class _Line:
    """A file whose last line is an output of the cell; an empty line empties the output."""

    def __init__(self) -> None:
        self._shown, self._display = "", None

    def write(self, text: str) -> None:
        line = text.replace("\x1b[A", "").strip()
        if line == self._shown:
            return
        from IPython.display import display

        self._shown, bundle = line, {"text/plain": line}
        if self._display is None:
            self._display = display(bundle, raw=True, display_id=True)
        else:
            self._display.update(bundle, raw=True)

    def flush(self) -> None:
        pass
