"""The drawn pairs as a recipe: what one fold of the general detector's network learns from, and is tried on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from detect.recipe import LAST, spread_balanced
from detect.recipes.paired import Batch
from evaluate.general.table import SIZE, Table

MOST_HELD, MOST_SEEN = 256, 512


class TableRecipe:
    """Pairs of a table but those of some people; meets :class:`detect.recipe.Recipe`.

    The pairs were encoded when they were drawn; a step adds what a camera or an editor does to a whole picture
    (colour, brightness, a little blur or noise), the same to both of a pair, moves and mirrors them.
    """

    name = "drawn pairs"
    size = SIZE

    def __init__(self, table: Table, held: np.ndarray, batch: int, seed: int) -> None:
        """
        Args:
            held: bool (N,), the rows of the people that are held out.
            batch: pairs a step.
        """
        self.table, self.count, self.seed = table, batch, seed
        people = np.unique(table.person, return_inverse=True)[1]
        self.known, self.held = np.flatnonzero(~held), np.flatnonzero(held)
        self.held_few = self.held[spread_balanced(people[self.held], MOST_HELD)]
        self.seen_few = self.known[spread_balanced(people[self.known], MOST_SEEN)]
        # A person of many pictures is drawn more often, by the root of their number.
        _, own, counts = np.unique(people[self.known], return_inverse=True, return_counts=True)
        weights = counts[own] ** -0.5
        self.weights = weights / weights.sum()

    def batch(self, step: int, rank: int = 0) -> Batch:
        """See :meth:`detect.recipe.Recipe.batch`."""
        rng = np.random.default_rng((self.seed, step, rank))
        rows = rng.choice(self.known, self.count, p=self.weights)
        return self._batch(rows, rng)

    def held_out(self) -> Batch:
        """See :meth:`detect.recipe.Recipe.held_out`."""
        return self._batch(self.held_few, None)

    def closing(self) -> tuple[list[Batch], list[Batch]]:
        """See :meth:`detect.recipe.Recipe.closing`."""
        rng = np.random.default_rng((self.seed, LAST))
        held = [self._batch(self.held_few, None), self._batch(self.held_few, rng)]
        return held, [self._batch(self.seen_few, None), self._batch(self.seen_few, rng)]

    def fingerprint(self) -> str:
        """See :meth:`detect.recipe.Recipe.fingerprint`."""
        return self.table.fingerprint()

    def widths(self) -> np.ndarray:
        """See :meth:`detect.recipe.Recipe.widths`."""
        return self.table.side[self.known].astype(np.float64)

    def card(self) -> Mapping[str, Any]:
        """See :meth:`detect.recipe.Recipe.card`."""
        return {
            "recipe": self.name,
            "codecs": ["h264 CRF 17 to 30", "jpeg 50 to 97", "none"],
            "calibrated_on": f"{len(self.held_few)} pairs of people who are in no training batch",
            "pairs": len(self.known),
        }

    def _batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> Batch:
        fakes, reals, masks = [], [], []
        most = self.table.masks.shape[1] - self.size
        for row in rows.tolist():
            x, y = rng.integers(0, most + 1, 2) if rng else (most // 2, most // 2)
            real, fake, mask = (
                part[y : y + self.size, x : x + self.size]
                for part in (self.table.crops[row, 0], self.table.crops[row, 1], self.table.masks[row])
            )
            if rng is not None:
                if rng.random() < 0.5:
                    real, fake, mask = (part[:, ::-1] for part in (real, fake, mask))
                real, fake = _filmed(real, fake, rng)
            fakes.append(fake)
            reals.append(real)
            masks.append(mask)
        changed = np.stack(masks).astype(np.float32) / 255
        labels = np.repeat(np.array([1, 0], np.float32), len(rows))
        return Batch(np.stack([*fakes, *reals]), np.concatenate([changed, np.zeros_like(changed)]), labels)


def _filmed(real: np.ndarray, fake: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Both pictures, uint8 RGB (S, S, 3), with one draw of contrast, colour, and now and then blur or noise."""
    contrast, brightness, tint = rng.uniform(0.75, 1.25), rng.uniform(-25, 25), rng.normal(0, 5, 3)
    colour = rng.uniform(0.3, 1.4) if rng.random() > 0.1 else 0.0
    blur = rng.uniform(0.3, 0.7) if rng.random() < 0.1 else 0.0
    grain = rng.uniform(0.5, 3) if rng.random() < 0.15 else 0.0
    noise = rng.standard_normal((*real.shape[:2], 1)).astype(np.float32) * np.float32(grain) if grain else np.float32(0)
    found = []
    for picture in (real, fake):
        plane: np.ndarray = picture.astype(np.float32)
        if blur:
            plane = cv2.GaussianBlur(plane, (0, 0), blur)
        grey = plane.mean(-1, keepdims=True)
        plane = (grey + (plane - grey) * np.float32(colour) - 128) * np.float32(contrast) + 128
        plane += (tint + brightness).astype(np.float32) + noise
        found.append(np.clip(plane, 0, 255).astype(np.uint8))
    return found


def folds_of(people: np.ndarray, count: int) -> np.ndarray:
    """Which fold holds each row's person out, int (N,): people are dealt out by how many rows they have."""
    names, own, rows = np.unique(people, return_inverse=True, return_counts=True)
    fold = np.zeros(len(names), dtype=np.int64)
    total = np.zeros(count)
    for person in np.argsort(-rows, kind="stable"):
        fold[person] = int(total.argmin())
        total[fold[person]] += rows[person]
    return fold[own]
