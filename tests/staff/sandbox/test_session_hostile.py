"""Whatever a session does, it reaches nothing, the grader goes on, and the next session knows nothing of it."""

from __future__ import annotations

import json
import os
import time

import pytest

from course_staff.sandbox import sandbox as sandboxes
from course_staff.sandbox.limits import GIB, MIB, Limits
from course_staff.sandbox.sandbox import Sandbox

PROBLEM = sandboxes.problem()
needs_sandbox = pytest.mark.skipif(PROBLEM is not None, reason=f"sandbox: {PROBLEM}")
LIMITS = Limits(
    cell_seconds=20, memory=1 * GIB, processes=32, disk_bytes=16 * MIB, file_bytes=4 * MIB, output_bytes=10_000
)


@pytest.fixture(scope="module")
def sandbox():
    os.environ["COURSE_TEST_TOKEN"] = "of the grader"
    with Sandbox(["numpy"], limits=LIMITS) as made:
        yield made
    del os.environ["COURSE_TEST_TOKEN"]


@pytest.fixture
def session(sandbox):
    with sandbox.session() as made:
        yield made


def text_of(run):
    return "".join(output["text"] for output in run.outputs if output["output_type"] == "stream")


def value_of(run):
    """What the last line of a cell is, where that is plain data."""
    assert run.status == "ok", run
    return eval(run.outputs[-1]["data"]["text/plain"])


# --- what ends a session


@needs_sandbox
@pytest.mark.parametrize(
    "source, words",
    [
        ("import os\nos._exit(3)", "exit code 3"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "killed"),
        ("import ctypes\nctypes.string_at(0)", "segmentation fault"),
        ("import os\nos.abort()", "aborted"),
    ],
)
def test_a_death_is_told_and_concerns_no_other_session(sandbox, source, words):
    with sandbox.session() as healthy, sandbox.session() as dying:
        healthy.run("x = 1")
        run = dying.run(source)
        assert run.status == "died" and words in run.evalue and not dying.alive
        assert dying.run("1").status == "died"
        assert all("died" in word or "ended" in word for word in dying.values(["1"], seed=1))
        assert value_of(healthy.run("x")) == 1


@needs_sandbox
def test_who_ignores_the_interrupt_is_ended(session):
    source = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass"
    run = session.run(source, seconds=0.3)
    assert run.status == "timeout" and not session.alive and run.seconds < LIMITS.cell_seconds


@needs_sandbox
def test_who_swallows_the_interrupt_gains_no_time(session):
    source = "import time\nend = time.time() + 1\nwhile time.time() < end:\n    try:\n        time.sleep(1)\n"
    run = session.run(source + "    except BaseException:\n        pass", seconds=0.3)
    assert run.status == "timeout"


@needs_sandbox
def test_recursion_without_end_is_an_error(session):
    assert session.run("def f():\n    return f()\nf()").ename == "RecursionError"
    assert session.alive


@needs_sandbox
def test_memory_is_limited_for_one_process_and_for_all(session):
    run = session.run("pieces = []\nwhile True:\n    pieces.append(bytearray(100_000_000))")
    assert (run.status, run.ename) == ("error", "MemoryError")
    session.run("del pieces")
    source = (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        piece = bytearray(b'1') * 300_000_000\n"
    )
    run = session.run(source + "        time.sleep(30)\n        os._exit(0)\ntime.sleep(30)")
    assert run.status == "died" and "memory" in run.evalue
    assert session.peak_memory > 300_000_000


@needs_sandbox
def test_processes_are_limited_and_a_fork_bomb_is_cleared_away(sandbox, session):
    run = session.run("import os, time\ncount = 0\ntry:\n    while os.fork():\n        count += 1\n    time.sleep(60)\n"
                      "    os._exit(0)\nexcept OSError as error:\n    print(error)\ncount")  # fmt: skip
    assert value_of(run) < LIMITS.processes
    run = session.run("while True:\n    try:\n        os.fork()\n    except OSError:\n        pass", seconds=1)
    assert run.status in ("timeout", "died")
    session.close()
    with sandbox.session() as other:
        assert other.run("import os\nos.fork() or os._exit(0)").status == "ok"


@needs_sandbox
def test_disks_are_limited(session):
    source = """
import errno
full = set()
for folder in ("/tmp", "/work", "/dev/shm"):
    try:
        for number in range(100):
            with open(f"{folder}/{number}", "wb") as file:
                file.write(bytes(1_000_000))
    except OSError as error:
        full.add((folder, error.errno == errno.ENOSPC, number < 20))
for folder in ("/", "/dev", "/opt/course/lib", "/usr", "/etc"):
    try:
        open(f"{folder}/file", "w")
    except OSError as error:
        full.add((folder, error.errno == errno.EROFS, True))
(len(full), all(space and early for _, space, early in full))"""
    assert value_of(session.run(source)) == (8, True)
    assert session.run("open('/tmp/large', 'wb').truncate(10**8)").ename == "OSError"


