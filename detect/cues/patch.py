"""The face with its surroundings, as close to the pixels of the clip as cost allows: what every cue looks at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.faces.finder import Face

# How far a patch reaches beyond the landmark box, in sides of that box.
REACH = 0.75
LARGEST_SIDE = 224.0
# Patches start on the grid of the clip's compression blocks.
GRID = 8
SMALLEST = 4


@dataclass(frozen=True)
class Patch:
    """A face and what surrounds it, cut from a frame without turning or stretching.

    Attributes:
        image: uint8 RGB (H, W, 3).
        landmarks: float32 (478, 2), pixels of ``image``.
        scale: frame pixels a patch pixel; 1 where the face was small enough to be left as it is.
        side: longest side of the landmark box, patch pixels.
        origin: (x, y) of the patch's first pixel in the frame, multiples of 8.
    """

    image: np.ndarray
    landmarks: np.ndarray
    scale: float
    side: float
    origin: tuple[int, int] = (0, 0)


def cut_patch(image: np.ndarray, face: Face, largest: float = LARGEST_SIDE) -> Patch | None:
    """Cut a face out of its frame, with 0.75 of its landmark box's side around it where the frame reaches that far.

    Pixels stay as they are up to a side of ``largest``; larger faces are brought down to it by area averaging, so that
    the cost of measuring is bounded.

    Args:
        image: the frame, uint8 RGB HxWx3.
        face: a face of it.
        largest: side of the landmark box in the patch, pixels, at most.

    Returns:
        None for a face without a mesh, and for one that lies outside the frame.
    """
    if face.landmarks is None:
        return None
    points = np.asarray(face.landmarks, dtype=np.float32)[:, :2]
    if not np.isfinite(points).all():
        return None
    low, high = points.min(0), points.max(0)
    side = float((high - low).max())
    x0, y0 = (int(v) for v in np.maximum(low - REACH * side, 0) // GRID * GRID)
    x1, y1 = (int(v) for v in np.minimum(high + REACH * side, image.shape[1::-1]))
    if x1 - x0 < SMALLEST or y1 - y0 < SMALLEST or not (high > 0).all() or not (low < image.shape[1::-1]).all():
        return None
    cut = image[y0:y1, x0:x1]
    moved = points - np.array([x0, y0], dtype=np.float32)
    if side <= largest:
        return Patch(np.ascontiguousarray(cut), moved, 1.0, side, (x0, y0))
    size = [max(SMALLEST, round(n * largest / side)) for n in cut.shape[1::-1]]
    # The exact shrinkage of each axis, with pixel centres at whole numbers.
    shrunk = np.array(size, dtype=np.float32) / cut.shape[1::-1]
    small = (moved + 0.5) * shrunk - 0.5
    pixels = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    return Patch(pixels, small.astype(np.float32), side / largest, float(np.ptp(small, axis=0).max()), (x0, y0))
