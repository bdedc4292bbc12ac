"""How a training is paced: learning rate and warp over its course."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.ema import Ema as Ema


@dataclass(frozen=True)
class Schedule:
    """How the learning rate and the random warp run over a training.

    Attributes:
        rate: peak learning rate.
        rise: steps of linear warm-up.
        fall: part of the training, at its end, over which the rate falls to ``floor`` of its peak.
        unwarp: part of the training, at its end, over which the random warp fades to ``warp_floor``.
    """

    rate: float = 1e-3
    rise: int = 50
    fall: float = 0.4
    floor: float = 0.03
    unwarp: float = 0.3
    warp_floor: float = 0.1

    def learning_rate(self, step: int, part: float) -> float:
        """The rate at ``step``, where ``part`` in [0, 1] of the training is done."""
        fade = 1.0 if part < 1 - self.fall else max(self.floor, (1 - part) / self.fall)
        return self.rate * min(1.0, (step + 1) / self.rise) * fade

    def warp(self, part: float) -> float:
        """Strength of the random warp, where ``part`` in [0, 1] of the training is done."""
        return 1.0 if part < 1 - self.unwarp else max(self.warp_floor, (1 - part) / self.unwarp)
