"""Saying nothing where the evidence does not decide: split conformal prediction, class by class.

Vovk, Gammerman and Shafer, "Algorithmic learning in a random world" (2005), Mondrian (label-conditional) form: of
real clips like those it was fitted on, at most a share ``error`` is ever called manipulated, and the same the other
way round, whatever the detector is. What pays for it is ``cannot tell``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from detect.results import Verdict

ERROR = 0.05
DIGITS = 6


@dataclass(frozen=True)
class Conformal:
    """What real and manipulated samples of the held-out part scored.

    Attributes:
        real, fake: their calibrated probabilities, ascending.
        error: the share of each class that may be taken for the other.
    """

    real: tuple[float, ...]
    fake: tuple[float, ...]
    error: float = ERROR

    @property
    def smallest_error(self) -> float:
        """The least ``error`` at which a verdict other than ``cannot tell`` can be given: 1 / (samples + 1)."""
        return 1 / (min(len(self.real), len(self.fake)) + 1)

    def p_values(self, probability: float) -> tuple[float, float]:
        """(of real, of manipulated): the share of that class, this one with it, at least as unlike its class."""
        at = round(float(probability), DIGITS)
        above = len(self.real) - int(np.searchsorted(self.real, at, side="left"))
        below = int(np.searchsorted(self.fake, at, side="right"))
        return (above + 1) / (len(self.real) + 1), (below + 1) / (len(self.fake) + 1)

    def verdict(self, probability: float, error: float | None = None) -> Verdict:
        """A class is kept while its p-value is above ``error``; both or neither kept is ``cannot tell``.

        Args:
            error: the predictor's own where nothing is said.
        """
        most = self.error if error is None else error
        real, fake = (value > most for value in self.p_values(probability))
        if real == fake:
            return "cannot tell"
        return "manipulated" if fake else "no manipulation found"

    def to_card(self) -> dict[str, Any]:
        return {
            "kind": "split conformal per class",
            "error": self.error,
            "real": list(self.real),
            "fake": list(self.fake),
        }

    @staticmethod
    def from_card(card: Mapping[str, Any]) -> Conformal:
        real, fake = (tuple(float(p) for p in card[name]) for name in ("real", "fake"))
        return Conformal(real, fake, float(card.get("error", ERROR)))


def fit_conformal(probability: np.ndarray, label: np.ndarray, error: float = ERROR) -> Conformal:
    """Keep what the held-out samples scored.

    Args:
        probability: float (N,), calibrated, of samples that neither the model nor its calibration was fitted on: for
            a verdict on clips one a clip, since samples must not hang together.
        label: (N,), 1 manipulated, 0 real; both must occur.
        error: the share of each class that may be taken for the other.

    Raises:
        ValueError: one class is missing.
    """
    probability, label = np.asarray(probability, dtype=np.float64), np.asarray(label).astype(bool)
    if label.all() or not label.any():
        raise ValueError("conformal prediction needs samples of both classes")
    real, fake = (np.sort(probability[rows].round(DIGITS)).tolist() for rows in (~label, label))
    return Conformal(tuple(real), tuple(fake), error)
