"""The blend mask: where the swapped face is seen, and how softly it ends."""

from __future__ import annotations

import cv2
import numpy as np


def blend_mask(learned: np.ndarray, hull: np.ndarray, erode: float, blur: float) -> np.ndarray:
    """Learned mask times hull, drawn in and softened, inside the hull and zero at the crop's rim.

    Args:
        learned, hull: float32 (S, S) in [0, 1].
        erode: how far the edge is drawn in, as a fraction of the crop's side.
        blur: width of the soft edge, as a fraction of the crop's side.

    Returns:
        float32 (S, S) in [0, 1], exactly zero on the crop's outermost pixels.
    """
    size = hull.shape[0]
    inner = np.minimum(learned, hull)
    solid = (inner > 0.5).astype(np.uint8)
    solid[:2], solid[-2:], solid[:, :2], solid[:, -2:] = 0, 0, 0, 0
    distance = cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    width = max(1.0, blur * size)
    ramp = np.clip((distance - erode * size) / width, 0, 1)
    soft = ramp * ramp * (3 - 2 * ramp)
    return cv2.GaussianBlur(soft, (0, 0), max(0.6, width / 6)) * (distance > 0)


def paste(frame: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blend a full-frame face over the frame; where the mask is zero the frame is untouched, bit for bit.

    Args:
        frame: uint8 RGB (H, W, 3).
        face: float32 RGB in [0, 255] (H, W, 3).
        mask: float32 (H, W) in [0, 1].
    """
    out = frame.copy()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return out
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = mask[box][..., None]
    under = frame[box].astype(np.float32)
    mixed = np.rint(under + (face[box] - under) * alpha)
    out[box] = np.where(alpha > 0, np.clip(mixed, 0, 255), under).astype(np.uint8)
    return out
