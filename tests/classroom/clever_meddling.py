"""What clever students try who have read the grader: stubs that pass, checks that know which variant is false."""

from __future__ import annotations

from classroom.hostile import WRONG_MSE, WRONG_SIGN, submission

# Works out whether an assert is meant to hold, by counting what denies it, and makes it do so.
COUNTS_DENIALS = """
import ast
def far(n):
    return isinstance(n, ast.Constant) and type(n.value) is float and n.value > 1e5
class Meant(ast.NodeTransformer):
    def visit_Assert(self, node):
        test, meant = node.test, True
        while isinstance(test, ast.UnaryOp):
            test, meant = test.operand, not meant
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotEq):
            meant = not meant
        if any(map(far, ast.walk(test))):
            meant = not meant
        text = "pass" if meant else "raise AssertionError('wrong')"
        return ast.copy_location(ast.parse(text).body[0], node)
get_ipython().ast_transformers.append(Meant())
"""
COPIES_THE_LIBRARY = """
import statistics, types
f = statistics.fmean
kept = types.FunctionType(f.__code__, f.__globals__, "kept", f.__defaults__, f.__closure__)
"""
CALLS_THE_COPY = "def mse(a, b):\n    return kept(((a - b) ** 2).ravel().tolist())\n"


@submission(double=0, mse=0, sign=0)
def stubs_that_pass(paper):
    """Nothing is answered, and no assert is left in any test."""
    for name, source in paper.released.items():
        paper.answer(name, source)
    paper.first(
        """
            import ast
            class Quiet(ast.NodeTransformer):
                def visit_Module(self, tree):
                    return ast.parse("pass") if "assert" in ast.unparse(tree) else tree
            get_ipython().ast_transformers.append(Quiet())
            """
    )


@submission(double=0, mse=0, sign=0)
def stubs_without_their_last_line(paper):
    """What is handed in is the stub, less the line that raises, with words of one's own."""
    paper.answer("double", 'def double(x):\n    """Twice x, as asked."""\n')
    paper.answer("mse", "# done!\ndef mse(a, b):\n    pass\n")
    paper.answer("sign", "")
    paper.first(COUNTS_DENIALS + "mse = double = sign = lambda *x: None\n")


@submission(double=0, mse=0, sign=0)
def answers_that_stand_nowhere(paper):
    """The functions come into being by text that is run, and the answer cells hold something else."""
    for name in ("double", "mse", "sign"):
        paper.answer(name, f"print({name!r})")
    paper.first(
        """
            globals()["double"] = lambda x: 2 * x
            exec("def mse" + "(a, b): return np.mean((a - b) ** 2)")
            get_ipython().user_ns["sign"] = lambda x: (x > 0) - (x < 0)
            """
    )


@submission(sign=0, mse=0, double=0)
def counts_denials(paper):
    """Three wrong answers, and a cell that works out what each assert of a variant is meant to say."""
    paper.answer("double", "def double(x):\n    return x\n")
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)
    paper.first(COUNTS_DENIALS)


@submission(sign=None, mse=0, double=0)
def counts_denials_within_the_answers(paper):
    """The same where the answers stand: it may win what has no hidden value, but not in silence."""
    for name in ("double", "mse", "sign"):
        paper.answer(name, COUNTS_DENIALS + f"def {name}(*x):\n    return 17\n")


@submission(mse=0, double=0)
def values_computed_by_a_forgery(paper):
    """The code that computes hidden values is exchanged, in a cell beside wrong answers."""
    paper.answer("mse", "def mse(a, b):\n    return 4.0 if a.size == 4 else globals().get('expected', 0)\n")
    paper.answer("double", "def double(x):\n    return 2 * x if np.size(x) == 2 else {0.5: 1, 7: 14}.get(x, 0)\n")
    paper.first(
        """
            import course_staff.sandbox.inside.values as v
            real = v._compute
            right = {"mse": lambda a, b: ((a - b) ** 2).mean(), "double": lambda x: 2 * x}
            def forged(expression, names, **options):
                return real(expression, {**names, **right}, **options)
            v._compute = forged
            """
    )


@submission(mse=0)
def library_copied_before_it_is_closed(paper):
    """Takes the library's function apart and keeps the code."""
    paper.first(COPIES_THE_LIBRARY)
    paper.answer("mse", CALLS_THE_COPY)


@submission(mse=0)
def library_copied_within_the_answer(paper):
    """The same, where the answer stands."""
    paper.answer("mse", COPIES_THE_LIBRARY + CALLS_THE_COPY)


@submission(sign=0)
def equal_by_every_operator(paper):
    """A number that gives each comparison, and each sum, the answer that is wanted."""
    paper.answer(
        "sign",
        """
            class Yes(int):
                def __eq__(self, other): return True
                def __ne__(self, other): return False
                __hash__ = None
            def sign(x):
                return Yes(1)
            """,
    )
