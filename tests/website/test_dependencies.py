"""What needs what: implied needs are dropped, layers follow the longest way, and arrows cross as little as they can."""

from __future__ import annotations

from website.dependencies import crossings, direct, layers, passes, rows

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c", "a"]}
LONG = {"a": [], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["c", "d"], "f": ["a", "c"]}


def test_what_follows_from_another_need_is_dropped() -> None:
    assert direct(DIAMOND) == [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    assert ("a", "f") not in direct(LONG) and ("c", "f") in direct(LONG)


def test_a_need_through_several_others_is_dropped_too() -> None:
    assert direct({"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"]}) == [("a", "b"), ("b", "c"), ("c", "d")]


def test_a_lab_stands_below_all_that_it_needs() -> None:
    assert layers(DIAMOND) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert layers(LONG) == {"a": 0, "b": 1, "c": 2, "d": 1, "e": 3, "f": 3}


def test_an_arrow_over_a_layer_has_a_place_there() -> None:
    assert passes(("d", "e"), layers(LONG)) == [("d", ("d", "e"), 1), (("d", "e"), "e", 2)]
    assert {place for row in rows(LONG) for place in row} == {*LONG, ("d", "e")}
    assert ("d", "e") in rows(LONG)[2]


def test_crossings_are_counted() -> None:
    steps = [("a", "d", 0), ("b", "c", 0)]
    assert crossings([["a", "b"], ["c", "d"]], steps) == 1
    assert crossings([["a", "b"], ["d", "c"]], steps) == 0
    assert crossings([["a", "b"], ["c", "d"]], [("a", "c", 0), ("a", "d", 0)]) == 0


def test_labs_are_sorted_so_that_arrows_do_not_cross() -> None:
    crossed = {"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]}
    assert crossings([["a", "b", "c"], ["x", "y", "z"]], [("c", "x", 0), ("b", "y", 0), ("a", "z", 0)]) == 3
    order = rows(crossed)
    assert crossings(order, [step for edge in direct(crossed) for step in passes(edge, layers(crossed))]) == 0


def test_no_labs_make_no_rows() -> None:
    assert rows({}) == []
