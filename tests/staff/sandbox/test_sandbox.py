"""The sandbox starts, says why where it cannot, comes back when its fork server is gone, and shows what it must."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import course_lib
from course_staff.sandbox import bwrap, server
from course_staff.sandbox import sandbox as sandboxes
from course_staff.sandbox.inside import seccomp
from course_staff.sandbox.limits import Limits
from course_staff.sandbox.sandbox import Sandbox, SandboxError, SandboxUnavailable

PROBLEM = sandboxes.problem()
needs_sandbox = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")
NOBODY = 65_534


@pytest.fixture
def fresh_problem():
    bwrap.diagnosis.cache_clear()
    yield
    bwrap.diagnosis.cache_clear()


def result(run):
    assert run.status == "ok", run
    return eval(run.outputs[-1]["data"]["text/plain"])


def test_without_a_sandbox_nothing_runs_unless_that_is_asked_for(monkeypatch):
    monkeypatch.setattr(bwrap, "problem", lambda: "no bubblewrap")
    with pytest.raises(SandboxUnavailable, match="no bubblewrap"), Sandbox():
        pass
    assert issubclass(SandboxUnavailable, RuntimeError)
    with Sandbox(unsafe=True) as sandbox, sandbox.session() as session:
        assert session.run("1").status == "ok"


def test_what_is_missing_is_said_with_a_remedy(monkeypatch, fresh_problem):
    with monkeypatch.context() as patch:
        patch.setattr(bwrap.shutil, "which", lambda name: None)
        assert "apt-get install bubblewrap" in sandboxes.problem()
    bwrap.diagnosis.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        assert "Linux" in sandboxes.problem()
    bwrap.diagnosis.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(bwrap.shutil, "which", lambda name: "/usr/bin/bwrap")
        patch.setattr(sys, "base_prefix", "/tmp/python")
        assert "/tmp" in sandboxes.problem()


@pytest.mark.parametrize(
    "said, remedy",
    [
        ("bwrap: No permissions to create new namespace", "kernel.unprivileged_userns_clone=1"),
        ("bwrap: setting up uid map: Permission denied", "apparmor_restrict_unprivileged_userns=0"),
        ("ModuleNotFoundError: No module named 'traitlets'", "Python does not start"),
    ],
)
def test_what_bubblewrap_said_is_explained(monkeypatch, fresh_problem, said, remedy):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=said)
    monkeypatch.setattr(bwrap.shutil, "which", lambda name: "/usr/bin/bwrap")
    monkeypatch.setattr(bwrap.subprocess, "run", lambda *arguments, **options: failed)
    assert said in sandboxes.problem() and remedy in sandboxes.problem()


@needs_sandbox
def test_modules_are_loaded_and_files_are_there_in_each_session(tmp_path):
    (tmp_path / "data.csv").write_text("1,2")
    with Sandbox(["colorsys", "no.such.module"], [tmp_path / "data.csv"]) as sandbox:
        assert sandbox.warm and sandbox.why_cold == ""
        assert list(sandbox.missing) == ["no.such.module"] and "ModuleNotFound" in sandbox.missing["no.such.module"]
        for _ in range(2):  # what one session does to a file, the next does not see
            with sandbox.session() as session:
                run = session.run("import sys\n('colorsys' in sys.modules, open('data.csv', 'r+').read())")
                assert result(run) == (True, "1,2")
                session.run("open('data.csv', 'w').write('mine')")
    assert (tmp_path / "data.csv").read_text() == "1,2"


@pytest.mark.parametrize("unsafe", [pytest.param(False, marks=needs_sandbox), True])
def test_files_are_there_in_a_cold_session_too(tmp_path, unsafe):
    (tmp_path / "data.csv").write_text("1,2")
    with Sandbox((), [tmp_path / "data.csv"], unsafe=unsafe, warm=False) as sandbox, sandbox.session() as session:
        assert not sandbox.warm and result(session.run("open('data.csv').read()")) == "1,2"
        folder = result(session.run("import os\nos.getcwd()"))
        session.run("open('new', 'w').write('x')")
    assert not unsafe or not Path(folder).exists()


@needs_sandbox
def test_a_fork_server_that_is_gone_comes_back():
    with Sandbox() as sandbox:
        for _ in range(2):
            first = sandbox._zygote.pid
            with sandbox.session() as session:
                os.killpg(first, signal.SIGKILL)
                run = session.run("import time\ntime.sleep(20)")
                assert run.status == "died" and run.seconds < 10
            with sandbox.session() as session:
                assert session.run("1").status == "ok" and sandbox._zygote.pid != first


def test_modules_that_start_threads_are_not_forked(monkeypatch, tmp_path):
    (tmp_path / "restless.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()"
    )
    usual = server._unsafe_environment

    def environment(folder):
        found = usual(folder)
        return {**found, "PYTHONPATH": f"{found['PYTHONPATH']}:{tmp_path}"}

    monkeypatch.setattr(server, "_unsafe_environment", environment)
    with Sandbox(["restless"], unsafe=True) as sandbox:
        assert not sandbox.warm and "starts 1 threads" in sandbox.why_cold
        with sandbox.session() as session:
            assert result(session.run("import sys\n'restless' in sys.modules")) is True


@needs_sandbox
def test_without_name_spaces_of_its_own_each_session_is_cold_and_still_shut_in(monkeypatch):
    monkeypatch.setattr(Sandbox, "_try_namespaces", False)
    with Sandbox(limits=Limits(cell_seconds=20)) as sandbox:
        assert not sandbox.warm and "name spaces" in sandbox.why_cold
        with sandbox.session() as session, sandbox.session() as other:
            session.run("import os\nopen('/tmp/x', 'w').write('mine')")
            assert result(other.run("import os\nos.path.exists('/tmp/x')")) is False
            assert result(session.run("os.path.exists('/etc/passwd'), os.getuid() == 0")) == (False, False)
            assert session.run("import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == -1").status == "ok"
            run = session.run("for name in os.listdir('/proc'):\n    if name.isdigit() and int(name) != os.getpid():\n"
                              "        try:\n            os.kill(int(name), 9)\n        except OSError:\n"
                              "            pass\nimport time; time.sleep(20)")  # fmt: skip
            assert run.status == "died" and run.seconds < 15
            assert other.run("1").status == "ok"


@needs_sandbox
def test_two_sandboxes_stand_side_by_side_and_end_with_their_sessions():
    with Sandbox() as first, Sandbox() as second:
        session, other = first.session(), second.session()
        first.close()
        assert session.closed and session.run("1").status == "died"
        assert other.run("1").status == "ok"
    assert other.closed
    other.close()


@needs_sandbox
def test_when_the_grader_is_killed_everything_ends():
    mark = f"mark{os.getpid()}"
    program = (
        "import os, time\nfrom course_staff.sandbox.sandbox import Sandbox\n"
        "if __name__ == '__main__':\n    with Sandbox() as sandbox, sandbox.session() as session:\n"
        "        print('ready', flush=True)\n"
        f'        session.run(\'import os; os.execv("/bin/sleep", ["{mark}", "100"])\')\n'
    )
    grader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert grader.stdout.readline() == "ready\n"
    assert wait_for(lambda: running(mark))
    grader.kill()
    grader.wait()
    assert wait_for(lambda: not running(mark))


def running(mark):
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(mark.encode()):
                return True
        except OSError:
            continue
    return False


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@needs_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="root can become an ordinary user, and others are one")
def test_an_ordinary_user_has_the_same_sandbox():
    program = (
        "from course_staff.sandbox.sandbox import Sandbox\n"
        "with Sandbox() as sandbox, sandbox.session() as session:\n"
        "    run = session.run('import os; os.path.exists(\"/etc/passwd\"), os.getuid()')\n"
        "    print(sandbox.warm, run.outputs[0]['data']['text/plain'])\n"
    )
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    environment = {"PYTHONPATH": str(Path(course_lib.__path__[0]).parent), "PATH": os.environ["PATH"]}
    arguments = [sys.executable, "-c", program]
    try:
        ran = subprocess.run(arguments, env=environment, cwd="/", capture_output=True, text=True, **user)
    except PermissionError:
        pytest.skip("only root can reach this Python")
    if "user name spaces" not in ran.stderr:  # which some systems forbid to all but root
        assert ran.stdout.split(maxsplit=1)[1] == f"(False, {NOBODY})\n", ran.stderr


def test_a_fork_server_that_does_not_start_says_why(monkeypatch):
    monkeypatch.setattr("course_staff.sandbox.server.PROGRAM", "course_lib.no_such_program")
    with pytest.raises(SandboxError, match="no_such_program"), Sandbox(unsafe=True):
        pass


@pytest.mark.parametrize("root", [True, False])
def test_the_command_line_shows_the_course_read_only_and_nothing_of_its_folder(monkeypatch, root):
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    words = bwrap.command()
    bound = [words[i + 1] for i, word in enumerate(words) if word == "--ro-bind"]
    repository = str(Path(course_lib.__path__[0]).parent)
    assert course_lib.__path__[0] in bound and repository not in bound and "/" not in bound
    assert not {"--bind", "--dev-bind"} & set(words)
    for word in ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--clearenv", "--new-session"):
        assert word in words
    assert ("--unshare-user" in words) != root and ("CAP_SYS_ADMIN" in words) == root
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert len({bwrap.user_for(number) for number in range(8)}) == 8


@pytest.mark.parametrize("column", [0, 1])
def test_the_filter_of_system_calls_refuses_just_what_it_must(column):
    architecture = {0: 0xC000003E, 1: 0xC00000B7}[column]
    code = seccomp.program(column, architecture)

    def allowed(number, argument=0, machine=architecture):
        return run_filter(code, number, argument, machine) == 0x7FFF0000

    refused = {numbers[column] for numbers in seccomp.REFUSED.values()} | {seccomp.CLONE3[column]}
    special = {seccomp.SOCKET[column], seccomp.CLONE[column]}
    for number in set(range(460)) - special:
        assert allowed(number) == (number not in refused), number
    assert not allowed(0, machine=0x40000003)
    assert [family for family in range(50) if allowed(seccomp.SOCKET[column], family)] == list(seccomp.FAMILIES)
    assert allowed(seccomp.CLONE[column], 17) and not allowed(seccomp.CLONE[column], 0x10000000 | 17)
    assert column or not allowed(0x40000000 + 39)


def run_filter(code, number, argument, machine):
    """The kernel's little machine, as far as the filter uses it."""
    import struct

    lines, seen, value, at = list(struct.iter_unpack("=HBBI", code)), {0: number, 4: machine, 16: argument}, 0, 0
    while True:
        kind, if_true, if_false, constant = lines[at]
        at += 1
        if kind == 0x20:
            value = seen[constant]
        elif kind == 0x06:
            return constant
        else:
            test = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[kind]
            at += if_true if test else if_false
