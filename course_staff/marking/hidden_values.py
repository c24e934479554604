"""Hidden values compared, outside the student's process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from course_staff.sandbox.inside.plain import Value

RTOL, ATOL = 1e-4, 1e-6


MUCH = 1_000_000  # numbers: no answer of a lab has so many


def matches(expected: Value | str, got: Value | str, *, rtol: float = RTOL, atol: float = ATOL) -> str | None:
    """Is the student's value the solution's? None if it is, else in words what is wrong, without the hidden numbers.

    Numbers are equal within `rtol` of the expected one plus `atol` of the largest expected one (of 1 at least). How
    they are kept does not matter: bool, int, float, an array of one number, float32 and float64, list and tuple are
    alike, because what the visible test accepts must not fail here. NaN equals NaN, and an infinity itself.
    """
    if isinstance(expected, str):
        return f"the solution has no value: {expected}"
    if isinstance(got, str):
        return f"on inputs that you have not seen, your answer gives no value: {got}"
    wrong = _difference(expected.data, got.data, rtol, atol)
    return wrong and f"on inputs that you have not seen, your answer gives {wrong}"


def _difference(expected: Any, got: Any, rtol: float, atol: float) -> str | None:
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return f"{_kind(got)} where a dict is expected"
        if set(expected) != set(got):
            return "a dict with other keys than expected"
        items = [(item, got[key]) for key, item in expected.items()]
        return next((wrong for one, other in items if (wrong := _difference(one, other, rtol, atol))), None)
    if isinstance(expected, list):
        if not isinstance(got, list) and not np.ndim(got):
            return f"{_kind(got)} where a list is expected"
        if len(expected) != len(got):
            return "a list of another length than expected"
        pairs = zip(expected, got, strict=True)
        return next((wrong for one, other in pairs if (wrong := _difference(one, other, rtol, atol))), None)
    if expected is None or isinstance(expected, str):
        if type(got) is not type(expected):
            return f"{_kind(got)} where {_kind(expected)} is expected"
        return None if got == expected else "another text than expected"
    return _numbers_differ(expected, got, rtol, atol)


def _numbers_differ(expected: Any, got: Any, rtol: float, atol: float) -> str | None:
    numbers = _as_array(got) if isinstance(got, list) else got  # an array, written as a list
    shape = np.shape(expected)
    if numbers is None or isinstance(numbers, (str, dict)) or (shape != () and np.ndim(numbers) != len(shape)):
        return f"{_kind(got)} where {_kind(expected)} is expected"
    if shape == () and np.size(numbers) != 1:
        return f"{_kind(got)} where a number is expected"
    if shape != () and np.shape(numbers) != shape:
        return "an array of another shape than expected"
    one, other = _wide(expected), _wide(numbers).reshape(shape)
    with np.errstate(all="ignore"):
        finite = np.abs(one[np.isfinite(one)])
        tolerance = rtol * np.abs(one) + atol * max(1.0, float(finite.max(initial=0.0)))
        # what is not finite must be the same: NaN is NaN, and an infinity itself
        same = np.where(np.isfinite(one), np.abs(one - other) <= tolerance, (one == other) | (_nan(one) & _nan(other)))
    if same.all():
        return None
    if (_nan(other) & ~_nan(one)).any():
        return "NaN (not a number) where a number is expected"
    if one.ndim == 0:
        return "another number than expected"
    return f"other numbers than expected: {int((~same).sum())} of {same.size} differ"


def _wide(value: Any) -> np.ndarray:
    """As float64 or complex128, so that neither differences nor their squares overflow or wrap around."""
    if type(value) is int and value.bit_length() > 1000:  # float() would raise
        value = float("inf") if value > 0 else float("-inf")
    array = np.asarray(float(value) if type(value) is int else value)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _as_array(items: list) -> Any:
    """A list of numbers, nested evenly, as an array; else None."""
    try:
        array = np.array(items)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "biufc" else None


def _nan(values: np.ndarray) -> np.ndarray:
    return np.isnan(values)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__}"
    dimensions = np.ndim(value)
    if dimensions == 0:
        return "a number"
    return f"an array of {dimensions} dimension" + ("s" if dimensions > 1 else "")


def fingerprint(values: Sequence[Value | str]) -> str:
    """Equal for equal mistakes: a hash of the values, of arrays only their shape and a few figures, all to 3 digits.

    Two students who compute the same in another order differ in the last digits, and must still have one fingerprint.
    """
    text = repr([item if isinstance(item, str) else _summary(item.data) for item in values])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _summary(data: Any) -> Any:
    if data is None or isinstance(data, str):
        return data
    if isinstance(data, list):
        array = _as_array(data)
        return [_summary(item) for item in data] if array is None else _summary(array)
    if isinstance(data, dict):
        return sorted(((repr(key), _summary(item)) for key, item in data.items()), key=lambda pair: pair[0])
    if np.size(data) > MUCH:
        return ["large", list(np.shape(data))]
    numbers = _wide(data)
    usual = numbers[np.isfinite(numbers)]
    with np.errstate(all="ignore"):
        figures = [*usual[:2], *usual[-1:], usual.mean(), np.abs(usual).mean()] if usual.size else []
    unusual = [int(_nan(numbers).sum()), int(np.isinf(numbers).sum())]
    return [list(numbers.shape), unusual, [f"{figure + 0.0:.2e}" for figure in figures]]
