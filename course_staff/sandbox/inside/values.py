"""Hidden values computed: a test asks the student's names for values on fresh inputs.

An author writes one line in a test cell, `### HIDDEN VALUE: ssim(rng.random((17, 21)), rng.random((17, 21)), 1)`. A
student who rules the process that tests him (an object that equals everything, a replaced `assert`) still has to
produce the right numbers: `compute` runs beside his code, `marking.hidden_values.matches` in the grader.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.random import default_rng

from course_lib.exercise import AnswerFailed, AnswerFromLibrary, random_tensor, random_weights, without
from course_staff.sandbox.inside.plain import NotPlain, TooLarge, encode, encode_failure

HELPERS = {"random_tensor": random_tensor, "random_weights": random_weights}  # names of every expression


def compute(
    expressions: Sequence[str], names: dict[str, Any], *, seed: int, closed: Sequence[str] = (), setup: str = ""
) -> list[bytes]:
    """The values of expressions of the notebook, encoded. Runs in the student's process.

    names: of the notebook; none is bound or changed. In each expression `rng` is a new numpy generator of `seed` and
    its number, and the global generators are seeded alike. closed: as for `without`. setup: statements that run
    before each expression, in which `random_tensor` and `random_weights` of `course_lib.exercise` are there too.
    Raises KeyboardInterrupt only: whatever else happens is encoded.
    """
    return [
        _compute(expression, names, seed=seed, number=number, closed=closed, setup=setup)
        for number, expression in enumerate(expressions)
    ]


def _compute(expression: str, names: dict, *, seed: int, number: int, closed: Sequence[str], setup: str) -> bytes:
    try:
        # one scope for all, so that a comprehension inside the expression sees `rng` too
        scope = {**names, **HELPERS, "rng": default_rng([seed, number])}
        _seed_global_generators((seed + number) % 2**32)
        with without(*closed), _usual_settings():
            exec(setup, scope)
            value = eval(compile(expression, "<hidden value>", "eval"), scope)
        return encode(value)
    except KeyboardInterrupt:  # time is up: no matter of this value alone
        raise
    except NotPlain:
        return encode_failure("plain")
    except TooLarge:
        return encode_failure("large")
    except AnswerFromLibrary:
        return encode_failure("library")
    except AnswerFailed as error:  # in words for a student; here the kind of error tells more
        return encode_failure("error", error.__cause__)
    except BaseException as error:
        return encode_failure("error", error)


@contextmanager
def _usual_settings() -> Iterator[None]:
    """What a notebook may have left behind costs nothing here: np.seterr(all="raise"), gradients turned off."""
    torch = sys.modules.get("torch")
    with np.errstate(all="ignore"), torch.enable_grad() if torch is not None else nullcontext():
        yield


def _seed_global_generators(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (an answer may use it, and must give the same value each time)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
