"""What careless students hand in: odd cells around right answers. None of it may cost a point that was earned."""

from __future__ import annotations

from classroom.hostile import submission


@submission()
def answer_changed_to_text(paper):
    """The type of an answer cell was changed by a slip of the finger."""
    cell = paper.cell("double")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]
    paper.cell("sign")["cell_type"] = "raw"


@submission()
def answer_in_a_cell_of_its_own(paper):
    """The stub still stands, and the answer in a new cell below it."""
    source = paper.cell("mse")["source"]
    paper.answer("mse", 'def mse(a, b):\n    raise NotImplementedError("replace this line")\n')
    paper.put(source, after="mse")


@submission()
def answer_copied(paper):
    """A first try stands above the answer: the cell was copied, with its name."""
    paper.copy("mse")
    paper.answer("mse", "def mse(a, b):\n    return 0\n")


@submission()
def order_changed(paper):
    """All tests moved to the end."""
    tests = [paper.cell(name) for name in ("double_test", "mse_test", "sign_test")]
    for test in tests:
        paper.cells.remove(test)
    paper.cells += tests[::-1]


@submission(double=0)
def syntax_error_in_one_answer(paper):
    """One answer cannot be compiled."""
    paper.answer("double", "def double(x):\n  return 2 *\n")


@submission()
def own_cells_fail(paper):
    """Cells of their own with errors of all kinds."""
    for source in (
        "1 / 0",
        "import google.colab",
        "def f(:\n",
        "%no_such_magic",
        "undefined",
        "!exit 3",
        "%%html\n<b>",
    ):
        paper.first(source)


@submission()
def magics(paper):
    """Magics, shell lines, top-level await, installs, plots."""
    for source in (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
        "%%time\nx = 1",
        "%timeit -n 1 -r 1 x",
        "!echo hello && ls",
        "import asyncio\nawait asyncio.sleep(0)",
        "%load_ext autoreload\n%autoreload 2",
        "%pip install --quiet --timeout 1 --retries 0 numpy",
        "%who",
    ):
        paper.first(source)


@submission()
def names_reused_at_the_end(paper):
    """Plays at the end with the names of the answers."""
    paper.put("""
            mse = mse(np.ones(3), np.zeros(3))
            double = double(2)
            np = None
            rng = 5
            without = 1
            """)


@submission()
def everything_forgotten_at_the_end(paper):
    """Ends with %reset, and with an error."""
    paper.put("%reset -f")
    paper.put("1 / 0")


@submission()
def strict_about_warnings(paper):
    """Warnings are errors, numpy raises on all, the working folder is another, output goes into a string."""
    paper.first(
        """
            import io, os, sys, warnings
            warnings.simplefilter('error')
            np.seterr(all='raise')
            os.chdir('/tmp')
            np.set_printoptions(precision=1)
            sys.stdout = io.StringIO()
            import random
            random.seed(1); np.random.seed(1)
            """
    )


@submission()
def other_kinds_of_the_same_number(paper):
    """Right numbers as float32, as an array without dimensions, as a list, as a bool-like of numpy."""
    paper.answer("mse", "def mse(a, b):\n    return np.array(((a - b) ** 2).mean(), dtype=np.float32)\n")
    paper.answer(
        "double", "def double(x):\n    return np.float32(2) * np.asfortranarray(np.asarray(x, dtype=np.float32))\n"
    )
    paper.answer("sign", "def sign(x):\n    return np.int8(np.sign(x))\n")


@submission()
def changes_its_inputs(paper):
    """Right, but works in place."""
    paper.answer(
        "mse",
        """
            def mse(a, b):
                a -= b
                a **= 2
                return a.mean()
            """,
    )


@submission()
def talkative(paper):
    """Prints ten thousand lines at each call, draws progress, clears output."""
    paper.answer(
        "mse",
        """
            from IPython.display import clear_output, display
            def mse(a, b):
                for number in range(10_000):
                    print(number)
                clear_output(wait=True)
                handle = display(1, display_id=True)
                handle.update(2)
                return np.mean((a - b) ** 2)
            """,
    )


@submission()
def slow(paper):
    """Right, and as slow as is allowed."""
    paper.answer(
        "mse",
        """
            import time
            def mse(a, b):
                time.sleep(0.15)
                return np.mean((a - b) ** 2)
            """,
    )


@submission()
def helper_and_class(paper):
    """Right by a helper in a cell of its own that is exchanged later on."""
    paper.put("def helper(x):\n    return x * x", before="mse")
    paper.answer("mse", "def mse(a, b):\n    return helper(a - b).mean()\n")
    paper.put("helper = None", after="mse_test")


@submission(double=None)
def answer_copied_3000_times(paper):
    """A key was held down: 3000 copies of an answer."""
    for _ in range(3000):
        paper.copy("double")


@submission()
def module_of_ones_own(paper):
    """Writes a module, imports and runs it; the next cell ends the process, so that all runs again."""
    paper.put("%%writefile helpers.py\ndef squares(x):\n    return x * x", before="mse")
    paper.put("import helpers\n%run helpers.py\nfrom helpers import squares", before="mse")
    paper.answer("mse", "def mse(a, b):\n    return helpers.squares(a - b).mean()\n")
    paper.put("import os\nos._exit(1)", after="mse_test")


@submission()
def names_of_ipython_reused(paper):
    """Gives IPython's own names to things."""
    paper.first("In = Out = _ = __ = exit = display = get_ipython = None\n__name__ = 'mine'\nprint = repr")


@submission(double=0)
def debugger_left_on(paper):
    """%pdb, a verbose traceback and every value shown, and one wrong answer for which the debugger opens."""
    paper.first("%pdb on\n%xmode Verbose\n%config InteractiveShell.ast_node_interactivity = 'all'\n1\n2")
    paper.answer("double", "def double(x):\n    return x + 2\n")


@submission(mse=0)
def breakpoint_left_in(paper):
    """Right, were it not for a breakpoint that waits for somebody to type."""
    paper.answer("mse", "def mse(a, b):\n    breakpoint()\n    return np.mean((a - b) ** 2)\n")


@submission(mse=0)
def recursion_without_end(paper):
    """Calls itself, and forgets to stop."""
    paper.answer("mse", "def mse(a, b):\n    return mse(a, b) + 0\n")


@submission()
def works_with_many_processes(paper):
    """Right by a pool of processes and a pool of threads."""
    paper.answer(
        "mse",
        """
            from concurrent.futures import ThreadPoolExecutor
            from multiprocessing import Pool
            def square(row):
                return float(np.sum(row**2))
            def mse(a, b):
                with Pool(2) as pool, ThreadPoolExecutor(2) as threads:
                    sums = pool.map(square, list(a - b))
                    assert np.allclose(sums, list(threads.map(square, list(a - b))))
                return sum(sums) / a.size
            """,
    )
