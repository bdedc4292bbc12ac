"""The compositor: one swapped crop back into its frame, with the exact mask of what changed."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.faces.align import warp_crop
from synth.composite.blend import blend_mask, paste
from synth.composite.colour import TRANSFERS, match_histogram
from synth.composite.finish import Moment, finished
from synth.composite.seamless import seamless
from synth.composite.settings import MODES, CompositeSettings, for_method

__all__ = ["MODES", "CompositeSettings", "Moment", "composite", "for_method"]


def composite(
    frame: np.ndarray,
    face: np.ndarray,
    learned: np.ndarray,
    hull: np.ndarray,
    affine: np.ndarray,
    settings: CompositeSettings,
    kept: np.ndarray | None = None,
    moment: Moment | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Put one swapped face into the frame.

    Args:
        frame: uint8 RGB (H, W, 3).
        face: uint8 RGB (S, S, 3), the swapped crop.
        learned: float32 (S, S) in [0, 1], the model's mask.
        hull: float32 (S, S) in [0, 1], the hull of the destination face in the crop.
        affine: frame pixels to crop pixels (2, 3).
        kept: float32 (S, S) in [0, 1], what is in front of the face and stays the destination's, if anything.
        moment: the frame's number and how the face moves in it, for grain and motion blur.

    Returns:
        The new frame, uint8 (H, W, 3), and the swap mask, uint8 (H, W): the very alpha that was used, times 255.
        Where it is 0, the frame is unchanged, bit for bit.
    """
    height, width = frame.shape[:2]
    size = face.shape[0]
    outline = blend_mask(learned, hull, settings.erode, settings.blur, settings.mask)
    alpha = outline if kept is None else outline * (1 - kept)
    x0, y0, x1, y1 = _footprint(affine, alpha, width, height)
    whole = np.zeros((height, width), np.uint8)
    if x1 <= x0 or y1 <= y0:
        return frame.copy(), whole
    local = np.asarray(affine, dtype=np.float64).copy()
    local[:, 2] += local[:, :2] @ (x0, y0)
    shape = (x1 - x0, y1 - y0)
    backwards = cv2.WARP_INVERSE_MAP
    soft = cv2.warpAffine(alpha, local, shape, flags=cv2.INTER_LINEAR | backwards)
    mask = np.rint(np.clip(soft, 0, 1) * 255).astype(np.uint8)
    under = frame[y0:y1, x0:x1]
    new = face.astype(np.float32) / 255
    if settings.mode != "raw":
        new = _coloured(new, warp_crop(frame, affine, size).astype(np.float32) / 255, outline, alpha, kept, settings)
    large = cv2.warpAffine(new * 255, local, shape, flags=cv2.INTER_CUBIC | backwards, borderMode=cv2.BORDER_REPLICATE)
    if settings.mode != "raw":
        large = finished(large, under, mask, settings, moment or Moment())
    out = frame.copy()
    out[y0:y1, x0:x1] = paste(under, large, mask.astype(np.float32) / 255)
    whole[y0:y1, x0:x1] = mask
    return out, whole


def _coloured(
    face: np.ndarray,
    reference: np.ndarray,
    outline: np.ndarray,
    alpha: np.ndarray,
    kept: np.ndarray | None,
    settings: CompositeSettings,
) -> np.ndarray:
    """The face in the destination's colours and light, float32 RGB in [0, 1]."""
    face = TRANSFERS[settings.colour](face, reference, alpha)
    if "histogram" in settings.mode:
        face = match_histogram(face, reference, alpha)
    if "seamless" in settings.mode:
        face = seamless(face, reference, outline, kept)
    return face


def _footprint(affine: np.ndarray, alpha: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """The frame's rectangle in which the mask may be seen, clipped to the frame: x0, y0, x1, y1."""
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    left, right, top, bottom = columns[0] - 1, columns[-1] + 1, rows[0] - 1, rows[-1] + 1
    corners = np.array([[x, y, 1] for x in (left, right) for y in (top, bottom)], dtype=np.float64)
    places = corners @ cv2.invertAffineTransform(np.asarray(affine, dtype=np.float64)).T
    low, high = np.floor(places.min(0)).astype(int), np.ceil(places.max(0)).astype(int) + 1
    return max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
