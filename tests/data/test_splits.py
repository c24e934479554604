"""Splits: whole subjects, even traits, rare strata, and a proof that can fail."""

import dataclasses
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from course_lib.data import splits
from course_lib.data.demographics import read_demographics
from course_lib.data.splits import Split, check_no_leak, pool_rare, split_volumes

HALVES = {"a": 0.5, "b": 0.5}


def cohort(count=400, seed=0) -> dict[int, dict[str, str]]:
    """Skewed as IXI is: most are adult and white, some groups are tiny."""
    rng = np.random.default_rng(seed)
    return {
        number: {
            "age group": str(rng.choice(["adult", "elderly", "young"], p=[0.73, 0.2, 0.07])),
            "sex": str(rng.choice(["female", "male"], p=[0.55, 0.45])),
            "ethnicity": str(rng.choice(["White", "Asian", "Black", "Chinese"], p=[0.8, 0.1, 0.06, 0.04])),
        }
        for number in range(1, count + 1)
    }


def largest_difference(split: Split, strata) -> float:
    everyone = [subject for part in split.parts.values() for subject in part]
    worst = 0.0
    for trait in ("age group", "sex", "ethnicity"):
        for value in {strata[subject][trait] for subject in everyone}:
            whole = np.mean([strata[subject][trait] == value for subject in everyone])
            for part in split.parts.values():
                worst = max(worst, abs(np.mean([strata[subject][trait] == value for subject in part]) - whole))
    return 100 * worst


# --- every subject once


@pytest.mark.parametrize("count", [3, 4, 10, 57, 400])
@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_subject_is_in_one_part_and_none_is_empty(count, stratified, seed):
    people = cohort(count)
    split = split_volumes(people, people if stratified else None, seed=seed)
    assert list(split.parts) == ["train", "validation", "test"]
    assert Counter(subject for part in split.parts.values() for subject in part) == Counter(list(people))
    assert all(split.parts.values())
    for name, share in splits.THESIS_SHARES.items():
        assert abs(len(split.parts[name]) - share * count) <= (1 if count >= 30 else 2)


def test_the_thesis_has_these_sizes():
    assert {name: len(part) for name, part in split_volumes(range(581)).parts.items()} == {
        "train": 454, "validation": 80, "test": 47,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (10, {"a": 0.8, "b": 0.1, "c": 0.1}, [8, 1, 1]),
        (3, {"a": 0.9, "b": 0.05, "c": 0.05}, [1, 1, 1]),
        (7, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, [3, 2, 2]),
        (5, {"a": 0.98, "b": 0.01, "c": 0.01}, [3, 1, 1]),
        (101, {"a": 0.5, "b": 0.5}, [51, 50]),
    ],
)
def test_counts_are_whole_and_sum_to_all(total, shares, counts):
    assert list(splits._whole_counts(total, shares).values()) == counts


def test_slices_of_a_volume_stay_together():
    subjects = torch.arange(20).repeat_interleave(30)
    images = torch.rand(600, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    split = split_volumes(subjects, shares={"train": 0.8, "test": 0.2})
    train, test = (split.indices(name, subjects) for name in ("train", "test"))
    assert train.dtype == np.int64 and len(train) == 16 * 30 and len(test) == 4 * 30
    assert set(subjects[train].tolist()).isdisjoint(subjects[test].tolist())
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(600))
    assert images[train].shape == (480, 1, 4, 4)
    assert all(split.part_of(number) == "test" for number in subjects[test].unique().tolist())


def test_names_are_as_good_as_numbers():
    names = [f"IXI{number:03}" for number in range(50)]
    split = split_volumes(names, shares=HALVES)
    assert {len(part) for part in split.parts.values()} == {25}
    assert all(list(part) == sorted(part) for part in split.parts.values()), "in the order given"


# --- repeatable


def test_a_seed_repeats_in_any_order_and_the_global_state_is_left_alone():
    people = cohort(100)
    before = np.random.get_state()[1].copy(), random.getstate(), torch.random.get_rng_state()  # noqa: NPY002
    first = split_volumes(people, people)
    shuffled = random.Random(1).sample(list(people), len(people))
    again = split_volumes(shuffled, people)
    assert {name: set(part) for name, part in first.parts.items()} == {
        name: set(part) for name, part in again.parts.items()
    }
    assert split_volumes(people, people, seed=1).parts != first.parts
    assert np.array_equal(np.random.get_state()[1], before[0]) and random.getstate() == before[1]  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), before[2])


# --- stratified


def test_traits_are_spread_more_evenly_than_at_random():
    people = cohort()
    stratified = [largest_difference(split_volumes(people, people, seed=seed), people) for seed in range(10)]
    at_random = [largest_difference(split_volumes(people, seed=seed), people) for seed in range(10)]
    assert np.mean(stratified) < 0.5 * np.mean(at_random)
    assert max(stratified) < 7  # of 32 test subjects, one is 3 percentage points


def test_a_common_stratum_gets_its_share_to_within_one_subject():
    people = cohort(1000)
    split = split_volumes(people, people)
    sizes = Counter(split.pooled.values())
    for name, part in split.parts.items():
        share = len(part) / len(people)
        counts = Counter(split.pooled[subject] for subject in part)
        # the last of the three draws is from what the others left
        assert all(abs(counts[stratum] - share * size) < 2 for stratum, size in sizes.items()), name


