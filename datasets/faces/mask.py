"""Masks of a face from its landmarks, antialiased, in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.faces.align import head_pose
from datasets.faces.template import OVAL

SUBPIXEL_BITS = 4
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
MESH_POINTS = 468


def _fill(mask: np.ndarray, polygon: np.ndarray) -> None:
    """Draw a convex polygon (N, 2), pixels, into a uint8 mask, with antialiased edges."""
    hull = cv2.convexHull(np.ascontiguousarray(polygon, dtype=np.float32)).reshape(-1, 2)
    limit = 2.0**15
    fixed = np.round(np.clip(hull, -limit, limit) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)


def _mask(shape: tuple[int, int], *polygons: np.ndarray) -> np.ndarray:
    mask = np.zeros(shape, dtype=np.uint8)
    for polygon in polygons:
        _fill(mask, polygon)
    return mask.astype(np.float32) / 255


def hull_mask(landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The convex hull of the face, from the forehead over the brows to the chin: float32 (height, width) in [0, 1].

    Args:
        landmarks: (478, 2 or 3), pixels of the picture the mask is for.
        shape: (height, width) of that picture.
    """
    return _mask(shape, np.asarray(landmarks)[:MESH_POINTS, :2])


def five_point_mask(five_points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What ``hull_mask`` would give for a mean face with these five points (5, 2): float32 (height, width)."""
    return _mask(shape, head_pose(five_points).project(OVAL))


def eye_mouth_mask(landmarks: np.ndarray, shape: tuple[int, int], margin: float = 0.25) -> np.ndarray:
    """Eyes and lips, each widened about its centre by ``margin`` of its size: float32 (height, width) in [0, 1]."""
    points = np.asarray(landmarks, dtype=np.float32)[:, :2]
    parts = []
    for part in (LEFT_EYE, RIGHT_EYE, LIPS):
        polygon = points[list(part)]
        middle = polygon.mean(axis=0)
        reach = margin * np.ptp(polygon, axis=0).max() / 2
        away = polygon - middle
        distance = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        parts.append(polygon + away / distance * reach)
    return _mask(shape, *parts)
