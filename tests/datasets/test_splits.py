"""Splits: nobody on two sides, ratios as near as the graph allows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.splits import SPLITS, components, part

RATIOS = {"train": 0.7, "val": 0.15, "test": 0.15}
people = [f"p{i:02d}" for i in range(12)]
edges = st.lists(st.tuples(st.sampled_from(people), st.sampled_from(people)), max_size=14)


@settings(max_examples=60, deadline=None)
@given(edges, st.integers(0, 5))
def test_nobody_who_is_in_one_swap_is_parted(pairs: list[tuple[str, str]], seed: int) -> None:
    found = part(people, pairs, {name: 1 for name in people}, RATIOS, seed)
    assert set(found.split) == set(people)
    assert all(found.split[one] == found.split[other] for one, other in pairs)
    assert sum(found.got.values()) == pytest.approx(1)


def test_ratios_are_met_where_the_graph_allows_it() -> None:
    found = part(people, [], {name: 1 for name in people}, {"train": 6, "val": 3, "test": 3})
    assert found.got == pytest.approx({"train": 0.5, "val": 0.25, "test": 0.25})


def test_the_nearest_of_all_ways_is_taken() -> None:
    sizes = {"a": 5, "b": 4, "c": 3, "d": 3}
    asked = {"train": 0.6, "test": 0.4}
    found = part(sizes, [], sizes, asked)
    best = min(
        abs(sum(sizes[n] for n, side in zip(sizes, way, strict=True) if side) / 15 - 0.6)
        for way in itertools.product((0, 1), repeat=4)
    )
    assert abs(found.got["train"] - 0.6) == pytest.approx(best)


def test_one_group_leaves_splits_empty_and_says_so() -> None:
    found = part(["a", "b"], [("a", "b")], {"a": 1, "b": 1}, RATIOS)
    assert len(set(found.split.values())) == 1
    assert "stayed empty" in found.words and "1 groups" in found.words


@pytest.mark.parametrize("seed", range(4))
def test_of_val_and_test_it_is_test_that_gets_the_last_group(seed: int) -> None:
    found = part("abcd", [("a", "b"), ("c", "d")], dict.fromkeys("abcd", 1), RATIOS, seed)
    assert found.got["test"] > 0 and not found.got["val"]


def test_groups_with_swaps_are_spread_before_people_without() -> None:
    found = part("abcde", [("a", "b"), ("c", "d")], dict.fromkeys("abcde", 1), {"train": 0.5, "test": 0.5})
    assert found.split["a"] != found.split["c"]


def test_many_groups_take_the_other_way() -> None:
    names = [f"n{i}" for i in range(60)]
    found = part(names, [], {name: 1 + i % 3 for i, name in enumerate(names)}, RATIOS)
    assert all(abs(found.got[name] - RATIOS[name]) < 0.03 for name in SPLITS)


def test_the_same_seed_parts_alike() -> None:
    sizes = {name: 1 for name in people}
    assert part(people, [], sizes, RATIOS, 4) == part(people, [], sizes, RATIOS, 4)


def test_components_join_over_several_edges() -> None:
    assert components("abcde", [("a", "b"), ("c", "b")]) == [("a", "b", "c"), ("d",), ("e",)]
