"""What judges the cues, fitted to drawn pairs: trees, a line beside them, and the line of large faces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from detect.cues.forest import fit_forest
from detect.cues.model import CueModel, Line, fine, fit_line
from evaluate.general.table import COLUMNS, FINE_CUES, Table

FEWEST_IN_LEAF = 3
# Noise, spectrum, coding blocks and the small parts of eyes and mouth tell the drawn pairs apart better than they tell
# swaps that others made: they answer to how a swap was encoded. Trees are grown on detail, edges and colour alone.
TREE_CUES = tuple(name for name in FINE_CUES if not name.startswith("spectrum"))
# A line that also saw colours learnt how these were changed, in one direction.
LINE_CUES = tuple(
    name for name in TREE_CUES if not name.startswith(("jaw_step", "spread", "fine_chroma", "chroma_over"))
)
# Of large faces, where fine detail is left after encoding, the spectrum too, and all of it at both scales.
LARGE_CUES = (*LINE_CUES, *(name for name in FINE_CUES if name.startswith("spectrum")))
CUE_NAMES = (*TREE_CUES, *(name for name in LARGE_CUES if name not in TREE_CUES), *map(fine, LARGE_CUES))
CUE_COLUMNS = [COLUMNS.index(name) for name in CUE_NAMES]


@dataclass(frozen=True)
class Drawn:
    """Pairs that the cues learn from.

    Attributes:
        wide: of usual faces, with everything that may become of fine detail: for the trees.
        usual: of usual faces; large: of large ones; with what swap models mostly do: for the lines.
    """

    wide: Table
    usual: Table
    large: Table

    def without(self, people: Collection[str]) -> Drawn:
        """Those of other people."""
        return Drawn(*(part.of(~np.isin(part.person, list(people))) for part in (self.wide, self.usual, self.large)))


def cue_model_of(drawn: Drawn, seed: int) -> CueModel:
    """What judges the cues."""
    trees, usual, large = (part.cues[..., CUE_COLUMNS] for part in (drawn.wide, drawn.usual, drawn.large))
    forest = fit_forest(
        trees[..., : len(TREE_CUES)].reshape(-1, len(TREE_CUES)),
        np.tile([0, 1], len(trees)),
        seed=seed,
        fewest_in_leaf=FEWEST_IN_LEAF,
    )

    def line(pairs: np.ndarray, names: Sequence[str]) -> Line:
        columns = [CUE_NAMES.index(name) for name in names]
        return fit_line(pairs.reshape(-1, len(CUE_NAMES)), np.tile([0, 1], len(pairs)), columns)

    close = line(large, (*LARGE_CUES, *map(fine, LARGE_CUES))) if len(large) else None
    return CueModel(forest, CUE_NAMES, line(usual, LINE_CUES), close)
