"""A small network for traces: fixed high-pass filters beside the colours, and a heatmap head.

What a face swap leaves is fine: grain, sharpness and edges that do not agree with their surroundings. Three residual
filters of the rich models of steganalysis (Fridrich and Kodovsky, 2012), on the luma and held fixed, show the network
that from its first step; a space-to-depth layer in place of a strided one lets no fine detail be averaged away before
it was looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datasets.errors import InputError
from detect.detector import BuiltModel, register_model
from detect.ensemble import ensemble

if TYPE_CHECKING:
    import torch

# First difference to all sides, second differences along both axes, and the 5x5 kernel of Ker and Boehme.
FILTERS = (
    np.pad(np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32) / 4, 1),
    np.pad(np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], np.float32) / 4, 1),
    np.array(
        [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], np.float32
    )
    / 12,
)
LUMA = (0.299, 0.587, 0.114)
# Residuals of a few levels are brought to the size of the colours, and strong edges are cut off (in 0..1 of the range).
GAIN, CUT = 8.0, 1.0
TOP_SHARE = 0.1


@register_model("residual")
def residual(
    weights: str = "scratch",
    widths: tuple[int, ...] | list[int] = (24, 48, 96, 128),
    neck: int = 24,
    members: int = 1,
) -> BuiltModel:
    """Build the model.

    Args:
        weights: ``scratch``; there are no others.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the crop.
        neck: channels of the small pyramid that the heatmap, at 1/4 of the crop, is read off.
        members: how many such networks there are, whose logits are averaged; the features are those of the first.
    """
    if weights != "scratch":
        raise InputError(f"There are no {weights!r} weights for a residual network; there are: scratch.")
    if len(widths) != 4:
        raise InputError("A residual network has four widths.")
    return BuiltModel(
        module=ensemble(lambda: _module(tuple(int(w) for w in widths), neck), members),
        options={"widths": [int(w) for w in widths], "neck": neck, "members": members},
        normalisation={"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        initial_weights="scratch (random, from the seed)",
    )


def _module(widths: tuple[int, ...], neck: int) -> torch.nn.Module:
    import torch
    from torch import nn
    from torch.nn import functional

    from detect.detector import ModelOutput

    def conv(into: int, out: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first = conv(width, width)
            self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.relu(x + self.second(self.first(x)))

    class Residual(nn.Module):
        filters: torch.Tensor
        luma: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("filters", torch.from_numpy(np.stack(FILTERS)[:, None]), persistent=False)
            self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)
            a, b, c, d = widths
            self.stem = conv(4 * (3 + len(FILTERS)), a)
            self.quarter = nn.Sequential(conv(a, b, 2), Block(b))
            self.eighth = nn.Sequential(conv(b, c, 2), Block(c))
            self.sixteenth = nn.Sequential(conv(c, d, 2), Block(d))
            self.lateral = nn.ModuleList(nn.Conv2d(w, neck, 1) for w in (b, c, d))
            self.smooth = conv(neck, neck)
            self.to_heat = nn.Conv2d(neck, 1, 1)
            pooled = 2 * (b + c + d) + neck + 3
            self.to_logit = nn.Sequential(nn.LayerNorm(pooled), nn.Dropout(0.2), nn.Linear(pooled, 1))

        def forward(self, x: torch.Tensor) -> ModelOutput:
            # In 16 bit the traces that the filters are there for would be rounded away.
            with torch.autocast(x.device.type, enabled=False):
                grey = (x * self.luma).sum(1, keepdim=True)
                fine = functional.conv2d(functional.pad(grey, (2, 2, 2, 2), mode="replicate"), self.filters)
                fine = (fine * GAIN).clamp(-CUT, CUT)
            found = self.stem(functional.pixel_unshuffle(torch.cat([x, fine], 1), 2))
            maps = []
            for stage in (self.quarter, self.eighth, self.sixteenth):
                found = stage(found)
                maps.append(found)
            pyramid = self.lateral[2](maps[2])
            for lateral, finer in ((self.lateral[1], maps[1]), (self.lateral[0], maps[0])):
                pyramid = lateral(finer) + functional.interpolate(pyramid, size=finer.shape[-2:], mode="nearest")
            pyramid = self.smooth(pyramid)
            heat = self.to_heat(pyramid)[:, 0]
            shown = heat.sigmoid()
            weight = shown[:, None] / (shown.sum((1, 2))[:, None, None, None] + 1e-3)
            # The square root of a bare variance has no gradient where a channel is dead.
            spread = [(m.var((2, 3), correction=0) + 1e-5).sqrt() for m in maps]
            features = torch.cat([*(m.mean((2, 3)) for m in maps), *spread], 1)
            pointed = (pyramid * weight).sum((2, 3))
            flat = shown.flatten(1)
            top = flat.topk(max(1, int(flat.shape[1] * TOP_SHARE)), dim=1).values.mean(1)
            statistics = torch.stack([flat.mean(1), top, flat.std(1)], 1)
            logit = self.to_logit(torch.cat([features, pointed, statistics], 1))[:, 0]
            return ModelOutput(logit, heat, features)

    return Residual().to(memory_format=torch.channels_last)
