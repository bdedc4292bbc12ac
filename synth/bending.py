"""Soft regions around landmarks, and pictures bent from one set of landmarks to another, where they have to be."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from synth.texture import flow

# Masks and flows are smooth: they are made at a quarter of the picture's side.
COARSE = 4
Box = tuple[slice, slice]


def region(points: np.ndarray, size: int, reach: float, edge: float) -> np.ndarray:
    """A soft mask around the hull of points (N, 2), pixels of a square of ``size``: float32 in [0, 1].

    Args:
        reach, edge: how far beyond the hull, and the Gaussian of its edge, of the side.
    """
    hull = cv2.convexHull(np.ascontiguousarray(points, dtype=np.float32)).reshape(-1, 2)
    mask = np.zeros((size, size), dtype=np.uint8)
    fixed = np.round(hull * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=4)
    # A thick outline with round corners is the hull widened evenly.
    cv2.polylines(mask, [fixed], True, 255, max(1, round(2 * reach * size)), cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(mask, (0, 0), max(edge * size, 0.5)).astype(np.float32) / 255
    return soft * _frame(size)


def _frame(size: int) -> np.ndarray:
    """One inside, falling to zero at the crop's border."""
    line = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.04 * size), 0, 1).astype(np.float32)
    return np.outer(line, line)


def bent(
    image: np.ndarray,
    at: np.ndarray,
    towards: np.ndarray,
    where: np.ndarray | None = None,
    box: Box | None = None,
) -> np.ndarray:
    """A picture whose points ``at`` (468, 2) are moved ``towards`` these places, uint8 like ``image`` (S, S, 3).

    Args:
        where: float32 (S / 4, S / 4) in [0, 1], how much of the motion each place takes part in; None for all.
        box: rows and columns, the part of the picture to make; None for all of it.
    """
    size = image.shape[0]
    small = size // COARSE
    from_x, from_y = flow(coarse(towards), coarse(at), small)
    moved = np.dstack([from_x, from_y]) - _grid(small)
    if where is not None:
        moved *= where[..., None]
    box = box or (slice(0, size), slice(0, size))
    places = enlarged(moved, size, box) * np.float32(COARSE) + _grid(size)[box]
    return cv2.remap(image, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


@lru_cache(maxsize=8)
def _grid(size: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    return np.dstack([x, y])


def enlarged(plane: np.ndarray, size: int, box: Box) -> np.ndarray:
    """A coarse plane (S / 4, S / 4, ...) at the places of a ``box`` of the picture of ``size``, bilinear."""
    factor = plane.shape[0] / size
    rows, columns = box
    affine = np.array(
        [[factor, 0, (columns.start + 0.5) * factor - 0.5], [0, factor, (rows.start + 0.5) * factor - 0.5]]
    )
    shape = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, affine, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def coarse(points: np.ndarray) -> np.ndarray:
    """Pixels of the picture as pixels of the coarse plane, float32."""
    return ((np.asarray(points) + 0.5) / COARSE - 0.5).astype(np.float32)
