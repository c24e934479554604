"""Hidden values: what leaves a student's process is plain data, forged bytes do no harm, and lies earn nothing."""

import base64
import enum
import json
import pickle
import random
import subprocess
import sys
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.exercise import random_tensor, random_weights
from course_staff.authoring.hidden_lines import hidden_seed
from course_staff.marking.hidden_values import fingerprint, matches
from course_staff.sandbox.inside import plain, values
from course_staff.sandbox.inside.plain import Value, decode, encode
from course_staff.sandbox.inside.values import compute

LONE = chr(0xD800)  # half a character: no encoding takes it


def there_and_back(value):
    found = decode(encode(value))
    assert isinstance(found, Value), found
    return found.data


class Liar:
    """Equals everything, and claims to be a number or an array."""

    __array_priority__ = 1e9
    __class__ = float
    __hash__ = None

    def __eq__(self, other):
        return True

    def __array__(self, *args, **kwargs):
        return np.zeros(3)

    def __float__(self):
        return 1.0


class LyingArray(np.ndarray):
    shape = property(lambda self: (99,))

    def __eq__(self, other):
        return np.ones(3, bool)

    def __array__(self, *args, **kwargs):
        return np.full(3, 7.0)

    def tobytes(self, *args):
        return bytes(24)

    def astype(self, *args, **kwargs):
        return np.full(3, 7.0)


class LyingFloat(float):
    __hash__ = float.__hash__

    def __eq__(self, other):
        return True

    def __repr__(self):
        return "42"

    def __add__(self, other):
        return 42.0


# --- encode and decode ---

PLAIN = [None, True, 0, -3, 2**70, 0.1, -0.0, 1e308, "Ünï" + LONE, "", [], [1, [2.5, "x", None]], {"a": 1, 2: [3]}]


@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_plain_values_come_back_as_they_were(value):
    assert repr(there_and_back(value)) == repr(value).replace("-0.0", "0.0")


@pytest.mark.parametrize("dtype", "? b B h H i I q Q e f d F D >f8 >i4 >c16".split())
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 1), (2, 0, 3)])
def test_arrays_keep_shape_kind_and_every_bit(dtype, shape):
    array = np.asarray(np.abs(np.random.default_rng(0).normal(0, 50, shape))).astype(dtype)
    found = there_and_back(array)
    assert type(found) is np.ndarray and found.shape == shape and np.array_equal(found, array)
    assert found.dtype.kind == array.dtype.kind and found.dtype.itemsize == array.dtype.itemsize


def test_views_and_rare_kinds_are_arrays_like_others():
    array = np.arange(24.0).reshape(4, 6)
    assert np.array_equal(there_and_back(array[::-2, ::3].T), array[::-2, ::3].T)
    assert there_and_back(np.longdouble(0.25)) == 0.25
    assert there_and_back(np.array([["a", "bc"]])) == [["a", "bc"]]
    assert there_and_back(1 + 2j) == 1 + 2j
    assert there_and_back({(1, "a"): 2, np.int64(3): 4}) == {(1, "a"): 2, 3: 4}


def test_tensors_are_arrays_whatever_they_carry():
    tensor = torch.arange(6.0).reshape(2, 3)
    for other in (tensor.clone().requires_grad_() * 1, nn.Parameter(tensor), tensor.to_sparse(), tensor.bfloat16()):
        assert np.array_equal(there_and_back(other), tensor.numpy())
    assert np.array_equal(there_and_back((tensor * 1j).conj()), (tensor * -1j).numpy())
    assert there_and_back(tensor.sum()) == 15 and there_and_back(tensor.shape) == [2, 3]


