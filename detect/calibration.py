"""From a raw logit to a probability that means something, and how sure one can be of it.

Three kinds, each fitted on a part that the model was not trained on, each kept as plain numbers in the card: Platt
scaling (J. Platt, "Probabilistic outputs for support vector machines", 1999), temperature scaling (Guo et al., "On
calibration of modern neural networks", 2017) and isotonic regression (Zadrozny and Elkan, "Transforming classifier
scores into accurate multiclass probability estimates", 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

NEWTON_STEPS = 100
BOOTSTRAPS = 60
MOST_KNOTS, MOST_DRAWN_KNOTS = 256, 48
FURTHEST = 7.0


class Calibration(Protocol):
    """What turns raw logits into probabilities.

    Attributes:
        spread: standard deviation of the calibrated log-odds within a class: how much one sample says.
        samples: how many it was fitted on.
    """

    @property
    def spread(self) -> float: ...

    @property
    def samples(self) -> int: ...

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """float64 in [0, 1], same shape; never falls where the logit grows."""
        ...

    def drawn(self, rng: np.random.Generator, count: int) -> Sequence[Calibration]:
        """``count`` calibrations as they might have come out on other samples of the same kind."""
        ...

    def to_card(self) -> dict[str, Any]:
        """Plain JSON values, which :func:`calibration_from_card` reads."""
        ...


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))`` in float64, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=np.float64)))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """``log(p / (1 - p))`` in float64, finite: p is kept 1e-12 off 0 and 1."""
    p = np.clip(np.asarray(probability, dtype=np.float64), 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


@dataclass(frozen=True)
class Platt:
    """A slope and an offset. Meets :class:`Calibration`.

    Attributes:
        slope, offset: ``p = sigmoid(slope * logit + offset)``.
        covariance: float64 (2, 2), of (slope, offset): from the curvature of the likelihood, or from drawing whole
            groups again where groups were named.
    """

    slope: float = 1.0
    offset: float = 0.0
    covariance: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    spread: float = 0.0
    samples: int = 0

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of raw logits, same shape."""
        return sigmoid(self.slope * np.asarray(logit, dtype=np.float64) + self.offset)

    def drawn(self, rng: np.random.Generator, count: int) -> Sequence[Platt]:
        """See :meth:`Calibration.drawn`."""
        found = rng.multivariate_normal(
            [self.slope, self.offset], np.asarray(self.covariance), size=count, method="svd"
        )
        return [Platt(max(float(slope), 0.0), float(offset)) for slope, offset in found]

    def to_card(self) -> dict[str, Any]:
        return {
            "kind": "platt",
            "slope": self.slope,
            "offset": self.offset,
            "covariance": [list(row) for row in self.covariance],
            "spread": self.spread,
            "samples": self.samples,
        }

    @staticmethod
    def from_card(card: Mapping[str, Any]) -> Platt:
        (a, b), (c, d) = card["covariance"]
        return Platt(
            float(card["slope"]),
            float(card["offset"]),
            ((float(a), float(b)), (float(c), float(d))),
            float(card["spread"]),
            int(card["samples"]),
        )


