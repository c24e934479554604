"""What the labs use: while an exercise is checked, the library's own answer is closed; then an experiment runs yours.

A student is meant to write `psnr`, not to call `course_lib.metrics.psnr`. The check therefore runs inside
`without("course_lib.metrics.psnr")`, and a call of that function, under whatever name, says so.
"""

from __future__ import annotations

import importlib
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from course_lib.translation import AnswerFailed, in_words

__all__ = ["OLD", "PARTS", "AnswerFailed", "AnswerFromLibrary", "random_tensor", "random_weights", "without", "yours"]

_Object = TypeVar("_Object")

#: Private functions that do the work of public ones: closed with them, so that a lab names public functions only. Never
#: all that a function calls: closing `metrics.ssim` must not close `kspace.fft2c` for the student too.
PARTS = {
    "course_lib.classical.sparse.fista": ("course_lib.classical.sparse._shrinkage",),
    "course_lib.classical.sparse.ista": ("course_lib.classical.sparse._shrinkage",),
    "course_lib.classical.sparse.soft_threshold": ("course_lib.classical.sparse._shrink",),
    "course_lib.ct.ramp_filter": ("course_lib.ct.reconstruction._response",),
    "course_lib.data.volumes.read_volume": ("course_lib.data.volumes._read",),
    "course_lib.detection.detectability": ("course_lib.detection._share_below",),
    "course_lib.detection.matched_filter": ("course_lib.detection._centred",),
    "course_lib.kspace.cartesian_mask": (
        "course_lib.kspace.masks._band",
        "course_lib.kspace.masks._marginals",
        "course_lib.kspace.masks._systematic",
    ),
    "course_lib.kspace.fft2c": ("course_lib.kspace.fourier.transform",),
    "course_lib.kspace.ifft2c": ("course_lib.kspace.fourier.inverse",),
    "course_lib.kspace.undersample": (
        "course_lib.kspace.operators._keep",
        "course_lib.kspace.operators._all_of_kspace",
    ),
    "course_lib.metrics.hausdorff_distance": ("course_lib.metrics.surfaces._distances",),
    "course_lib.metrics.ms_ssim": ("course_lib.metrics.structure.scale_terms", "course_lib.metrics.structure.halved"),
    "course_lib.metrics.ssim": (
        "course_lib.metrics.scores._ssim_map",
        "course_lib.metrics.structure.ssim_map",
        "course_lib.metrics.structure._factors",
        "course_lib.metrics.structure.local_mean",
    ),
    "course_lib.models.residual_blocks.OriginalBlock": ("course_lib.models.residual_blocks._shortcut",),
    "course_lib.models.residual_blocks.PreActivationBlock": ("course_lib.models.residual_blocks._shortcut",),
}

#: Paths that notebooks of version 0.1 close, and where these functions went.
OLD = {
    "course_lib._fourier.inverse": "course_lib.kspace.fourier.inverse",
    "course_lib._fourier.transform": "course_lib.kspace.fourier.transform",
    "course_lib._receptive_field.footprint": "course_lib.models.receptive_field.footprint",
    "course_lib._receptive_field.receptive_field": "course_lib.models.receptive_field.receptive_field",
    "course_lib._receptive_field.receptive_field_formula": "course_lib.models.receptive_field.receptive_field_formula",
    "course_lib._sampling._band": "course_lib.kspace.masks._band",
    "course_lib._sampling._marginals": "course_lib.kspace.masks._marginals",
    "course_lib._sampling._systematic": "course_lib.kspace.masks._systematic",
    "course_lib._ssim._factors": "course_lib.metrics.structure._factors",
    "course_lib._ssim.halved": "course_lib.metrics.structure.halved",
    "course_lib._ssim.local_mean": "course_lib.metrics.structure.local_mean",
    "course_lib._ssim.scale_terms": "course_lib.metrics.structure.scale_terms",
    "course_lib._ssim.ssim_map": "course_lib.metrics.structure.ssim_map",
    "course_lib.kspace._all_of_kspace": "course_lib.kspace.operators._all_of_kspace",
    "course_lib.kspace._keep": "course_lib.kspace.operators._keep",
    "course_lib.metrics._mean": "course_lib.metrics.scores._mean",
    "course_lib.metrics._ssim_map": "course_lib.metrics.scores._ssim_map",
}


