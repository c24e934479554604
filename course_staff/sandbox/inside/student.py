"""Inside, the student's process: runs cells in IPython and answers the grader's requests. Nothing here is trusted.

No Jupyter kernel: that would open sockets and start threads before the first cell. What a cell prints through
`sys.stdout` or displays goes out at once, in order; what compiled code writes to descriptors 1 and 2 has pipes of its
own, which the grader empties.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import signal
import socket
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from course_lib.exercise import without
from course_staff.sandbox.inside import settings, values
from course_staff.sandbox.inside.streams import Channel, Stream

LINES, CHARACTERS = 50, 4_000  # of a traceback, at its beginning and again at its end
_process, _leave = os.getpid, os._exit


class _Publisher(DisplayPublisher):
    channel = AnyTrait()

    def publish(self, data: Any, metadata: Any = None, *args: Any, update: bool = False, **kwargs: Any) -> None:
        if not update:
            _show_data(self.channel, {"output_type": "display_data"}, data)

    def clear_output(self, wait: bool = False) -> None:
        pass


class _Hook(DisplayHook):
    channel = AnyTrait()

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        output = {"output_type": "execute_result", "execution_count": self.prompt_count}
        _show_data(self.channel, output, format_dict)


def _show_data(channel: Channel, output: dict[str, Any], data: Any) -> None:
    texts = {str(kind): text for kind, text in dict(data).items() if isinstance(text, str)}
    channel.show({**output, "data": texts, "metadata": {}}, sum(map(len, texts.values())))


class Shell(InteractiveShell):
    """IPython that keeps no history and shows its errors as plain text."""

    display_pub_class = Type(_Publisher, DisplayPublisher)
    displayhook_class = Type(_Hook, DisplayHook)
    stb: list[str] = []

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def enable_matplotlib(self, gui: Any = None) -> Any:
        try:
            return super().enable_matplotlib(gui)
        except Exception as error:  # %matplotlib widget, qt, …: nothing is shown here, and no answer hangs on it
            print(f"%matplotlib {gui or ''}: {type(error).__name__}: {error}")
            return "inline", "inline"

    def ask_exit(self) -> None:
        print("quit() ends nothing here: the cells after this one run, too")

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.stb = [_shortened(str(line)) for line in [*stb[:LINES], *stb[LINES:][-LINES:]]]


def make_shell() -> Shell:
    """A shell to be used after a fork: made once, by the fork server. Starts no thread."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Plain"
    config.InteractiveShell.banner1 = ""
    config.InteractiveShell.display_page = True
    return Shell.instance(config=config)


def serve(end: socket.socket, shell: Shell, output_bytes: int) -> None:
    """Answer requests until the grader hangs up."""
    channel = Channel(end)
    publisher, hook = shell.display_pub, shell.displayhook
    assert isinstance(publisher, _Publisher) and isinstance(hook, _Hook)
    publisher.channel = hook.channel = channel
    sys.stdout, sys.stderr = Stream("stdout", 1, channel), Stream("stderr", 2, channel)
    sys.stdin = open(os.devnull)
    builtins.input = _no_input
    settings.seed(settings.SEED)
    settings.keep_threads_few()
    usual = settings.Settings()
    run_cell, kinds = InteractiveShell.run_cell, {"run": _run, "values": _values}
    while True:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        request = channel.receive()
        if request is None:
            return
        channel.begin(request["id"], output_bytes)
        done = kinds[request["do"]](channel, shell, request, run_cell, usual)
        if _process() != channel.process:  # the cell has forked, and this is the child: it has nothing to answer
            _leave(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        channel.finish(done)


def _run(
    channel: Channel, shell: Shell, request: dict[str, Any], run_cell: Any, usual: settings.Settings
) -> dict[str, Any]:
    shell.stb, error = [], None
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with settings.under(usual) if request["usual"] else contextlib.nullcontext():
            with without(*request["closed"]) if request["closed"] else contextlib.nullcontext():
                result = run_cell(shell, request["source"], store_history=True)
        error = result.error_before_exec or result.error_in_exec
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except BaseException as other:  # an interrupt that came while IPython was busy, or worse
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        error = other
    if error is None:
        return {"status": "ok"}
    name, text = type(error).__name__, _text_of(error)
    return {"status": "error", "ename": name, "evalue": text, "traceback": shell.stb or [f"{name}: {text}"]}


def _values(
    channel: Channel, shell: Shell, request: dict[str, Any], run_cell: Any, usual: settings.Settings
) -> dict[str, Any]:
    channel.left = -1  # nobody asked for what is printed now
    options = {"seed": request["seed"], "closed": request["closed"], "setup": request["setup"]}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with settings.under(usual) if request["usual"] else contextlib.nullcontext():
            found = values.compute(request["expressions"], shell.user_ns, **options)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for index, value in enumerate(found):
            channel.send({"value": index}, value)
    except BaseException as error:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return {"status": "error", "ename": type(error).__name__, "evalue": _text_of(error)}
    return {"status": "ok"}


def _shortened(text: str) -> str:
    """A message of 100 MB must cost the student the cell, not the session."""
    return text if len(text) <= 2 * CHARACTERS else f"{text[:CHARACTERS]} … {text[-CHARACTERS:]}"


def _text_of(error: BaseException) -> str:
    try:
        return _shortened(str(error))
    except BaseException as other:  # the student's own __str__
        return f"(its text could not be had: {type(other).__name__})"


def _no_input(prompt: object = "") -> str:
    raise EOFError("input() has nobody to ask here: while a notebook is graded, no person sits at the keyboard")
