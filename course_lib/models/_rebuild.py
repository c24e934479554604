"""From a card to the model that it names: this library's own classes, checked before anything large is made."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from course_lib import models
from course_lib.models._card import Card

# floats; BN counts its batches in whole numbers
DTYPES = {"F16": True, "F32": True, "I64": False}
PLAIN = (bool, int, float, str, type(None))
# told from the state of the moment, or from the past: no part of what a model does
PASSING = ("training", "init")


def architecture_of(model: nn.Module) -> str:
    """ "module.Class" in course_lib.models; TypeError for a model of any other class."""
    kind = type(model)
    package, _, module = kind.__module__.rpartition(".")
    name = f"{module}.{kind.__name__}"
    if package != models.__name__ or _find(name) is not kind:
        raise TypeError(
            f"model: expected a model of course_lib.models, as unet.UNet, got {kind.__module__}.{kind.__qualname__}:"
            " what is defined elsewhere cannot be built anew by whoever loads the file"
        )
    return name


def sketch(card: Card, tensors: int) -> nn.Module:
    """The model of a card without memory for its weights (device "meta")."""
    with torch.device("meta"):
        return _build(card, tensors)


def fill(card: Card, tensors: int) -> nn.Module:
    """The model of a card, weights as its class draws them; only after `check_layout` has found the sketch to fit."""
    model = _build(card, tensors)
    for module in model.modules():
        if "init" in vars(module):  # what the training began with, where a model tells
            vars(module)["init"] = card.init
    return model


def check_layout(model: nn.Module, layout: Mapping[str, tuple[tuple[int, ...], str]], card: Card) -> None:
    """ValueError unless the file's tensors, {name: (shape, dtype)}, and the card's count are those of the model."""
    state = model.state_dict()
    wrong = [f"{name} is missing" for name in state if name not in layout]
    wrong += [f"{name} is not known" for name in layout if name not in state]
    for name in (name for name in state if name in layout):
        shape, dtype = layout[name]
        if shape != tuple(state[name].shape):
            wrong.append(f"{name} has shape {shape}, expected {tuple(state[name].shape)}")
        elif DTYPES.get(dtype) is not state[name].is_floating_point():
            wrong.append(f"{name} has type {dtype}, expected that of {state[name].dtype}")
    if wrong:
        raise ValueError(f"the weights do not fit {described(card)}: {_some(wrong)}")
    count = sum(parameter.numel() for parameter in model.parameters())
    if count != card.parameters:
        raise ValueError(f"wrong card: it says {card.parameters} parameters, {described(card)} has {count}")


def check_same(model: nn.Module, rebuilt: nn.Module) -> None:
    """ValueError unless both are of one structure: modules, shapes, and plain settings, as dilation or `residual`."""
    given, found = _settings(model), _settings(rebuilt)
    missing = object()
    wrong = [
        f"{name} is {_said(given.get(name, missing), missing)} in the model and"
        f" {_said(found.get(name, missing), missing)} as built from the arguments"
        for name in dict.fromkeys([*given, *found])
        if given.get(name, missing) != found.get(name, missing)
    ]
    if wrong:
        raise ValueError(f"arguments: expected those that the model was made with; {_some(wrong)}")


def described(card: Card) -> str:
    """The card's model as a call."""
    return f"{card.architecture}({', '.join(f'{name}={value!r:.80}' for name, value in card.arguments.items())})"


def _find(architecture: str) -> type[nn.Module]:
    """The class of that name. The name comes from a file: only public modules of this package are imported."""
    module, _, name = architecture.partition(".")
    known = [info.name for info in pkgutil.iter_modules(models.__path__) if not info.name.startswith("_")]
    found, place = None, f"{models.__name__}.{module}"
    if module in known and not name.startswith("_"):
        found = vars(importlib.import_module(place)).get(name)
    if not (isinstance(found, type) and issubclass(found, nn.Module) and found.__module__ == place):
        raise ValueError(f"architecture: expected a class of course_lib.models, as unet.UNet, got {architecture!r:.80}")
    return found


def _build(card: Card, tensors: int) -> nn.Module:
    kind = _find(card.architecture)
    if "pretrained" in card.arguments:
        raise ValueError("arguments: expected no 'pretrained', which would read or download other weights")
    try:
        with _at_most(tensors):
            return kind(**card.arguments)
    except Exception as error:  # the arguments come from a file: anything may be wrong with them
        raise ValueError(f"{described(card)} cannot be built: {error}") from error


@contextmanager
def _at_most(tensors: int) -> Iterator[None]:
    """Stop a model in the making that has more parameters than the file has tensors: it may go on for ever."""
    made = 0

    def count(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal made
        made += 1
        # some are made and dropped again, as the last layer of a ResNet
        if made > 2 * tensors + 100:
            raise ValueError(f"it has more parts than the file, {tensors}")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _settings(model: nn.Module) -> dict[str, Any]:
    """{name: value} of all that tells two models apart, but for their weights."""
    found: dict[str, Any] = {}
    for path, module in model.named_modules():
        found[path or "the model"] = type(module).__name__
        for name, value in vars(module).items():
            plain = isinstance(value, PLAIN) or (isinstance(value, tuple) and all(isinstance(v, PLAIN) for v in value))
            if plain and name not in PASSING and not name.startswith("_"):
                found[f"{path}.{name}".lstrip(".")] = value
    return found | {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _said(value: Any, missing: Any) -> str:
    return "missing" if value is missing else repr(value)


def _some(wrong: list[str]) -> str:
    return "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
