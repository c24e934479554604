"""`scripts/stage`, and the options with which `make test` runs pytest: nothing that hangs or crashes is waited for."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / "scripts" / "stage"
pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("bash", "ps"))), reason="needs bash and ps")


def stage(*words: str, **environment: str) -> subprocess.CompletedProcess:
    settings = {key: value for key, value in os.environ.items() if key != "STAGE_PATIENCE"} | environment
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": 120}
    return subprocess.run(["bash", str(STAGE), *words], env=settings, **how)


def test_a_stage_says_its_name_and_how_it_ended_and_keeps_the_exit_code():
    done = stage("two words", "bash", "-c", "echo said")
    assert done.returncode == 0 and re.search(r"\n== two words\nsaid\n== two words: done in \d+ s\n", done.stdout)
    failed = stage("two words", "bash", "-c", "exit 7")
    assert failed.returncode == 7 and re.search(r"FAILED after \d+ s \(exit code 7\)", failed.stdout)


HANGING = """\
set -m  # each of these leads a process group of its own
sleep 600 &
bash -c 'trap "" TERM; sleep 601' &
echo "pids $$ $(jobs -p | paste -s -d ' ' -)"
wait
"""


def test_what_hangs_is_named_and_ended_with_all_that_it_started():
    done = stage("--limit", "2", "patient", "bash", "-c", HANGING)
    assert done.returncode != 0 and "== patient: HANGS, is ended after 2 s" in done.stdout
    assert "== patient: FAILED after" in done.stdout
    told = done.stdout.partition("What was running:\n")[2]
    assert "sleep 600" in told and "sleep 601" in told
    pids = re.search(r"pids (\d+) (\d+) (\d+)", done.stdout).groups()
    assert not [pid for pid in map(int, pids) if runs(pid)]


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # which a lazy init leaves lying
    except psutil.NoSuchProcess:
        return False


def test_patience_makes_limits_longer_and_0_takes_them_away():
    assert stage("--limit", "1", "x", "sleep", "2", STAGE_PATIENCE="60").returncode == 0
    assert stage("--limit", "1", "x", "sleep", "2", STAGE_PATIENCE="0").returncode == 0
    assert stage("--limit", "1", "x", "sleep", "300").returncode != 0


def test_ctrl_c_reaches_the_command():
    code = "import time\ntry:\n  print('ready', flush=True)\n  time.sleep(600)\nexcept KeyboardInterrupt:\n  exit(42)"
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as at a terminal; a test before may have left it ignored
        os.execvp("bash", ["bash", str(STAGE), "x", sys.executable, "-c", code])
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    try:
        while chunk := os.read(terminal, 1000):
            seen += chunk
    except OSError:  # Linux's way to say that all is over
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    assert b"FAILED after" in seen and b"exit code 42" in seen


@pytest.mark.parametrize("given", ["worksteal", "loadfile"])
def test_a_worker_that_crashes_ends_the_tests_at_once(tmp_path, given):
    """As `make test` runs them; the other worker has more to do than anybody wants to wait for."""
    makefile = (ROOT / "Makefile").read_text()
    options = re.search(r"^PARALLEL := (.*)$", makefile, re.MULTILINE)[1] + f" {given}"
    assert f"$(PARALLEL) {given} " in makefile
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_a.py").write_text("import os\ndef test_dies():\n    os.abort()\ndef test_after():\n    pass\n")
    slow = "import pytest, time\n@pytest.mark.parametrize('i', range(300))\ndef test_slow(i):\n    time.sleep(1)\n"
    (tmp_path / "test_b.py").write_text(slow)
    command = [sys.executable, "-m", "pytest", *options.replace("$(WORKERS)", "2").split()]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told = process.communicate(timeout=200)[0]  # the other worker has work for 300 s
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.returncode in (1, 2), told
    assert re.search(r"worker 'gw\d' crashed while running 'test_a.py::test_dies'", told)
