"""The ``df`` and ``liae`` autoencoders at 64 to 256 pixels.

Downscale: 5x5, stride 2, LeakyReLU. Inter: two dense layers with nothing between, and an upscale. Upscale: 3x3,
LeakyReLU, pixel shuffle, followed by a residual block. The mask has a branch of its own. The arrangements are those of
DeepFaceLab (Perov et al. 2020): ``df`` has one inter and two decoders, ``liae`` two inters and one decoder.
``fold`` takes the half-size trick further: all work is done at a half or a quarter of the picture's side.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from synth.networks import Autoencoder, Residual, conv
from synth.recipe import Recipe

PLANES = 4


def levels(recipe: Recipe) -> int:
    """How often the encoder halves the folded picture."""
    return int(math.log2(recipe.shrink // recipe.fold))


class Upscale(nn.Module):
    """Twice the side: 3x3 to four times the channels, LeakyReLU, pixel shuffle."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv, self.act, self.shuffle = conv(inputs, outputs * 4), nn.LeakyReLU(0.1), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.act(self.conv(x)))


class DeepEncoder(nn.Module):
    """Picture and hull (N, 4, S, S) to the flat input of an inter (N, ``width``)."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        count = levels(recipe)
        widths = [PLANES * recipe.fold**2, *(recipe.dims.e * 2**i for i in range(count))]
        layers: list[nn.Module] = [nn.PixelUnshuffle(recipe.fold)]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 5, 2, 2), nn.LeakyReLU(0.1)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.width = widths[-1] * (recipe.size // recipe.shrink) ** 2

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class DeepInter(nn.Module):
    """The encoder's output through a narrow code to a plane (N, ae, 2 low, 2 low), low = S / shrink."""

    def __init__(self, recipe: Recipe, inputs: int) -> None:
        super().__init__()
        ae, self.low = recipe.dims.ae, recipe.size // recipe.shrink
        self.width, self.norm = ae, recipe.pixel_norm
        self.code, self.spread = nn.Linear(inputs, ae), nn.Linear(ae, ae * self.low**2)
        self.upscale = Upscale(ae, ae)

    def forward(self, x: Tensor) -> Tensor:
        plane = self.spread(self.code(x)).view(-1, self.width, self.low, self.low)
        plane = self.upscale(plane)
        if self.norm:
            plane = plane * torch.rsqrt(plane.square().mean(1, keepdim=True) + 1e-6)
        return plane


class DeepDecoder(nn.Module):
    """Plane (and likeness) to face (N, 3, S, S) and mask (N, 1, S, S), float32 in [0, 1].

    With a likeness, it comes in at the last level and what the network makes is the departure from it.
    """

    def __init__(self, recipe: Recipe, inputs: int) -> None:
        super().__init__()
        count, fold, dims = levels(recipe) - 1, recipe.fold, recipe.dims
        widths, masks = ([inputs, *(width * 2 ** (count - i) for i in range(count))] for width in (dims.d, dims.mask))
        self.likeness = recipe.likeness
        self.rise, self.mask = nn.Sequential(), nn.Sequential()
        for (one, other), (thin, thinner) in zip(pairwise(widths), pairwise(masks), strict=True):
            self.rise.extend([Upscale(one, other), Residual(other)])
            self.mask.append(Upscale(thin, thinner))
        last, seen = widths[-1], dims.d
        self.look = None
        if self.likeness:
            self.look = nn.Sequential(nn.PixelUnshuffle(fold), conv(PLANES * fold**2, seen), nn.LeakyReLU(0.1))
        joined = last + seen if self.likeness else last
        # With a likeness its detail has to pass through; without, a 1x1 head on a folded plane would leave a grid.
        head = conv(last, 3 * fold**2) if self.likeness or fold > 1 else nn.Conv2d(last, 3, 1)
        self.join = nn.Sequential(conv(joined, last), nn.LeakyReLU(0.1), head) if self.likeness else nn.Sequential(head)
        self.mask_head = conv(masks[-1], fold**2)
        self.unfold = nn.PixelShuffle(fold)
        if self.likeness:
            with torch.no_grad():
                head.weight.mul_(0.1)
                self.mask_head.weight.mul_(0.1)

    def forward(self, plane: Tensor, likeness: Tensor | None) -> tuple[Tensor, Tensor]:
        high = self.rise(plane)
        if self.look is not None:
            assert likeness is not None
            high = torch.cat([high, self.look(likeness - 0.5)], 1)
        face = self.unfold(self.join(high)).float()
        mask = self.unfold(self.mask_head(self.mask(plane))).float()
        if self.look is not None and likeness is not None:
            start = torch.logit(likeness.float(), eps=0.02)
            face, mask = face + start[:, :3], mask + start[:, 3:]
        return torch.sigmoid(face), torch.sigmoid(mask)


class Df(nn.Module):
    """One encoder, one inter, a decoder for each person."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = DeepEncoder(recipe)
        self.inter = DeepInter(recipe, self.encoder.width)
        self.decoders = nn.ModuleDict({who: DeepDecoder(recipe, recipe.dims.ae) for who in ("source", "destination")})

    def forward(self, x: Tensor, likeness: Tensor | None, who: str) -> tuple[Tensor, Tensor]:
        return self.decoders[who](self.inter(self.encoder(x)), likeness)


class Liae(nn.Module):
    """One encoder, an inter for both people (AB) and one for the destination (B), one decoder.

    The source is [AB, AB], the destination [B, AB]; a swap is the destination through the source's way, so that the
    code that both people share carries the destination's light.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = DeepEncoder(recipe)
        self.inter_both = DeepInter(recipe, self.encoder.width)
        self.inter_destination = DeepInter(recipe, self.encoder.width)
        self.decoder = DeepDecoder(recipe, 2 * recipe.dims.ae)

    def forward(self, x: Tensor, likeness: Tensor | None, who: str) -> tuple[Tensor, Tensor]:
        seen = self.encoder(x)
        shared = self.inter_both(seen)
        first = shared if who == "source" else self.inter_destination(seen)
        return self.decoder(torch.cat([first, shared], 1), likeness)


def network_of(recipe: Recipe) -> nn.Module:
    """A fresh network, called with (x (N, 4, S, S), likeness (N, 4, S, S) or None, "source" or "destination")."""
    if recipe.architecture == "quick":
        return Autoencoder(recipe.size)
    return {"df": Df, "liae": Liae}[recipe.architecture](recipe)


class Pair(nn.Module):
    """A network seen as training sees it: one forward for both people of a step, so that it can be wrapped whole.

    Faces come stacked, the source's in the first half of the batch. ``swap``, when it is given, is the likeness of the
    source with the destination's expressions (or the pictures themselves for a network without likeness): the swapped
    destination is made too.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, likeness: Tensor | None, swap: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
        pictures = x.chunk(2)
        alike = likeness.chunk(2) if likeness is not None else (None, None)
        if isinstance(self.network, Autoencoder):
            planes = self.network.inter(self.network.encoder(x)).chunk(2)
            made = [
                self.network.decoders[who](plane, one)
                for who, plane, one in zip(("source", "destination"), planes, alike, strict=True)
            ]
        else:
            made = [
                self.network(picture, one, who)
                for who, picture, one in zip(("source", "destination"), pictures, alike, strict=True)
            ]
        if swap is not None:
            made.append(self.network(pictures[1], swap if likeness is not None else None, "source"))
        return made