def test_subclasses_are_stripped_to_plain_data():
    Pair = namedtuple("Pair", "first second")
    Level = enum.IntEnum("Level", "LOW HIGH")
    assert there_and_back(Pair(1, (2, 3))) == [1, [2, 3]]
    assert type(there_and_back(Level.HIGH)) is int and there_and_back(OrderedDict(a=(1,))) == {"a": [1]}
    assert there_and_back(LyingFloat(2.5)) == 2.5 and type(there_and_back(LyingFloat(2.5))) is float
    assert np.array_equal(there_and_back(np.arange(3.0).view(LyingArray)), [0, 1, 2])
    assert np.array_equal(there_and_back(np.ma.masked_array([1.0, 2], [True, False])), [1, 2])


NOT_PLAIN = [Liar(), object(), print, lambda: 1, {1, 2}, b"bytes", np.array([object()]), np.zeros(2, "M8[s]")]
NOT_PLAIN += [np.zeros(2, [("a", "f4")]), iter([1]), nn.ReLU(), {object(): 1}, NotImplementedError, [[Liar()]]]


@pytest.mark.parametrize("value", NOT_PLAIN, ids=range(len(NOT_PLAIN)))
def test_all_else_is_refused(value):
    with pytest.raises(plain.NotPlain):
        encode(value)


def test_too_much_is_refused():
    endless, turned = [], {}
    endless.append(endless)
    turned["a"] = turned
    too_much = [np.zeros(plain.MAX_BYTES, np.int8), "x" * 200_000, [0] * 200_000, endless, turned]
    too_much += [["y" * 100_000] * 200, np.broadcast_to(0.0, (10**6, 10**6))]
    for value in too_much:
        with pytest.raises(plain.TooLarge):
            encode(value)


def test_a_number_of_many_digits_is_an_infinity():
    assert there_and_back(10**400) == 10**400 and there_and_back([-(10**4000)]) == [-np.inf]


ARRAY = {"kind": "array", "dtype": "<f8", "shape": [2], "data": base64.b64encode(bytes(16)).decode()}
FORGED = [b"", b"\xff\xfe", b"[1, 2]", b"{}", b'{"kind": "list"}', b'{"kind": "list", "items": 3}', None, 3]
FORGED += [b'{"kind": "dict", "items": [1]}', b'{"kind": "dict", "items": [[[1], 2]]}', b'{"kind": [], "items": []}']
FORGED += [b"[" * 10**5, b'{"kind":"list","items":[' * 10**5, b"9" * 10_000, LONE, pickle.dumps(print)]
FORGED += [b'{"kind": "float", "value": "1"}', b'{"kind": "list", "items": [' + b"0," * 200_000 + b"0]}"]
FORGED += [b'{"kind":"list","items":[' * 30 + b"]}" * 30, b'{"kind": "other", "items": []}']
FORGED += [
    json.dumps(ARRAY | {field: forged}).encode()
    for field, all_forged in {
        "shape": ([10**15], [-2, -1], [2.0], [True, 2], [1] * 64 + [2], 2, [2, 10**15, 0]),
        "dtype": ("O", "|O8", "<U4", "V16", ["<f8"], "f8,f8", "<f16"),
        "data": ("!!!!", 3, "AAAA"),
    }.items()
    for forged in all_forged
]


@pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))
def test_forged_bytes_are_no_value_and_do_no_harm(forged):
    assert decode(forged) == "it gives nothing that can be read"


def test_a_forged_array_of_truth_values_holds_true_and_false_only():
    forged = ARRAY | {"dtype": "|b1", "data": base64.b64encode(bytes([0, 1, 2, 255])).decode(), "shape": [4]}
    assert decode(json.dumps(forged)).data.astype(int).tolist() == [0, 1, 1, 1]


def test_what_would_fill_the_memory_is_not_even_read(monkeypatch):
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("it was read"))
    for forged in (b"1" * (plain.MAX_BYTES + 1), b"[" + b"[]," * 10**6, b"[" + b"{}," * 10**6, b"0," * 2 * 10**6):
        assert decode(forged) == decode(forged.decode()) == "it gives far too much data"


