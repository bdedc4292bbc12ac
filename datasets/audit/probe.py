"""A probe: what a simple classifier that may only see one thing can tell of the class of a clip.

It is trained on some people's pairs and asked about others', pair by pair in the same fold, so that it can learn
neither a person nor a scene. What it answers comes as two figures:

- ``auc``, over all clips, one at a time, as a detector sees them. The limit holds for this one.
- ``within``, over pairs: a second probe sees the difference between a clip and its twin and says which is the fake.
  It is much the sharper one, since all that both share is gone; it finds what is there before a detector would.

Both have an expectation of .5 where the classes do not differ, but they do not scatter about it evenly: a probe that
learns chance differences among some pairs tends to find the opposite among the rest, so that with few pairs many values
lie below .5, down to 0, and a few far above. So a threshold alone says nothing, and a value below .5 is no leak. How
often chance goes as high comes from exchanging the labels within the pairs of a person and doing all of it again; the
interval from drawing people with replacement (Obuchowski 1997 for such clusters).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

LIMIT = 0.55
FEWEST_GROUPS = 10
CERTAIN = 0.01
FOLDS, REPEATS, EXCHANGES, DRAWS = 5, 3, 99, 2000
ENOUGH = 8  # exchanges that go as high as the labels themselves: then it is chance, and no more are needed
STRENGTH = 100.0  # of the logistic regression, on rows of unit mean square: the inverse of the L2 penalty
FARTHEST = 6.0  # standard deviations that a figure counts at most
Verdict = Literal["passed", "leak", "cannot tell"]


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        name: what it was allowed to see.
        auc: area under the ROC curve between the classes, of people that it was not trained on; nan without an answer.
        interval: 95 %, of ``auc``.
        chance: probability of so high an ``auc`` where the classes do not differ; nan where it was not asked for.
        within: share of the pairs in which the difference says which is the fake.
        within_chance: the same probability for ``within``.
        n: pairs. groups: people (or clips) that they are of.
        verdict: ``leak``: over the limit and not by chance. ``passed``: the whole interval is at or below the
            limit, and narrow enough that it would be with an ``auc`` of .5. ``cannot tell``: else, so
            mostly too few clips.
        needed: about how many people the verdict ``passed`` would take where there is nothing to find.
    """

    name: str
    auc: float
    interval: tuple[float, float]
    chance: float
    within: float
    within_chance: float
    n: int
    groups: int
    verdict: Verdict
    needed: int

    @property
    def passed(self) -> bool:
        """Whether the limit is kept, for certain."""
        return self.verdict == "passed"

    def sentence(self) -> str:
        """The answer in words."""
        if self.n == 0 or np.isnan(self.auc):
            return f"{self.name}: cannot tell, {self.groups} people are too few to train and ask on."
        low, high = self.interval
        said = f"{self.name}: AUC {self.auc:.2f} ({low:.2f} to {high:.2f}{self._p(self.chance, '; ')})"
        said += (
            f", within pairs {self.within:.2f}{self._p(self.within_chance, ' (', ')')}, {self.n} pairs of {self.groups}"
        )
        if self.verdict == "cannot tell":
            return f"{said}: cannot tell, that takes about {self.needed}"
        return f"{said}: {self.verdict}"

    @staticmethod
    def _p(chance: float, before: str, after: str = "") -> str:
        """The probability by chance in words; nothing where it was not asked for."""
        return "" if np.isnan(chance) else f"{before}p {chance:.3f}{after}"


@dataclass(frozen=True)
class _Fold:
    """One split, ready for any labels: standardised, and turned into the span of the training rows.

    Attributes:
        rows: of the classes of the training pairs, (n, k) each. asked: of the pairs asked about, (m, k) each.
        train, test: numbers of the pairs.
    """

    rows: tuple[np.ndarray, np.ndarray]
    asked: tuple[np.ndarray, np.ndarray]
    train: np.ndarray
    test: np.ndarray


def probe(
    name: str,
    fake: np.ndarray,
    original: np.ndarray,
    people: Any = None,
    seed: int = 0,
    repeats: int = REPEATS,
    exchanges: int = EXCHANGES,
    limit: float = LIMIT,
    certain: float = CERTAIN,
    fewest: int = FEWEST_GROUPS,
) -> ProbeResult:
    """Try to tell fakes from their originals by what was measured of each.

    Logistic regression on standardised columns with an L2 penalty, five folds by person, several times over. The
    standardisation and, where there are more columns than rows, the rotation into the rows' own span (which loses
    nothing that the regression could use) are learnt from the training folds alone.

    Args:
        name: what the columns are.
        fake, original: float (N, D), row i of both is of one pair; without a nan.
        people: (N,) who each pair is of; by default each of another.
        repeats: of the cross-validation, with other folds.
        exchanges: how often labels are exchanged, for ``chance``; with 0 it is not asked for, and nothing is a leak.
        limit: of the AUC. certain: so small ``chance`` has to be for a leak. fewest: people that it takes.
    """
    fake, original = np.asarray(fake, dtype=np.float64), np.asarray(original, dtype=np.float64)
    if fake.shape != original.shape or fake.ndim != 2:
        raise ValueError(f"pairs of rows are needed, and these are {fake.shape} and {original.shape}")
    if not (np.isfinite(fake).all() and np.isfinite(original).all()):
        raise ValueError(f"{name}: a figure is not finite")
    if not fake.shape[1]:
        fake = original = np.zeros((len(fake), 1))  # nothing to see is nothing to tell the classes by
    count = len(fake)
    _, group = np.unique(np.arange(count) if people is None else np.asarray(people), return_inverse=True)
    groups = int(group.max()) + 1 if count else 0
    from threadpoolctl import threadpool_limits

    if groups < fewest:
        nothing = float("nan")
        return ProbeResult(name, nothing, (0.0, 1.0), 1.0, nothing, 1.0, count, groups, "cannot tell", 4 * fewest)
    rng = np.random.default_rng(seed)
    with threadpool_limits(1):  # matrices of some 80 rows: threads only wait for each other
        single = list(_folds(fake, original, group, repeats, np.random.default_rng([seed, 1])))
        # Of a difference there is no common mean to take off: its sign is the label.
        apart = fake - original
        paired = list(_folds(apart, -apart, group, repeats, np.random.default_rng([seed, 1]), centre=False))
        scores = _scores(single, np.ones(count))
        auc = _auc(*scores)
        within = _share(_scores(paired, np.ones(count), intercept=False)[0])
        chance = _chance(auc, group, exchanges, rng, lambda sign: _auc(*_labelled(_scores(single, sign), sign)))
        within_chance = _chance(
            within, group, exchanges, rng, lambda sign: _share(sign * _scores(paired, sign, intercept=False)[0])
        )
    low, high = _interval(*scores, group, rng)
    verdict: Verdict = "cannot tell"
    if auc > limit and chance <= certain:
        verdict = "leak"
    elif high <= limit and high - auc <= limit - 0.5:
        verdict = "passed"
    needed = max(groups + 1, int(np.ceil(groups * ((high - auc) / (limit - 0.5)) ** 2)))
    return ProbeResult(name, auc, (low, high), chance, within, within_chance, count, groups, verdict, needed)


