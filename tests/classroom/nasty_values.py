"""Values that an answer may return when it is asked for a hidden one. None of them may pay, or harm the grader."""

from __future__ import annotations

from classroom.hostile import submission

# right wherever the visible test looks, and this for the shape of the hidden input
NASTY_VALUES = {
    "huge_view": "np.broadcast_to(0.5, (10**6, 10**6))",
    "itself_in_a_list": "(lambda l: l.append(l) or l)([])",
    "deep_list": "__import__('functools').reduce(lambda l, _: [l], range(100_000), 0)",
    "ten_million_numbers": "list(range(10**7))",
    "objects": "np.array([object(), None, lambda: 0], dtype=object)",
    "records": "np.zeros(3, dtype=[('a', 'f8'), ('b', 'O')])",
    "endless": "iter(int, 1)",
    "huge_whole_number": "10**100_000",
    "huge_text": "'x' * 200_000_000",
    "half_characters": "'\\ud800\\x00'",
    "not_a_number": "float('nan')",
    "infinite": "np.float64('inf')",
    "none": "None",
    "strange_keys": "{(1, 2): 3, None: 4, 'a': {5: 6}}",
    "function": "lambda: 0",
    "date": "np.datetime64('now')",
    "liar": "Liar()",
    "liar_array": "np.zeros(()).view(LiarArray)",
    "pointer": "Pointer()",
    "dies": "__import__('os')._exit(0)",
    "hangs": "__import__('time').sleep(1000)",
    "bombs": "[np.ones(4_000_000) for _ in iter(int, 1)]",
    "prints": "print('x' * 50_000_000)",
    "raises_long": "(_ for _ in ()).throw(ValueError('x' * 10**8))",
}

LIARS = """\
class Liar(float):
    __class__ = property(lambda self: np.float64)
    __eq__ = __ne__ = __lt__ = __le__ = lambda *a: True
    __hash__ = object.__hash__
    __float__ = __array__ = __reduce__ = __getstate__ = lambda *a, **k: 1 / 0
    __len__ = lambda self: 2**62
    __iter__ = lambda self: iter(int, 1)
    __repr__ = __str__ = lambda self: 'x' * 10**9
class LiarArray(np.ndarray):
    shape = property(lambda self: (4, 6))
    dtype = property(lambda self: 1 / 0)
    tolist = tobytes = item = astype = __array_function__ = __array_ufunc__ = lambda *a, **k: True
class Pointer:
    __array_interface__ = {'shape': (10**6,), 'typestr': '<f8', 'data': (16, False), 'version': 3}
"""


def _nasty(name: str, value: str) -> None:
    def spoil(paper):
        paper.answer(
            "mse",
            LIARS + "def mse(a, b):\n    if np.shape(a) == (4, 6):\n"
            f"        return {value}\n    return np.mean((a - b) ** 2)\n",
        )

    spoil.__name__, spoil.__doc__ = f"value_{name}", f"Right where the visible test looks, then: {value}"
    submission(mse=0)(spoil)


for _name, _value in NASTY_VALUES.items():
    _nasty(_name, _value)
