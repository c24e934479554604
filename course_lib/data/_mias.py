"""mini-MIAS: patches of mammograms of 161 women, and what radiologists found in them.

The file could not be downloaded when this was written: its names and its list `Info.txt` are read as its makers
describe them, and what does not fit is refused with a message. No hash is known, and every download says so.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from course_lib._checks import check_count

#: Of ten women one after the other, eight are for training, one for validation, one for testing. Each woman has two
#: pictures, of her left and right breast: both go the same way.
MINI_MIAS_SPLITS = {"train": (1, 2, 3, 4, 5, 6, 7, 8), "validation": (9,), "test": (0,)}

_SIDE = 1024
_AIR = 0.1
_NAME = re.compile(r"mdb(\d{3})\.pgm")


@dataclass(frozen=True)
class Finding:
    """One line of mini-MIAS's list.

    Attributes:
        picture: 1 to 322.
        tissue: F fatty, G glandular, D dense.
        kind: CALC, CIRC, SPIC, MISC, ARCH, ASYM or NORM.
        severity: B benign, M malignant, "" for NORM.
        row: pixels of the 1024 x 1024 picture; None where the list has none (calcifications spread over the breast).
        column: as for `row`.
        radius: as for `row`.
    """

    picture: int
    tissue: str
    kind: str
    severity: str = ""
    row: int | None = None
    column: int | None = None
    radius: int | None = None


def mini_mias(
    split: str = "train", *, count: int = 256, size: int = 128, seed: int = 0, folder: str | Path | None = None
) -> torch.Tensor:
    """Square patches of real mammograms.

    Random patches of one picture after another, at least half of each above a brightness of 0.1. The file of 322
    pictures is downloaded once. Its licence allows research only, and no passing on: peipa.essex.ac.uk/info/mias.html.

    Args:
        split: "train", "validation" or "test", by woman.
        count: how many patches.
        size: pixels a side, 8 to 256.
        seed: which patches.
        folder: where the file is kept; default the course's data folder.

    Returns:
        float32 (count, 1, size, size) in [0, 1].

    Raises:
        TypeError, ValueError: bad arguments, or a file of another kind.
        DataUnavailable: there is no file.

    Source: Suckling et al., Excerpta Medica International Congress Series 1069, 375-378, 1994.
    Lab: 07.
    """
    if split not in MINI_MIAS_SPLITS:
        raise ValueError(f"split: expected one of {', '.join(MINI_MIAS_SPLITS)}, got {split!r}")
    count, seed = check_count(count, "count"), check_count(seed, "seed", low=0)
    size = check_count(size, "size", low=8)
    if size > 256:
        raise ValueError(f"size: expected at most 256, got {size}")
    from course_lib.data.fetch import fetch

    path = fetch("mini_mias", folder=folder)
    patches = np.empty((count, size, size), dtype=np.float32)
    with tarfile.open(path) as archive:
        members = {int(match[1]): member for member in archive if (match := _NAME.fullmatch(_base(member)))}
        numbers = [number for number in sorted(members) if (number + 1) // 2 % 10 in MINI_MIAS_SPLITS[split]]
        if not numbers:
            raise ValueError(f"{path}: expected pictures mdb001.pgm to mdb322.pgm, found none for {split}")
        # a seeded order; picture after picture in the order of the file, since going back means unpacking anew
        order = np.random.default_rng(seed).permutation(numbers)
        for number in sorted(order[:count].tolist()):
            picture = _pgm(_content(archive, members[number]), members[number].name)
            for place in range(order.tolist().index(number), count, len(order)):
                patches[place] = _patch(picture, size, np.random.default_rng([seed, place]))
    return torch.from_numpy(patches)[:, None]  # (N, H, W) -> (N, 1, H, W)


def mini_mias_findings(*, folder: str | Path | None = None) -> list[Finding]:
    """What radiologists found; downloads mini-MIAS if it is not there.

    The list counts rows from below; here they count from above, as in arrays.

    Args:
        folder: where the file is kept; default the course's data folder.

    Returns:
        The findings, in the order of the list `Info.txt`.

    Raises:
        ValueError: there is no list.
        DataUnavailable: the file cannot be downloaded.

    Lab: 07.
    """
    from course_lib.data.fetch import fetch

    path = fetch("mini_mias", folder=folder)
    with tarfile.open(path) as archive:
        for member in archive:
            if _base(member).lower() == "info.txt":
                text = _content(archive, member).decode("latin-1")
                return [finding for line in text.splitlines() if (finding := _finding(line))]
    raise ValueError(f"{path}: expected the list Info.txt in it, found none")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name}: expected a file, got a folder or a device")
    return file.read()


def _base(member: tarfile.TarInfo) -> str:
    return member.name.rpartition("/")[2]


def _pgm(content: bytes, name: str) -> np.ndarray:
    """float32 (1024, 1024) in [0, 1] of a binary PGM file with 256 levels, comments allowed."""
    gap = rb"(?:\s|#[^\n]*\n)+"
    header = re.match(rb"P5" + gap + rb"(\d+)" + gap + rb"(\d+)" + gap + rb"(\d+)\s", content)
    if not header or tuple(map(int, header.groups())) != (_SIDE, _SIDE, 255):
        raise ValueError(f"{name}: expected a binary PGM picture of 1024x1024 pixels and 256 levels")
    if len(content) - header.end() < _SIDE * _SIDE:
        raise ValueError(f"{name}: expected {_SIDE * _SIDE} pixels, got {len(content) - header.end()}")
    pixels = np.frombuffer(content, np.uint8, _SIDE * _SIDE, header.end())
    return pixels.reshape(_SIDE, _SIDE).astype(np.float32) / 255


def _patch(picture: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """The first of 200 random patches that is at least half breast; where none is, the fullest and brightest."""
    best, fullest = picture[:size, :size], (-1.0, -1.0)
    for _ in range(200):
        top, left = rng.integers(_SIDE - size + 1, size=2)
        patch = picture[top : top + size, left : left + size]
        full = float((patch > _AIR).mean()), float(patch.mean())
        if full > fullest:
            best, fullest = patch, full
        if full[0] >= 0.5:
            break
    return best


def _finding(line: str) -> Finding | None:
    """A line such as `mdb001 G CIRC B 535 425 197`, with fewer words where less is known; None for other text."""
    words = re.fullmatch(r"mdb(\d{3})\s+([FGD])\s+([A-Z]{4})(?:\s+([BM])\b(.*))?", line.strip())
    if not words:
        return None
    known = Finding(int(words[1]), words[2], words[3], words[4] or "")
    place = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\d+)\s*", words[5] or "")
    if not place:
        return known
    column, from_below, radius = map(int, place.groups())
    return Finding(known.picture, known.tissue, known.kind, known.severity, _SIDE - 1 - from_below, column, radius)
