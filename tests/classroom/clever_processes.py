"""What clever students try against the process that grades: its pipe, its parents, its end, what comes after it."""

from __future__ import annotations

from classroom.hostile import WRONG_MSE, submission


@submission(double=None, mse=0, sign=None)
def forged_frames(paper):
    """Writes answers of its own making to everything that is open, in every format that one can think of."""
    paper.answer(
        "mse",
        r"""
            import json, os, struct
            def mse(a, b):
                text = json.dumps({'status': 'ok', 'outputs': [], 'ok': True}).encode()
                for descriptor in range(3, 300):
                    for head in (b'', struct.pack('>I', len(text)), struct.pack('<Q', len(text)), b'%d\n' % len(text)):
                        try:
                            os.set_blocking(descriptor, False)
                            os.write(descriptor, head + text + b'\n')
                        except OSError:
                            pass
                return 0
            """,
        dangerous=True,
    )


@submission(mse=0)
def endless_frame(paper):
    """Promises a frame of eight exabytes and sends it until somebody's memory is full."""
    paper.answer(
        "mse",
        r"""
            import os
            def mse(a, b):
                while True:
                    done = 0
                    for descriptor in range(3, 300):
                        try:
                            done += os.write(descriptor, b'\x7f' * 1_000_000)
                        except OSError:
                            pass
                    if not done:
                        raise ValueError('nobody listens')
            """,
        dangerous=True,
    )


@submission(mse=0)
def closes_everything(paper):
    """Closes every file descriptor."""
    paper.answer(
        "mse",
        """
            import os
            def mse(a, b):
                os.closerange(0, 4096)
                return 0
            """,
    )


@submission(double=None, mse=None, sign=None)
def fills_every_descriptor(paper):
    """Opens files until there is no descriptor left, and keeps them."""
    paper.first("""
            held = []
            while True:
                held.append(open('/dev/null'))
            """)


@submission(mse=0)
def becomes_another_program(paper):
    """Replaces its process by one that keeps all descriptors and sleeps."""
    paper.answer(
        "mse",
        """
            import os
            def mse(a, b):
                for descriptor in range(3, 300):
                    try:
                        os.set_inheritable(descriptor, True)
                    except OSError:
                        pass
                os.execv('/bin/sleep', ['sleep', '1000'])
            """,
    )


@submission(mse=None)
def forks_and_returns_twice(paper):
    """Two processes return from one call, and both go on."""
    paper.answer(
        "mse",
        """
            import os
            def mse(a, b):
                os.fork()
                return np.mean((a - b) ** 2)
            """,
    )


@submission(mse=0)
def child_holds_the_pipe(paper):
    """A child in a session of its own keeps every descriptor open when its parent dies."""
    paper.answer(
        "mse",
        """
            import os, time
            def mse(a, b):
                if os.fork() == 0:
                    os.setsid()
                    while True:
                        time.sleep(0.1)
                os._exit(0)
            """,
        dangerous=True,
    )


@submission(mse=0)
def stops_itself(paper):
    """SIGSTOP: neither dead nor alive."""
    paper.answer(
        "mse",
        """
            import os, signal
            def mse(a, b):
                os.kill(os.getpid(), signal.SIGSTOP)
                return 0
            """,
    )


@submission()
def attacks_its_parents(paper):
    """Stops, kills and overwrites every process but itself."""
    paper.first(
        """
            import ctypes, os, signal
            libc = ctypes.CDLL(None)
            processes = [int(name) for name in os.listdir('/proc') if name.isdigit()]
            for process in sorted({os.getppid(), *processes} - {os.getpid()}):
                try:
                    with open(f'/proc/{process}/mem', 'r+b') as memory:
                        print('REA' + 'CHED', process)
                except OSError as error:
                    print(error)
                if libc.ptrace(16, process, 0, 0) == 0:
                    print('REA' + 'CHED by ptrace', process)
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    try:
                        os.kill(process, number)
                    except OSError as error:
                        print(error)
            """,
        dangerous=True,
    )
    paper.first(
        """
            import os, signal
            os.kill(-1, signal.SIGSTOP)
            os.kill(-1, signal.SIGKILL)
            """,
        dangerous=True,
    )


