"""What the cues of a face say together: randomised trees and a straight line; of large faces a line of finer cues.

Trees fit the drawn pairs they are grown on more closely; a line, which can't, is less at a loss before swaps that were
made in another way. Their log-odds are added. A face of ``LARGE`` pixels and more is measured a second time, at up to
twice the detail: a swap model gives a face back at a fixed number of pixels, so what is set into a large face is
coarser than what surrounds it, and that is gone once the face is brought down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from datasets.checkpoint import under
from detect.cues.forest import Forest, as_rows
from detect.cues.frame import measure_frame
from detect.cues.patch import LARGEST_SIDE, Patch, cut_patch

if TYPE_CHECKING:
    from datasets.faces.finder import Face

# Longest side of the landmark box, frame pixels, from which a face is measured finely too, and at which side.
LARGE, FINE_SIDE = 180.0, 448.0
FINE = "@448"
# Of the values a line was fitted on: what lies beyond is taken for these, so that no single cue decides.
OUTLIERS = (0.005, 0.995)
LINE_PENALTY = 50.0


def fine(name: str) -> str:
    """The name of a cue that is measured finely."""
    return name + FINE


def is_fine(name: str) -> bool:
    """Whether it names a cue that is measured finely."""
    return name.endswith(FINE)


def measure_face(image: np.ndarray, face: Face, names: Sequence[str], patch: Patch | None = None) -> np.ndarray:
    """The cues of one face of a frame.

    Args:
        image: uint8 RGB HxWx3.
        names: of ``FRAME_CUES``, as they are or as :func:`fine` makes them.
        patch: of that face, where it was cut already.

    Returns:
        float32, one a name; NaN for what can't be measured, for a face without a mesh, and for all fine cues of a face
        below ``LARGE``.
    """
    found = np.full(len(names), np.nan, np.float32)
    patch = patch or cut_patch(image, face)
    if patch is None:
        return found
    usual = [i for i, name in enumerate(names) if not is_fine(name)]
    finely = [i for i, name in enumerate(names) if is_fine(name)]
    side = patch.side * patch.scale
    if side < LARGE:
        finely = []
    elif side <= LARGEST_SIDE:
        # As close to the pixels as it gets: both are the same measurement.
        known = dict.fromkeys(names[i].removesuffix(FINE) for i in (*usual, *finely))
        values = dict(zip(known, measure_frame(patch, list(known)), strict=True))
        for i in (*usual, *finely):
            found[i] = values[names[i].removesuffix(FINE)]
        return found
    found[usual] = measure_frame(patch, [names[i] for i in usual])
    if finely and (close := cut_patch(image, face, FINE_SIDE)) is not None:
        found[finely] = measure_frame(close, [names[i].removesuffix(FINE) for i in finely])
    return found


@dataclass(frozen=True)
class Line:
    """A logistic regression over some columns; float32 (columns,) each.

    Attributes:
        weights: 0 for a column it does not use; ``offset`` is added.
        medians: what stands in for a cue that could not be measured.
        low, high: values beyond are taken for these.
    """

    weights: np.ndarray
    offset: float
    medians: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def logit(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds of a manipulation, float64 (N,), of rows (N, columns)."""
        known = np.where(np.isfinite(rows), rows, self.medians)
        return np.clip(known, self.low, self.high).astype(np.float64) @ self.weights.astype(np.float64) + self.offset

    def arrays(self) -> dict[str, np.ndarray]:
        """The line as plain arrays."""
        numbers = (self.weights, [self.offset], self.medians, self.low, self.high)
        return {name: np.asarray(v, np.float32) for name, v in zip(_LINE, numbers, strict=True)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> Line:
        """Put a line together again. Raises KeyError or ValueError for arrays that are none."""
        weights, offset, medians, low, high = (arrays[name].astype(np.float32) for name in _LINE)
        if offset.shape != (1,) or not weights.shape == medians.shape == low.shape == high.shape:
            raise ValueError("these arrays hold no line")
        return Line(weights, float(offset[0]), medians, low, high)


_LINE = ("weights", "offset", "medians", "low", "high")


def fit_line(rows: np.ndarray, labels: np.ndarray, columns: Sequence[int], penalty: float = LINE_PENALTY) -> Line:
    """Fit a line that tells manipulated from real faces.

    Args:
        rows: (N, k), NaN where a cue could not be measured.
        labels: (N,), 1 manipulated, 0 real.
        columns: which of the k it may use.
        penalty: L2 penalty on the weights of standardised cues (inverse of scikit-learn's ``C``).
    """
    from sklearn.linear_model import LogisticRegression

    count, some = rows.shape[1], np.asarray(columns)
    known = np.where(np.isfinite(rows), rows, np.nan)[:, some].astype(np.float64)
    there = np.isfinite(known).any(0)
    some, known = some[there], known[:, there]
    median = np.nanmedian(known, axis=0)
    low, high = np.nanquantile(known, OUTLIERS, axis=0)
    table = np.clip(np.where(np.isfinite(known), known, median), low, high)
    mean, scale = table.mean(0), np.maximum(table.std(0), 1e-6)
    model = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=2000)
    model.fit((table - mean) / scale, np.asarray(labels).astype(int))
    weights = model.coef_[0] / scale
    parts = [np.zeros(count, np.float32) for _ in range(4)]
    for part, values in zip(parts, (weights, median, low, high), strict=True):
        part[some] = values
    return Line(parts[0], float(model.intercept_[0] - weights @ mean), *parts[1:])


