"""Bootstrap of many figures at once: whole groups of clips drawn again, as integer weights in place of copied rows.

A draw of groups with replacement gives each row a weight, how often its group was drawn, and a figure of the rows drawn
is the weighted figure of all rows. All draws are worked out together, a block at a time, so that a thousand draws of
ten thousand frames take about a second. Weighted figures equal scikit-learn's with ``sample_weight``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluate.intervals import DRAWS, LEVEL
from evaluate.metrics import CALIBRATION_BINS, checked_probabilities, checked_scores

# Draws times rows that are held at once.
BLOCK = 1_500_000
RATES = (0.01, 0.05)
# Names of the figures of a curve, in this order.
CURVE = ("AUC", "AP", "EER", *(f"TPR at {rate:.0%} FPR" for rate in RATES))


@dataclass(frozen=True)
class Resampled:
    """Draws of whole groups.

    Attributes:
        of: int64 (N,), the group of each row.
        counts: int64 (D, G), how often each group was drawn.
    """

    of: np.ndarray
    counts: np.ndarray

    @property
    def known(self) -> bool:
        """Whether there is more than one group, so that a spread can be seen at all."""
        return self.counts.shape[1] > 1

    def weights(self, order: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Float64 (d, N) in blocks of draws: how often each row was drawn, the rows in ``order``."""
        of = self.of if order is None else self.of[order]
        each = max(1, BLOCK // max(1, len(of)))
        for start in range(0, len(self.counts), each):
            yield self.counts[start : start + each].astype(np.float64)[:, of]


def resample(groups: Sequence[object] | np.ndarray, draws: int = DRAWS, seed: int = 0) -> Resampled:
    """Draw the groups (N,) of rows with replacement, ``draws`` times (Davison and Hinkley, 1997, 3.8)."""
    names, of = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    count = len(names)
    drawn = np.random.default_rng(seed).integers(0, max(1, count), (draws, count))
    flat = (drawn + count * np.arange(draws)[:, None]).ravel()
    return Resampled(of.ravel(), np.bincount(flat, minlength=draws * count).reshape(draws, count))


def interval(values: np.ndarray, whole: float, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of a figure from its draws (D,); the figure of all rows lies inside.

    (NaN, NaN) where not half of the draws have a figure.
    """
    kept = values[~np.isnan(values)]
    if len(kept) < max(1, len(values) / 2) or np.isnan(whole):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return min(float(low), whole), max(float(high), whole)


def weighted_curve(label: np.ndarray, score: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The figures of :data:`CURVE` under each of several weightings.

    Args:
        label: (N,), 0 or 1. score: (N,).
        weights: float64 (D, N), 0 or more.

    Returns:
        Float64 (D,) by name; NaN where a weighting leaves one class alone.

    Raises:
        ValueError: as :func:`evaluate.metrics.auc`.
    """
    label, score = checked_scores(label, score)
    order = np.argsort(-score, kind="stable")
    return _curve_block(_Sorted.of(label[order], score[order]), np.asarray(weights, np.float64)[:, order])


@dataclass(frozen=True)
class _Sorted:
    """Labels by falling score, and where each run of equal scores ends."""

    fake: np.ndarray
    ends: np.ndarray

    @staticmethod
    def of(label: np.ndarray, score: np.ndarray) -> _Sorted:
        return _Sorted(label.astype(np.float64), np.flatnonzero(np.append(np.diff(score) != 0, True)))


def _curve_block(rows: _Sorted, weights: np.ndarray) -> dict[str, np.ndarray]:
    caught = np.cumsum(weights * rows.fake, axis=1)[:, rows.ends]
    alarms = np.cumsum(weights, axis=1)[:, rows.ends] - caught
    with np.errstate(invalid="ignore", divide="ignore"):
        tpr, fpr = caught / caught[:, -1:], alarms / alarms[:, -1:]
        precision = np.nan_to_num(caught / (caught + alarms))
    one_class = (caught[:, -1] <= 0) | (alarms[:, -1] <= 0)
    tpr, fpr = (np.pad(rate, ((0, 0), (1, 0))) for rate in (tpr, fpr))
    found = {
        "AUC": (np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1])).sum(1) / 2,
        "AP": (np.diff(tpr, axis=1) * precision).sum(1),
        "EER": _equal_rates(fpr, tpr),
    }
    for rate, name in zip(RATES, CURVE[3:], strict=True):
        last = np.maximum((fpr <= rate + 1e-12).sum(1) - 1, 0)
        found[name] = np.take_along_axis(tpr, last[:, None], 1)[:, 0]
    return {name: np.where(one_class, np.nan, values) for name, values in found.items()}


def _equal_rates(fpr: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """Where the two error rates meet, between the steps of the curve; see :func:`evaluate.metrics.eer`."""
    gap = fpr - (1 - tpr)
    after = np.maximum((gap >= 0).argmax(1), 1)[:, None]
    gap_after, gap_before = (np.take_along_axis(gap, at, 1)[:, 0] for at in (after, after - 1))
    fpr_after, fpr_before = (np.take_along_axis(fpr, at, 1)[:, 0] for at in (after, after - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = gap_before / (gap_before - gap_after)
    return np.where(gap_after == 0, fpr_after, fpr_before + share * (fpr_after - fpr_before))


def curve_draws(label: np.ndarray, score: np.ndarray, drawn: Resampled) -> dict[str, np.ndarray]:
    """The figures of :data:`CURVE` of every draw, float64 (D,) each. Raises ValueError as :func:`weighted_curve`."""
    label, score = checked_scores(label, score)
    order = np.argsort(-score, kind="stable")
    rows = _Sorted.of(label[order], score[order])
    return _joined(_curve_block(rows, weights) for weights in drawn.weights(order))


def _joined(blocks: Iterator[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {}
    for block in blocks:
        for name, values in block.items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def mean_draws(values: np.ndarray, drawn: Resampled) -> np.ndarray:
    """The mean of values (N,) in every draw, float64 (D,); rows with NaN are left out, NaN where none is left."""
    values = np.asarray(values, dtype=np.float64)
    known, groups = ~np.isnan(values), drawn.counts.shape[1]
    sums = np.bincount(drawn.of[known], weights=values[known], minlength=groups)
    counts = np.bincount(drawn.of[known], minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (drawn.counts @ sums) / (drawn.counts @ counts)


def ece_draws(label: np.ndarray, probability: np.ndarray, drawn: Resampled, bins: int = CALIBRATION_BINS) -> np.ndarray:
    """The expected calibration error of every draw, float64 (D,), its bins of equal mass laid anew in each."""
    label, probability = checked_probabilities(label, probability)
    order = np.argsort(probability, kind="stable")
    sorted_label, said = label[order], probability[order]
    starts = np.flatnonzero(np.append(True, np.diff(said) != 0))
    run = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(said))))
    found = []
    for weights in drawn.weights(order):
        mass = np.cumsum(weights, axis=1)
        whole = mass[:, -1]
        # What lies below a run of equal probabilities decides the bin of them all.
        below = np.where(starts > 0, mass[:, np.maximum(starts - 1, 0)], 0.0)
        most = np.minimum(bins, whole)[:, None]
        bin_of = np.minimum((below * most // np.maximum(whole, 1)[:, None]).astype(np.int64), bins - 1)[:, run]
        place = (bin_of + bins * np.arange(len(weights))[:, None]).ravel()
        gap = np.bincount(place, (weights * (sorted_label - said)).ravel(), bins * len(weights))
        found.append(np.abs(gap.reshape(-1, bins)).sum(1) / np.maximum(whole, 1))
    return np.concatenate(found)
