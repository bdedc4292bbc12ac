"""A backbone with a heatmap head, and beside it a branch that looks at frequencies alone.

Upsampling, blending and a second encoding leave their traces in the spectrum of the noise: its slope falls off too
early, or has peaks where a decoder's grid lies (Durall et al., "Watch your up-convolution", CVPR 2020; Frank et al.,
"Leveraging frequency analysis for deep fake image recognition", ICML 2020). The branch sees the log amplitude of the
luma's high-pass residual, as a mean over rings of equal frequency and as a small map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detect.detector import BuiltModel, register_model
from detect.models.timm_heatmap import DEFAULT_BACKBONE

if TYPE_CHECKING:
    import torch

LUMA = (0.299, 0.587, 0.114)
# The third of the residual filters that ``detect.models.residual`` names: 5x5, flat regions and slopes give 0.
HIGH_PASS = (
    np.array(
        [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], np.float32
    )
    / 12
)
MAP = 32
FLOOR = 1e-3


@register_model("spectrum")
def spectrum(
    weights: str = "scratch",
    backbone: str = DEFAULT_BACKBONE,
    stride: int = 4,
    width: int = 32,
    rings: int = 32,
    channels: int = 16,
) -> BuiltModel:
    """Build the model.

    Args:
        weights, backbone, stride, width: as of ``timm_heatmap``.
        rings: how many rings of equal frequency, from 0 to half the sampling rate.
        channels: of the branch's convolutions, and how many numbers it gives of each kind.
    """
    import torch
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    from detect.pyramid import body_of

    body, said = body_of(backbone, weights)
    mean, std = list(IMAGENET_DEFAULT_MEAN), list(IMAGENET_DEFAULT_STD)
    module = _module(body, stride, width, rings, channels, mean, std)
    return BuiltModel(
        module=module.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        options={"backbone": backbone, "stride": stride, "width": width, "rings": rings, "channels": channels},
        normalisation={"mean": mean, "std": std},
        initial_weights=said,
    )


def ring_weights(size: int, rings: int) -> np.ndarray:
    """Means over rings of equal frequency, as a matrix float32 (rings, size * (size // 2 + 1)).

    Each row sums to 1. A ring is a soft one, so that none is empty however small the picture; corners beyond half the
    sampling rate count to the last.
    """
    down, across = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    radius = np.minimum(np.hypot(down, across) / 0.5, 1) * (rings - 1)
    near = np.exp(-0.5 * ((radius.reshape(1, -1) - np.arange(rings)[:, None]) / max(0.5, rings / size)) ** 2)
    return (near / near.sum(1, keepdims=True)).astype(np.float32)


def bin_weights(size: int, bins: int) -> np.ndarray:
    """Means over ``bins`` equal stretches of a line, as a matrix float32 (bins, size): adaptive average pooling.

    As a matrix, because ONNX has no pooling to a size that does not divide the input's.
    """
    found = np.zeros((bins, size), np.float32)
    for row in range(bins):
        start, stop = row * size // bins, -(-(row + 1) * size // bins)
        found[row, start:stop] = 1 / (stop - start)
    return found


def _module(
    body: torch.nn.Module, stride: int, width: int, rings: int, channels: int, mean: list[float], std: list[float]
) -> torch.nn.Module:
    import torch
    from torch import nn
    from torch.nn import functional

    from detect.detector import ModelOutput
    from detect.pyramid import Pyramid

    class Branch(nn.Module):
        colour: torch.Tensor
        black: torch.Tensor
        filter: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            luma = torch.tensor(LUMA).view(1, 3, 1, 1)
            self.register_buffer("colour", luma * torch.tensor(std).view(1, 3, 1, 1), persistent=False)
            self.register_buffer("black", (luma * torch.tensor(mean).view(1, 3, 1, 1)).sum(), persistent=False)
            self.register_buffer("filter", torch.from_numpy(HIGH_PASS)[None, None], persistent=False)
            self.from_rings = nn.Sequential(nn.BatchNorm1d(rings), nn.Linear(rings, channels), nn.ReLU())
            self.from_map = nn.Sequential(
                nn.BatchNorm2d(1),
                nn.Conv2d(1, channels, 3, 2, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, 2, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
            )
            self.known: dict[tuple[int, str], tuple[torch.Tensor, ...]] = {}

        def matrices(self, size: int, device: torch.device) -> tuple[torch.Tensor, ...]:
            """Hann window, cosines, sines and ring weights for crops of a size; made once."""
            size = int(size)  # traced for an export, the sizes of a tensor are no numbers
            key = (size, str(device))
            if key not in self.known:
                phase = 2 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
                window = np.outer(np.hanning(size), np.hanning(size))
                cosine, sine = np.cos(phase) / np.sqrt(size), np.sin(phase) / np.sqrt(size)
                down, across = bin_weights(size, MAP), bin_weights(size // 2 + 1, MAP // 2)
                made = (window, cosine, sine, ring_weights(size, rings), down, across)
                self.known[key] = tuple(torch.tensor(m, dtype=torch.float32, device=device) for m in made)
            return self.known[key]

        def amplitude(self, x: torch.Tensor) -> torch.Tensor:
            """Log amplitude of the residual's spectrum, (N, S, S // 2 + 1), rows in the order of ``numpy.fft``.

            Two products with the matrix of the transform, which every runtime has, in place of a fast one.
            """
            grey = (x * self.colour).sum(1, keepdim=True) + self.black
            padded = functional.pad(grey, (2, 2, 2, 2), mode="reflect")
            residual = functional.conv2d(padded, self.filter)[:, 0] * 255
            window, cosine, sine, *_ = self.matrices(x.shape[-1], x.device)
            windowed = residual * window
            half = int(x.shape[-1]) // 2 + 1
            real, imaginary = windowed @ cosine[:, :half], -(windowed @ sine[:, :half])
            real, imaginary = cosine @ real + sine @ imaginary, cosine @ imaginary - sine @ real
            return 0.5 * torch.log(real.square() + imaginary.square() + FLOOR)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast(x.device.type, enabled=False):
                shown = self.amplitude(x.float())
                weights, down, across = self.matrices(x.shape[-1], x.device)[3:]
                pooled = self.from_rings(shown.flatten(1) @ weights.T)
                small = down @ shown @ across.T
                return torch.cat([pooled, self.from_map(small[:, None]).mean((2, 3))], 1)

    class Spectrum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pyramid = Pyramid(body, stride, width, 2 * channels)
            self.branch = Branch()

        def forward(self, x: torch.Tensor) -> ModelOutput:
            return self.pyramid(x, self.branch(x))

    return Spectrum()
