"""What a wrong answer can reach: read from the text, compared with what happens when it runs."""

import ast
import copy
import random

import pytest

from course_staff.code.meddling import blind, meddles
from course_staff.code.names import names_of
from course_staff.proof.reach import cells_to_run, imported


@pytest.mark.parametrize(
    ("code", "needs", "surely"),
    [
        ("y = x\nx = 1\nz = x", "x", "x y z"),
        ("x += 1", "x", "x"),
        ("if a:\n    x = 1\nelse:\n    x = y = 2\nz = x, y", "a y", "x z"),
        ("if a:\n    x = 1\nelse:\n    raise ValueError\nx", "a ValueError", "x"),
        ("for i in r:\n    x = i\nx", "r x", ""),
        ("while (n := f()):\n    pass\nn", "f n", ""),
        ("try:\n    x = f()\nexcept ValueError as e:\n    raise\nfinally:\n    x\nx", "f ValueError x", "x"),
        ("try:\n    x = f()\nexcept ValueError:\n    y = 1\nx, y", "f ValueError x y", ""),
        ("with without('a'):\n    x = 1\nx", "without", "x"),
        ("with suppress(E):\n    x = f()\nx", "suppress E f x", ""),
        ("import a.b, c as d\nfrom e import f as g", "", "a d g"),
        ("[x for x in x if x > y]", "x y", ""),
        ("z = lambda a, b=c: a + b + d", "c d", "z"),
        ("def f(a, b=c):\n    x = a\n    return x + y\ny = 1\nf(1)", "c", "f y"),
        ("def f():\n    return y\nf()\ny = 1", "y", "f y"),
        ("def f():\n    return g()\ndef g():\n    return y\nf()", "y", "f g"),
        ("@d\ndef f():\n    return y", "d y", "f"),
        ("class A(B):\n    n = k\n    def f(self):\n        return A, n, m\nA()", "B k n m", "A"),
        ("match p:\n    case [q, *r]:\n        q, r\nq", "p q", ""),
        ("del x\nx", "x", ""),
        ("x: T = 1\ny: T", "T", "x"),
    ],
)
def test_names_are_followed_in_the_order_in_which_code_runs(code, needs, surely):
    names = names_of(code)
    assert names.needs == set(needs.split()) and names.surely == set(surely.split())


def test_functions_read_later_and_keep_data_in_defaults_and_decorators():
    names = names_of(
        "import a\ndef f(x, y=(1, -2)):\n    return x + z\ndef g(x=[]): pass\n@cache\ndef h(): pass\nk = 1"
    )
    assert names.later == {"z"} and names.needs == {"cache"}
    assert names.imports == {"a"} and names.fixed == {"f"} and names.data == {"g", "h", "k"}
    assert names_of("class A:\n    '''Doc.'''\n    def f(self): pass").fixed == {"A"}
    assert names_of("class A:\n    kept = []").data == {"A"}
    assert names_of("%matplotlib inline").blind


@pytest.mark.parametrize(
    "code",
    [
        "globals()['half'] = f",
        "exec('half = 1')",
        "def f():\n    global half\n    half = 1",
        "from course_lib import *",
        "import __main__",
        "import inspect",
        "f.__globals__",
        "frame.f_globals['half']",
        "x.__class__.f = 1",
    ],
)
def test_code_that_reaches_unwritten_names_is_seen(code):
    assert blind(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "np.mean = f",
        "np.random.rand = f",
        "np.TABLE[0] = 1",
        "del np.mean",
        "n = np\nn.mean = f",
        "n = getattr(np, 'random')\nn.rand = f",
        "for n in (np, 1):\n    n.mean = f",
        "def f(n=np):\n    n.TABLE[0] = 1",
        "def f(x):\n    import course_lib.metrics as m\n    m.psnr = x",
        "def f(model):\n    model.training = False",
        "setattr(x, 'y', 1)",
        "np.random.seed(0)",
        "np.seterr(all='ignore')",
        "from numpy.random import seed as draw\ndraw(0)",
        "np.TABLE.append(1)",
        "import os\nos.environ['A'] = 'b'",
        "import importlib",
        "with mock.patch('a.b'):\n    pass",
        "with np.fork_rng():\n    np.set_default(1)",
    ],
)
def test_code_that_changes_modules_is_seen(code):
    assert meddles(ast.parse(code), {"np", "mock"}) and names_of(code, frozenset({"np", "mock"})).meddles