@submission()
def escapes_its_namespaces(paper):
    """unshare, mount, setns, chroot, mknod, capabilities, setuid: whatever could lead out."""
    paper.first(
        """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            def got(what, result):
                print(('REA' + 'CHED ' if result == 0 else 'refused ') + what)
            got('mount', libc.mount(b'none', b'/usr', b'tmpfs', 0, None))
            got('remount', libc.mount(b'none', b'/', None, 32 | 4096, None))
            got('umount', libc.umount2(b'/usr', 2))
            got('chroot', libc.chroot(b'/tmp'))
            got('mknod', libc.mknod(b'/tmp/disk', 0o60666, os.makedev(8, 0)))
            for name in ('/proc/sys/kernel/core_pattern', '/usr/x', '/etc/x', '/x', '/proc/sysrq-trigger'):
                try:
                    open(name, 'w')
                    print('REA' + 'CHED', name)
                except OSError as error:
                    print(error)
            status = open('/proc/self/status').read()
            for line in status.splitlines():
                if line.startswith(('CapEff', 'CapBnd', 'CapPrm', 'CapAmb')) and int(line.split()[1], 16):
                    print('REA' + 'CHED', line)
                if line.startswith('NoNewPrivs') and '0' in line:
                    print('REA' + 'CHED', line)
            """,
        dangerous=True,
    )


@submission()
def at_exit(paper):
    """Right answers, and code that hangs when the process is to end."""
    paper.first(
        """
            import atexit, threading, time
            atexit.register(time.sleep, 1000)
            get_ipython().events.register('pre_execute', lambda: None)
            threading._register_atexit(time.sleep, 1000)
            class Late:
                def __del__(self):
                    time.sleep(1000)
            late = Late()
            """
    )


@submission(mse=0)
def late_thread(paper):
    """A thread and a timer that come later, exchange numpy's comparison and keep printing."""
    paper.first(
        """
            import signal, threading, time
            def later():
                for number in range(100_000):
                    time.sleep(0.001)
                    np.isclose = lambda *a, **k: True
                    print('late', number)
            threading.Thread(target=later).start()
            threading.Thread(target=later, daemon=True).start()
            """
    )
    paper.answer("mse", WRONG_MSE)


@submission()
def alarm_clock(paper):
    """An alarm that raises in the middle of whatever runs 20 ms later, once."""
    paper.first(
        """
            import signal, time
            def ring(*a):
                raise KeyboardInterrupt
            signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            time.sleep(0.5)
            """
    )


@submission()
def leaves_notes(paper):
    """Leaves files wherever it can, and modules that shadow numpy for its own next process."""
    paper.put(
        """
            import os
            for folder in ('/work', '/tmp', '/dev/shm', '/var/tmp', '/run', os.path.expanduser('~'), os.getcwd()):
                for name in ('note90', 'numpy.py', 'json.py', 'statistics.py', 'sitecustomize.py',
                             'IPython/__init__.py',
                             '.local/lib/python3.11/site-packages/usercustomize.py', 'course_lib/exercise.py',
                             '.ipython/profile_default/startup/a.py'):
                    try:
                        os.makedirs(os.path.dirname(f'{folder}/{name}'), exist_ok=True)
                        open(f'{folder}/{name}', 'w').write('raise SystemExit')
                    except OSError:
                        pass
            os._exit(0)
            """,
        before="double",
        dangerous=True,
    )


@submission()
def finds_notes(paper):
    """Looks for what an earlier submission left behind."""
    paper.first(
        """
            import os
            for folder in ('/work', '/tmp', '/dev/shm', '/var/tmp', '/run', os.path.expanduser('~'), os.getcwd()):
                if os.path.exists(f'{folder}/note90'):
                    print('REA' + 'CHED', folder)
            """
    )


@submission(double=None, mse=None, sign=None)
def every_cell_hangs(paper):
    """Twenty cells that never end: the time of the whole submission has an end too."""
    for _ in range(20):
        paper.first(
            """
            import time
            while True:
                try:
                    time.sleep(1000)
                except BaseException:
                    pass
            """
        )


@submission(sign=None)
def dies_again_and_again(paper):
    """Ten cells that end the process, one after the other, between right answers."""
    for _ in range(5):
        paper.put("import os\nos._exit(3)", after="mse_test")
