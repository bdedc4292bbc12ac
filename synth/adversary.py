"""A small U-Net patch discriminator that sharpens what a decoder makes, late in its training.

It sees real and made faces of one and the same person, inside the hull, and knows nothing of swaps; it is thrown away
with the training. It has no part in detecting anything and nothing of a detector is in it.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.networks import conv

WIDTH, WIDEST = 16, 128


class PatchAdversary(nn.Module):
    """Faces (N, 3, S, S) to two maps of logits, of patches and of pixels (Schoenfeld et al. 2020); high is real.

    Args:
        patch: the side of the patches that the coarse map judges, pixels: as many halvings as it takes to see them.
    """

    def __init__(self, patch: int) -> None:
        super().__init__()
        count = max(2, round(math.log2(patch + 1)) - 1)
        widths = [min(WIDEST, WIDTH * 2**i) for i in range(count + 1)]
        self.enter = conv(3, widths[0])
        self.down = nn.ModuleList(conv(one, other, 2) for one, other in pairwise(widths))
        self.patches = nn.Conv2d(widths[-1], 1, 1)
        self.up = nn.ModuleList(conv(other + one, one) for one, other in pairwise(widths))
        self.pixels = nn.Conv2d(widths[0], 1, 1)
        self.act = nn.LeakyReLU(0.2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = [self.act(self.enter(x - 0.5))]
        for layer in self.down:
            seen.append(self.act(layer(seen[-1])))
        high = seen[-1]
        for layer, before in zip(reversed(self.up), reversed(seen[:-1]), strict=True):
            wide = functional.interpolate(high, size=before.shape[2:], mode="nearest")
            high = self.act(layer(torch.cat([wide, before], 1)))
        return self.patches(seen[-1]), self.pixels(high)


def judged(adversary: nn.Module, x: Tensor, real: bool) -> Tensor:
    """How far the adversary is from calling these faces ``real``: binary cross-entropy, mean of both maps."""
    losses = []
    for logits in adversary(x):
        logits = logits.float()
        wanted = torch.full_like(logits, float(real))
        losses.append(functional.binary_cross_entropy_with_logits(logits, wanted))
    return (losses[0] + losses[1]) / 2
