"""`yours`: an experiment gets the student's own object as long as it is the one whose test has passed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("IPython")

from course_lib.exercise import yours
from course_lib.student import live

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "class Net:\n    size = 3"
TEST = 'assert Net.size == 3, "three"\nprint("net: right")'


class Library:
    size = 1


def told(capsys) -> tuple[type, str]:
    capsys.readouterr()
    return yours("net", Library, name="Net"), capsys.readouterr().out


def test_it_is_the_librarys_until_the_test_has_passed(shell, capsys):
    assert told(capsys) == (Library, "The library's Net is used here: the test of net has not run in this session.\n")
    shell.run_cell(ANSWER)
    assert told(capsys)[0] is Library, "written is not tested"
    shell.run_cell("class Net:\n    size = 2")
    shell.run_cell(TEST)
    assert told(capsys) == (Library, "The library's Net is used here: the test of net has not passed yet.\n")
    shell.run_cell(ANSWER)
    shell.run_cell(TEST)
    assert told(capsys) == (shell.user_ns["Net"], "Your own Net is used here: it passed its test.\n")


CHANGES = [
    ANSWER,  # the answer's cell ran again
    "class Net:\n    size = 2",
    "Net = type('Net', (), {})",
    "from collections import OrderedDict as Net",
    "del Net",
    "Net = None",
    "def piece():\n    return 4",  # the test used two answers, of which the other has changed
]


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_it_is_the_librarys_until_the_test_has_run_again(shell, capsys, change):
    shell.run_cell(f"{ANSWER}\ndef piece():\n    return 3")
    test = 'assert Net.size == piece(), "three"\nprint("net: right")'
    shell.run_cell(test)
    assert told(capsys)[0] is shell.user_ns["Net"]
    shell.run_cell(change)
    assert told(capsys) == (
        Library,
        "The library's Net is used here: the test of net has not run since the answer changed.\n",
    )
    shell.run_cell(f"{ANSWER}\ndef piece():\n    return 3")
    shell.run_cell(test)
    assert told(capsys)[0] is shell.user_ns["Net"]


def test_what_the_test_did_not_see_or_the_library_gave_is_not_the_students(shell, capsys):
    shell.run_cell(f"{ANSWER}\nclass Other:\n    pass")
    shell.run_cell(TEST)
    assert yours("net", Library, name="Other") is Library
    shell.run_cell("from collections import OrderedDict as Net\nNet.size = 3")
    assert told(capsys)[0] is Library
    shell.run_cell("from types import SimpleNamespace as Net\nassert Net\nprint('net: right')")
    assert told(capsys)[0] is Library, "imported is not written"


def test_a_new_start_of_the_lab_forgets(shell, capsys):
    shell.run_cell(ANSWER)
    shell.run_cell(TEST)
    live.watch()
    assert told(capsys)[0] is Library


def test_in_plain_python_it_is_the_librarys():
    code = "from course_lib.exercise import yours\nassert yours('net', int, name='Net') is int"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "The library's Net is used here: the test of net has not run in this session.\n"


def test_in_a_kernel_the_set_up_cell_is_enough(monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    v4 = pytest.importorskip("nbformat").v4
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    use = "from course_lib.exercise import yours\nprint(yours('net', int, name='Net') is int)"
    start = "from course_lib.start import start_lab\nprofile = start_lab('lab90_tiny')"
    sources = [start, "class Net:\n    size = 2", TEST, use, ANSWER, TEST, use, ANSWER, use]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute(cwd=str(ROOT))
    told = [cell.outputs[0].text for cell in notebook.cells if cell.source == use]
    assert told == [
        "The library's Net is used here: the test of net has not passed yet.\nTrue\n",
        "Your own Net is used here: it passed its test.\nFalse\n",
        "The library's Net is used here: the test of net has not run since the answer changed.\nTrue\n",
    ]