@needs_sandbox
def test_output_is_limited_in_bytes_wherever_it_comes_from(session):
    for source in (
        "print('x' * 50_000_000)",
        "import os\nfor _ in range(50):\n    os.write(1, b'y' * 1_000_000)",
        "from IPython.display import display\ndisplay({'image/png': 'A' * 50_000_000}, raw=True)",
        "raise ValueError('x' * 50_000_000)",
        "for number in range(20_000):\n    print(number)",
        "'x' * 1_000_000",
    ):
        run = session.run(source)
        assert run.status in ("ok", "error") and session.alive
        assert len(json.dumps(run.outputs)) < 3 * LIMITS.output_bytes + 20_000
    assert "dropped" in text_of(session.run("print('x' * 50_000)"))


# --- what a session must not reach


@needs_sandbox
def test_nothing_of_this_machine_is_in_sight(session, tmp_path):
    secret = tmp_path / "gradebook.db"
    secret.write_text("marks")
    paths = [str(secret), str(tmp_path), "/etc/passwd", "/etc/shadow", "/etc/hosts", "/root/.bashrc", "/home", "/sys"]
    paths += ["/var/log", "/proc/kcore", "/proc/1/mem", "/proc/1/environ", "/proc/1/maps", "/proc/1/fd/3"]
    paths += ["/proc/1/root/tmp", "/proc/1/cwd/x", "/proc/sys/kernel/core_pattern/x", os.getcwd() + "/solutions"]
    source = f"import os\n[path for path in {paths!r} if os.path.exists(path)]"
    seen = value_of(session.run(source))
    for path in seen:
        assert path.startswith("/proc/1/")  # these exist, and opening them is refused:
        assert session.run(f"open({path!r}, 'rb').read(1)").ename == "PermissionError"
    assert value_of(session.run("[os.environ.get('COURSE_TEST_TOKEN')]")) == [None]
    assert value_of(session.run("os.listdir('/work')")) == []


@needs_sandbox
def test_no_other_session_is_in_sight(sandbox):
    with sandbox.session() as first, sandbox.session() as second:
        first.run("for folder in ('/tmp', '/work', '/dev/shm'):\n    open(folder + '/mine', 'w').write('answer')")
        source = "import os\n[os.listdir(folder) for folder in ('/tmp', '/work', '/dev/shm')]"
        assert value_of(second.run(source)) == [[], [], []]
        processes = value_of(second.run("[int(name) for name in os.listdir('/proc') if name.isdigit()]"))
        assert sorted(processes) == [1, 2]


@needs_sandbox
def test_there_is_no_network(session):
    source = """
import socket
reached = []
for family, address in [(socket.AF_INET, ("127.0.0.1", 22)), (socket.AF_INET, ("192.0.2.1", 80)), (40, (2, 5000))]:
    try:
        socket.socket(family, socket.SOCK_STREAM).connect(address)
        reached.append(address)
    except OSError:
        pass
reached"""
    assert value_of(session.run(source)) == []
    assert session.run("socket.getaddrinfo('example.org', 80)").ename == "gaierror"


@needs_sandbox
def test_signals_reach_nobody_else(sandbox, session):
    server = sandbox._zygote.pid
    source = """
import os, signal
for process in [1, -1, *(int(name) for name in os.listdir("/proc") if name.isdigit())]:
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try:
            process == os.getpid() or os.kill(process, number)
        except OSError:
            pass
import time
time.sleep(0.1)
"""
    run = session.run(source)
    assert run.status == "ok" and session.run("1").status == "ok"
    assert sandbox._zygote.pid == server and sandbox._zygote.alive


@needs_sandbox
def test_there_are_no_privileges_and_none_to_be_had(session):
    lines = text_of(session.run("print(open('/proc/self/status').read())")).splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1" and "0" not in status["Uid"].split()
    source = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
calls = [libc.unshare(0x10000000), libc.mount(b"x", b"/tmp", b"tmpfs", 0, None), libc.memfd_create(b"x", 0)]
calls += [libc.shmget(0, 4096, 0o1600), libc.ptrace(16, 1, 0, 0), libc.setuid(0), libc.umount2(b"/work", 2)]
calls"""
    assert set(value_of(session.run(source))) == {-1}


@needs_sandbox
def test_a_daemon_dies_with_its_session(sandbox):
    name = f"daemon-{os.getpid()}"
    with sandbox.session() as session:
        source = f"""
import os, subprocess, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["{name}", "300"])
    os._exit(0)
time.sleep(0.3)
print(subprocess.run(["cat", *[f"/proc/{{n}}/cmdline" for n in os.listdir("/proc") if n.isdigit()]],
      capture_output=True).stdout)"""
        assert name in text_of(session.run(source))
        assert name.encode() in b"".join(command_lines())
    assert name.encode() not in b"".join(command_lines())


def command_lines():
    for process in os.listdir("/proc"):
        if process.isdigit():
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    line = file.read()
            except OSError:
                continue
            if line.startswith(b"daemon-"):
                yield line


@needs_sandbox
def test_children_of_a_fork_do_not_answer_for_their_parent(session):
    assert session.run("import os\nchild = os.fork()").status == "ok"
    for number in range(3):
        assert value_of(session.run(f"{number}")) == number


@needs_sandbox
def test_many_sessions_leave_nothing_behind(sandbox):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    with sandbox.session() as session:
        session.run("1")
    before, seconds = descriptors(), []
    for _ in range(10):
        start = time.perf_counter()
        with sandbox.session() as session:
            assert session.run("1").status == "ok"
        seconds.append(time.perf_counter() - start)
    assert descriptors() == before
    assert min(seconds) < 1  # the machine may have been busy with others in all but one
