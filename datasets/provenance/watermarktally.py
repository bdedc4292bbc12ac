"""Adding up what frames say of the watermark, and how sure a sum can be.

Every bound but that of the search for a crop is rigorous for material that does not depend on the key: with random
chips, the correlation of whatever values in units of their norm exceeds z with a chance of at most exp(-z^2 / 2)
(Hoeffding 1963); with random lattice offsets, the sum of n mean cosines exceeds t with a chance of at most
exp(-t^2 / n).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from datasets.provenance.bch import LENGTH
from datasets.provenance.payload import MarkKey, ReadCode, code_bits, read_code
from datasets.provenance.watermarkgrid import (
    PRESENCE_CELLS,
    STEP,
    Array,
    id_cells,
    id_pattern,
    presence_cells,
    presence_score,
)

# A change of contrast scales every sum: these are tried, from 1/1.5 to 1.5.
GAINS = np.exp(np.arange(-20, 21) * 0.02)
UNCHANGED = len(GAINS) // 2
# Key frames keep most under compression: a clip is read with them first, by themselves, and all frames alike.
KEY_FRAME_WEIGHT = 6.0
TRIES = 8
SIDES = (False, True)


def presence_chance(score: float, tries: float = 1.0) -> float:
    """Bound of the chance that the best of so many unmarked correlations reaches that score."""
    return min(1.0, tries * math.exp(-0.5 * score * score)) if score > 0 else 1.0


def id_chance(soft: np.ndarray, mark_id: int, key: MarkKey, tries: float = 1.0) -> float:
    """Bound of the chance that soft values without this id agree with it as they do."""
    agreed = float(soft @ (2.0 * code_bits(mark_id, key) - 1.0))
    return min(1.0, tries * math.exp(-agreed * agreed / LENGTH)) if agreed > 0 else 1.0


@dataclass
class Sums:
    """Weighted sums over frames, for the picture as it is and mirrored.

    Attributes:
        presence: float32 (96, 96); the mirrored sum is this one mirrored.
        soft: per side, float64 (41, 127), cosines of each bit at each gain; empty without a key.
        weight: sum of the weights.
    """

    presence: Array = field(default_factory=lambda: np.zeros((PRESENCE_CELLS, PRESENCE_CELLS), np.float32))
    soft: dict[bool, np.ndarray] = field(default_factory=dict)
    weight: float = 0.0

    def add(self, other: Sums, weight: float = 1.0) -> None:
        self.presence += weight * other.presence
        for side, values in other.soft.items():
            self.soft[side] = self.soft.get(side, 0.0) + weight * values
        self.weight += weight * other.weight

    def score(self, mirrored: bool) -> float:
        return presence_score(np.ascontiguousarray(self.presence[:, ::-1]) if mirrored else self.presence)

    def bits(self, mirrored: bool, gain: int = UNCHANGED) -> np.ndarray:
        """Mean cosine of each bit, (127,) in [-1, 1]."""
        return self.soft[mirrored][gain] / self.weight

    def likely_gains(self, mirrored: bool, count: int) -> list[int]:
        """The gains at which the sums lie most clearly on lattices, best first."""
        clear = (self.soft[mirrored] ** 2).sum(axis=1)
        return [int(i) for i in np.argsort(-clear)[:count]]


def frame_sums(square: Array, key: MarkKey | None) -> Sums:
    """What one frame says, as a sum of one.

    Args:
        square: the canonical picture, float32 (192, 192).
        key: the private key that ids are read with, or None.
    """
    found = Sums(presence_cells(square), {}, 1.0)
    if key is not None:
        pattern, values = id_pattern(key), id_cells(square)
        for side in SIDES:
            place = pattern.project(np.ascontiguousarray(values[:, ::-1]) if side else values) / STEP
            found.soft[side] = np.cos(2 * np.pi * (GAINS[:, None] * place - pattern.offset))
    return found


@dataclass
class Tally:
    """The sums over a clip or a part of it: over all frames, and over its key frames."""

    all: Sums = field(default_factory=Sums)
    keys: Sums = field(default_factory=Sums)

    def add(self, frame: Sums, is_key: bool) -> None:
        self.all.add(frame)
        if is_key:
            self.keys.add(frame)

    def views(self) -> Iterator[Sums]:
        """Key frames weighted, key frames alone, all alike; only one where they are the same."""
        if not self.all.weight:
            return
        if not self.keys.weight or self.keys.weight == self.all.weight:
            yield self.all
            return
        both = Sums()
        both.add(self.all)
        both.add(self.keys, KEY_FRAME_WEIGHT - 1)
        yield from (both, self.keys, self.all)


@dataclass
class Reader:
    """Reads ids with a key and counts how often it tried, since every try is a chance to be wrong.

    Attributes:
        key: the private key, or None.
        tried: code words tried so far.
    """

    key: MarkKey | None
    tried: int = 0

    def read(self, views: Iterable[Sums], gains: int = 2, tries: int = TRIES) -> tuple[ReadCode, bool, int] | None:
        """The first id that proves itself: what was read, whether mirrored, at which gain."""
        if self.key is None:
            return None
        for sums in views:
            for side in SIDES:
                for gain in sums.likely_gains(side, gains):
                    found = read_code(sums.bits(side, gain), self.key, tries=tries)
                    self.tried += tries if found is None else found.tried
                    if found is not None:
                        return found, side, gain
        return None

    @property
    def chance(self) -> float:
        """Bound of the chance that unmarked material gave any id so far."""
        return min(1.0, self.tried / 2.0**32)
