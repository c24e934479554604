"""What clever students try against the checks: to make a wrong answer look right. None of it may pay."""

from __future__ import annotations

from classroom.hostile import WRONG_MSE, WRONG_SIGN, submission


@submission(mse=0)
def learnt_by_heart(paper):
    """Returns what the visible test wants, and nothing else is right."""
    paper.answer("mse", "def mse(a, b):\n    return 4.0 if a.size == 4 else globals().get('expected', 0)\n")


@submission(mse=0)
def reads_the_frame_of_the_test(paper):
    """Takes the expected number out of whatever frame holds one."""
    paper.answer(
        "mse",
        """
            import sys
            def mse(a, b):
                frame = sys._getframe(1)
                while frame:
                    for names in (frame.f_locals, frame.f_globals):
                        if a.size == 4:
                            return 4
                        if 'expected' in names:
                            return names['expected']
                    frame = frame.f_back
            """,
    )


@submission(mse=0)
def searches_all_objects(paper):
    """Looks through all objects for a number near the right one (which a value compared here would be)."""
    paper.answer(
        "mse",
        """
            import gc
            def mse(a, b):
                right = np.mean((a - b) ** 2)
                for thing in gc.get_objects():
                    if isinstance(thing, dict):
                        for value in list(thing.values()):
                            if type(value) in (float, np.float64) and abs(value - right) < 1e-9:
                                return value
                return 4 if a.size == 4 else 0
            """,
    )


@submission(double=None, mse=0, sign=0)
def without_swallows_errors(paper):
    """The closing of the library is replaced by one that swallows every failure."""
    paper.first(
        """
            import contextlib, course_lib.exercise, sys
            class Calm(contextlib.ContextDecorator):
                def __init__(self, *a): pass
                def __enter__(self): pass
                def __exit__(self, *a): return True
            course_lib.exercise.without = Calm
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission(double=None, mse=0, sign=0)
def module_exchanged(paper):
    """The module that the tests import is a forgery in sys.modules."""
    paper.first(
        """
            import contextlib, sys, types
            module = types.ModuleType('course_lib.exercise')
            module.without = lambda *a: contextlib.suppress(BaseException)
            sys.modules['course_lib.exercise'] = module
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission(double=None, mse=0, sign=0)
def import_exchanged(paper):
    """builtins.__import__ gives every test a `without` that swallows."""
    paper.first(
        """
            import builtins, contextlib, types
            real = builtins.__import__
            def fake(name, *a, **k):
                if name == 'course_lib.exercise':
                    return types.SimpleNamespace(without=lambda *a: contextlib.suppress(BaseException))
                return real(name, *a, **k)
            builtins.__import__ = fake
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission(double=None, mse=0, sign=0)
def cells_rewritten(paper):
    """An input transformer makes every test a cell that prints only that all is right."""
    paper.first(
        """
            def rewrite(lines):
                return ['print("right")'] if any('assert' in line for line in lines) else lines
            manager = get_ipython().input_transformer_manager
            manager.cleanup_transforms.append(rewrite)
            get_ipython().input_transformers_post.append(rewrite)
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission(mse=0)
def numbers_exchanged_while_traced(paper):
    """sys.settrace puts the expected number in place of the answer's before each assert looks."""
    paper.first(
        """
            import sys, linecache
            def exchange(frame, event, argument):
                line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
                if event == 'line' and 'isclose(got' in line and frame.f_code.co_name == '<module>':
                    frame.f_globals['got'] = 4 if '4)' in line else frame.f_globals['expected']
                return exchange
            sys.settrace(exchange)
            """
    )
    paper.answer("mse", WRONG_MSE)


@submission(double=None, mse=0, sign=0)
def errors_hidden(paper):
    """IPython is told that no failed assert is an error: events, custom handlers, results, tracebacks."""
    paper.first(
        """
            shell = get_ipython()
            from IPython.core import interactiveshell as it
            def forget(result):
                result.error_in_exec = result.error_before_exec = None
            shell.events.register('post_run_cell', forget)
            shell.set_custom_exc((Exception,), lambda *a, **k: None)
            for name in ('showtraceback', 'showsyntaxerror', '_showtraceback'):
                setattr(type(shell), name, lambda *a, **k: None)
            it.ExecutionResult.success = property(lambda self: True)
            it.ExecutionResult.raise_error = lambda self: None
            it.ExecutionResult.error_in_exec = property(lambda self: None, lambda self, value: None)
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission(double=None, mse=0, sign=0)
def compiler_replaced(paper):
    """builtins.compile, ast.parse and the shell's compiler leave asserts out, as python -O does."""
    paper.first(
        """
            import ast, builtins, codeop
            shell, real = get_ipython(), builtins.compile
            def lenient(*a, **k):
                k['optimize'] = 2
                return real(*a[:5], **k)
            builtins.compile = lenient
            def call(self, tree, name, mode):
                return real(tree, name, mode, self.flags, 1, optimize=2)
            type(shell.compile).__call__ = call
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("sign", WRONG_SIGN)


@submission(mse=0)
def comparison_replaced(paper):
    """np.isclose and np.allclose find all alike, in place: even for those who imported them before."""
    paper.first(
        """
            def same(*a, **k):
                return True
            np.isclose = np.allclose = np.array_equal = same
            import builtins
            builtins.all = builtins.any = same
            builtins.AssertionError = type('Fine', (Exception,), {})
            """
    )
    paper.answer("mse", WRONG_MSE)


@submission(mse=0)
def random_numbers_replaced(paper):
    """Hidden inputs shall be all zeros, for which a wrong answer is right."""
    paper.answer(
        "mse",
        """
            import sys
            for name, thing in list(vars(np.random).items()):
                pass
            class Zeros:
                def __getattr__(self, name):
                    return lambda *a, **k: np.zeros(a[0] if a else ())
            def mse(a, b):
                np.random.default_rng = lambda *a: Zeros()
                if a.size in (4, 20):
                    return np.mean((a - b) ** 2)
                return np.float64(0)
            """,
    )
