"""Split a cohort by volume, stratified, and prove that nothing leaks.

Neighbouring slices of one head are nearly the same picture. If they stand on both sides of a split, a model is tested
on what it has seen, and the score is too good: lab 03 measures by how much. So whole volumes are split, and such that
age groups, sexes and ethnicities have the same shares in every part. scikit-learn draws; this file decides what it
draws from: strata that are too rare to be shared out are pooled.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib._checks import check_count, check_number
from course_lib._tables import Table

#: Train, validation and test as in the healthy-brain thesis: 454, 80 and 47 of 581 volumes.
THESIS_SHARES = {"train": 0.782, "validation": 0.138, "test": 0.08}

#: What stands for a trait in a pooled stratum.
ANY = "any"


@dataclass(frozen=True)
class Split:
    """Which subject is in which part.

    Attributes:
        parts: {name: subjects, in the order given}.
        strata: {subject: its traits}, or empty.
        pooled: {subject: the stratum it was drawn in}, where rare ones are pooled.
    """

    parts: dict[str, tuple[Hashable, ...]]
    strata: dict[Hashable, dict[str, str]]
    pooled: dict[Hashable, tuple[str, ...]]

    def part_of(self, subject: Hashable) -> str:
        """The part that holds a subject.

        Args:
            subject: one of those that were split.

        Returns:
            The part's name.

        Raises:
            ValueError: a subject that is in none.
        """
        for name, subjects in self.parts.items():
            if subject in subjects:
                return name
        raise ValueError(f"subject: expected one of the split's subjects, got {subject!r}")

    def indices(self, part: str, subjects: Iterable[Any]) -> np.ndarray:
        """Where in `subjects` those of a part stand, ready to index images.

        `images[split.indices("train", slices.subjects)]`.

        Args:
            part: its name.
            subjects: one for each slice; a tensor of subjects will do.

        Returns:
            int64, the places.

        Raises:
            ValueError: an unknown part, or a subject that is in no part.
        """
        if part not in self.parts:
            raise ValueError(f"part: expected one of {', '.join(self.parts)}, got {part!r}")
        owner = {subject: name for name, members in self.parts.items() for subject in members}
        each = _plain(subjects)
        lost = sorted({repr(subject) for subject in each if subject not in owner})
        if lost:
            raise ValueError(f"subjects: expected those of the split, got {', '.join(lost[:5])} too")
        return np.array([place for place, subject in enumerate(each) if owner[subject] == part], dtype=np.int64)

    def balance(self) -> Table:
        """How many subjects, and of each trait which share, every part has.

        Returns:
            A table; the caption has the largest difference. `.markdown()`, `.latex()` and `.html()` show it.
        """
        sizes = {name: len(members) for name, members in self.parts.items()}
        everyone = [subject for members in self.parts.values() for subject in members]
        groups = {"all": everyone, **self.parts}
        rows = [["subjects", *(str(len(members)) for members in groups.values())]]
        largest = 0.0
        for trait in next(iter(self.strata.values()), {}):
            for value, _ in Counter(self.strata[subject][trait] for subject in everyone).most_common():
                counts = {
                    name: sum(self.strata[subject][trait] == value for subject in members)
                    for name, members in groups.items()
                }
                shares = {name: counts[name] / len(members) for name, members in groups.items()}
                largest = max(largest, *(abs(shares[name] - shares["all"]) for name in sizes))
                cells = [f"{counts[name]} ({shares[name]:.1%})" for name in groups]
                rows.append([f"{trait}: {value}", *cells])
        caption = "Subjects of each part, and the share of the part that has the trait."
        if self.strata:
            caption += f" Largest difference from the share in all subjects: {100 * largest:.1f} percentage points."
        return Table(["", *groups], rows, frozenset(), caption)


def split_volumes(
    subjects: Iterable[Any],
    strata: Mapping[Hashable, Mapping[str, str]] | None = None,
    *,
    shares: Mapping[str, float] = THESIS_SHARES,
    seed: int = 0,
) -> Split:
    """Share out whole subjects over the parts, such that traits are spread evenly.

    A stratum is one combination of traits. Where a part of the smallest share can expect less than one of its members,
    it is rare: rare strata that differ in the last trait only are pooled, then those that differ in the last two, and
    so on; what is still too small for a draw joins the next smaller. Neither the order of the subjects nor the global
    random state plays a part.

    Args:
        subjects: who they are, one for each volume or for each slice (a tensor will do): repeats are one subject.
        strata: {subject: {"age group": ..., "sex": ...}}, as `Person.strata()` gives it, the most important trait
            first; None: at random. Unknown is a value like others: people without metadata are shared out, too.
        shares: {part: its share}, above 0, together 1. Every part gets at least one subject.
        seed: of the draw.

    Returns:
        Which subject is in which part.

    Raises:
        TypeError, ValueError: bad input.

    Source: healthy-brain thesis, section "data split" (which pools all ethnicities but white).
    Lab: 03.
    """
    members = list(dict.fromkeys(_plain(subjects)))
    shares = _check_shares(shares)
    check_count(seed, "seed", low=0)
    if len(members) < len(shares):
        raise ValueError(f"subjects: expected at least {len(shares)}, one for each part, got {len(members)}")
    traits = _check_strata(members, strata)
    pooled = pool_rare(traits, least=math.ceil(1 / min(shares.values()) - 1e-9))

    left = sorted(members, key=lambda subject: (str(type(subject)), subject))
    counts = _whole_counts(len(left), shares)
    chosen: dict[str, list[Hashable]] = {}
    *others, biggest = sorted(shares, key=lambda name: (shares[name], name))
    for number, name in enumerate(others):
        taken = set(_draw(left, [pooled[subject] for subject in left], counts[name], seed + number))
        chosen[name] = [subject for subject in members if subject in taken]
        left = [subject for subject in left if subject not in taken]
    rest = set(left)
    chosen[biggest] = [subject for subject in members if subject in rest]
    split = Split({name: tuple(chosen[name]) for name in shares}, traits if strata is not None else {}, pooled)
    check_no_leak(split.parts)
    return split


def pool_rare(strata: Mapping[Hashable, Mapping[str, str]], *, least: int) -> dict[Hashable, tuple[str, ...]]:
    """Pool rare strata, the last trait first.

    Args:
        strata: {subject: {trait: its value}}, the most important trait first.
        least: strata with fewer members than this are pooled.

    Returns:
        {subject: its stratum}.
    """
    pooled = {subject: tuple(traits.values()) for subject, traits in strata.items()}
    depth = len(next(iter(pooled.values()), ()))
    for level in range(depth - 1, -1, -1):
        sizes = Counter(pooled.values())
        for subject, stratum in pooled.items():
            if sizes[stratum] < least:
                pooled[subject] = stratum[:level] + (ANY,) * (depth - level)
    return pooled


def check_no_leak(parts: Mapping[str, Iterable[Any]], images: Mapping[str, Any] | None = None) -> str:
    """Prove that no subject is in two parts, and no picture either.

    Args:
        parts: {name: subjects}.
        images: {name: array or tensor (N, ...)}; slices that are equal bit for bit are found, whatever they are called
            (IXI has had the same scan under two names); slices of one value only do not count.

    Returns:
        The proof in words.

    Raises:
        ValueError: something leaks; the message names it.

    Lab: 03.
    """
    sets = {name: set(_plain(subjects)) for name, subjects in parts.items()}
    _refuse_common(sets, "subjects")
    proof = " and ".join(f"{name} ({len(members)})" for name, members in sets.items())
    proof = f"No subject is in two of {proof}."
    if images is not None:
        _refuse_common({name: _prints(array) for name, array in images.items()}, "images", show=False)
        proof += f" No image is in two of {' and '.join(f'{name} ({len(array)})' for name, array in images.items())}."
    return proof


def _refuse_common(sets: Mapping[str, set], what: str, *, show: bool = True) -> None:
    names = list(sets)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            common = sets[first] & sets[second]
            if common:
                which = f": {', '.join(sorted(map(str, common))[:5])}" if show else ""
                raise ValueError(f"{len(common)} {what} are both in {first} and in {second}{which}")


def _prints(images: Any) -> set[bytes]:
    """A fingerprint of every image that is not constant."""
    import hashlib

    found = set()
    for image in images:
        array = np.ascontiguousarray(image)
        if array.size and (array != array.flat[0]).any():
            found.add(hashlib.blake2b(array.tobytes(), digest_size=16).digest())
    return found


def _draw(subjects: Sequence[Hashable], strata: Sequence[tuple], count: int, seed: int) -> list[Hashable]:
    """`count` of the subjects, of each stratum its share."""
    from sklearn.model_selection import train_test_split

    smallest = min(count, len(subjects) - count)
    labels = list(strata)
    # scikit-learn wants two members in each stratum, and no more strata than places
    while len(sizes := Counter(labels)) > 1 and (min(sizes.values()) < 2 or len(sizes) > smallest):
        least, next_least = sorted(sizes, key=lambda stratum: (sizes[stratum], stratum))[:2]
        labels = [next_least if stratum == least else stratum for stratum in labels]
    numbers = {stratum: number for number, stratum in enumerate(sorted(set(labels)))}
    even = [numbers[stratum] for stratum in labels] if len(numbers) > 1 else None
    _, drawn = train_test_split(list(range(len(subjects))), test_size=count, stratify=even, random_state=seed)
    return [subjects[place] for place in drawn]


def _whole_counts(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers near `total` times each share, none below 1, that sum to the total (largest remainder)."""
    counts = {name: max(1, math.floor(total * share + 1e-9)) for name, share in shares.items()}
    while sum(counts.values()) != total:
        short = sum(counts.values()) < total
        able = [name for name in shares if short or counts[name] > 1]
        gap = {name: total * shares[name] - counts[name] for name in able}
        name = max(gap, key=gap.__getitem__) if short else min(gap, key=gap.__getitem__)
        counts[name] += 1 if short else -1
    return counts


