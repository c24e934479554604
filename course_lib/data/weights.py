"""Weights trained on ImageNet: found, downloaded once and read; and where they are missing, that is said.

`course data fetch resnet18` and `course data fetch vgg16` put the files where this reads them: the cache of torch.hub.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from course_lib.data.fetch import DataUnavailable, fetch, where
from course_lib.data.sources import find

if TYPE_CHECKING:
    import torch

NETWORKS = {"resnet18": "ResNet-18", "vgg16": "VGG16"}
PRETRAINED = (False, True, "if available", "if here")
PATIENCE = 5  # seconds for a server to answer at all: a network that swallows everything must not stop a lab
# one weight of each, and its shape: what tells the file of this network from another one
KNOWN = {"resnet18": ("layer4.1.conv2.weight", (512, 512, 3, 3)), "vgg16": ("features.28.weight", (512, 512, 3, 3))}


def check_pretrained(pretrained: bool | str) -> bool | str:
    """Refuse what is no choice of weights.

    Args:
        pretrained: see `read`.

    Returns:
        The choice.

    Raises:
        ValueError: another value.
    """
    # 1 == True, but not meant
    if not any(pretrained is choice or (isinstance(pretrained, str) and pretrained == choice) for choice in PRETRAINED):
        choices = ", ".join(map(repr, PRETRAINED[:-1]))
        raise ValueError(f"pretrained: expected {choices} or {PRETRAINED[-1]!r}, got {pretrained!r}")
    return pretrained


def read(name: str, pretrained: bool | str, *, instead: str, stacklevel: int = 2) -> dict[str, torch.Tensor] | None:
    """ImageNet's weights of a network, on the CPU; nothing in the file is run.

    Args:
        name: "resnet18" or "vgg16".
        pretrained: False: none. True: from the file; downloaded, with a bar, if it is not there. "if available": the
            same, but without file and network a warning, and none. "if here": nothing is downloaded; without the file
            a warning, and none.
        instead: what is used without them, in words, for the warning.
        stacklevel: of the warning; 1 is the line that called this.

    Returns:
        The weights by torchvision's names; None for none.

    Raises:
        ValueError: another choice; a file that cannot be read, or is not of this network.
        FileNotFoundError: `pretrained` is True, and they cannot be had; it says what to do.
    """
    import torch

    check_pretrained(pretrained)
    if pretrained is False:
        return None
    path, network = where(name), NETWORKS[name]
    if not path.is_file():
        try:
            if pretrained == "if here":
                raise DataUnavailable("nothing was downloaded")
            _knock(name)
            path = fetch(name)
        except DataUnavailable as error:
            if pretrained is True:
                raise FileNotFoundError(f"the ImageNet weights of {network}: {error}") from error
            warnings.warn(
                f'the ImageNet weights of {network} are not here: {instead} instead, and init is "random".'
                f" To get them, with a network: course data fetch {name}",
                stacklevel=stacklevel + 1,
            )
            return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises one of many, by where a file was cut
        reason = f"{type(error).__name__}: {error}"
        again = f"delete it, then: course data fetch {name}"
        raise ValueError(f"{path} cannot be read (cut short?); {again}. {reason}") from error
    return state


def state_of(name: str) -> str:
    """Whether the file is there and holds the network: read to its end, not only looked for.

    Args:
        name: "resnet18" or "vgg16".

    Returns:
        "whole", "absent" or "damaged".
    """
    if not where(name).is_file():
        return "absent"
    try:
        state = read(name, True, instead="")
    except ValueError:
        return "damaged"
    key, shape = KNOWN[name]
    found = (state or {}).get(key)
    return "whole" if found is not None and tuple(found.shape) == shape else "damaged"


def _knock(name: str) -> None:
    """DataUnavailable unless a server of this file answers, whatever it says."""
    import requests

    from course_lib.data.download import explain
    from course_lib.data.fetch import unavailable

    source, reasons = find(name), []
    for url in source.urls:
        try:
            requests.head(url, timeout=PATIENCE).close()
            return
        except requests.exceptions.RequestException as error:
            reasons.append(f"{url}: {explain(error)}")
    raise unavailable(source, where(name), "; ".join(reasons))