def test_spoilt_bytes_never_raise():
    rng, whole = random.Random(0), [*PLAIN, np.zeros((2, 3)), [np.arange(3), {"a": 1j}], np.nan, -np.inf]
    for _ in range(1000):
        spoilt = bytearray(encode(rng.choice(whole)))
        for _ in range(rng.randint(1, 3)):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        found = decode(bytes(spoilt))
        assert isinstance(found, (Value, str)) and fingerprint([found])
        for expected in whole:
            assert isinstance(matches(Value(there_and_back(expected)), found), (str, type(None)))


@pytest.mark.parametrize("field", ["failed", "error"])
@pytest.mark.parametrize("secret", ["the hidden input is 0.25", ["error"], {"a": 1}, 5, None])
def test_a_forged_reason_carries_nothing_out(field, secret):
    found = decode(json.dumps({"failed": "error", "error": "ValueError"} | {field: secret}))
    assert found in ("it gives nothing that can be read", "it raises an error")


# --- compute ---


def value_of(expression, names=None, **options):
    (found,) = compute([expression], names or {}, **({"seed": 5} | options))
    return decode(found)


def test_inputs_are_fresh_repeat_themselves_and_differ_in_each_expression():
    twice = compute(["rng.random(3)", "rng.random(3)"], {}, seed=5)
    assert compute(["rng.random(3)", "rng.random(3)"], {}, seed=5) == twice and twice[0] != twice[1]
    assert compute(["rng.random(3)"], {}, seed=6)[0] != twice[0]
    # what one answer draws, or its failure, moves no other's inputs
    assert compute(["1 / 0", "rng.random(3)"], {}, seed=5)[1] == twice[1]


def test_the_seed_depends_on_class_lab_and_cell():
    words = [("a", "b", "c"), ("a", "bc", ""), ("", "ab", "c"), ("a", "b", "d")]
    seeds = {hidden_seed(*each) for each in words}
    assert len(seeds) == 4 and all(0 <= seed < 2**64 for seed in seeds)
    assert hidden_seed("a", "b", "c") == hidden_seed("a", "b", "c")


def test_the_global_generators_are_seeded_alike():
    names = {"random": random, "np": np, "torch": torch}
    both = "[random.random(), np.random.rand(), torch.rand(2)]"
    assert compute([both], names, seed=9) == compute([both], names, seed=9) != compute([both], names, seed=10)


def test_names_are_read_and_none_is_changed():
    names = {"rng": "the notebook's own", "f": lambda x: 2 * x}
    assert value_of("[f(rng.random()) < 2 for _ in range(3)]", names).data == [True] * 3
    assert value_of("helper + 1", names, setup="helper = f(3)").data == 7
    assert names["rng"] == "the notebook's own" and set(names) == {"rng", "f"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError(str(x))", "it raises an error (ValueError)"),
        ("raise type(str(x), (Exception,), {})", "it raises an error"),
        ("raise SystemExit(str(x))", "it raises an error (SystemExit)"),
        ("return f(x)", "it raises an error (RecursionError)"),
        ("return lambda: x", "it gives something else than numbers, text, arrays or tensors"),
        ("return 'x' * 10**6", "it gives far too much data"),
        ("from course_lib.images import rescale; return rescale(x)", "it calls the library's function"),
    ],
)
def test_why_there_is_no_value_is_said_without_the_inputs(body, says):
    names = {}
    exec("def f(x):\n    " + body, names)
    found = value_of("f(rng.random(3))", names, closed=("course_lib.images.rescale",))
    assert isinstance(found, str) and found.startswith(says) and not any(digit in found for digit in "0123456789")


def test_time_that_is_up_is_no_value_of_one_expression():
    def f():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(["f()"], {"f": f}, seed=0)


def test_the_library_is_open_again_afterwards():
    from course_lib.images import rescale

    value_of("1 / 0", closed=("course_lib.images.rescale",))
    assert rescale(np.arange(3.0)).max() == 1


