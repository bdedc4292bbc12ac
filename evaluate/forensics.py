"""Three old looks at a picture that need no detector: noise residual, spectrum, error level.

They show traces, and say nothing by themselves: compression, scaling and sharpening leave traces too.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from datasets.degrade import jpeg_round_trip

# The residual of this many grey values, and the error of this many, is drawn white.
NOISE_WHITE, ERROR_WHITE = 12.0, 12.0
ERROR_QUALITY = 90
DECADES = 6.0


def noise_residual(image: np.ndarray) -> np.ndarray:
    """What a median of 3 x 3 takes away: noise, and edges; a face that a network drew is often too smooth.

    Args:
        image: uint8 RGB HxWx3.

    Returns:
        uint8 RGB HxWx3: the size of the residual in each channel, white at ``NOISE_WHITE`` grey values.
    """
    away = cv2.absdiff(image, cv2.medianBlur(np.ascontiguousarray(image), 3)).astype(np.float32)
    return _white(away, NOISE_WHITE)


def spectrum(image: np.ndarray) -> np.ndarray:
    """The power of each frequency, coarse in the middle, fine at the rim; a grid of dots betrays upsampling.

    Returns:
        uint8 RGB, square, of the picture's shorter side: ``DECADES`` powers of ten from black to white, the mean of the
        brightest ring white.
    """
    luma = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = min(luma.shape)
    y, x = (n // 2 - side // 2 for n in luma.shape)
    part = luma[y : y + side, x : x + side]
    window = np.hanning(side).astype(np.float32)
    power = np.abs(np.fft.fftshift(np.fft.fft2((part - part.mean()) * window[:, None] * window))) ** 2
    level = np.log10(power + 1e-6)
    top = float(np.quantile(level, 0.999))
    grey = np.clip((level - top) / DECADES + 1, 0, 1)
    return np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=2)


def error_level(image: np.ndarray) -> np.ndarray:
    """What a JPEG of quality 90 changes: parts that were compressed otherwise before change by another amount.

    Returns:
        uint8 RGB HxWx3, white at ``ERROR_WHITE`` grey values.
    """
    again = jpeg_round_trip(np.ascontiguousarray(image), ERROR_QUALITY)
    return _white(cv2.absdiff(image, again).astype(np.float32), ERROR_WHITE)


def _white(size: np.ndarray, white: float) -> np.ndarray:
    return np.clip(size * (255 / white), 0, 255).astype(np.uint8)


# Name for people, the look, and what to look for in it.
LOOKS: tuple[tuple[str, Callable[[np.ndarray], np.ndarray], str], ...] = (
    (
        "Noise residual",
        noise_residual,
        "Grain should be as strong on the face as on skin and wall beside it. A smooth patch was drawn, or denoised.",
    ),
    (
        "Spectrum",
        spectrum,
        "Coarse patterns in the middle, fine ones outside. Dots in a grid come from upsampling; a square border, from "
        "scaling or compression.",
    ),
    (
        "Error level",
        error_level,
        "How much a new compression changes. A face that stands out from its surroundings may come from another "
        "picture; edges always stand out.",
    ),
)
