"""From a raw logit to a probability that means something, and how sure one can be of it.

Platt scaling: ``p = sigmoid(a * logit + b)``, with the smoothed targets of J. Platt, "Probabilistic outputs for
support vector machines" (1999), fitted on a part that the model was not trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.95
FEW_BLOCKS = 4
NEWTON_STEPS = 100


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))`` in float64, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=np.float64)))


@dataclass(frozen=True)
class Platt:
    """A fitted calibration.

    Attributes:
        slope, offset: ``p = sigmoid(slope * logit + offset)``.
        covariance: float64 (2, 2), of (slope, offset), from the curvature of the likelihood.
        spread: standard deviation of ``slope * logit`` within a class on the held-out part: how much one frame says.
        samples: crops it was fitted on.
    """

    slope: float = 1.0
    offset: float = 0.0
    covariance: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    spread: float = 0.0
    samples: int = 0

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of raw logits, same shape."""
        return sigmoid(self.slope * np.asarray(logit, dtype=np.float64) + self.offset)

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


def fit_platt(logit: np.ndarray, label: np.ndarray) -> Platt:
    """Fit slope and offset.

    Args:
        logit: float (N,), raw, of held-out crops.
        label: (N,), 1 manipulated, 0 real; both must occur.
    """
    logit, label = np.asarray(logit, dtype=np.float64), np.asarray(label).astype(bool)
    positive, negative = int(label.sum()), int((~label).sum())
    if not positive or not negative:
        raise ValueError("calibration needs crops of both classes")
    # The targets stand off 0 and 1 by what so many samples can say, which keeps a separable set finite.
    target = np.where(label, (positive + 1) / (positive + 2), 1 / (negative + 2))

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
    within = [slope * logit[label].std(), slope * logit[~label].std()]
    (a, b), (c, d) = covariance.tolist()
    return Platt(slope, offset, ((a, b), (c, d)), float(np.mean(within)), len(logit))


def clip_interval(
    logit: np.ndarray,
    times: np.ndarray,
    calibration: Platt,
    block_seconds: float = 1.0,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """A 95 % interval of the mean calibrated probability of one face over a clip.

    Blocks of ``block_seconds`` are drawn with replacement (frames beside each other say the same), and with every
    draw a slope and an offset from the calibration's own uncertainty. Fewer than four blocks say too little of
    their own spread: there the spread of single frames on the held-out part is added.

    Args:
        logit: float (N,), raw.
        times: float (N,), seconds.
    """
    rng = np.random.default_rng(seed)
    logit = np.asarray(logit, dtype=np.float64)
    block = np.floor((np.asarray(times) - np.min(times)) / block_seconds).astype(int)
    groups = [np.flatnonzero(block == b) for b in np.unique(block)]
    parameters = rng.multivariate_normal(
        [calibration.slope, calibration.offset], np.asarray(calibration.covariance), size=draws, method="svd"
    )
    extra = calibration.spread / np.sqrt(len(groups)) if len(groups) < FEW_BLOCKS else 0.0
    means = np.empty(draws)
    for draw, (slope, offset) in enumerate(parameters):
        chosen = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        shift = rng.normal(0.0, extra) if extra else 0.0
        means[draw] = sigmoid(max(slope, 0.0) * logit[chosen] + offset + shift).mean()
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    point = float(calibration.probability(logit).mean())
    return min(float(low), point), max(float(high), point)
