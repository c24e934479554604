"""Right answers in odd surroundings: settings, imports, helpers, changes of the lab's own cells. No point is lost."""

from __future__ import annotations

from classroom.hostile import submission

IMPORTS = "import numpy as np"


def _imports(paper) -> dict:
    return next(cell for cell in paper.cells if cell["source"].startswith(IMPORTS))


@submission()
def settings_changed_within_an_answer(paper):
    """Warnings are errors, numpy raises, another folder, a low limit of recursion, a seed."""
    source = paper.cell("double")["source"]
    paper.answer(
        "double",
        source
        + "import os, random, sys, warnings\n"
        + "warnings.simplefilter('error')\nnp.seterr(all='raise')\nos.chdir('/')\n"
        + "sys.setrecursionlimit(200)\nrandom.seed(3); np.random.seed(3)\n",
    )
    paper.answer(
        "mse",
        """
            import warnings
            def depth(n):
                return 0 if n == 0 else 1 + depth(n - 1)
            def mse(a, b):
                depth(250)
                np.float64(1) / np.float64(0)
                warnings.warn("look")
                return np.mean((a - b) ** 2)
            """,
    )


@submission()
def names_deleted_between_answers(paper):
    """Names of the lab are gone, or something else, once an answer has been tried."""
    source = paper.cell("double")["source"]
    paper.answer("double", source + "del np\n")
    paper.put("a = b = rng = mse = np = None", before="mse_test")


@submission()
def nothing_of_colab_is_here(paper):
    """An answer cell begins with what works at home only: a drive, a package, a widget."""
    paper.answer(
        "mse",
        "from google.colab import drive\ndrive.mount('/content/drive')\nimport no_such_package\n"
        + paper.cell("mse")["source"],
    )
    paper.answer("double", "%matplotlib widget\n" + paper.cell("double")["source"])


@submission()
def library_tried_at_the_top(paper):
    """Prints what the library says, above the answer."""
    paper.answer("mse", "import statistics\nprint(statistics.fmean([1, 2]))\n" + paper.cell("mse")["source"])


@submission()
def helpers_everywhere(paper):
    """Helpers in a cell of one's own, in two, in another answer; imports, also of everything."""
    paper.first("import math as m\nfrom operator import *\nSTEP = 1")
    paper.first("def squared(x):\n    return scaled(x * x, STEP)")
    paper.first("def scaled(x, by):\n    return mul(x, by)")
    paper.answer("double", "def sign_of(x):\n    return (x > 0) - (x < 0)\ndef double(x):\n    return mul(x, 2)\n")
    paper.answer("mse", "def mse(a, b):\n    return np.mean(squared(a - b)) * m.sqrt(1)\n")
    paper.answer("sign", "def sign(x):\n    return sign_of(x)\n")


@submission()
def data_filled_in_afterwards(paper):
    """An answer looks into a table that other cells have filled, without binding a name."""
    paper.first("table = {}")
    paper.first("table['factor'] = 2")
    paper.first("table.update(power=2)")
    paper.answer("double", "def double(x):\n    return table['factor'] * x\n")
    paper.answer("mse", "def mse(a, b):\n    return np.mean((a - b) ** table['power'])\n")


@submission()
def second_try_in_a_cell_below(paper):
    """The answer cell holds a wrong first try, and a cell below it the right one."""
    right = paper.cell("mse")["source"]
    paper.answer("mse", "def mse(a, b):\n    return 0\n")
    paper.put(right, after="mse")


@submission()
def imports_of_the_lab_fail(paper):
    """`from google.colab import drive` at the top of the lab's own imports."""
    cell = _imports(paper)
    cell["source"] = "from google.colab import drive\ndrive.mount('/content/drive')\n" + cell["source"]


@submission()
def imports_of_the_lab_and_more(paper):
    """A helper, a package and a line that fails, in the lab's own imports."""
    helper = "def twice(x):\n    return operator.mul(x, 2)"
    _imports(paper)["source"] = f"!pip install x\nimport nowhere\n{IMPORTS}, operator\n{helper}"
    paper.answer("double", "def double(x):\n    return twice(x)\n")


@submission()
def imports_of_the_lab_spoilt(paper):
    """The lab's own imports, and then the name is given to something else."""
    _imports(paper)["source"] += "\nnp = None"


@submission()
def imports_of_the_lab_emptied(paper):
    """The lab's own imports are gone from their cell."""
    _imports(paper)["source"] = ""


@submission()
def imports_of_the_lab_commented(paper):
    """The lab's own imports stand behind a #."""
    cell = _imports(paper)
    cell["source"] = "".join(f"# {line}\n" for line in cell["source"].split("\n"))


@submission()
def imports_of_the_lab_deleted(paper):
    """The cell of the lab's own imports was deleted."""
    paper.cells.remove(_imports(paper))


@submission()
def imports_of_the_lab_made_text(paper):
    """The cell of the lab's own imports was made a text."""
    cell = _imports(paper)
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]
