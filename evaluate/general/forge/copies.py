"""Faces as an autoencoder gives them back: what the swap models of the field put into a frame.

One network learns to copy many people's aligned faces through a narrow code, as a swap model does before it is
trained on two of them. What comes out is soft where a code holds no texture, and has the decoder's own regularities.
Several are trained, of different codes and lengths, so that a detector learns none of them by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluate.general.bank import BELOW
from evaluate.general.bank import COVERAGE as STORED
from evaluate.general.forge.fields import affine_grid, noise, sample, unit_grid

SIDE, COVERAGE = 160, 1.45


@dataclass(frozen=True)
class CopyShape:
    """One kind of autoencoder: ``code`` numbers, or, with ``spatial``, so many channels at an eighth of the side."""

    code: int
    spatial: bool
    width: int
    shuffle: bool


# A code that is a grid keeps more of a face than a plain one, which takes longer to learn as well.
SHAPES = (
    CopyShape(6, True, 96, True),
    CopyShape(16, True, 96, True),
    CopyShape(10, True, 80, False),
    CopyShape(512, False, 96, True),
)


class Copier(nn.Module):
    """Encoder and decoder; pictures (B, 3, 160, 160) in [0, 1]."""

    def __init__(self, shape: CopyShape) -> None:
        super().__init__()
        w = shape.width
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4), _down(48, w, 1), _down(w, 2 * w, 2), _Block(2 * w), _down(2 * w, 4 * w, 2)
        )
        low = SIDE // 16
        if shape.spatial:
            self.encoder = nn.Sequential(*self.encoder[:4])
            self.code: nn.Module = nn.Sequential(nn.Conv2d(2 * w, shape.code, 1), nn.Conv2d(shape.code, 4 * w, 1))
            first: list[nn.Module] = [_up(4 * w, 2 * w, False, 1)]
        else:
            self.code = nn.Sequential(
                nn.Flatten(),
                nn.Linear(4 * w * low * low, shape.code),
                nn.Linear(shape.code, 2 * w * low * low),
                nn.Unflatten(1, (2 * w, low, low)),
            )
            first = [_up(2 * w, 2 * w, shape.shuffle)]
        self.decoder = nn.Sequential(
            *first,
            _Block(2 * w),
            _up(2 * w, w, shape.shuffle),
            _Block(w),
            _up(w, w // 2, shape.shuffle),
            _Block(w // 2),
            _up(w // 2, w // 4, shape.shuffle),
            nn.Conv2d(w // 4, 3, 3, 1, 1),
        )

    def forward(self, picture: Tensor) -> Tensor:
        return self.decoder(self.code(self.encoder(picture))).sigmoid()


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(x + self.second(functional.leaky_relu(self.first(x), 0.2)), 0.2)


def _down(into: int, out: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(into, out, 3 if stride == 1 else 5, stride, 1 if stride == 1 else 2), nn.LeakyReLU(0.1)
    )


def _up(into: int, out: int, shuffle: bool, factor: int = 2) -> nn.Module:
    if factor == 1:
        return nn.Sequential(nn.Conv2d(into, out, 3, 1, 1), nn.LeakyReLU(0.1))
    if shuffle:
        return nn.Sequential(nn.Conv2d(into, 4 * out, 3, 1, 1), nn.LeakyReLU(0.1), nn.PixelShuffle(2))
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(into, out, 3, 1, 1), nn.LeakyReLU(0.1))


def aligned_crop(picture: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The inner part of the bank's canvases as a copier sees it; with a generator a little moved."""
    batch, device = len(picture), picture.device
    turn, shift = torch.zeros(batch, device=device), torch.tensor([[0.0, BELOW]], device=device).repeat(batch, 1)
    scale = torch.full((batch,), COVERAGE / STORED, device=device)
    if generator is not None:
        turn = 0.12 * torch.randn(batch, generator=generator, device=device)
        scale = scale * torch.exp(0.05 * torch.randn(batch, generator=generator, device=device))
        shift = shift + 0.015 * torch.randn(batch, 2, generator=generator, device=device)
    return sample(picture, affine_grid(SIDE, turn, scale, shift))


def laid_back(copy: Tensor, side: int) -> Tensor:
    """Copies at their place in canvases; around them their border repeats."""
    middle = torch.tensor([0.5, 0.5 + BELOW], device=copy.device)
    grid = (unit_grid(side, copy.device) - middle) * (STORED / COVERAGE) + 0.5
    return sample(copy, grid.expand(len(copy), -1, -1, -1), "bicubic").clamp(0, 1)


def copy_loss(given: Tensor, wanted: Tensor) -> Tensor:
    """Absolute error and structural dissimilarity (Wang et al., 2004, on 8x8 windows)."""
    x, y = given.float(), wanted.float()

    def mean(z: Tensor) -> Tensor:
        return functional.avg_pool2d(z, 8, 2)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    likeness = (2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4))
    return 3 * (x - y).abs().mean() + (1 - likeness).mean() / 2


def learn_step(copier: nn.Module, canvases: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of one step: the input is warped, the wanted picture is not (as in DeepFaceLab)."""
    wanted = aligned_crop(canvases, generator)
    bend = 0.008 * noise(generator, len(wanted), 2, SIDE, 6).permute(0, 2, 3, 1)
    given = sample(wanted, unit_grid(SIDE, wanted.device) + bend)
    with torch.autocast(wanted.device.type, dtype=torch.bfloat16):
        made = copier(given)
    return copy_loss(made, wanted)
