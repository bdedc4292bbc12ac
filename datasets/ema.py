"""Averaged weights: what comes out of a training is a running mean of what it went through."""

from __future__ import annotations

import torch
from torch import nn


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