def test_what_a_careless_notebook_leaves_behind_costs_nothing(capsys):
    names = {"np": np, "torch": torch, "warnings": warnings}
    with np.errstate(all="raise"), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_of("[np.ones(1) / np.zeros(1), np.log10(-np.ones(1))]", names).data[0].tolist() == [np.inf]
        assert value_of("warnings.warn('no matter')", names).data is None
        assert value_of("torch.is_grad_enabled()", names).data is True
        assert not torch.is_grad_enabled() and np.geterr()["divide"] == "raise"
    assert capsys.readouterr() == ("", "")


def test_a_process_without_torch_needs_none():
    code = (
        "import sys; from course_staff.sandbox.inside.plain import decode;"
        "from course_staff.sandbox.inside.values import compute;"
        "found = decode(compute(['rng.random() < 1'], {}, seed=1)[0]).data;"
        "print(found, *(name in sys.modules for name in ('torch', 'nbgrader')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


# --- matches ---

ALIKE = [
    (0.5, np.float32(0.5)), (0.5, np.array([0.5])), (0.5, 0.500004), (3, 3.0), (True, 1), (True, np.True_),
    (1 + 0j, 1.0), (0.0, 5e-7), (2**70, float(2**70)), (np.arange(3), [0, 1, 2]), ([0, 1, 2], np.arange(3.0)),
    (np.zeros((2, 2)), [[0, 0], [0, 0]]), ([np.zeros(2), 1], [[0, 0], 1.0]), (np.zeros((0, 3)), np.zeros((0, 3))),
    (np.array([np.nan, np.inf, -np.inf]), np.array([np.nan, np.inf, -np.inf])), (None, None), ("a", "a"),
    (np.array([True, False]), np.array([1.0, 0.0])), ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}),
    (np.array([1000.0, 0.0]), np.array([1000.05, 0.0005])),
]  # fmt: skip
OTHER = [
    (0.5, 0.5006), (0.5, None), (0.5, "0.5"), (0.5, np.nan), (np.nan, 0.5), (np.inf, -np.inf), (1.0, np.inf),
    (0.5, [0.5, 0.5]), (0.5, {}), (1j, 0.0), (0.0, 3e-6), (0.0, None), (np.float32(3e38), -3e38), (1.0, 10**400),
    (np.zeros(3), np.zeros(4)), (np.zeros((2, 3)), np.zeros((3, 2))), (np.zeros(3), 0.0),
    (np.zeros((1, 3)), np.zeros(3)), (np.uint8(200), -56),
    (np.zeros(2), [0, "0"]), (np.zeros(2), ["0", "0"]), (np.zeros(2), [[0], [0, 1]]), (10**400, 0),
    (np.array([True, False]), np.array([1.0, 0.5])), (np.int64(2**62), np.int64(-(2**62))), (None, 0), (None, "None"),
    ("a", "b"), ("a", 1), ([1, 2], [1]), ([1, 2], 1), ([1, 2], "ab"), ([1, "a"], [1, "b"]), ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 2}), ({"a": 1}, [1]),
]  # fmt: skip


def compare(expected, got):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return matches(Value(there_and_back(expected)), Value(there_and_back(got)))


@pytest.mark.parametrize(("expected", "got"), ALIKE, ids=range(len(ALIKE)))
def test_what_a_visible_test_would_accept_matches(expected, got):
    assert compare(expected, got) is None


@pytest.mark.parametrize(("expected", "got"), OTHER, ids=range(len(OTHER)))
def test_other_values_do_not_match_and_none_is_told(expected, got):
    words = compare(expected, got)
    assert words.startswith("on inputs that you have not seen, your answer gives ")
    assert not any(figure in words for figure in ("0.5", "200", "56", "'b'"))


def test_reasons_never_match():
    assert "raises an error" in matches(Value(1), "it raises an error")
    assert "the solution has no value" in matches("it raises an error", "it raises an error")


def test_how_many_numbers_differ_is_told():
    expected = np.arange(12.0)
    got = np.where(expected > 8, expected + 1, expected)
    assert compare(expected, got).endswith("other numbers than expected: 3 of 12 differ")


