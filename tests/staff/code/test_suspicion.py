"""What a person is asked to look at in a student's code, and what everybody writes and nobody need look at."""

import pytest

from course_staff.code.suspicion import hints

MEDDLING = [
    "get_ipython().ast_transformers.append(T())",
    "shell = get_ipython()\nshell.input_transformers_post.append(f)",
    "import sys\nsys.settrace(f)",
    "from sys import setprofile as watch\nwatch(f)",
    "import sys\ngetattr(sys, 'set' + 'trace')(f)",
    "import sys\nvars(sys)['settrace'](f)",
    "code = metrics.ssim.__code__",
    "import gc\ngc.get_objects()",
    "import builtins\nbuiltins.all = any",
    "import sys\nsys.modules['course_lib.exercise'] = fake",
    "import inspect\ninspect.getsource(f)",
    "open('/opt/course/lib/course_lib/metrics.py').read()",
    "from course_lib import metrics\nopen(metrics.__file__)",
    "from course_staff.sandbox.inside import values",
    "import ctypes",
    "import sys\nsys._getframe(1).f_globals",
    "import torch as t\nu = t\nu.allclose = lambda *a: True",
    "setattr(np, 'isclose', f)",
    "class Yes:\n    def __eq__(self, other):\n        return True",
    "exec(text)",
    "!python -c 'print(1)'",
]
HARMLESS = [
    "import numpy as np\nx = np.zeros(3)\nx[0] = 1",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = 3, 3",
    "!pip install einops",
    "torch.backends.cudnn.benchmark = True\ntorch.set_num_threads(4)",
    "get_ipython().run_line_magic('matplotlib', 'inline')",
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(2, 3)",
    "import os, sys\nsys.path.append('.')\nos.environ['A'] = '1'",
    "def f(:",
]


@pytest.mark.parametrize("code", MEDDLING)
def test_meddling_is_seen_with_its_line(code):
    found = hints(code, frozenset({"np", "torch"}))
    assert found and all("(line " in hint for hint in found)


@pytest.mark.parametrize("code", HARMLESS)
def test_what_everybody_writes_is_not(code):
    assert hints(code, frozenset({"np", "torch", "plt", "nn"})) == []


@pytest.mark.parametrize("code", ["-" * 40_000 + "1", "(" * 20_000, "a." * 20_000 + "b", "lambda:" * 5_000 + "x", "\0"])
def test_code_made_to_break_a_parser_breaks_nothing(code):
    hints(code)


def test_a_cell_too_long_to_read_is_said_to_be():
    assert "not read" in hints("x = 1\n" * 20_000)[0]
