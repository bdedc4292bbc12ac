"""Networks of the autoencoder methods: small enough that two CPU cores train them in minutes.

The picture comes in by pixel-unshuffle 4, is worked on at a quarter of its size and below, and leaves by
pixel-shuffle 4: next to no work is done at full size, which is where CPU time goes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1)


class Residual(nn.Module):
    """3x3, LeakyReLU, 3x3, add, LeakyReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second, self.act = conv(width, width), conv(width, width), nn.LeakyReLU(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.second(self.act(self.first(x))))


class Encoder(nn.Module):
    """Picture and hull (N, 4, S, S) to a code (N, code)."""

    def __init__(self, size: int, widths: tuple[int, int, int] = (40, 80, 128), code: int = 128) -> None:
        super().__init__()
        first, second, third = widths
        low = size // 16
        self.body = nn.Sequential(
            nn.PixelUnshuffle(4),
            conv(64, first),
            nn.LeakyReLU(0.1),
            conv(first, second, 2),
            nn.LeakyReLU(0.1),
            conv(second, third, 2),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(third * low * low, code),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Inter(nn.Module):
    """The code shared by both people, widened to the decoder's lowest plane (N, width, S/16, S/16)."""

    def __init__(self, size: int, code: int = 128, width: int = 96) -> None:
        super().__init__()
        self.low, self.width = size // 16, width
        self.spread = nn.Linear(code, width * self.low * self.low)

    def forward(self, code: Tensor) -> Tensor:
        return self.spread(code).view(-1, self.width, self.low, self.low)


class Decoder(nn.Module):
    """Code plane and likeness to face (N, 3, S, S) and mask (N, 1, S, S), both in [0, 1].

    The likeness is the person's neutral texture bent to the wanted landmarks, with its hull
    (``synth.texture.likeness``): the network learns the departure from it.
    """

    def __init__(self, width: int = 96, widths: tuple[int, int, int, int] = (64, 48, 24, 56)) -> None:
        super().__init__()
        middle, upper, seen, last = widths
        act = nn.LeakyReLU(0.1)
        self.rise = nn.Sequential(
            Residual(width),
            conv(width, middle * 4),
            act,
            nn.PixelShuffle(2),
            conv(middle, upper * 4),
            act,
            nn.PixelShuffle(2),
        )
        self.look = nn.Sequential(nn.PixelUnshuffle(4), conv(64, seen), act)
        change = conv(last, 64)
        with torch.no_grad():
            change.weight.mul_(0.1)
        self.join = nn.Sequential(conv(upper + seen, last), act, change, nn.PixelShuffle(4))

    def forward(self, plane: Tensor, likeness: Tensor) -> tuple[Tensor, Tensor]:
        change = self.join(torch.cat([self.rise(plane), self.look(likeness - 0.5)], 1))
        out = torch.sigmoid(torch.logit(likeness, eps=0.02) + change.float())
        return out[:, :3], out[:, 3:]


class Autoencoder(nn.Module):
    """One encoder and one code for two people, a decoder for each (the ``df`` arrangement)."""

    def __init__(self, size: int = 96) -> None:
        super().__init__()
        self.encoder, self.inter = Encoder(size), Inter(size)
        self.decoders = nn.ModuleDict({"source": Decoder(), "destination": Decoder()})

    def forward(self, x: Tensor, likeness: Tensor, who: str) -> tuple[Tensor, Tensor]:
        return self.decoders[who](self.inter(self.encoder(x)), likeness)


def multiply_accumulates(model: nn.Module, size: int) -> int:
    """Forward multiply-accumulates of one picture through encoder and one decoder, counted on the layers' shapes."""
    total = 0

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            total += output.numel() * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        elif isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features

    hooks = [layer.register_forward_hook(count) for layer in model.modules()]
    with torch.no_grad():
        model(torch.zeros(1, 4, size, size), torch.zeros(1, 4, size, size), "source")
    for hook in hooks:
        hook.remove()
    return total
