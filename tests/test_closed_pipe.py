"""`course … | head -1`: the command ends without a word on stderr; a broken connection elsewhere is still told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.closed_pipe import READER_GONE

ROOT = Path(__file__).resolve().parents[1]


def with_nobody_reading(*arguments: str, unbuffered: bool = False) -> subprocess.CompletedProcess:
    """Run Python with a standard output whose other end is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {})
    try:
        command = [sys.executable, *arguments]
        return subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    finally:
        os.close(writer)


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("module", ["course_lib.cli", "course_staff.cli"])
def test_help_that_nobody_reads(module: str, unbuffered: bool):
    done = with_nobody_reading("-m", module, "--help", unbuffered=unbuffered)
    assert done.stderr == "" and done.returncode in (0, READER_GONE)


def test_a_command_that_nobody_reads(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "lab42_doubling.py").touch()
    done = with_nobody_reading("-m", "course_staff.cli", "grade", "status", "lab42", "--course", str(tmp_path))
    assert done.stderr == "" and done.returncode in (0, READER_GONE)


def test_another_broken_pipe_is_no_secret():
    told = "import sys; from course_lib.closed_pipe import ends_quietly\n"
    told += "def broken(): raise BrokenPipeError(32, 'the scheduler is gone')\n"
    code = f"{told}print('x'); ends_quietly(broken)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "the scheduler is gone" in done.stderr and done.returncode == 1