@pytest.mark.parametrize(
    "code",
    [
        "class A(np.Module):\n    def __init__(self):\n        super().__init__()\n        self.x = np.Layer()",
        "def f(images):\n    images[0] = np.random.default_rng(0).random()\n    return images",
        "x = np.zeros(3)\nx[0] = 1\nx.flags = 2",
        "np.Generator().manual_seed(0)",
        "def f(np):\n    np[0] = 1",
        "with np.random.fork_rng(), np.enable_grad():\n    np.manual_seed(0)",
        "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('ignore')",
        "def f(features):\n    return features.eval()",
        "frame.f_globals.get('__name__', '')",
        "signal = [1]\nsignal.append(2)",
    ],
)
def test_ordinary_code_is_not_suspected(code):
    names = names_of(code, frozenset({"np"}))
    assert not names.blind and not names.meddles


SETUP = ["import numpy as np", "shared = [1]\nalias = [shared]\nalone = [2]"]
ANSWERS = ["def double(x):\n    return 2 * x", "double(2)", "def half(x):\n    return x / 2", "t = 1\nhalf(t)"]
RIGHT = [*SETUP, *ANSWERS]


@pytest.mark.parametrize(
    ("changed", "wrong", "expected"),
    [
        ({}, "def double(x): return x", {0, 1, 2, 3}),
        ({5: "half(double(1))"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        # through a third cell, through a function that is called later, and not through a name bound anew
        ({3: "t = double(1)", 5: "half(t)"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        ({3: "def g():\n    return double(1)", 5: "half(g())"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        ({3: "t = double(1)"}, "def double(x): return x", {0, 1, 2, 3}),
        ({3: "t = double(1)", 5: "if t:\n    t = 2\nhalf(t)"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        # data changed in place: by its name, by another one; not another object
        ({3: "double(shared)", 5: "half(shared)"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        ({3: "double(shared)", 5: "half(alias)"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        ({3: "double(np.e)", 5: "half(np.pi)"}, "def double(x): return x", {0, 1, 2, 3}),
        # the wrong answer binds more, reads more, or does who knows what
        ({}, "import cupy as np\ndef double(x): return x", {0, 1, 2, 3}),
        ({5: "half(np.pi)"}, "import cupy as np\ndef double(x): return x", {0, 1, 2, 3, 4, 5}),
        ({5: "half(alone)"}, "def double(x): return alone.pop()", {0, 1, 2, 3, 4, 5}),
        ({}, "def double(x):\n    np.pi = 3", {0, 1, 2, 3, 4, 5}),
        ({}, "def double(x): return eval('x')", {0, 1, 2, 3, 4, 5}),
        ({1: "def stir():\n    np.random.seed(0)"}, "def double(x): return stir()", {0, 1, 2, 3, 4, 5}),
        ({3: "np.pi = double(1)"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
        ({5: "half(eval('double(1)'))"}, "def double(x): return x", {0, 1, 2, 3, 4, 5}),
    ],
)
def test_what_the_first_answer_reaches(changed, wrong, expected):
    assert to_run([changed.get(number, code) for number, code in enumerate(RIGHT)], 2, wrong) == expected


def test_a_cell_stands_on_others_that_bind_or_change_what_it_reads():
    wrong = "def half(x): return x"
    assert to_run(RIGHT, 4, wrong) == {0, 1, 4, 5}
    assert to_run([*RIGHT[:5], "half(double(1))"], 4, wrong) == {0, 1, 2, 4, 5}
    assert to_run([*RIGHT[:3], "t = 1", RIGHT[4], "half(t)"], 4, wrong) == {0, 1, 3, 4, 5}
    assert to_run([*RIGHT[:3], "shared.append(2)", RIGHT[4], "half(alias)"], 4, wrong) == {0, 1, 3, 4, 5}
    assert to_run([*RIGHT[:3], "np.random.seed(0)", *RIGHT[4:]], 4, wrong) == {0, 1, 3, 4, 5}, "it changes a module"


def to_run(codes, answer, wrong, plain=2):
    modules = imported(map(names_of, codes))
    lab = [names_of(code, modules) for code in codes]
    return cells_to_run(lab, [number >= plain for number in range(len(codes))], answer, names_of(wrong, modules))


# pieces of random labs: a to e are lists of numbers, f, g, h functions of a list, out() is what a test cell asserts
LINES = [
    "{n} = [{k}]", "{n} = {m}", "{n} = {m} + [{k}]", "{n}.append({k})", "{n} = {f}({m})", "{n} = list(out({f}({m})))",
    "if len({n}) > 1:\n    {m} = [{k}]\nout({m})", "for {n} in ({m}, [{k}]):\n    pass", "{n} = [v + {k} for v in {m}]",
    "out({n})", "out({n})", "out({n} + {m})", "out({f}({n}))", "try:\n    {n} = {m}[1:]\nfinally:\n    {m} = {n}",
    "out(helper())", "{f} = lambda x: x + {n}", "def helper(v=[]):\n    v.append({k})\n    return v + {n}",
]  # fmt: skip
HELPER = LINES[-1]
PLAIN = 7  # cells before the first answer
BODIES = ["return x + [{k}]", "x.append({k})\n    return x", "return x + {n}", "{n}.append({k})\n    return [{k}]",
          "return [len(x)]", "x.append({k})\n    return [{k}]", "helper()\n    return [{k}]"]  # fmt: skip


def random_lab(rng):
    """The cells, the numbers of the answer cells, and a wrong answer to each."""

    def fill(text):
        n, m = rng.sample("abcde", 2)
        return text.format(n=n, m=m, f=rng.choice("fgh"), k=rng.randrange(1, 9))

    def function(name):
        return f"def {name}(x):\n    {fill(rng.choice(BODIES))}"

    def lines(count):
        return "\n".join(fill(rng.choice(LINES)) for _ in range(count))

    cells = ["a = [1]", "b = [2]", "c = [3, 4]", "d = [5]", "e = [6]", fill("{n} = {m}"), fill(HELPER)]
    assert len(cells) == PLAIN
    wrong = {}
    for name in "fgh":
        wrong[len(cells)] = function(name)
        cells += [function(name), fill(f"out({name}({{n}}))") + "\n" + lines(rng.randrange(2)), lines(1)]
    return cells, wrong


def run(cells, numbers):
    """What each cell hands to out(), and how it ended."""
    told = {}
    namespace = {"__name__": "lab"}
    for number in sorted(numbers):
        heard = []
        namespace["out"] = lambda value, heard=heard: [heard.append(copy.deepcopy(value)), value][1]
        try:
            exec(cells[number], namespace)
        except Exception as error:
            heard.append(type(error).__name__)
        told[number] = heard
    return told


def test_random_labs_run_in_part_as_they_run_as_a_whole():
    """The law: cells that are left out do what they did with the right answer; the others do as in the whole lab."""
    rng, everything = random.Random(0), range(PLAIN + 9)
    compared = left_out = mattered = 0
    while compared < 900:
        cells, wrong = random_lab(rng)
        right = run(cells, everything)
        if any(isinstance(value, str) for heard in right.values() for value in heard):
            continue  # the solution of a lab runs without an error
        for answer, code in wrong.items():
            part = to_run(cells, answer, code, PLAIN)
            changed = [*cells[:answer], code, *cells[answer + 1 :]]
            whole, short = run(changed, everything), run(changed, part)
            for number in everything:
                assert whole[number] == (short if number in part else right)[number], (cells, answer, code, part)
            assert run(cells, part) == {number: right[number] for number in part}, "the solution, with these cells"
            compared, left_out, mattered = compared + 1, left_out + len(cells) - len(part), mattered + (whole != right)
    assert left_out > 300 and mattered > 300, f"left out {left_out} cells, {mattered} wrong answers mattered"