@dataclass(frozen=True)
class CueModel:
    """Trees, a line beside them, and the line of large faces.

    Attributes:
        forest: over the first columns, as many as it knows.
        line: over the same faces; None for trees alone.
        large: over all columns, of faces that were measured finely; None where there are no fine cues.
        names: of all columns, in order.
    """

    forest: Forest
    names: tuple[str, ...]
    line: Line | None = None
    large: Line | None = None

    def is_large(self, rows: np.ndarray) -> np.ndarray:
        """Which rows (N, columns) are of faces that the line of large faces judges, bool (N,)."""
        if self.large is None:
            return np.zeros(len(rows), bool)
        return np.asarray(np.isfinite(rows[:, self._fine]).any(1))

    @cached_property
    def _fine(self) -> np.ndarray:
        """bool (columns,), those that are measured finely."""
        return np.array([is_fine(name) for name in self.names], bool)

    def logit(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds of a manipulation, float64 (N,).

        Args:
            rows: (N, columns), NaN where a cue could not be measured. Raises ValueError for another number of columns.
        """
        rows = as_rows(rows, len(self.names))
        large = self.is_large(rows)
        found = np.zeros(len(rows))
        if not large.all():
            usual = rows[~large]
            found[~large] = self.forest.logit(usual[:, : len(self.forest.medians)])
            if self.line is not None:
                found[~large] += self.line.logit(usual)
        if self.large is not None and large.any():
            found[large] = self.large.logit(rows[large])
        return found

    def typical(self, rows: np.ndarray) -> np.ndarray:
        """Medians (columns,) over the frames (N, columns) of one face, those in which it is large or the others.

        Whichever are more count, for a line has to see all columns of the same frames.
        """
        known = rows[np.isfinite(rows).any(1)]
        large = self.is_large(known)
        return median(known[large] if 2 * large.sum() >= len(known) else known[~large])

    def of_track(self, rows: np.ndarray) -> tuple[np.ndarray, float, bool]:
        """One face by its frames (N, columns): its :meth:`typical` cues, their log-odds, and whether it is large."""
        found = self.typical(rows)
        return found, float(self.logit(found[None])[0]), bool(self.is_large(found[None])[0])

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as plain arrays, without the names."""
        found = {f"forest.{name}": value for name, value in self.forest.arrays().items()}
        for part, line in (("line", self.line), ("large", self.large)):
            if line is not None:
                found |= {f"{part}.{name}": value for name, value in line.arrays().items()}
        return found

    @staticmethod
    def from_arrays(names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> CueModel:
        """Put it together again. Raises KeyError or ValueError for arrays that are none."""
        lines: dict[str, Line | None] = {}
        for part in ("line", "large"):
            own = under(f"{part}.", arrays)
            lines[part] = Line.from_arrays(own) if own else None
        forest = Forest.from_arrays(under("forest.", arrays))
        wide = [len(line.weights) for line in lines.values() if line is not None]
        if len(forest.medians) > len(names) or any(width != len(names) for width in wide):
            raise ValueError("the cues' names do not fit what judges them")
        return CueModel(forest, tuple(names), lines["line"], lines["large"])


def median(cues: np.ndarray) -> np.ndarray:
    """Medians (k,) of cues (N, k) over frames; NaN where no frame could be measured."""
    if not len(cues):
        return np.full(cues.shape[1], np.nan, np.float32)
    # As numpy.nanmedian, which takes ten times as long: what is missing is sorted to the end.
    ascending = np.sort(cues, axis=0)
    count = (~np.isnan(cues)).sum(axis=0)
    columns = np.arange(cues.shape[1])
    low, high = (np.maximum(at, 0) for at in ((count - 1) // 2, count // 2))
    found = (ascending[low, columns] + ascending[np.minimum(high, len(cues) - 1), columns]) / 2
    found[~np.isfinite(cues).any(axis=0)] = np.nan
    return found.astype(np.float32)
