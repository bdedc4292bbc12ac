"""Lips, jaw and what lies behind them, in the geometry of the still portrait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.samples.layers import CHIN, Layers
from datasets.samples.portraits import LIKENESS
from datasets.samples.regions import Box, contour
from datasets.samples.warp import blur, fetch, smoothstep

UPPER_LIP = [61, 78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 291]
LOWER_LIP = [61, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 291]


@dataclass(frozen=True)
class Mouth:
    box: Box
    upper: np.ndarray  # (1, W) lower edge of the upper lip
    lower: np.ndarray  # (1, W) upper edge of the lower lip
    inside: np.ndarray  # (1, W) 1 between the corners, falling to 0 at them
    drop: np.ndarray  # (H, W) share of the jaw's movement


def _closed_seam(layers: Layers, x: np.ndarray, guess: np.ndarray, reach: float) -> np.ndarray:
    """The dark line between closed lips near ``guess``: a smooth curve through the darkest rows of its columns."""
    import cv2

    grey = blur(cv2.cvtColor(layers.still.image, cv2.COLOR_RGB2GRAY), 0.8).astype(np.float32)
    columns = x[0].astype(int)
    offsets = np.arange(-int(reach), int(reach) + 1)
    rows = np.clip(np.round(guess[0]).astype(int)[None] + offsets[:, None], 0, grey.shape[0] - 1)
    # A soft minimum: the darkness-weighted mean row, steadier than the single darkest pixel.
    dark = np.exp(-(grey[rows, columns[None]] - grey[rows, columns[None]].min(axis=0)) / 6.0)
    found = (rows * dark).sum(axis=0) / dark.sum(axis=0)
    t = (columns - columns.mean()) / max(np.ptp(columns), 1)
    return np.polyval(np.polyfit(t, found, 5), t)[None].astype(np.float32)


def make_mouth(layers: Layers) -> Mouth:
    mesh, unit = layers.still.landmarks, layers.still.face_width
    upper, lower = mesh[UPPER_LIP, :2], mesh[LOWER_LIP, :2]
    left, right = float(upper[:, 0].min()), float(upper[:, 0].max())
    middle, half = (left + right) / 2, (right - left) / 2
    chin = float(mesh[CHIN, 1])
    box = Box(
        int(middle - 0.62 * unit),
        int(upper[:, 1].min() - 0.08 * unit),
        int(middle + 0.62 * unit) + 1,
        int(min(chin + 0.55 * unit, layers.still.image.shape[0] - 1)),
    )
    x, y = box.axes()
    above, below = contour(upper, x), contour(lower, x)
    if LIKENESS[layers.still.name].lips_closed:
        within = (x[0] > left) & (x[0] < right)
        seam = _closed_seam(layers, x[:, within], ((above + below) / 2)[:, within], 0.028 * unit)
        above = np.interp(x, x[0, within], seam[0]).astype(np.float32)
        below = above
    u = (x - middle) / half
    inside = np.clip(1.0 - u**2, 0.0, 1.0)
    # The jaw turns about the ears: lips and chin go down together, over a part that widens from mouth to jawline.
    v = (y - below) / np.maximum(chin - below, 1.0)
    reach = 1.0 + 0.95 * np.clip(v, 0, 1.2)
    across = np.clip(1.0 - (u / reach) ** 2, 0.0, 1.0) ** (1.0 + 0.8 * np.clip(v, 0, 1))
    along = 1.0 - smoothstep(1.0, 2.1, v)
    return Mouth(box, above, np.maximum(below, above), inside, (across * along).astype(np.float32))


def open_mouth(layers: Layers, mouth: Mouth) -> np.ndarray:
    """The portrait with the inside of the mouth in place of what lies below the upper lip."""
    unit = layers.still.face_width
    image = layers.person.astype(np.float32)
    x, y = mouth.box.axes()
    part = image[mouth.box.cut]
    u2 = 1.0 - mouth.inside
    depth = (y - mouth.upper) / unit
    cave = np.array([46.0, 19.0, 17.0]) * (1.0 - 0.55 * u2)[..., None] * np.ones_like(part)
    tongue = smoothstep(0.055, 0.12, depth) * (1.0 - smoothstep(0.15, 0.7, u2))
    cave = cave + tongue[..., None] * np.array([62.0, 22.0, 22.0])
    if LIKENESS[layers.still.name].lips_closed:
        # A hint of the upper teeth: in the lip's shadow, darker to the corners, their edge slightly scalloped.
        tooth = 0.040 * unit
        column = (x - x.mean()) / tooth
        length = (0.033 - 0.014 * u2) * (1.0 - 0.10 * np.cos(2 * np.pi * column) ** 8)
        shown = (1.0 - smoothstep(0.0, 0.008, depth - length)) * (1.0 - smoothstep(0.25, 0.75, u2))
        gap = 1.0 - 0.16 * np.abs(np.cos(np.pi * column)) ** 12
        light = (0.30 + 0.30 * smoothstep(0.0, 0.03, depth)) * gap * (1.0 - 0.6 * u2)
        teeth = np.array([250.0, 184.0, 142.0]) * light[..., None]
        cave = cave * (1.0 - shown[..., None]) + teeth * shown[..., None]
        keep = (y < mouth.upper - 1.0).astype(np.float32) * np.ones_like(x)
    else:
        keep = 1.0 - smoothstep(-0.010 * unit, 0.004 * unit, y - mouth.lower)
    cave = blur(cave.astype(np.float32), max(0.005 * unit, 0.3))
    keep = blur(keep.astype(np.float32), max(0.004 * unit, 0.3))[..., None]
    image[mouth.box.cut] = part * keep + cave * (1.0 - keep)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def speak(mouth: Mouth, jaw: float) -> tuple[np.ndarray, np.ndarray]:
    """Row offset of the skin and opening mask over the mouth's box, for a jaw ``jaw`` pixels down."""
    x, y = mouth.box.axes()
    columns = np.broadcast_to(x - mouth.box.x0, mouth.drop.shape).astype(np.float32)
    rows = np.broadcast_to(y - mouth.box.y0, mouth.drop.shape).astype(np.float32)
    at_lip = jaw * mouth.inside
    edge = mouth.lower + at_lip
    drop = np.where(y < mouth.lower, mouth.inside, mouth.drop).astype(np.float32)
    moved = jaw * drop
    for _ in range(4):
        moved = jaw * fetch(drop, np.stack([columns, rows - moved], axis=2))
    lower = y > (mouth.upper + edge) / 2
    soft = 1.2
    gap = np.minimum(y - mouth.upper, edge - y)
    opening = np.clip(gap / soft + 0.25, 0.0, 1.0) * (edge - mouth.upper > 0.3)
    return np.where(lower, -moved, 0.0).astype(np.float32), opening.astype(np.float32)
