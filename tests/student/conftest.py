"""A notebook's shell without a kernel."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_lib.student import live, words


@pytest.fixture
def shell(monkeypatch):
    """A shell that is watched as a lab's first cell asks for it."""
    made = InteractiveShell()
    made.history_manager.enabled = False
    made.user_ns["__name__"] = "__main__"
    monkeypatch.setattr(live, "_shell", lambda: made)
    monkeypatch.setattr(words, "_shell", lambda: made)
    live.watch()
    return made
