"""Extremely randomised trees over the cues (Geurts, Ernst and Wehenkel, 2006), kept as plain numbers.

scikit-learn grows them; what is kept are a handful of arrays that travel among a detector's weights, and reading
them needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

TREES, FEWEST_IN_LEAF, FOLDS = 200, 3, 5
# Shares are kept this far from 0 and 1 before their log-odds are taken.
CLIP = 1e-3
LEAF = -1


@dataclass(frozen=True)
class Forest:
    """Decision trees, the nodes of all in one row.

    Attributes:
        feature: int16 (nodes,), the column that a node asks for; -1 in a leaf.
        threshold: float32 (nodes,), to the left at or below it; in a leaf the share of manipulated rows.
        left, right: int32 (nodes,), the nodes that follow; a leaf points at itself.
        roots: int32 (trees,).
        depth: steps from a root to the deepest leaf.
        medians: float32 (columns,), what stands in for a cue that could not be measured.
        held_out: float64 (rows,), log-odds of the rows it was fitted on, each from a forest that saw no row of the
            same group; not kept in :meth:`arrays`.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    roots: np.ndarray
    depth: int
    medians: np.ndarray
    held_out: np.ndarray | None = None

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Mean over the trees of the share of manipulated rows in the leaf that a row falls into, float64 (N,).

        Args:
            rows: (N, columns), NaN where a cue could not be measured. Raises ValueError for another number of columns.
        """
        rows = as_rows(rows, len(self.medians))
        known = np.where(np.isfinite(rows), rows, self.medians)
        row = (np.arange(len(rows)) * rows.shape[1])[:, None]
        at = np.repeat(self.roots[None], len(rows), axis=0)
        for _ in range(self.depth):
            value = known.take(row + self.asked.take(at))
            after = np.where(value <= self.threshold.take(at), self.left.take(at), self.right.take(at))
            if np.array_equal(after, at):  # a leaf points at itself
                break
            at = after
        return self.threshold.take(at).astype(np.float64).mean(axis=1)

    @cached_property
    def asked(self) -> np.ndarray:
        """int64 (nodes,), the column that a node asks for; of a leaf, which asks for none, the first."""
        return np.maximum(self.feature, 0).astype(np.int64)

    def logit(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds of :meth:`share`, float64 (N,), within +-6.9."""
        return _log_odds(self.share(rows))

    def arrays(self) -> dict[str, np.ndarray]:
        """The forest as plain arrays. A left child always follows its parent, so only right ones are kept."""
        return {
            "feature": self.feature.astype(np.int16),
            "threshold": self.threshold.astype(np.float32),
            "right": (self.right - np.arange(len(self.right))).astype(np.int32),
            "roots": self.roots.astype(np.int32),
            "medians": self.medians.astype(np.float32),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> Forest:
        """Put a forest together again. Raises KeyError or ValueError for arrays that are none."""
        feature, threshold = arrays["feature"].astype(np.int16), arrays["threshold"].astype(np.float32)
        medians, roots = arrays["medians"].astype(np.float32), arrays["roots"].astype(np.int32)
        here = np.arange(len(feature), dtype=np.int32)
        leaf = feature == LEAF
        left, right = here + ~leaf, (here + arrays["right"]).astype(np.int32)
        fits = len(feature) == len(threshold) == len(right) and len(roots) and not feature.max() >= len(medians)
        # Every step goes forward, so that a walk ends, and ends in a leaf.
        if not fits or feature.min() < LEAF or not ((right > here) | leaf).all() or right.max() >= len(feature):
            raise ValueError("these arrays hold no forest")
        if (right[leaf] != here[leaf]).any() or not 0 <= roots.min() <= roots.max() < len(feature) or not leaf[-1]:
            raise ValueError("these arrays hold no forest")
        return Forest(feature, threshold, left.astype(np.int32), right, roots, _depth(left, right, roots), medians)


def as_rows(rows: np.ndarray, columns: int) -> np.ndarray:
    """Rows as float32 (N, columns). Raises ValueError for another shape."""
    rows = np.asarray(rows, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise ValueError(f"rows of shape {rows.shape}, and (N, {columns}) is needed")
    return rows


def fit_forest(
    rows: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str] | np.ndarray | None = None,
    seed: int = 0,
    trees: int = TREES,
    fewest_in_leaf: int = FEWEST_IN_LEAF,
    workers: int = 1,
) -> Forest:
    """Grow a forest that tells manipulated from real faces.

    Args:
        rows: (N, columns), NaN where a cue could not be measured; medians over the known values stand in.
        labels: (N,), 1 manipulated, 0 real. Both must be there, ValueError otherwise.
        groups: whose each row is, a person or a clip; with it :attr:`Forest.held_out` is worked out as well, at five
            times the cost (fewer where there are fewer groups). The forest itself is the same with and without.
        seed: of the random splits.
        trees: how many.
        fewest_in_leaf: rows in a leaf.
        workers: processors to use.
    """
    rows, labels = np.asarray(rows, dtype=np.float32), np.asarray(labels).astype(int)
    if set(np.unique(labels)) != {0, 1}:
        raise ValueError("a forest needs rows of both classes")
    held_out = None
    if groups is not None:
        held_out = _held_out(rows, labels, np.asarray(groups), seed, trees, fewest_in_leaf, workers)
    grown, medians = _grow(rows, labels, seed, trees, fewest_in_leaf, workers)
    return _packed(grown, medians, held_out)


def _grow(
    rows: np.ndarray, labels: np.ndarray, seed: int, trees: int, fewest: int, workers: int
) -> tuple[ExtraTreesClassifier, np.ndarray]:
    from sklearn.ensemble import ExtraTreesClassifier

    rows = np.where(np.isfinite(rows), rows, np.nan)
    known = np.isfinite(rows).any(axis=0)
    medians = np.zeros(rows.shape[1], np.float32)
    medians[known] = np.nanmedian(rows[:, known], axis=0)
    grown = ExtraTreesClassifier(
        trees, min_samples_leaf=fewest, class_weight="balanced", random_state=seed, n_jobs=workers
    )
    grown.fit(np.where(np.isfinite(rows), rows, medians), labels)
    return grown, medians


def _held_out(
    rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int, trees: int, fewest: int, workers: int
) -> np.ndarray:
    from sklearn.model_selection import GroupKFold

    found = np.full(len(rows), np.nan)
    for known, other in GroupKFold(min(FOLDS, len(np.unique(groups)))).split(rows, labels, groups):
        if len(np.unique(labels[known])) == 2:
            found[other] = _packed(*_grow(rows[known], labels[known], seed, trees, fewest, workers)).logit(rows[other])
    return found


def _packed(grown: ExtraTreesClassifier, medians: np.ndarray, held_out: np.ndarray | None = None) -> Forest:
    parts = [estimator.tree_ for estimator in grown.estimators_]
    roots = np.cumsum([0] + [part.node_count for part in parts[:-1]])
    feature, threshold, left, right = [], [], [], []
    for part, root in zip(parts, roots, strict=True):
        here = np.arange(part.node_count)
        leaf = part.children_left == -1
        if not (part.children_left[~leaf] == here[~leaf] + 1).all():
            raise ValueError("scikit-learn numbers the nodes of its trees in another way than depth first")
        counts = part.value[:, 0, :]
        share = counts[:, 1] / counts.sum(axis=1)
        feature.append(np.where(leaf, LEAF, part.feature))
        threshold.append(np.where(leaf, share.astype(np.float32), _rounded_down(part.threshold)))
        left.append(np.where(leaf, here, part.children_left) + root)
        right.append(np.where(leaf, here, part.children_right) + root)
    nodes = [np.concatenate(part) for part in (left, right)]
    return Forest(
        np.concatenate(feature).astype(np.int16),
        np.concatenate(threshold).astype(np.float32),
        nodes[0].astype(np.int32),
        nodes[1].astype(np.int32),
        roots.astype(np.int32),
        _depth(nodes[0], nodes[1], roots),
        medians,
        held_out,
    )


def _rounded_down(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 at or below each: for float32 rows the same comparison as with the full number."""
    nearest = threshold.astype(np.float32)
    return np.where(nearest > threshold, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _depth(left: np.ndarray, right: np.ndarray, roots: np.ndarray) -> int:
    depth, at = 0, np.asarray(roots)
    while True:
        at = np.unique(np.concatenate([left[at], right[at]]))
        at = at[left[at] != at]
        depth += 1
        if not at.size:
            return depth


def _log_odds(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, CLIP, 1 - CLIP)
    return np.log(share / (1 - share))
