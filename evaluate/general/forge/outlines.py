"""Masks of a face on a GPU: convex outlines, grown, frayed and softened, one draw for each picture."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from evaluate.general.forge.fields import noise, unit_grid

EDGES = 32
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 46, 276)
EYES = (33, 133, 159, 145, 263, 362, 386, 374)
MOUTH = (61, 291, 37, 267, 84, 314, 40, 270, 91, 321)
NOSE = (98, 327, 2, 4, 168)
UPPER = (10, 338, 297, 332, 284, 251, 389, 162, 21, 54, 103, 67, 109)
# Shapes of a swap: the whole face; without the forehead; with more of it; the inner face; the mouth; the eyes.
SHAPES = ("whole", "brows", "high", "inner", "mouth", "eyes")
SHARES = (0.48, 0.17, 0.15, 0.11, 0.06, 0.03)


def outlines_of(landmarks: np.ndarray) -> np.ndarray:
    """The shapes of one face (468, 2) as half-planes, float32 (len(SHAPES), EDGES, 3): inside where all are negative.

    A row (a, b, c) is the signed distance a x + b y + c, in the landmarks' own unit.
    """
    points = np.asarray(landmarks, np.float32)
    lower = np.array([i for i in range(len(points)) if i not in UPPER])
    below = points[lower][points[lower, 1] > points[list(BROWS), 1].min() - 1e-4]
    middle = points.mean(0)
    high = points.copy()
    high[list(UPPER)] += (points[list(UPPER)] - middle) * 0.22
    inner = points[[*BROWS, *EYES, *MOUTH, *NOSE]]
    sets = (points, below, high, inner, points[list(MOUTH)], points[list(EYES)])
    return np.stack([_half_planes(one) for one in sets])


def _half_planes(points: np.ndarray) -> np.ndarray:
    hull = cv2.convexHull(np.ascontiguousarray(points, dtype=np.float32)).reshape(-1, 2)
    # Long outlines lose the corners that matter least.
    while len(hull) > EDGES:
        before, after = np.roll(hull, 1, 0), np.roll(hull, -1, 0)
        a, b = hull - before, after - hull
        hull = np.delete(hull, int(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).argmin()), 0)
    along = np.roll(hull, -1, 0) - hull
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-6)
    normal = np.column_stack([along[:, 1], -along[:, 0]]) / length[:, None]
    offset = -(normal * hull).sum(1)
    if (hull.mean(0) @ normal.T + offset).mean() > 0:
        normal, offset = -normal, -offset
    rows = np.column_stack([normal, offset]).astype(np.float32)
    return np.concatenate([rows, np.repeat(rows[:1], EDGES - len(rows), 0)])


def moved_planes(planes: Tensor, turn: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Half-planes (B, EDGES, 3) after ``fields.affine_grid`` of the same numbers was sampled."""
    cos, sin = (f(turn) for f in (torch.cos, torch.sin))
    a, b, c = planes.unbind(-1)
    # A point q of the new picture was p = scale R (q - .5) + .5 + shift.
    u = cos[:, None] * a + sin[:, None] * b
    v = -sin[:, None] * a + cos[:, None] * b
    rest = (c + a * (0.5 + shift[:, :1]) + b * (0.5 + shift[:, 1:])) / scale[:, None]
    return torch.stack([u, v, rest - 0.5 * (u + v)], -1)


def distance(planes: Tensor, side: int) -> Tensor:
    """Signed distance to the outline, (B, side, side), negative inside."""
    grid = unit_grid(side, planes.device).reshape(-1, 2)
    far = planes[..., :2] @ grid.T + planes[..., 2:]
    return far.amax(1).reshape(len(planes), side, side)


def soft_masks(planes: Tensor, shape: Tensor, side: int, unit: float, generator: torch.Generator) -> Tensor:
    """Draw a mask for each outline, (B, 1, side, side) in [0, 1].

    Args:
        shape: (B,), which of :data:`SHAPES` each outline is; parts of a face are not made smaller.
        unit: side of the landmark box in units of the picture's side.
    """
    batch, device = len(planes), planes.device

    def drawn(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, 1, generator=generator, device=device)

    far = distance(planes, side) / unit
    far = far + drawn(0, 0.035) * noise(generator, batch, 1, side, 6)[:, 0]
    grown, feather = drawn(-0.10, 0.05), torch.exp(drawn(-4.4, -1.7))
    grown = torch.where((shape >= SHAPES.index("mouth"))[:, None, None], grown.abs(), grown)
    ramp = ((grown - far) / feather + 0.5).clamp(0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    share = 1 - 0.5 * drawn(0, 1) * (drawn(0, 1) < 0.3)
    return (ramp * share)[:, None]
