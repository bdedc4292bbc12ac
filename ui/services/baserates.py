"""What a score means where fakes are rare: Bayes' rule on numbers that a person can picture."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.errors import InputError


@dataclass(frozen=True)
class Crowd:
    """Clips by what they are and what the detector says, whole numbers that add up.

    Attributes:
        found, missed: fakes that are called fake, and that are not.
        alarms, passed: real clips that are called fake, and that are not.
    """

    found: int
    missed: int
    alarms: int
    passed: int

    @property
    def called(self) -> int:
        return self.found + self.alarms

    @property
    def true_share(self) -> float | None:
        """Of the clips that are called fake, the share that is; None where none is called so."""
        return self.found / self.called if self.called else None


def crowd(clips: int, fakes: float, finds: float, alarms: float) -> Crowd:
    """A crowd of clips as the shares would have it, rounded to whole clips.

    Args:
        clips: how many.
        fakes: share of fakes among them, in [0, 1].
        finds: share of the fakes that the detector calls so, in [0, 1].
        alarms: share of the real ones that it calls fake, in [0, 1].

    Raises:
        InputError: a share that is none.
    """
    if clips < 1 or not all(0 <= share <= 1 for share in (fakes, finds, alarms)):
        raise InputError("Shares lie between 0 and 1.")
    number = round(clips * fakes)
    found, false = round(number * finds), round((clips - number) * alarms)
    return Crowd(found, number - found, false, clips - number - false)


def share_of_true(fakes: float, finds: float, alarms: float) -> float | None:
    """Of what is called fake, the share that is, by Bayes' rule; None where nothing is called so."""
    hits, false = fakes * finds, (1 - fakes) * alarms
    return hits / (hits + false) if hits + false > 0 else None


def at_base_rate(probability: float, fakes: float, calibrated_at: float = 0.5) -> float:
    """A calibrated probability where fakes are as common as ``fakes`` says, not as they were in calibration.

    The evidence, a ratio of likelihoods, stays; the odds before it change (Bayes' rule; Saerens et al., "Adjusting the
    outputs of a classifier to new a priori probabilities", 2002).

    Args:
        probability: of the detector, in (0, 1). fakes: share of fakes where the clip comes from, in (0, 1).
        calibrated_at: share of fakes among the clips of the calibration.

    Raises:
        InputError: one of them is 0 or 1, or none.
    """
    for value in (probability, fakes, calibrated_at):
        if not 0 < value < 1:
            raise InputError("A probability and the shares of fakes lie between 0 and 1, both left out.")
    odds = probability / (1 - probability) * (1 - calibrated_at) / calibrated_at * fakes / (1 - fakes)
    return odds / (1 + odds)