def test_rare_strata_are_pooled_last_trait_first():
    def people(*groups):
        numbers = iter(range(1000))
        return {next(numbers): dict(age=a, sex=s, origin=o) for a, s, o, size in groups for _ in range(size)}

    strata = people(
        ("adult", "f", "W", 40), ("adult", "f", "A", 6), ("adult", "f", "B", 5), ("adult", "m", "W", 12),
        ("old", "f", "W", 4), ("old", "m", "W", 7), ("young", "m", "A", 2),
    )  # fmt: skip
    pooled = Counter(pool_rare(strata, least=10).values())
    assert pooled == {
        ("adult", "f", "W"): 40, ("adult", "f", "any"): 11, ("adult", "m", "W"): 12,
        ("old", "any", "any"): 11, ("any", "any", "any"): 2,
    }  # fmt: skip
    assert Counter(pool_rare(strata, least=1).values()) == Counter(tuple(t.values()) for t in strata.values())


@pytest.mark.parametrize("count", [4, 6, 12])
def test_a_handful_of_people_who_are_all_different_can_be_split(count):
    strata = {number: {"age group": str(number), "sex": str(number % 3), "ethnicity": "x"} for number in range(count)}
    split = split_volumes(strata, strata, shares={"train": 0.6, "validation": 0.2, "test": 0.2})
    assert sum(map(len, split.parts.values())) == count and all(split.parts.values())


def test_one_odd_person_is_drawn_with_the_next_smaller_group():
    strata = {
        number: {"sex": "unknown" if number == 0 else "female" if number < 31 else "male"} for number in range(40)
    }
    split = split_volumes(strata, strata, shares={"train": 0.75, "test": 0.25})
    assert Counter(split.pooled.values())[("any",)] == 1
    for name, women in (("train", 22.5), ("test", 7.5)):
        assert abs(sum(1 <= number < 31 for number in split.parts[name]) - women) <= 0.5


def test_unknown_is_a_stratum_of_its_own():
    strata = {number: {"sex": "unknown" if number < 40 else "female"} for number in range(80)}
    split = split_volumes(strata, strata, shares=HALVES)
    assert all(sum(number < 40 for number in part) == 20 for part in split.parts.values())


def test_balance_shows_counts_and_shares():
    strata = {number: {"sex": "female" if number < 30 else "male"} for number in range(40)}
    split = split_volumes(strata, strata, shares=HALVES)
    table = split.balance()
    assert list(table.header) == ["", "all", "a", "b"]
    assert table.rows[0] == ["subjects", "40", "20", "20"]
    assert table.rows[1] == ["sex: female", "30 (75.0%)", "15 (75.0%)", "15 (75.0%)"]
    assert "0.0 percentage points" in table.caption
    assert "sex: male" in table.markdown() and "<table>" in table.html()
    lopsided = dataclasses.replace(split, parts={"a": tuple(range(30)), "b": tuple(range(30, 40))})
    assert "75.0 percentage points" in lopsided.balance().caption
    assert "percentage" not in split_volumes(range(10), shares=HALVES).balance().caption


# --- the proof


def test_the_proof_says_what_was_compared():
    split = split_volumes(cohort(100), shares={"train": 0.8, "test": 0.2})
    assert check_no_leak(split.parts) == "No subject is in two of train (80) and test (20)."
    images = {"train": np.random.default_rng(0).random((5, 1, 4, 4)), "test": np.zeros((3, 1, 4, 4))}
    assert check_no_leak(split.parts, images).endswith("No image is in two of train (5) and test (3).")


def test_a_split_by_slice_is_caught():
    subjects = torch.arange(10).repeat_interleave(20)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="10 subjects are both in train and in test: 0, 1, 2"):
        check_no_leak({"train": subjects[order[:160]], "test": subjects[order[160:]]})


def test_the_same_picture_under_two_names_is_caught():
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    parts = {"train": [1, 2], "test": [3]}
    with pytest.raises(ValueError, match="1 images are both in train and in test"):
        check_no_leak(parts, {"train": images[:4], "test": images[3:]})
    blank = torch.zeros(2, 1, 8, 8)
    check_no_leak(parts, {"train": torch.cat([images[:3], blank]), "test": torch.cat([images[3:], blank])})


# --- bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: split_volumes([1, 2]), "at least 3"),
        (lambda: split_volumes([1, 1, 1]), "at least 3"),
        (lambda: split_volumes(range(9), shares={"train": 1.0}), "at least two parts"),
        (lambda: split_volumes(range(9), shares={"train": 0.8, "test": 0.3}), "a sum of 1"),
        (lambda: split_volumes(range(9), shares={"train": 1.0, "test": 0.0}), "above 0"),
        (lambda: split_volumes(range(9), {0: {"sex": "f"}}), "8 have none: 1, 2, 3, 4, 5"),
        (lambda: split_volumes(range(3), {0: {"sex": "f"}, 1: {"age": "x"}, 2: {"sex": "m"}}), "same traits"),
        (lambda: split_volumes(range(9), seed=-1), "seed"),
        (lambda: split_volumes(range(9)).indices("testing", [1]), "expected one of train, validation, test"),
        (lambda: split_volumes(range(9)).indices("test", [1, 99]), "99"),
        (lambda: split_volumes(range(9)).part_of(99), "99"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- IXI


def test_ixi_is_split_evenly():
    from test_demographics import spreadsheet

    people = read_demographics(spreadsheet(), report=False).people
    strata = {number: person.strata() for number, person in people.items()}
    split = split_volumes(strata, strata)
    assert {name: len(part) for name, part in split.parts.items()} == {"train": 464, "validation": 82, "test": 47}
    stratified = [largest_difference(split_volumes(strata, strata, seed=seed), strata) for seed in range(5)]
    at_random = [largest_difference(split_volumes(strata, seed=seed), strata) for seed in range(5)]
    assert max(stratified) < 6 and np.mean(stratified) < 0.6 * np.mean(at_random)


def test_import_is_light():
    program = "import sys, course_lib.data.splits; print(sorted({'sklearn', 'pandas', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