class AnswerFromLibrary(AssertionError):
    """Raised when an answer calls the function that the exercise asks the student to write."""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Close functions or classes, given by dotted name, while the block runs; open them again after it.

    A closed function raises AnswerFromLibrary however it was imported, because its code is exchanged, not its name. Its
    `PARTS` close with it. Inside, Python warnings are silent, and an error of the answer becomes an AnswerFailed that
    says it in plain words. Used by the checks of every lab.

    Args:
        names: such as "course_lib.metrics.psnr" or "skimage.metrics.structural_similarity".

    Yields:
        Nothing, while they are closed.

    Raises:
        ImportError, AttributeError: a name that does not exist.
    """
    # all names are looked up before any is closed, so that a mistyped one closes nothing
    closing = [(name, part) for name in names for part in (name, *PARTS.get(name, ()))]
    targets = [(name, function) for name, part in closing for function in _functions(part)]
    # two names may share a part: it is saved once, while it is open
    saved = list({id(function): (function, function.__code__) for _, function in targets}.values())
    try:
        for name, function in targets:
            function.__code__ = _refusal(name, function)
        # nbgrader takes all that comes on stderr for a failure: a right answer must not lose points by a warning
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except (AssertionError, NotImplementedError, MemoryError):  # they speak for themselves
                raise
            except Exception as error:
                raise in_words(error) from error
    finally:
        for function, code in saved:
            function.__code__ = code


def _functions(name: str) -> list[types.FunctionType]:
    """The Python functions that run when `name` is called: itself, or a class's `__init__` and `forward`."""
    module, _, attribute = OLD.get(name, name).rpartition(".")
    target = getattr(importlib.import_module(module), attribute)
    if isinstance(target, type):
        found = [vars(target).get("__init__"), vars(target).get("forward")]
    else:
        found = [target]
    functions = [item for item in found if isinstance(item, types.FunctionType)]
    if not functions:
        raise TypeError(f"without: {name} is no Python function or class, so it cannot be closed")
    return functions


def _refusal(name: str, function: types.FunctionType) -> types.CodeType:
    """Code that refuses, made for the closure of `function`: it must name the same free variables as the old code."""
    message = (
        f"your answer calls {name}, which is what this exercise asks you to write."
        " Write the computation yourself; the library's version is closed while your answer is checked."
    )
    free = function.__code__.co_freevars
    # The free variables must be real ones (compiled as such): Jupyter's tracebacks read them, and Python crashes else.
    source = ["def outer():"]
    source += [f"    {variable} = None" for variable in free]
    source += ["    def refuse(*args, **kwargs):"]
    source += [f"        if 0: {variable}" for variable in free]
    source += [f"        from {__name__} import AnswerFromLibrary", f"        raise AnswerFromLibrary({message!r})"]
    source += ["    return refuse"]
    namespace: dict = {}
    exec("\n".join(source), namespace)
    return namespace["outer"]().__code__


def yours(exercise: str, library: _Object, *, name: str) -> _Object:
    """What the student wrote, for an experiment, if its test has passed in this session; the library's otherwise.

    Prints one sentence that says which of the two it is. An answer counts only as long as it is the one that was
    tested: after a change its test must run again. Outside a notebook it is always the library's.

    Args:
        exercise: the exercise whose test must have passed.
        library: what the library has for it.
        name: of the student's function or class in the notebook, and in the sentence.

    Returns:
        The student's object, or `library`.

    Lab: all in which an experiment uses an answer.
    """
    from course_lib.student.live import own

    found, why = own(exercise, name)
    if found is None:
        print(f"The library's {name} is used here: the test of {exercise} {why}.")
        return library
    print(f"Your own {name} is used here: it passed its test.")
    own_object: _Object = found
    return own_object


def random_tensor(rng: Any, *shape: int) -> Any:
    """Random numbers for the hidden values of a test.

    Args:
        rng: numpy generator.
        shape: of the tensor.

    Returns:
        A float32 tensor of numbers in [0, 1).
    """
    import torch

    return torch.from_numpy(rng.random(shape, dtype="float32"))


def random_weights(network: Any, rng: Any) -> Any:
    """Fill a network's parameters, and its running means and variances, for the hidden values of a test.

    A tensor's numbers depend on its shape only, and on whether a normalisation owns it. So two right networks give the
    same output, in whichever order their layers were made and whatever they are called. The sizes keep the signal alive
    through many layers (He et al. 2015).

    Args:
        network: filled in place.
        rng: numpy generator.

    Returns:
        The network, in evaluation mode.
    """
    import numpy as np
    import torch

    draw = int(rng.integers(2**32))
    with torch.no_grad():
        for module in network.modules():
            norm = "Norm" in type(module).__name__
            own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
            for name, tensor in own:
                if not tensor.is_floating_point():
                    continue
                of_norm = ("weight", "bias", "running_mean", "running_var").index(name) + 1 if norm else 0
                numbers = np.random.default_rng([draw, of_norm, *tensor.shape])
                values = torch.from_numpy(numbers.standard_normal(tuple(tensor.shape), dtype="float32"))
                if tensor.ndim > 1:
                    values *= (2 / max(tensor[0].numel(), 1)) ** 0.5
                elif norm and name == "running_var":
                    values = 0.5 + values.abs()
                else:
                    values = 0.2 * values + (norm and name == "weight")
                tensor.copy_(values)
    return network.eval()
