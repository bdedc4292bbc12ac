"""How sure a figure is: intervals by drawing clips, or people, again; and of a share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

DRAWS = 1000
LEVEL = 0.95


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    groups: Sequence[object] | np.ndarray,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, float]:
    """A percentile interval of a figure, whole groups drawn with replacement (Davison and Hinkley, 1997, 3.8).

    Frames of one clip, and clips of one person, say much the same: they are drawn together or not at all.

    Args:
        statistic: takes the numbers of the rows drawn, int64 (M,), some of them several times, and gives the figure; a
            draw for which it raises ValueError (one class alone has no curve) or gives NaN does not count.
        groups: (N,), the clip or the person of each row.

    Returns:
        (low, high); the figure of all rows lies inside. (NaN, NaN) where fewer than two groups are given, or not half
        of the draws have a figure.
    """
    names, of = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    rows = [np.flatnonzero(of == number) for number in range(len(names))]
    rng, found = np.random.default_rng(seed), list[float]()
    for _ in range(draws):
        chosen = np.concatenate([rows[number] for number in rng.integers(0, len(names), len(names))])
        try:
            found.append(statistic(chosen))
        except ValueError:
            continue
    kept = np.array(found)[~np.isnan(found)] if found else np.zeros(0)
    if len(kept) < draws / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    whole = statistic(np.arange(len(of)))
    return min(float(low), whole), max(float(high), whole)


def clopper_pearson(hits: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson, 1934). Raises ValueError unless 0 <= hits <= of, of >= 1."""
    from scipy.stats import binomtest

    found = binomtest(hits, of).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)
