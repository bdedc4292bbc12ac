"""How sure a probability is: 95 % intervals of one sample's and of a clip's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detect.calibration import Calibration, log_odds, sigmoid

LEVEL = 0.95
FEW_BLOCKS = 4


def probability_interval(
    logit: float, calibration: Calibration, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """A 95 % interval of one calibrated probability, from the calibration's own uncertainty alone."""
    rng = np.random.default_rng(seed)
    at = np.array([logit], dtype=np.float64)
    return _interval(
        np.array([float(one.probability(at)[0]) for one in calibration.drawn(rng, draws)]),
        float(calibration.probability(at)[0]),
    )


def clip_interval(
    logit: np.ndarray,
    times: np.ndarray,
    calibration: Calibration,
    block_seconds: float = 1.0,
    draws: int = 1000,
    seed: int = 0,
    pooled: Callable[[np.ndarray], float] | None = None,
) -> tuple[float, float]:
    """A 95 % interval of the probability of one face over a clip.

    Blocks of ``block_seconds`` are drawn with replacement (frames beside each other say the same), and with every
    draw a calibration from the calibration's own uncertainty. Fewer than four blocks say too little of their own
    spread: there the spread of single samples on the held-out part is added.

    Args:
        logit: float (N,), raw.
        times: float (N,), seconds.
        calibration: of frames; of clips where ``pooled`` is given.
        pooled: the clip's logit from the numbers of the frames drawn (int (N,)), for a detector that calibrates
            clips; without it the probability is the mean of the frames' calibrated ones.
    """
    rng = np.random.default_rng(seed)
    logit = np.asarray(logit, dtype=np.float64)
    block = np.floor((np.asarray(times) - np.min(times)) / block_seconds).astype(int)
    groups = [np.flatnonzero(block == b) for b in np.unique(block)]
    calibrations = calibration.drawn(rng, draws)
    extra = calibration.spread / np.sqrt(len(groups)) if len(groups) < FEW_BLOCKS else 0.0
    found = np.empty(draws)
    whole = np.array([pooled(np.arange(len(logit)))]) if pooled else logit
    for draw, one in enumerate(calibrations):
        chosen = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        shift = rng.normal(0.0, extra) if extra else 0.0
        said = one.probability(logit[chosen] if pooled is None else np.array([pooled(chosen)]))
        found[draw] = (sigmoid(log_odds(said) + shift) if shift else said).mean()
    return _interval(found, float(calibration.probability(whole).mean()))


def _interval(found: np.ndarray, point: float) -> tuple[float, float]:
    """The middle 95 % of what was found, stretched to hold the point itself."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return min(float(low), point), max(float(high), point)