def test_objects_that_equal_everything_earn_nothing():
    truth = decode(compute(["rng.random(3)"], {}, seed=1)[0])
    for cheat in ("liar", "[liar, liar, liar]", "np.zeros(3).view(LyingArray)"):
        got = decode(compute([cheat], {"liar": Liar(), "np": np, "LyingArray": LyingArray}, seed=1)[0])
        assert matches(truth, got) is not None
    lie = decode(compute(["LyingFloat(0.3)"], {"LyingFloat": LyingFloat}, seed=1)[0])
    assert matches(Value(0.3), lie) is None and matches(Value(42), lie) is not None


# --- fingerprints ---


def test_fingerprints_are_equal_for_equal_mistakes_only():
    numbers = np.random.default_rng(0).random((9, 7))
    one = fingerprint([Value(numbers), "it raises an error"])
    # the last digits depend on the order of a computation, and on the type of number
    assert fingerprint([Value(numbers * (1 + 1e-12)), "it raises an error"]) == one
    assert fingerprint([Value(numbers.tolist()), "it raises an error"]) == one
    others = [numbers.T, numbers + 0.1, numbers[:8], np.where(numbers > 0.9, np.nan, numbers), numbers.sum(), None]
    others += ["text", {"a": numbers}, [numbers, "text"]]
    found = {fingerprint([Value(other), "it raises an error"]) for other in others}
    assert len(found | {one, fingerprint([])}) == len(others) + 2
    assert fingerprint([Value(np.zeros(2_000_000))]) != fingerprint([Value(np.zeros(2_000_001))])
    assert fingerprint([Value([LONE, 10**400, 1j, np.inf])]) != fingerprint([Value([LONE, 10**400, 2j, np.inf])])


# --- the helpers of an expression ---


def test_random_tensor_is_drawn_from_the_generator():
    tensor = random_tensor(np.random.default_rng(3), 2, 1, 5)
    assert tensor.dtype == torch.float32 and tensor.shape == (2, 1, 5) and 0 <= tensor.min() < tensor.max() < 1
    assert torch.equal(tensor, random_tensor(np.random.default_rng(3), 2, 1, 5))


class Network(nn.Module):
    def __init__(self, swapped):
        super().__init__()
        layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)]
        names = ("a", "b", "c") if swapped else ("first", "norm", "second")
        for number in (2, 1, 0) if swapped else (0, 1, 2):
            self.add_module(names[number], layers[number])
        self.path = [*layers[:2], nn.ReLU(), layers[2]]

    def forward(self, x):
        for layer in self.path:
            x = layer(x)
        return x


def test_random_weights_do_not_depend_on_names_order_or_initialisation():
    x, outputs = random_tensor(np.random.default_rng(1), 2, 1, 6, 6), []
    for swapped in (False, True):
        network = random_weights(Network(swapped).train(), np.random.default_rng(7))
        assert not network.training
        outputs.append(network(x))
    assert torch.equal(*outputs) and outputs[0].requires_grad and outputs[0].std() > 0.05
    assert not torch.equal(outputs[0], random_weights(network, np.random.default_rng(8))(x))


def test_random_weights_keep_a_deep_signal_alive():
    blocks = [part for _ in range(30) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())]
    network = random_weights(nn.Sequential(nn.Conv2d(1, 8, 3), *blocks), np.random.default_rng(0))
    output = network(random_tensor(np.random.default_rng(1), 1, 1, 12, 12))
    assert torch.isfinite(output).all() and 1e-3 < output.abs().max() < 1e6


def test_the_helpers_are_there_in_every_expression():
    assert set(values.HELPERS) == {"random_tensor", "random_weights"}
    expression = "random_weights(nn.Linear(3, 2), rng)(random_tensor(rng, 4, 3))"
    assert value_of(expression, {"nn": nn, "random_weights": 3}).data.shape == (4, 2)
