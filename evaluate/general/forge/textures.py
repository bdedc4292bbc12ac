"""What becomes of fine detail: blur, sharpening, smoothing, fewer pixels, grain. One strength for each picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

REACH = 7


def blurred(picture: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian of standard deviation (B,), pixels, at most about 3."""
    at = torch.arange(-REACH, REACH + 1, device=picture.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (at / sigma.clamp_min(1e-2)[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    batch, channels, height, width = picture.shape
    flat = picture.reshape(1, batch * channels, height, width)
    per = kernel.repeat_interleave(channels, 0)
    flat = functional.pad(flat, (REACH, REACH, 0, 0), mode="reflect")
    flat = functional.conv2d(flat, per[:, None, None, :], groups=batch * channels)
    flat = functional.pad(flat, (0, 0, REACH, REACH), mode="reflect")
    return functional.conv2d(flat, per[:, None, :, None], groups=batch * channels).reshape(picture.shape)


def sharpened(picture: Tensor, amount: Tensor, sigma: Tensor) -> Tensor:
    """Unsharp masking; amount and sigma (B,)."""
    return picture + amount[:, None, None, None] * (picture - blurred(picture, sigma))


def smoothed(picture: Tensor, level: Tensor, reach: int = 2) -> Tensor:
    """Texture below ``level`` (B,), of [0, 1], is taken out and edges are kept: He et al., "Guided image filtering"."""
    side = 2 * reach + 1

    def mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.pad(x, (reach,) * 4, mode="reflect"), side, 1)

    middle = mean(picture)
    spread = (mean(picture * picture) - middle * middle).clamp_min(0)
    a = spread / (spread + level.square()[:, None, None, None])
    return mean(a) * picture + mean(middle * (1 - a))


def fewer(picture: Tensor, side: int, mode: str = "bicubic") -> Tensor:
    """Down to ``side`` pixels and back."""
    if side >= picture.shape[-1]:
        return picture
    small = resized(picture, side)
    return resized(small, picture.shape[-1], mode).clamp(0, 1)


def resized(picture: Tensor, side: int, mode: str = "bicubic") -> Tensor:
    """At another side; shrinking averages."""
    have = picture.shape[-1]
    if side == have:
        return picture
    if side < have:
        return functional.interpolate(picture, size=(side, side), mode="bilinear", antialias=True)
    return functional.interpolate(picture, size=(side, side), mode=mode, align_corners=False)


def chosen(which: Tensor, changed: Tensor, otherwise: Tensor) -> Tensor:
    """``changed`` where ``which`` (B,) is true."""
    return torch.where(which[:, None, None, None], changed, otherwise)
