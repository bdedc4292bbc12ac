"""Parts of a portrait that an expression moves, and the contours of the mesh in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """A part of the portrait: half-open pixel ranges."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def cut(self) -> tuple[slice, slice]:
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Column positions (1, W) and row positions (H, 1), float32."""
        x = np.arange(self.x0, self.x1, dtype=np.float32)[None]
        return x, np.arange(self.y0, self.y1, dtype=np.float32)[:, None]


def contour(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Height of a contour at columns ``x`` (1, W); constant beyond its ends."""
    order = np.argsort(points[:, 0])
    return np.interp(x, points[order, 0], points[order, 1]).astype(np.float32)
