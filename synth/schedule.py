"""How a training is paced: learning rate and warp over its course, and the averaged weights that come out of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


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


class Ema:
    """An exponential moving average of a model's floating-point state, which is what gets used."""

    def __init__(self, model: nn.Module, decay: float = 0.998) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model; in the first steps faster than ``decay``, so that the start is soon forgotten."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        mine, theirs = [], []
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                mine.append(self.values[name])
                theirs.append(value)
            else:
                self.values[name].copy_(value)
        torch._foreach_lerp_(mine, theirs, weight)
