"""Rows 26 to 36 of the grading notes: attacks on the machine that grades, its files, its memory, its screen."""

from __future__ import annotations

from classroom.hostile import DAEMON, submission


@submission("26")
def rewrites_the_gradebook(paper):
    """Sets every grade of every gradebook that can be found to 999."""
    paper.first(
        """
            import os, sqlite3
            for folder, folders, files in os.walk('/'):
                folders[:] = [f for f in folders if f not in ('proc', 'sys', 'usr', 'site-packages', 'lib')]
                for file in files:
                    if file.endswith('.db') or 'gradebook' in file:
                        print('REA' + 'CHED', folder, file)
                        book = sqlite3.connect(os.path.join(folder, file))
                        book.execute('update grade set auto_score = 999, manual_score = 999')
                        book.commit()
            """,
        dangerous=True,
    )


@submission("27", mse=0)
def memory_bomb(paper):
    """Fills all memory."""
    paper.answer(
        "mse",
        """
            def mse(a, b):
                held = []
                while True:
                    held.append(np.ones(4_000_000))
            """,
        dangerous=True,
    )


@submission("28", mse=0)
def fork_bomb(paper):
    """Forks until nothing is left."""
    paper.answer(
        "mse",
        """
            import os
            def mse(a, b):
                while True:
                    os.fork()
            """,
        dangerous=True,
    )


@submission("29")
def disk_fill(paper):
    """Fills every disk that can be written to."""
    paper.first(
        """
            import os
            written = 0
            for folder in ('/work', '/tmp', '/dev/shm', '/var/tmp', '/run', '/'):
                for number in range(30):
                    try:
                        with open(f'{folder}/fill{number}', 'wb') as file:
                            for _ in range(100):
                                written += file.write(bytes(1_000_000))
                    except OSError:
                        pass
                    if written > 2_000_000_000:
                        print('REA' + 'CHED')
                        raise SystemExit
            for folder in ('/work', '/tmp', '/dev/shm'):
                for number in range(30):
                    if os.path.exists(f'{folder}/fill{number}'):
                        os.remove(f'{folder}/fill{number}')
            """,
        dangerous=True,
    )


@submission("30")
def network(paper):
    """Calls out: by address, by name, to this machine itself, through abstract sockets."""
    paper.first(
        """
            import socket
            for address in [('1.1.1.1', 53), ('1.1.1.1', 443), ('pypi.org', 443)]:
                try:
                    socket.create_connection(address, timeout=1)
                    print('REA' + 'CHED', address)
                except OSError as error:
                    print(error)
            names = [line.split()[-1] for line in open('/proc/net/unix') if '/' in line or '@' in line]
            for name in names:
                try:
                    one = socket.socket(socket.AF_UNIX)
                    one.connect(name.replace('@', chr(0)))
                    print('REA' + 'CHED', name)
                except OSError as error:
                    print(error)
            """
    )


@submission("31")
def looks_around(paper):
    """Looks for solutions, tests, other submissions, secrets, and at other processes."""
    paper.first(
        """
            import glob, os
            wanted = ('solutions', 'submitted', 'autograded', 'gradebook.db', 'secret', '.ssh', '.git',
                      'lab90_hostile.py', 'lab90_hostile.ipynb')
            for folder, folders, files in os.walk('/'):
                folders[:] = [f for f in folders if f not in ('proc', 'sys', 'usr', 'site-packages', 'lib')]
                for name in set(wanted) & set(folders + files):
                    print('REA' + 'CHED', folder, name)
            for path in ('/etc/passwd', '/etc/shadow', '/root', '/home'):
                try:
                    found = os.listdir(path) if os.path.isdir(path) else open(path).read()
                    if 'root:' in str(found) or '.bashrc' in found:
                        print('REA' + 'CHED', path)
                except OSError as error:
                    print(error)
            for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'):
                try:
                    text = open(path, 'rb').read()
                    if b'pytest' in text.lower() or b'API_KEY' in text or b'gradebook' in text:
                        print('REA' + 'CHED', path, text)
                except OSError as error:
                    print(error)
            """
    )


@submission("32")
def daemon(paper):
    """Leaves a process behind that has a session of its own."""
    paper.first(
        r"""
            import subprocess, sys
            program = 'import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nwhile True: time.sleep(0.1)'
            subprocess.Popen([sys.executable, '-c', program, 'DAEMON'], start_new_session=True).wait()
            """.replace("DAEMON", DAEMON),
        dangerous=True,
    )


@submission("33", mse=0)
def segfault(paper):
    """Reads from address zero."""
    paper.answer(
        "mse",
        """
            import ctypes
            def mse(a, b):
                return ctypes.string_at(0)
            """,
    )


@submission("33b", mse=0)
def deep_recursion(paper):
    """Recursion with the limit lifted, so that the stack runs over."""
    paper.answer(
        "mse",
        """
            import sys
            def mse(a, b):
                sys.setrecursionlimit(10**9)
                return max([mse(a, b)], key=lambda x: mse(a, b))
            """,
    )


@submission("34")
def prints_50_megabytes(paper):
    """Prints 50 MB: through print, and behind Python's back."""
    paper.first("""
            print('word ' * 5_000_000)
            import os
            for _ in range(25):
                os.write(1, b'x' * 1_000_000)
            """)


@submission("35", double=0)
def asks_for_input(paper):
    """Waits for somebody to type."""
    paper.answer("double", "def double(x):\n    return float(input('twice what?'))\n")


@submission("36")
def prints_the_tests(paper):
    """Prints what cells it can see, hidden tests among them."""
    paper.answer(
        "double",
        """
            import sys, linecache
            def double(x):
                frame = sys._getframe(1)
                print(''.join(linecache.getlines(frame.f_code.co_filename)))
                print(In[-1])
                return 2 * x
            """,
    )
    paper.put(r"""
            print('\n'.join(In))
            for key, value in dict(globals()).items():
                print(key, value)
            """)
