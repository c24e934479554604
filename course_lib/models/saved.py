"""Trained models as files: weights in safetensors, with a card that says what they are. Nothing in a file is run.

`torch.save` writes a pickle, and a pickle is a program: who loads one runs what its maker put in. A safetensors file
holds numbers. The card names a class of `course_lib.models` and its arguments, so that `load` can build the model from
this library's own code. Lab 14.
"""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib import __version__
from course_lib.files import write_whole
from course_lib.models._card import Card, from_json, to_json

if TYPE_CHECKING:
    from torch import nn

ENDING = ".safetensors"
KEY = "course_card"  # of the card in the file's metadata


def save(
    model: nn.Module,
    path: str | Path,
    *,
    data: str,
    noise: str,
    stop: str | None = None,
    seed: int | None,
    arguments: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    note: str | None = None,
    half: bool = False,
) -> Card:
    """Write a trained model and its card into one file, whole or not at all.

    Args:
        model: of a class of `course_lib.models`; its device and its weights are left alone.
        path: ends in .safetensors; a file that is there is replaced.
        data: what it was trained on, in words, as "20 synthetic heads, seed 0".
        noise: what it was trained with, in words, as "Gaussian, sigma 0.1".
        stop: how it was decided when to stop, in words, as "fixed: 20 epochs" or "the best of 20 epochs on validation
            heads". Without it there is a warning: nobody can know whether the test images had a say.
        seed: of the training; None where there is none to tell.
        arguments: those that the model was made with, where they are not the defaults: {"width": 16}. A model built
            from them must be of the same structure, or ValueError says what differs. `pretrained` is not kept: the
            weights are in the file; the card's `init` says what they began as.
        metrics: {name: number}, as measured.
        note: any text.
        half: weights in float16, half the size (averages of BN stay float32). `load` gives float32 again, rounded:
            relative errors up to 2⁻¹¹.

    Returns:
        The card.

    Raises:
        TypeError: a model of another class.
        ValueError: what a card cannot hold, weights that are not finite, and weights beyond float16's 65504 with
            `half`.

    Lab: 14.
    """
    import torch
    from safetensors.torch import save as to_bytes

    from course_lib.models._rebuild import architecture_of, check_same, sketch

    path = Path(path)
    if stop is None:
        warnings.warn(
            'the card does not say how it was decided when to stop: pass stop="fixed: 20 epochs", or what it was',
            stacklevel=2,
        )
    if path.suffix != ENDING:
        raise ValueError(f"path: expected a name that ends in {ENDING}, got {path.name!r}")
    architecture = architecture_of(model)
    state = model.state_dict()
    card = Card(
        architecture=architecture,
        arguments={} if arguments is None else arguments,
        data=data,
        noise=noise,
        stop=stop,
        seed=seed,
        metrics={} if metrics is None else metrics,
        init=getattr(model, "init", "random"),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        stored_as="float16" if half else "float32",
        commit=_commit(),
        library=__version__,
        note=note,
    )
    card = from_json(to_json(card))  # as a reader will find it
    kept = {name: value for name, value in card.arguments.items() if name != "pretrained"}
    card = replace(card, arguments=kept)
    check_same(model, sketch(card, len(state)))

    learned = {name for name, _ in model.named_parameters()}
    tensors = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.to(torch.float16 if half and name in learned else torch.float32)
            if not torch.isfinite(tensor).all():
                limit = ", none beyond 65504" if half else ""
                raise ValueError(f"model: expected finite weights{limit}, got NaN or infinity in {name}")
        tensors[name] = tensor.clone(memory_format=torch.contiguous_format)
    write_whole(path, to_bytes(tensors, metadata={KEY: to_json(card), "format": "pt"}))
    return card


def load(path: str | Path) -> nn.Module:
    """The model that a file holds. Nothing in the file is run.

    `read_card(path)` is its card. Global random state is left alone.

    Args:
        path: of the file.

    Returns:
        The model: float32, on the CPU, in eval mode.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: a pickle, a file without a card or with a wrong one, and weights that do not fit the card or are not
            finite; the message says which.

    Lab: 14.
    """
    import torch

    from course_lib.models._rebuild import check_layout, fill, sketch
    from course_lib.profiles import fixed_seed

    with _opened(path) as (file, card):
        names = list(file.keys())
        layout = {name: file.get_slice(name) for name in names}
        layout = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in layout.items()}
        # first on no memory at all: what does not fit is refused before anything large is made
        check_layout(sketch(card, len(names)), layout, card)
        with fixed_seed(0):
            model = fill(card, len(names))
        tensors = {name: file.get_tensor(name) for name in names}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: expected finite weights, got NaN or infinity in {name}")
    model.load_state_dict(tensors)
    return model.eval()


def read_card(path: str | Path) -> Card:
    """The card of a saved model, without its weights.

    Args:
        path: of the file.

    Returns:
        The card.

    Raises:
        FileNotFoundError, ValueError: as for `load`.

    Lab: 14.
    """
    with _opened(path) as (_, card):
        return card


def shipped() -> list[Path]:
    """Files for `load`: the trained models that come with the course.

    What they reach is in `models/trained/README.md`. The lab takes them as the end of the road for those who have no
    GPU.

    Returns:
        Their paths.

    Lab: 14.
    """
    return sorted((Path(__file__).parent / "trained").glob(f"*{ENDING}"))


class _opened:
    """`with _opened(path) as (file, card)`: an open safetensors file; every ValueError inside names the path."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __enter__(self) -> tuple[Any, Card]:
        from safetensors import SafetensorError, safe_open

        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: there is no such file")
        try:
            self.file = safe_open(str(self.path), framework="pt", device="cpu")
            self.file.__enter__()
        except (SafetensorError, OSError) as error:
            with open(self.path, "rb") as file:
                start = file.read(2)
            if start[:1] == b"\x80" or start == b"PK":
                raise ValueError(
                    f"{self.path}: a pickle, as torch.save writes. Loading one runs whatever its maker put in, so it is"
                    " not read. Save the model with course_lib.models.save"
                ) from None
            raise ValueError(f"{self.path}: expected a whole safetensors file: {error}") from None
        try:
            text = (self.file.metadata() or {}).get(KEY)
            if text is None:
                raise ValueError(
                    "weights without a card, so nobody can know the model that they belong to. Save the model with"
                    " course_lib.models.save"
                )
            return self.file, from_json(text)
        except ValueError as error:
            self.file.__exit__(None, None, None)
            raise ValueError(f"{self.path}: wrong card: {error}") from None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.file.__exit__(None, None, None)
        if isinstance(error, ValueError):
            raise ValueError(f"{self.path}: {error}") from error


def _commit() -> str | None:
    """What git says of the course's folder; None outside of git."""
    from course_lib.project import project_root

    root = project_root(Path(__file__).parent)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", "course_lib") else "")
    except (OSError, subprocess.SubprocessError):
        return None