@dataclass(frozen=True)
class Temperature:
    """One number: it makes a model more or less sure and moves no decision. Meets :class:`Calibration`.

    Attributes:
        temperature: ``p = sigmoid(logit / temperature)``.
        deviation: standard deviation of its logarithm.
    """

    temperature: float = 1.0
    deviation: float = 0.0
    spread: float = 0.0
    samples: int = 0

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of raw logits, same shape."""
        return sigmoid(np.asarray(logit, dtype=np.float64) / self.temperature)

    def drawn(self, rng: np.random.Generator, count: int) -> Sequence[Temperature]:
        """See :meth:`Calibration.drawn`."""
        factors = np.exp(rng.normal(0.0, self.deviation, count))
        return [Temperature(self.temperature * float(factor)) for factor in factors]

    def to_card(self) -> dict[str, Any]:
        return {
            "kind": "temperature",
            "temperature": self.temperature,
            "deviation": self.deviation,
            "spread": self.spread,
            "samples": self.samples,
        }

    @staticmethod
    def from_card(card: Mapping[str, Any]) -> Temperature:
        return Temperature(
            float(card["temperature"]), float(card["deviation"]), float(card["spread"]), int(card["samples"])
        )


@dataclass(frozen=True)
class Isotonic:
    """A rising line through points, level outside them. Meets :class:`Calibration`.

    Attributes:
        knots: rising (x, p) points: straight between them, level beyond the first and the last.
        others: the same curve fitted on samples drawn again, each its own points: the uncertainty.
    """

    knots: tuple[tuple[float, float], ...] = ((0.0, 0.5),)
    others: tuple[tuple[tuple[float, float], ...], ...] = ()
    spread: float = 0.0
    samples: int = 0

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of raw logits, same shape."""
        x, p = np.asarray(self.knots, dtype=np.float64).T
        return np.interp(np.asarray(logit, dtype=np.float64), x, p)

    def drawn(self, rng: np.random.Generator, count: int) -> Sequence[Isotonic]:
        """See :meth:`Calibration.drawn`."""
        curves = [Isotonic(knots) for knots in self.others] or [Isotonic(self.knots)]
        return [curves[i] for i in rng.integers(0, len(curves), count)]

    def to_card(self) -> dict[str, Any]:
        return {
            "kind": "isotonic",
            "knots": [list(knot) for knot in self.knots],
            "others": [[list(knot) for knot in knots] for knots in self.others],
            "spread": self.spread,
            "samples": self.samples,
        }

    @staticmethod
    def from_card(card: Mapping[str, Any]) -> Isotonic:
        def read(points: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
            return tuple((float(x), float(p)) for x, p in points)

        return Isotonic(
            read(card["knots"]),
            tuple(read(points) for points in card["others"]),
            float(card["spread"]),
            int(card["samples"]),
        )


def calibration_from_card(card: Mapping[str, Any]) -> Calibration:
    """The calibration that a card describes. Raises KeyError for a kind that is not known here."""
    kinds: dict[str, Callable[[Mapping[str, Any]], Calibration]] = {
        "platt": Platt.from_card,
        "temperature": Temperature.from_card,
        "isotonic": Isotonic.from_card,
    }
    return kinds[card.get("kind", "platt")](card)


def fit_calibration(
    kind: str, logit: np.ndarray, label: np.ndarray, groups: np.ndarray | None = None, seed: int = 0
) -> Calibration:
    """Fit a calibration.

    Args:
        kind: ``platt``, ``temperature`` or ``isotonic``.
        logit: float (N,), raw, of held-out samples.
        label: (N,), 1 manipulated, 0 real; both must occur.
        groups: (N,), what belongs together (a person, a clip): the uncertainty is then that of drawing whole groups
            again, since frames of one clip say the same. Without them each sample is its own.
        seed: of those draws.

    Raises:
        ValueError: an unknown kind, or one class is missing.
    """
    fits: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
        "platt": fit_platt,
        "temperature": _fit_temperature,
        "isotonic": _fit_isotonic,
    }
    if kind not in fits:
        raise ValueError(f"calibration is one of {', '.join(fits)}, not {kind!r}")
    logit, label = np.asarray(logit, dtype=np.float64), np.asarray(label).astype(bool)
    fitted = fits[kind](logit, label)
    if kind == "platt" and groups is None:
        return fitted
    again = [fits[kind](logit[rows], label[rows]) for rows in _drawn_rows(label, groups, seed)]
    if isinstance(fitted, Platt):
        (a, b), (c, d) = np.cov([(one.slope, one.offset) for one in again], rowvar=False).tolist()
        return replace(fitted, covariance=((a, b), (c, d)))
    if isinstance(fitted, Temperature):
        return replace(fitted, deviation=float(np.std([np.log(one.temperature) for one in again])))
    return replace(fitted, others=tuple(_thinned(one.knots, MOST_DRAWN_KNOTS, 6) for one in again))


