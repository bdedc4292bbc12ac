"""The blend mask: where the swapped face is seen, and how softly it ends."""

from __future__ import annotations

import cv2
import numpy as np

RIM = 2


def blend_mask(learned: np.ndarray, hull: np.ndarray, erode: float, blur: float, mask: str = "both") -> np.ndarray:
    """The mask drawn in (or grown) and softened, zero at the crop's rim.

    Args:
        learned, hull: float32 (S, S) in [0, 1].
        erode: how far the edge is drawn in, as a fraction of the crop's side; below 0 it grows.
        blur: width of the soft edge, as a fraction of the crop's side.
        mask: ``learned``, ``hull``, or ``both``: where both agree.

    Returns:
        float32 (S, S) in [0, 1]. With ``erode`` and ``blur`` both 0 it is the chosen mask itself, as it is. Otherwise
        it is exactly zero on the crop's outermost pixels and, unless grown, outside the chosen mask.
    """
    inner = {"both": np.minimum(learned, hull), "learned": learned, "hull": hull}[mask]
    return np.clip(inner, 0, 1).astype(np.float32) if erode == 0 and blur == 0 else _softened(inner, erode, blur)


def _softened(inner: np.ndarray, erode: float, blur: float) -> np.ndarray:
    size = inner.shape[0]
    solid = (inner > 0.5).astype(np.uint8)
    solid[:RIM], solid[-RIM:], solid[:, :RIM], solid[:, -RIM:] = 0, 0, 0, 0
    distance = cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    if erode < 0 and solid.any():
        distance = distance - cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
    width = max(1.0, blur * size)
    ramp = np.clip((distance - erode * size) / width, 0, 1)
    soft = cv2.GaussianBlur(ramp * ramp * (3 - 2 * ramp), (0, 0), max(0.6, width / 6))
    soft *= distance > min(0.0, erode * size)
    soft[:RIM], soft[-RIM:], soft[:, :RIM], soft[:, -RIM:] = 0, 0, 0, 0
    return soft


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
    # Where alpha is 0 this adds nothing to a whole number, which rounds to itself.
    mixed = face[box] - under
    mixed *= alpha
    mixed += under
    np.rint(mixed, out=mixed)
    out[box] = np.clip(mixed, 0, 255, out=mixed).astype(np.uint8)
    return out
