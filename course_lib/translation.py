"""An error of Python, numpy or torch in a student's answer, as one plain sentence that says what to look at."""

from __future__ import annotations

import os
import re
from types import FrameType, TracebackType

# What torch, numpy and Python say, and what to do about it; {0}, {1} is what the pattern found. The first match counts.
SENTENCES: tuple[tuple[str, str], ...] = (
    (r"got \((?:[\w.]+, )*NoneType", "something is None where a value is needed: does a function lack its `return`?"),
    (r"invalid combination of arguments",
     "a function of torch is called with arguments that it does not take: look up which it takes, and in which order"),
    (
        r"'NoneType' object|NoneType|not None",
        "something is None where a value is needed: does a function lack its `return`?",
    ),
    (
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)|"
        r"shape '?\[?(.+?)\]?'? is invalid for input of size (\d+)",
        "two shapes do not fit: look at the shapes of both sides of that line",
    ),
    (r"operands could not be broadcast together|shapes? .* not aligned|mismatch in its core dimension",
     "two shapes do not fit: look at the shapes of both sides of that line"),
    (r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
     "a layer that expects {2} numbers gets {1}: look at the sizes of the layers, and at what is flattened"),
    (r"expected input.*? to have (\d+) channels, but got (\d+)",
     "a convolution that expects {0} channels gets {1}"),
    (r"[Ee]xpected \d+D or \d+D|[Ee]xpected \d+D", "a layer gets a tensor with another number of axes than it expects"),
    (r"dtype|expected scalar type|should be the same|Double but|Float but",
     "two number formats (dtypes) meet: images and weights are float32; `.to(other.dtype)` changes one of them"),
    (r"does not require grad|element 0 of tensors",
     "no gradient can flow back: `detach`, `item`, `numpy`, `no_grad` or a new tensor cuts the way to the loss"),
    (r"Trying to backward through the graph a second time", "gradients are asked for twice from one forward pass"),
    (r"leaf Variable that requires grad|modified by an inplace operation|modified inplace",
     "a tensor that gradients need is changed in place: make a new one"),
    (r"Can't call numpy\(\) on Tensor that requires grad",
     "a tensor with gradients becomes an array: `detach` it first"),
    (r"Boolean value of Tensor|truth value of an array",
     "an `if` gets many values at once: it needs one; `.all()`, `.any()` or `where` choose"),
    (r"only one element tensors|can only convert an array of size 1|only length-1 arrays|only 0-dimensional arrays",
     "one number is needed where there are many"),
    (r"index (-?\d+) is out of bounds for (?:axis|dimension) (\d+) with size (\d+)",
     "number {0} is asked of an axis that has {2}; counting begins at 0"),
    (r"out of bounds for (u?int\d+)",
     "a number does not fit into {0}: turn the array into floats first"),
    (r"list index out of range|index out of range|out of bounds",
     "an index lies beyond the end; counting begins at 0"),
    (r"values to unpack", "there are more or fewer values, or axes, than names for them: look at the shape"),
    (r"dim must be a 2-tuple", "`norm` goes over one axis or two: `flatten` the axes into one first"),
    (r"too many indices|[Dd]imension out of range", "there are fewer axes than the index asks for: look at the shape"),
    (r"has no attribute '(\w+)'",
     "there is no `{0}` here: is it a numpy array where a tensor is meant, or the other way round?"),
    (r"missing \d+ required (?:positional|keyword-only) argument|takes \d+ positional arguments?|"
     r"unexpected keyword argument|multiple values for argument",
     "it is called with other arguments than it takes: keep the arguments as they were given"),
    (r"name '(\w+)' is not defined", "`{0}` does not exist: is it spelled right, and have the cells above been run?"),
    (r"cannot access local variable '(\w+)'|local variable '(\w+)' referenced",
     "`{0}` is read before it gets a value"),
    (r"is not callable", "something is called like a function that is none: are there brackets too many?"),
    (r"unsupported operand type|can't multiply sequence|must be real number|must be Tensor, not|"
     r"must be a Tensor|argument 'input'",
     "two kinds of values meet that do not go together, such as an array and a tensor, or a list and a number"),
    (r"not supported between instances of '(\w+)' and '(\w+)'",
     "kinds {0} and {1} have no order between them; a negative number to a fractional power is complex"),
    (r"a cannot be empty", "something is to be drawn where there is nothing: look at empty groups"),
    (r"Padding size should be less", "the image is too small to be mirrored that far"),
    (r"expects 'from' to be less than 'to'|low >= high",
     "a whole number is drawn from an empty range: is the size asked of the right axes?"),
    (r"[Ss]ample larger than population|larger sample than population", "more are drawn than there are to draw from"),
    (r"division by zero", "something is divided by zero"),
    (r"maximum recursion depth", "a function calls itself without end"),
    (r"read-only|readonly", "the input is changed in place, and must not be: make a copy first"),
)  # fmt: skip
UNKNOWN = "Python could not go on there"
BY_TYPE = {"KeyError": "a dict is asked for a name that it does not have", "StopIteration": "an iterator has no more"}


class AnswerFailed(AssertionError):
    """An answer stopped with an error, in plain words; the error itself is its `__cause__`."""


def in_words(error: Exception) -> AnswerFailed:
    """The error as a sentence: in which function and line of the answer, what happened, what to look at."""
    kind, text = type(error).__name__, " ".join(str(error).split())
    said = f"{kind}: {text[:300]}".removesuffix(": ")
    where = _place(error.__traceback__)
    if where is None:
        start = "the check cannot work with what your answer gives"
    else:
        start = f"your answer stops in {where}"
    return AnswerFailed(f"{start}: {_advice(kind, text)} ({said})")


def _advice(kind: str, text: str) -> str:
    for pattern, sentence in SENTENCES:
        if found := re.search(pattern, text):
            return sentence.format(*(group for group in found.groups() if group is not None))
    return BY_TYPE.get(kind, UNKNOWN)


def _place(trace: TracebackType | None) -> str | None:
    """The last function and line of the notebook in which the error happened; None where only the check is there."""
    cells: list[tuple[FrameType, int]] = []
    while trace is not None:
        if _in_notebook(trace.tb_frame):
            cells.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    answer = [cell for cell in cells if cell[0].f_code.co_filename != cells[0][0].f_code.co_filename]
    if not answer:
        return None
    frame, line = answer[-1]
    name = frame.f_code.co_name
    return f"line {line} of its cell" if name.startswith("<") else f"`{name}`, line {line} of its cell"


def _in_notebook(frame: FrameType) -> bool:
    """Is this code of a cell? It runs under the notebook's name and lies in no file."""
    code = frame.f_code.co_filename
    return frame.f_globals.get("__name__") == "__main__" and not os.path.isfile(code)
