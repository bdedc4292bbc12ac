"""Several networks of one architecture, trained apart, as one: their logits and heatmaps are averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from datasets.errors import InputError

if TYPE_CHECKING:
    import torch


def ensemble(build: Callable[[], torch.nn.Module], members: int) -> torch.nn.Module:
    """A module of ``members`` fresh networks; one alone stands for itself.

    The features are those of the first. Raises InputError for fewer than one.
    """
    import torch
    from torch import nn

    from detect.detector import ModelOutput

    if members < 1:
        raise InputError("A detector has one network or more.")
    if members == 1:
        return build()

    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.members = nn.ModuleList(build() for _ in range(members))

        def forward(self, x: torch.Tensor) -> ModelOutput:
            said: list[ModelOutput] = [member(x) for member in self.members]
            logit, heat = (torch.stack([getattr(one, part) for one in said]).mean(0) for part in ("logit", "heat"))
            return ModelOutput(logit, heat, said[0].features)

    return Averaged()
