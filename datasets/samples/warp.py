"""Fetching pictures at points: the one way in which this package resamples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Beyond = Literal["nothing", "edge", "mirror"]


def fetch(field: np.ndarray, points: np.ndarray, beyond: Beyond = "edge", cubic: bool = False) -> np.ndarray:
    """The values of a picture or a map at ``points``, shape (H, W) or (H, W, channels), dtype of ``field``.

    Args:
        field: uint8 or float32.
        points: float32 (H, W, 2), x and y in pixels; pixel centres are at whole numbers.
        beyond: what lies outside: zero, the edge carried on, or the mirrored picture.
        cubic: interpolate with cubic instead of linear pieces.
    """
    import cv2

    borders = {"nothing": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101}
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    x, y = (np.ascontiguousarray(points[..., i], dtype=np.float32) for i in (0, 1))
    return np.asarray(cv2.remap(field, x, y, how, borderMode=borders[beyond]))


def enlarge(field: np.ndarray, size: int) -> np.ndarray:
    """A half-resolution map at full resolution, (size, size) or (size, size, channels)."""
    import cv2

    return np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR))


def blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; ``sigma`` in pixels, not under 0.3."""
    import cv2

    return np.asarray(cv2.GaussianBlur(field, (0, 0), max(sigma, 0.3)))


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, cubic between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(grid: np.ndarray, centre: Any, spread: float) -> np.ndarray:
    """A Gaussian hill of height 1 over ``grid`` (H, W, 2), as (H, W, 1)."""
    return np.exp(-np.sum((grid - np.asarray(centre)) ** 2, axis=2) / (2 * spread**2))[..., None]
