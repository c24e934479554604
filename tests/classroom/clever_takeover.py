"""What clever students try once they rule the whole process: the grader's program beside them, and all of Python."""

from __future__ import annotations

from classroom.hostile import WRONG_MSE, submission


@submission(double=None, mse=0, sign=None)
def builtins_poisoned(paper):
    """Half of builtins lie."""
    paper.first(
        """
            import builtins
            builtins.isinstance = lambda *a: True
            builtins.len = lambda *a: 1
            builtins.type = lambda *a: float
            builtins.repr = builtins.str = lambda *a: 'ok'
            builtins.getattr = lambda *a: 0
            """
    )
    paper.answer("mse", WRONG_MSE)


@submission(double=None, mse=None, sign=None)
def builtins_gone(paper):
    """No builtins, no modules, no names, a recursion limit of five."""
    paper.first(
        """
            import sys, builtins, gc
            sys.modules.clear()
            get_ipython().user_ns.clear()
            sys.setrecursionlimit(60)
            builtins.__dict__.clear()
            """
    )


@submission(double=None, mse=0)
def exporter_replaced(paper):
    """Whatever packs values for the grader is replaced: json, numpy's writers, the grader's own functions."""
    paper.first(
        """
            import json, io, os, pickle, socket, struct, sys, zipfile
            forged = lambda *a, **k: '{}'
            json.dumps = json.dump = json.JSONEncoder.encode = forged
            json.JSONEncoder.iterencode = lambda *a: iter('{}')
            np.savez = np.save = np.savez_compressed = np.lib.format.write_array = lambda *a, **k: None
            np.asarray = np.asanyarray = np.array = lambda *a, **k: np.zeros(3)
            struct.pack = lambda *a: b''
            pickle.dumps = lambda *a: b''
            for name, module in list(sys.modules.items()):
                if name.startswith('course_staff') or name == '__main__':
                    for key, thing in list(vars(module).items()):
                        if key.startswith('__') or thing is None:
                            continue
                        if callable(thing) and not isinstance(thing, type):
                            setattr(module, key, forged)
            """
    )
    paper.answer("mse", WRONG_MSE)
    paper.answer("double", "def double(x):\n    return x * 2\n")


@submission(mse=0, sign=None)
def forges_its_own_success(paper):
    """Finds the grader's program among all objects and tells the grader that this cell went well."""
    paper.answer(
        "mse",
        """
            import gc, sys
            def mse(a, b):
                for thing in gc.get_objects():
                    if type(thing).__name__ == 'Channel':
                        thing.send({'done': True, 'status': 'ok'})
                frame = sys._getframe(1)
                while frame:
                    if 'channel' in frame.f_locals:
                        frame.f_locals['channel'].send({'done': True, 'status': 'ok'})
                    frame = frame.f_back
                return 0
            """,
    )


@submission(mse=0, sign=None, double=None)
def takes_the_grader_over(paper):
    """Exchanges the grader's program: every cell went well from now on, and values are what the visible test wanted."""
    paper.answer(
        "mse",
        """
            import gc, sys
            def mse(a, b):
                fine = lambda *a, **k: {'status': 'ok'}
                for name, module in list(sys.modules.items()):
                    if name.startswith('course_staff'):
                        for key in list(vars(module)):
                            if key in ('_run', 'run_cell', 'compute', '_compute', 'encode', 'without'):
                                setattr(module, key, fine if key != 'encode' else lambda v: b'4.0')
                for thing in gc.get_objects():
                    if type(thing) is dict and 'run' in thing and 'values' in thing:
                        thing['run'] = fine
                frame = sys._getframe(1)
                while frame:
                    if 'kinds' in frame.f_locals:
                        frame.f_locals['kinds']['run'] = fine
                    frame = frame.f_back
                return 4.0
            """,
    )


@submission(mse=0)
def knows_when_it_is_asked(paper):
    """Right in the visible test by the library's own code, and tells what it was asked through the value itself."""
    paper.answer(
        "mse",
        """
            import sys
            def mse(a, b):
                if a.shape == (4, 6):
                    return {'a': a.tolist(), 'b': b.tolist(), 'names': sorted(sys._getframe(1).f_globals)[:50]}
                return np.mean((a - b) ** 2)
            """,
    )
