"""Errors, pictures and cells made to choke whoever reads them, or to be taken for something else."""

from __future__ import annotations

from classroom.hostile import WRONG_MSE, submission


@submission(mse=0)
def huge_message(paper):
    """An error message of 100 MB."""
    paper.answer("mse", "def mse(a, b):\n    raise ValueError('x' * 10**8)\n")


@submission(mse=0)
def message_never_ends(paper):
    """An error whose message never ends."""
    paper.answer(
        "mse",
        """
            class Sisyphus(Exception):
                def __str__(self):
                    while True:
                        pass
                __repr__ = __str__
            def mse(a, b):
                raise Sisyphus
            """,
    )


@submission(mse=0)
def message_raises(paper):
    """An error whose message, name and class raise errors of their own, and another in a circle of causes."""
    paper.answer(
        "mse",
        """
            class Meta(type):
                __name__ = property(lambda cls: 1 / 0)
                __module__ = property(lambda cls: 1 / 0)
            class Bad(Exception, metaclass=Meta):
                def __str__(self):
                    raise Bad
                __repr__ = __str__
                args = property(lambda self: 1 / 0)
                __traceback__ = property(lambda self: 1 / 0)
            def mse(a, b):
                error = Bad()
                error.__cause__ = ValueError()
                error.__cause__.__context__ = error
                raise error
            """,
    )


@submission(mse=0)
def message_is_a_page(paper):
    """An error whose name and message are HTML, a formula, half characters and zero bytes."""
    paper.answer(
        "mse",
        r"""
            def mse(a, b):
                page = '<script>alert(1)</script> \ud800 \x00 \x1b[2J \u202e'
                raise type('<b>=cmd', (Exception,), {})(page)
            """,
    )


@submission(mse=0)
def raises_what_is_no_exception(paper):
    """KeyboardInterrupt, GeneratorExit and an exit from a generator, thrown by an answer."""
    paper.answer(
        "mse",
        "def mse(a, b):\n    raise [KeyboardInterrupt, GeneratorExit, SystemExit, StopIteration][int(a.size) % 4]\n",
    )


@submission()
def displays_for_ever(paper):
    """A cell that displays without end."""
    paper.first("""
            from IPython.display import display
            while True:
                display({'text/html': 'x' * 1000}, raw=True)
            """)


@submission()
def giant_picture(paper):
    """Shows a base64 picture of 40 MB, HTML with a script, and mime types that nobody knows."""
    paper.first(
        r"""
            from IPython.display import display
            display({'image/png': 'iVBORw0KGgo' + 'A' * 40_000_000}, raw=True)
            display({'text/html': '<script>document.title = 1</script>', 'application/x-\ud800': {'a': float('nan')},
                     'application/javascript': 'alert(1)', 5: 6}, metadata={'x': object()}, raw=True)
            """
    )


@submission()
def representation_never_ends(paper):
    """The last value of a cell of its own cannot be shown: it loops."""
    paper.first(
        """
            class Shy:
                def __repr__(self):
                    while True:
                        pass
                _repr_html_ = _ipython_display_ = __repr__
            Shy()
            """
    )


@submission()
def own_tests_with_our_names(paper):
    """Cells that pretend to be graded ones of other names, worth a thousand points."""
    cell = paper.put("9999")
    cell["metadata"]["nbgrader"] = {
        **{"grade": True, "grade_id": "bonus", "points": 1000, "locked": True},
        **{"schema_version": 3, "solution": False, "task": False},
    }
    copied = paper.copy("sign_test")
    copied["source"], copied["metadata"]["nbgrader"]["points"] = "1000", 1000


@submission(mse=0)
def test_becomes_answer(paper):
    """The test cell says that it is the answer, and the answer that it is the test."""
    paper.answer("mse", WRONG_MSE)
    test, answer = paper.cell("mse_test"), paper.cell("mse")
    test["metadata"]["nbgrader"] |= {"solution": True, "grade": False, "locked": False, "grade_id": "mse"}
    answer["metadata"]["nbgrader"] |= {
        "solution": False,
        "grade": True,
        "locked": True,
        "grade_id": "mse_test",
        "points": 3,
    }
    test["source"] = "assert True"


@submission(mse=0)
def all_is_an_experiment(paper):
    """Tags of skipped cells on tests and answers."""
    paper.answer("mse", WRONG_MSE)
    for cell in paper.cells:
        cell["metadata"]["tags"] = ["experiment", "raises-exception", "skip-execution", "remove-cell", "parameters"]


@submission()
def scripts(paper):
    """Scripts for whoever opens the notebook, in every kind of output and in the written answer."""
    paper.answer(
        "why",
        "Because <script>alert(1)</script> <img src=x onerror=alert(2)>\n"
        "[x](javascript:alert(3)) [y](JaVaScRiPt&#58;alert(4))\n"
        "<iframe src='https://example.org'></iframe> <svg onload=alert(5)> <a href=' javascript:alert(6)'>z</a>\n\n"
        "<style>body { display: none }</style> $\\href{javascript:alert(7)}{x}$ <form action=https://example.org><input>",
    )
    paper.put(paper.cell("why")["source"], kind="markdown")
    paper.put(paper.cell("why")["source"], kind="raw")
    paper.put(
        r"""
            from IPython.display import HTML, SVG, Javascript, Latex, Markdown, display
            display(HTML('<script>alert(8)</script><b onclick="alert(9)">bold</b>'), Javascript('alert(10)'))
            display(SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(11)"><script>alert(12)</script></svg>'))
            display(Markdown('<img src=x onerror=alert(13)>'), Latex(r'$\href{javascript:alert(14)}{x}$'))
            display({'image/png': '"><script>alert(15)</script>', 'text/plain': '<script>'}, raw=True)
            print('<script>alert(16)</script>')
            """
    )


@submission(double=0)
def tells_hidden_tests_in_its_error(paper):
    """Sends the hidden test out through its own error message, written backwards."""
    paper.answer(
        "double",
        """
            import linecache, sys
            def double(x):
                if isinstance(x, int):
                    seen, frame = [str(x)], sys._getframe(1)
                    while frame:
                        seen += linecache.getlines(frame.f_code.co_filename) + list(frame.f_globals)
                        seen += [str(cell) for cell in frame.f_globals.get('In', [])[-3:]]
                        frame = frame.f_back
                    raise ValueError(''.join(seen)[::-1][:9000])
                return 2 * x
            """,
    )


@submission()
def two_streams_in_turn(paper):
    """Writes a letter to one stream and a letter to the other, a hundred thousand times."""
    paper.first(
        """
            import sys
            for number in range(50_000):
                sys.stdout.write('x')
                sys.stderr.write('y')
                display(number)
            """
    )


@submission()
def much_in_every_cell(paper):
    """As much output as is allowed, in each of 200 cells."""
    for _ in range(200):
        paper.first("print('x' * 190_000)")


@submission(mse=0)
def message_of_slashes(paper):
    """Error messages that are hard work for whoever looks for paths and numbers in them."""
    paper.answer(
        "mse",
        """
            def mse(a, b):
                raise ValueError('/a' * 20_000 + ' File "' * 5000 + '<ipython-input-' * 5000 + '1' * 50_000)
            """,
    )
