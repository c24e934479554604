"""Values as plain data: what leaves a student's process, as JSON that holds nothing but numbers, text and arrays.

`encode` runs beside the student's code and is not trusted. `decode` runs outside, on bytes that may be forged: it makes
lists, dicts, numbers, text and numpy arrays of a known kind, and calls no code that the bytes name. Arrays travel as
base64 of their elements: an npz can be a bomb, and its header can claim an array larger than all memory.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import json
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_BYTES = 16 * 2**20  # of one value, encoded
MAX_DEPTH = 16
MAX_ITEMS = 100_000  # in lists and dicts, all together
MAX_TEXT = 100_000  # characters
DTYPES = {"|b1", "|i1", "|u1", *(f"<{kind}" for kind in "i2 i4 i8 u2 u4 u8 f2 f4 f8 c8 c16".split())}

# why there is no value: codes, so that a forged one cannot carry a hidden input out in its words
REASONS = {
    "error": "it raises an error",
    "library": "it calls the library's function, which is what this exercise asks you to write",
    "plain": "it gives something else than numbers, text, arrays or tensors",
    "large": "it gives far too much data",
    "forged": "it gives nothing that can be read",
}
_ERRORS = {name for name, item in vars(builtins).items() if isinstance(item, type) and issubclass(item, BaseException)}


class NotPlain(TypeError):
    """What was to be encoded is neither numbers, text, arrays, nor lists, tuples and dicts of them."""


class TooLarge(ValueError):
    """What was to be encoded is too much."""


@dataclass(frozen=True)
class Value:
    """One value from a student's process. data: None, bool, int, float, complex, str, numpy array, or list or dict of
    such (tuples come back as lists)."""

    data: Any


def encode(value: Any) -> bytes:
    """A value as ASCII JSON. Tensors and numpy scalars become arrays, subclasses their plain base.

    Raises NotPlain, or TooLarge. Never asks an object what it says about itself (`__class__`, `__array__`, `__eq__`).
    """
    data = json.dumps(_tree(value, 0, [MAX_ITEMS]), separators=(",", ":")).encode("ascii")
    if len(data) > MAX_BYTES:
        raise TooLarge(f"expected a value of at most {MAX_BYTES} bytes, got {len(data)}")
    return data


def encode_failure(reason: str, error: BaseException | None = None) -> bytes:
    """That there is no value. reason: one of REASONS. error: what was raised."""
    name = type(error).__name__ if error is not None else ""
    return json.dumps({"failed": reason, "error": name if name in _ERRORS else ""}).encode("ascii")


def decode(data: bytes | str) -> Value | str:
    """Read what `encode` or `encode_failure` wrote: a Value, or in words why there is none. Never raises."""
    try:
        if not isinstance(data, (bytes, str)):
            return REASONS["forged"]
        data = data.encode("ascii") if isinstance(data, str) else data
        # a list of lists takes thirty times its text in memory; arrays are one text, and have no commas
        if len(data) > MAX_BYTES or sum(data.count(mark) for mark in (b"[", b"{", b",")) > 10 * MAX_ITEMS:
            return REASONS["large"]
        tree = json.loads(data)
        if isinstance(tree, dict) and "failed" in tree:
            reason, error = tree["failed"], tree.get("error")
            if reason == "error" and isinstance(error, str) and error in _ERRORS:
                return f"{REASONS['error']} ({error})"
            return REASONS.get(reason, REASONS["forged"]) if isinstance(reason, str) else REASONS["forged"]
        return Value(_plain(tree, 0, [MAX_ITEMS]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError, binascii.Error):
        return REASONS["forged"]


def _tree(value: Any, depth: int, left: list[int]) -> Any:
    """What JSON can say: scalars and text as they are, all else as {"kind": …}."""
    kind = type(value)  # not `__class__`, which may lie
    if depth > MAX_DEPTH:
        raise TooLarge(f"expected at most {MAX_DEPTH} levels of lists")
    if value is None or kind is bool:
        return value
    if issubclass(kind, np.generic) or issubclass(kind, np.ndarray):
        return _array(value, left)
    if issubclass(kind, int):
        number = int.__add__(value, 0)
        return number if number.bit_length() < 10_000 else {"kind": "float", "value": "inf" if number > 0 else "-inf"}
    if issubclass(kind, float):
        real = float.__add__(value, 0.0)
        return real if math.isfinite(real) else {"kind": "float", "value": str(real)}
    if issubclass(kind, complex):
        return _array(np.array(complex.__add__(value, 0j)), left)
    if issubclass(kind, str):
        if str.__len__(value) > MAX_TEXT:
            raise TooLarge(f"expected a text of at most {MAX_TEXT} characters")
        return str.__str__(value)
    if issubclass(kind, (list, tuple)):
        base = list if issubclass(kind, list) else tuple
        _spend(base.__len__(value), left)
        return {"kind": "list", "items": [_tree(item, depth + 1, left) for item in base.__iter__(value)]}
    if issubclass(kind, dict):
        _spend(dict.__len__(value), left)
        pairs = [[_key(key), _tree(item, depth + 1, left)] for key, item in dict.items(value)]
        return {"kind": "dict", "items": pairs}
    torch = sys.modules.get("torch")  # where nothing has imported it, there is no tensor
    if torch is not None and issubclass(kind, torch.Tensor):
        return _array(_of_tensor(torch, value), left)
    raise NotPlain(f"expected numbers, text, arrays, tensors, or lists, tuples and dicts of them, got {kind.__name__}")


def _key(key: Any) -> Any:
    if type(key) in (str, int, float, bool, type(None)):
        return key
    if issubclass(type(key), np.generic):
        return key.item()
    if issubclass(type(key), tuple):
        return {"kind": "list", "items": [_key(item) for item in tuple.__iter__(key)]}
    raise NotPlain(f"expected keys that are text or numbers, got {type(key).__name__}")


def _array(value: Any, left: list[int]) -> Any:
    array = np.asarray(value)  # of a subclass, its base
    if array.dtype.kind == "U":
        _spend(array.size, left)
        return _tree(array.tolist(), 0, left)
    if array.nbytes > MAX_BYTES * 3 // 4:
        raise TooLarge(f"expected an array of at most {MAX_BYTES * 3 // 4} bytes, got {array.nbytes}")
    if array.dtype.kind in "fc" and array.dtype.itemsize > (8 if array.dtype.kind == "f" else 16):
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
    array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    if array.dtype.str not in DTYPES:
        raise NotPlain(f"expected an array of numbers, got dtype {array.dtype}")
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"kind": "array", "dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def _of_tensor(torch: Any, value: Any) -> np.ndarray:
    with torch.no_grad():
        tensor = value.detach()
        tensor = (tensor.to_dense() if tensor.layout != torch.strided else tensor).cpu().resolve_conj().resolve_neg()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        return tensor.numpy()


def _spend(count: int, left: list[int]) -> None:
    left[0] -= count
    if left[0] < 0:
        raise TooLarge(f"expected at most {MAX_ITEMS} items in lists and dicts")


def _plain(tree: Any, depth: int, left: list[int]) -> Any:
    """The reverse of `_tree`. Raises ValueError and its like for whatever `_tree` does not write."""
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    if not isinstance(tree, dict):
        raise ValueError("a bare list")
    if tree["kind"] == "float":
        return float({"inf": "inf", "-inf": "-inf", "nan": "nan"}[tree["value"]])
    if tree["kind"] == "array":
        return _read_array(tree)
    items = tree["items"]
    if not isinstance(items, list) or tree["kind"] not in ("list", "dict"):
        raise ValueError("no list")
    _spend(len(items), left)
    if tree["kind"] == "list":
        return [_plain(item, depth + 1, left) for item in items]
    return {_plain_key(key): _plain(item, depth + 1, left) for key, item in items}


def _plain_key(key: Any, depth: int = 0) -> Any:
    if isinstance(key, dict) and depth < MAX_DEPTH:
        return tuple(_plain_key(item, depth + 1) for item in key["items"])
    hash(key)
    return key


def _read_array(tree: dict) -> np.ndarray:
    dtype, shape, text = tree["dtype"], tree["shape"], tree["data"]
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(text, str):
        raise ValueError("no array")
    if not isinstance(shape, list) or len(shape) > 16 or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("no shape")
    data = base64.b64decode(text, validate=True)
    if math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise ValueError("the shape does not fit the data")
    if dtype == "|b1":  # any byte but 0 is true, so that no element is neither
        return (np.frombuffer(data, np.uint8) != 0).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)