def fit_platt(logit: np.ndarray, label: np.ndarray) -> Platt:
    """Fit slope and offset; the covariance is that of samples which do not depend on each other.

    Args:
        logit: float (N,), raw, of held-out crops.
        label: (N,), 1 manipulated, 0 real; both must occur.
    """
    logit, label = np.asarray(logit, dtype=np.float64), np.asarray(label).astype(bool)
    target = _targets(label)

    # Fitted on logits scaled to unit spread: the raw ones may be thousands or thousandths.
    scale = max(float(logit.std()), 1e-6)
    x = logit / scale

    design = np.stack([x, np.ones_like(x)], 1)
    parameters = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        p = sigmoid(design @ parameters)
        curvature = (design * np.maximum(p * (1 - p), 1e-9)[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (p - target))
        parameters = parameters - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    # A detector that ranks fakes below originals must not be turned round by its calibration: it knows nothing.
    slope, offset = max(float(parameters[0]), 1e-3), float(parameters[1])
    covariance = np.linalg.inv(curvature)
    covariance = covariance / np.array([[scale * scale, scale], [scale, 1.0]])
    slope = slope / scale
    (a, b), (c, d) = covariance.tolist()
    return Platt(slope, offset, ((a, b), (c, d)), _spread(slope * logit, label), len(logit))


def _fit_temperature(logit: np.ndarray, label: np.ndarray) -> Temperature:
    from scipy.optimize import minimize_scalar

    target = _targets(label)
    centre = np.log(max(float(np.abs(logit).mean()), 1e-6))

    def loss(log_temperature: float) -> float:
        x = logit / np.exp(log_temperature)
        return float((np.logaddexp(0.0, x) - target * x).mean())

    # Far enough for either end: a model that knows nothing, and one that is always right.
    found = minimize_scalar(loss, bounds=(centre - FURTHEST, centre + FURTHEST), method="bounded")
    temperature = float(np.exp(found.x))
    return Temperature(temperature, 0.0, _spread(logit / temperature, label), len(logit))


def _fit_isotonic(logit: np.ndarray, label: np.ndarray) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    target = _targets(label)
    fitted = IsotonicRegression(y_min=target.min(), y_max=target.max(), increasing=True, out_of_bounds="clip")
    fitted.fit(logit, label.astype(np.float64))
    points = tuple(zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True))
    curve = Isotonic(_thinned(points, MOST_KNOTS, 10), (), 0.0, len(logit))
    return replace(curve, spread=_spread(log_odds(curve.probability(logit)), label))


def _targets(label: np.ndarray) -> np.ndarray:
    """What the probabilities should be: off 0 and 1 by what so many samples can say, so that nothing is certain."""
    positive, negative = int(label.sum()), int((~label).sum())
    if not positive or not negative:
        raise ValueError("calibration needs crops of both classes")
    return np.where(label, (positive + 1) / (positive + 2), 1 / (negative + 2))


def _spread(calibrated: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean([calibrated[label].std(), calibrated[~label].std()]))


def _drawn_rows(label: np.ndarray, groups: np.ndarray | None, seed: int) -> list[np.ndarray]:
    """Row numbers of ``BOOTSTRAPS`` draws of whole groups, each with both classes in it."""
    rng = np.random.default_rng(seed)
    groups = np.arange(len(label)) if groups is None else np.unique(groups, return_inverse=True)[1]
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    found: list[np.ndarray] = []
    for _ in range(100 * BOOTSTRAPS):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        if 0 < label[rows].sum() < len(rows):
            found.append(rows)
            if len(found) == BOOTSTRAPS:
                return found
    raise ValueError("calibration needs more groups: hardly a draw of them has both classes")


def _thinned(points: Sequence[tuple[float, float]], most: int, digits: int) -> tuple[tuple[float, float], ...]:
    """At most ``most`` of the points, the first and the last among them, to so many digits; still rising."""
    kept = np.unique(np.linspace(0, len(points) - 1, most).round().astype(int)) if len(points) > most else None
    some = points if kept is None else [points[i] for i in kept]
    return tuple((float(f"{x:.{digits}g}"), float(f"{p:.{digits}g}")) for x, p in some)