def _plain(subjects: Iterable[Any]) -> list[Hashable]:
    """Subjects as Python objects: equal numbers of a tensor or an array are equal and hashable."""
    return subjects.tolist() if hasattr(subjects, "tolist") else list(subjects)


def _check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(shares, Mapping) or len(shares) < 2:
        raise ValueError(f"shares: expected at least two parts, as {{'train': 0.8, 'test': 0.2}}, got {shares!r}")
    checked = {name: check_number(share, f"shares[{name!r}]", low=0, above=True) for name, share in shares.items()}
    if abs(sum(checked.values()) - 1) > 1e-6:
        raise ValueError(f"shares: expected a sum of 1, got {sum(checked.values()):g}")
    return checked


def _check_strata(
    members: Sequence[Hashable], strata: Mapping[Hashable, Mapping[str, str]] | None
) -> dict[Hashable, dict[str, str]]:
    """The traits of the members, all with the same names; empty traits without strata."""
    if strata is None:
        return {subject: {} for subject in members}
    lost = [subject for subject in members if subject not in strata]
    if lost:
        raise ValueError(
            f"strata: expected the traits of every subject, but {len(lost)} have none: {', '.join(map(str, lost[:5]))}"
            " (say so: give them traits with the value 'unknown')"
        )
    traits = {subject: {name: str(value) for name, value in strata[subject].items()} for subject in members}
    names = {tuple(each) for each in traits.values()}
    if len(names) > 1:
        raise ValueError(f"strata: expected the same traits for everyone, got {' and '.join(map(str, sorted(names)))}")
    return traits
