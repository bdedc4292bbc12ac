"""The visible mark: a small "AI" badge in the top right corner of every synthetic picture, from the first frame.

It is readable on any background (white letters on a dark, nearly opaque rounded box with a light outline), its size
follows the picture, and outside :func:`badge_box` no pixel changes. :func:`find_badge` looks for it in a picture
that may have been compressed or resized since.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

SHARE = 0.09
SMALLEST = 15
ASPECT = 1.5
SUPERSAMPLING = 8
PAPER_ALPHA, EDGE_ALPHA = 0.82, 0.9
INK = np.array((255, 255, 255), np.float32)
PAPER = np.array((14, 16, 22), np.float32)
OUTLINE = np.array((238, 240, 245), np.float32)
LUMA = np.array((0.299, 0.587, 0.114), np.float32)

# Strokes of the letters in a box of height 1 and width ASPECT.
LETTER_A = ((0.36, 0.77), (0.62, 0.23), (0.88, 0.77))
BAR_A = ((0.455, 0.595), (0.785, 0.595))
LETTER_I = ((1.11, 0.24), (1.11, 0.76))
STROKE = 0.1

THRESHOLD = 0.6
SCALES = (1.0, 0.93, 1.07, 0.86, 1.15, 0.78, 1.25, 0.7, 1.4, 0.6)
LEAST_CONTRAST = 40.0


def badge_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Where the badge lies in a picture of that size: xyxy in pixels, inside the picture, x1 and y1 exclusive.

    Its height is 9 % of the shorter side, at least 15 px (the letters are then 8 px high), or what the picture holds.
    """
    side = min(width, height)
    tall = max(SMALLEST, round(SHARE * side))
    margin = max(1, round(0.02 * side))
    tall = max(1, min(tall, height - 2 * margin, int((width - 2 * margin) / ASPECT)))
    wide = max(1, min(width, round(tall * ASPECT)))
    x1, y0 = max(width - margin, wide), min(margin, height - tall)
    return x1 - wide, y0, x1, y0 + tall


@lru_cache(maxsize=64)
def _rendering(wide: int, tall: int) -> tuple[np.ndarray, np.ndarray]:
    """The badge of that size, colour times alpha and 1 - alpha: float32 (tall, wide, 3) and (tall, wide, 1)."""
    unit = tall * SUPERSAMPLING
    canvas = (unit, wide * SUPERSAMPLING)
    rim = max(1.0, tall * 0.045) * SUPERSAMPLING
    outer = _rounded(canvas, 0.0, unit * 0.32)
    inner = _rounded(canvas, rim, unit * 0.32 - rim)
    ink = np.zeros(canvas, np.uint8)
    stroke = max(round(STROKE * unit), 1)
    stretch = np.array([canvas[1] / ASPECT, unit], np.float64)
    for line in (LETTER_A, BAR_A, LETTER_I):
        points = np.rint(np.asarray(line) * stretch).astype(np.int32)
        cv2.polylines(ink, [points], False, 255, stroke, cv2.LINE_8)
    letters = _shrunk(ink, wide, tall)[..., None]
    box = _shrunk(outer, wide, tall)[..., None]
    paper = _shrunk(inner, wide, tall)[..., None]
    edge = np.clip(box - paper, 0, 1)
    # Letters over the box over the picture, by the over operator (Porter and Duff 1984), so that nothing exceeds 255.
    body = paper * (PAPER_ALPHA * PAPER) + edge * (EDGE_ALPHA * OUTLINE)
    covered = paper * PAPER_ALPHA + edge * EDGE_ALPHA
    colour = body * (1 - letters) + letters * INK
    return colour.astype(np.float32), ((1 - covered) * (1 - letters)).astype(np.float32)


