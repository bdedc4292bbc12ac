"""Losses of swap training, on float32 NCHW tensors in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def gaussian_window(width: int, sigma: float) -> Tensor:
    """A normalised 1-D Gaussian of ``width`` taps, float32 (width,)."""
    at = torch.arange(width, dtype=torch.float32) - (width - 1) / 2
    window = torch.exp(-(at**2) / (2 * sigma**2))
    return window / window.sum()


def blur(x: Tensor, window: Tensor) -> Tensor:
    """Separable valid-mode filtering of every channel of NCHW by a 1-D window."""
    channels = x.shape[1]
    taps = window.to(x.device, x.dtype)
    down = taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    across = taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return functional.conv2d(functional.conv2d(x, down, groups=channels), across, groups=channels)


def ssim_map(a: Tensor, b: Tensor, window: Tensor, k1: float = 0.01, k2: float = 0.03) -> Tensor:
    """Structural similarity of each window position (Wang et al. 2004), values in [-1, 1]."""
    count = a.shape[1]
    moments = blur(torch.cat([a, b, a * a, b * b, a * b], 1), window)
    mean_a, mean_b, aa, bb, ab = torch.split(moments, count, 1)
    c1, c2 = k1**2, k2**2
    variance_a, variance_b, covariance = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )


def dssim(a: Tensor, b: Tensor, window: Tensor) -> Tensor:
    """(1 - SSIM) / 2, mean over everything."""
    return (1 - ssim_map(a, b, window).mean()) / 2


WIDEST_WINDOW, LARGE = 11, 256


def face_dssim(a: Tensor, b: Tensor) -> Tensor:
    """DSSIM of faces (N, 3, S, S): one window, and from 256 pixels the mean of a second that sees twice as far.

    The window is S / 11.6 pixels wide with a deviation of 1.5; past 11 pixels a wider one would only add zeros. The
    second is the same window on the picture at half its size, as in multi-scale SSIM (Wang, Simoncelli and Bovik 2003).
    """
    size = a.shape[-1]
    window = gaussian_window(min(WIDEST_WINDOW, int(size / 11.6) | 1), 1.5)
    near = dssim(a, b, window)
    if size < LARGE:
        return near
    return (near + dssim(functional.avg_pool2d(a, 2), functional.avg_pool2d(b, 2), window)) / 2


def statistics(picture: Tensor, hull: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel (N, C, S, S) over the hull (N, 1, S, S): (N, C, 1, 1) each."""
    weight = hull.sum((2, 3), keepdim=True).clamp(min=1e-3)
    mean = (picture * hull).sum((2, 3), keepdim=True) / weight
    variance = ((picture - mean).square() * hull).sum((2, 3), keepdim=True) / weight
    return mean, (variance + 1e-8).sqrt()


def style_loss(made: Tensor, wanted: Tensor, hull: Tensor) -> Tensor:
    """How far the colours of one picture are from another's: mean and deviation of each channel, after a light blur.

    The first and second moments of Huang and Belongie (2017), taken on the picture itself.
    """
    window = gaussian_window(5, 1.5)
    inner = hull[:, :, 2:-2, 2:-2]
    (mean, deviation), (other, spread) = (statistics(blur(p, window), inner) for p in (made, wanted))
    return (mean - other).square().mean() + (deviation - spread).square().mean()