def _folds(
    fake: np.ndarray,
    original: np.ndarray,
    group: np.ndarray,
    repeats: int,
    rng: np.random.Generator,
    centre: bool = True,
) -> Iterator[_Fold]:
    groups = int(group.max()) + 1
    for _ in range(repeats):
        order = rng.permutation(groups)
        for part in np.array_split(order, min(FOLDS, groups)):
            test = np.flatnonzero(np.isin(group, part))
            train = np.flatnonzero(~np.isin(group, part))
            known = np.concatenate([fake[train], original[train]])
            middle = known.mean(0) if centre else np.zeros(known.shape[1])
            spread = np.sqrt(((known - middle) ** 2).mean(0))
            used = spread > 1e-9 * np.maximum(1.0, np.abs(middle))
            used = used if used.any() else np.ones_like(used)
            # A column that hardly moves in the training rows must not drown all others where it moves in those asked.
            scale = np.maximum(spread[used], 0.1 * float(np.median(spread[used]))) + 1e-12
            a, b, c, d = (
                np.clip((x[i][:, used] - middle[used]) / scale, -FARTHEST, FARTHEST) / np.sqrt(used.sum())
                for i in (train, test)
                for x in (fake, original)
            )
            if used.sum() > 2 * len(train):
                axes = np.linalg.svd(np.concatenate([a, b]), full_matrices=False)[2]
                a, b, c, d = (x @ axes.T for x in (a, b, c, d))
            yield _Fold((a, b), (c, d), train, test)


def _scores(folds: list[_Fold], sign: np.ndarray, intercept: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Mean held-out decision value of each fake and each original, (N,) each, after training with exchanged labels.

    Args:
        sign: (N,), -1 where a pair's labels are exchanged for the training.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    total = np.zeros((2, len(sign)))
    times = np.zeros(len(sign))
    for fold in folds:
        times[fold.test] += 1
        if np.array_equal(*fold.rows):
            continue  # the classes are the same to the last bit: nothing to learn
        model = LogisticRegression(C=STRENGTH, fit_intercept=intercept, solver="newton-cholesky", tol=1e-3)
        with warnings.catch_warnings():
            # Where classes come apart at once the solver says that it goes over to another one.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(np.concatenate(fold.rows), np.concatenate([sign[fold.train], -sign[fold.train]]) > 0)
        for row, asked in enumerate(fold.asked):
            total[row, fold.test] += model.decision_function(asked)
    total /= times
    return total[0], total[1]


def _labelled(scores: tuple[np.ndarray, np.ndarray], sign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores of what is called fake and of what is called original after the exchange."""
    return np.where(sign > 0, *scores), np.where(sign > 0, *scores[::-1])


def _ahead(fake: np.ndarray, original: np.ndarray) -> np.ndarray:
    """(N, N): 1 where fake i scores over original j, a half where they tie."""
    return (fake[:, None] > original) + 0.5 * (fake[:, None] == original)


def _auc(fake: np.ndarray, original: np.ndarray) -> float:
    """The area under the ROC curve as the Mann-Whitney statistic."""
    return float(_ahead(fake, original).mean())


def _share(differences: np.ndarray) -> float:
    """Share of the differences that say the truth, a half for those that say nothing."""
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def _chance(
    value: float, group: np.ndarray, most: int, rng: np.random.Generator, again: Callable[[np.ndarray], float]
) -> float:
    """How often an exchange of labels within all pairs of some people goes as high.

    Counted with the value itself (Phipson and Smyth 2010); stopped early where it is plainly chance (Besag and Clifford
    1991).
    """
    if not most:
        return float("nan")
    far = 0
    for done in range(1, most + 1):
        sign = rng.choice([-1.0, 1.0], int(group.max()) + 1)[group]
        far += again(sign) >= value - 1e-12
        if far == ENOUGH:
            return far / done
    return (1 + far) / (1 + most)


def _interval(
    fake: np.ndarray, original: np.ndarray, group: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % of the AUC when people are drawn with replacement."""
    ahead = _ahead(fake, original)
    groups = int(group.max()) + 1
    weight = rng.multinomial(groups, np.full(groups, 1 / groups), DRAWS)[:, group].astype(np.float64)
    found = np.einsum("di,ij,dj->d", weight, ahead, weight, optimize=True) / weight.sum(1) ** 2
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
