"""Parting a data set so that nobody stands on two sides: by connected components of the graph of identities.

An edge joins the identities of a fake's source and target. A component can't be parted, so the ratios that were asked
for are met as nearly as the components allow, and what came out is reported.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SPLITS = ("train", "val", "test")
EXHAUSTIVE = 7_000  # ways to look at all of; beyond that the largest component is placed first, then improved


@dataclass(frozen=True)
class SplitReport:
    """How a set was parted.

    Attributes:
        split: of each identity.
        asked, got: share of the clips of each split.
        components: the identities that had to stay together, largest first.
    """

    split: Mapping[str, str]
    asked: Mapping[str, float]
    got: Mapping[str, float]
    components: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> str:
        """One sentence for a person."""
        parts = ", ".join(f"{name} {self.got[name]:.0%} ({self.asked[name]:.0%} asked)" for name in self.asked)
        sizes = ", ".join(str(len(component)) for component in self.components)
        said = f"{len(self.components)} groups of people who are in one swap (of {sizes})"
        empty = [name for name, share in self.asked.items() if share > 0 and not self.got[name]]
        if empty:
            said += f"; {' and '.join(empty)} stayed empty, because there are too few groups"
        return f"{parts}; {said}."

    def to_json(self) -> dict[str, Any]:
        return {
            "identities": dict(self.split),
            "asked": dict(self.asked),
            "got": {name: round(share, 6) for name, share in self.got.items()},
            "components": [list(component) for component in self.components],
        }


def components(people: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """The groups of identities that edges join, each sorted, by their first name."""
    parent = {person: person for person in people}

    def root(person: str) -> str:
        while parent[person] != person:
            parent[person] = parent[parent[person]]
            person = parent[person]
        return person

    for one, other in edges:
        first, second = root(parent.setdefault(one, one)), root(parent.setdefault(other, other))
        parent[max(first, second)] = min(first, second)
    groups: dict[str, list[str]] = {}
    for person in sorted(parent):
        groups.setdefault(root(person), []).append(person)
    return [tuple(group) for group in groups.values()]


def part(
    people: Iterable[str],
    edges: Iterable[tuple[str, str]],
    clips: Mapping[str, int],
    ratios: Mapping[str, float],
    seed: int = 0,
) -> SplitReport:
    """Part people into splits.

    Args:
        people: all identities. edges: (source, target) of each fake.
        clips: of each identity, how many clips show it.
        ratios: share of the clips that each split should get; they need not add up to 1.
        seed: decides between ways that are as good.
    """
    names = [name for name in SPLITS if ratios.get(name, 0) > 0]
    total = sum(ratios[name] for name in names)
    asked = np.array([ratios[name] / total for name in names])
    groups = components(people, edges)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(groups))
    sizes = np.array([sum(clips.get(person, 0) for person in groups[i]) for i in order], dtype=np.float64)
    chosen = _nearest(sizes, asked, [len(groups[i]) for i in order])
    if {"val", "test"} <= set(names) and ratios["val"] == ratios["test"]:
        val, test = names.index("val"), names.index("test")
        if sizes[chosen == val].sum() > sizes[chosen == test].sum():
            # As good either way, and figures are reported on the test part.
            chosen = np.where(chosen == val, test, np.where(chosen == test, val, chosen))
    whole = max(sizes.sum(), 1.0)
    got = {name: float(sizes[chosen == k].sum() / whole) for k, name in enumerate(names)}
    split = {person: names[chosen[at]] for at, i in enumerate(order) for person in groups[i]}
    ranked = tuple(sorted(groups, key=lambda group: (-len(group), group)))
    return SplitReport(
        {person: split[person] for person in sorted(split)}, dict(zip(names, asked.tolist(), strict=True)), got, ranked
    )


def _nearest(sizes: np.ndarray, asked: np.ndarray, people: Sequence[int]) -> np.ndarray:
    """To which split each component goes, int (N,), so that shares are as near as can be to those asked for.

    A split that stays empty, or whose identities are in no swap, counts as a miss of its own where it could be filled.
    """
    count, splits = len(sizes), len(asked)
    if not count:
        return np.zeros(0, int)
    share = sizes / max(sizes.sum(), 1e-9)
    swapped = np.array(people) > 1

    def miss(where: np.ndarray) -> float:
        got = np.array([share[where == k].sum() for k in range(splits)])
        filled = sum(bool((where == k).any()) for k in range(splits))
        with_swaps = sum(bool(swapped[where == k].any()) for k in range(splits))
        wanted, could = min(count, splits), min(int(swapped.sum()), splits)
        return float(np.abs(got - asked).sum() + 2 * (wanted - filled) + 2 * max(0, could - with_swaps))

    if splits**count <= EXHAUSTIVE:
        ways = (np.array(way) for way in itertools.product(range(splits), repeat=count))
        return min(ways, key=miss)
    where = np.zeros(count, int)
    room = asked.copy()
    for at in np.argsort(-share, kind="stable"):
        where[at] = int(room.argmax())
        room[where[at]] -= share[at]
    best = miss(where)
    for _ in range(4):
        better = False
        for at, k in itertools.product(range(count), range(splits)):
            before, where[at] = where[at], k
            now = miss(where)
            if now < best - 1e-12:
                best, better = now, True
            else:
                where[at] = before
        if not better:
            break
    return where