def _rounded(shape: tuple[int, int], inset: float, radius: float) -> np.ndarray:
    """A filled rounded box, uint8 0 or 255, from its signed distance."""
    tall, wide = shape
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32) + 0.5
    dx = np.abs(x - wide / 2) - (wide / 2 - inset - radius)
    dy = np.abs(y - tall / 2) - (tall / 2 - inset - radius)
    distance = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - radius
    return np.where(distance <= 0, 255, 0).astype(np.uint8)


def _shrunk(canvas: np.ndarray, wide: int, tall: int) -> np.ndarray:
    small = cv2.resize(canvas, (wide, tall), interpolation=cv2.INTER_AREA)
    return small.reshape(tall, wide).astype(np.float32) / 255


def badge(image: np.ndarray) -> np.ndarray:
    """The picture with the badge burned in.

    Args:
        image: uint8 RGB HxWx3; it is not changed.

    Returns:
        A new array, equal to ``image`` outside :func:`badge_box`. The same input gives the same output.
    """
    x0, y0, x1, y1 = badge_box(image.shape[1], image.shape[0])
    colour, through = _rendering(x1 - x0, y1 - y0)
    out = image.copy()
    region = out[y0:y1, x0:x1]
    region[:] = np.rint(region * through + colour).astype(np.uint8)
    return out


def find_badge(image: np.ndarray) -> float:
    """How surely the badge is there: the best normalised correlation with its rendering, -1 to 1.

    Looks in the top right corner at several sizes. From :data:`THRESHOLD` on it counts as found (:func:`has_badge`);
    a region without the contrast of letters on the box scores 0.

    Args:
        image: uint8 RGB HxWx3.
    """
    return _best(image)[0]


def has_badge(image: np.ndarray) -> bool:
    """Whether the badge is found in a uint8 RGB picture."""
    return find_badge(image) >= THRESHOLD


def locate_badge(image: np.ndarray) -> tuple[int, int, int, int] | None:
    """Where the badge was found in a uint8 RGB picture: xyxy in pixels, or None."""
    score, box = _best(image)
    return box if score >= THRESHOLD else None


def _best(image: np.ndarray) -> tuple[float, tuple[int, int, int, int]]:
    height, width = image.shape[:2]
    expected = badge_box(width, height)
    tall = expected[3] - expected[1]
    best, where = 0.0, expected
    for scale in SCALES:
        high = max(6, round(tall * scale)) if scale != 1 else tall
        wide = max(6, round(high * ASPECT)) if scale != 1 else expected[2] - expected[0]
        if high > height or wide > width or min(high, wide) < 4:
            continue
        reach_x, reach_y = min(width, wide + 2 + tall), min(height, high + 2 + tall)
        corner = cv2.cvtColor(np.ascontiguousarray(image[:reach_y, width - reach_x :]), cv2.COLOR_RGB2GRAY)
        score, (x, y) = _correlate(corner.astype(np.float32), wide, high)
        if score > best:
            left = width - reach_x + x
            best, where = score, (left, y, left + wide, y + high)
        if best > 0.92:
            break
    return best, where


def _correlate(corner: np.ndarray, wide: int, high: int) -> tuple[float, tuple[int, int]]:
    """The best masked normalised correlation of the badge of that size in a grey float32 picture, and where."""
    colour, through = _rendering(wide, high)
    grey = (colour + through * 60) @ LUMA
    weight = (1 - through[..., 0]).astype(np.float32)
    weight[weight < 0.3] = 0
    # The corners outside the rounded box show the background and say nothing.
    scores = cv2.matchTemplate(corner, grey, cv2.TM_CCOEFF_NORMED, mask=weight)
    scores[~np.isfinite(scores)] = 0
    _, score, _, at = cv2.minMaxLoc(scores)
    patch = corner[at[1] : at[1] + high, at[0] : at[0] + wide]
    bright, dark = (grey > 180) & (weight > 0), (grey < 80) & (weight > 0)
    if not bright.any() or not dark.any() or patch[bright].mean() - patch[dark].mean() < LEAST_CONTRAST:
        return 0.0, (0, 0)
    return float(score), (int(at[0]), int(at[1]))
