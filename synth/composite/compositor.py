"""The compositor: one swapped crop back into its frame, with the exact mask of what changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from datasets.errors import InputError
from datasets.faces.align import warp_crop
from synth.composite.blend import blend_mask, paste
from synth.composite.colour import TRANSFERS

MODES = ("overlay", "raw")


@dataclass(frozen=True)
class CompositeSettings:
    """How the face is put back.

    Attributes:
        mode: ``overlay`` blends with colour transfer; ``raw`` blends the model's own colours.
        colour: a name of ``synth.composite.colour.TRANSFERS``.
        erode: how far the mask's edge is drawn in, as a fraction of the crop's side.
        blur: width of the mask's soft edge, as a fraction of the crop's side.
    """

    mode: str = "overlay"
    colour: str = "reinhard"
    erode: float = 0.03
    blur: float = 0.09

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"There is no composite mode {self.mode!r}; there are: {', '.join(MODES)}.")
        if self.colour not in TRANSFERS:
            raise InputError(f"There is no colour transfer {self.colour!r}; there are: {', '.join(TRANSFERS)}.")
        if not (0 <= self.erode < 0.3 and 0 < self.blur < 0.5):
            raise InputError("erode must lie in 0 to 0.3 and blur between 0 and 0.5 of the crop's side.")

    def to_table(self) -> dict[str, str | float]:
        return asdict(self)


def composite(
    frame: np.ndarray,
    face: np.ndarray,
    learned: np.ndarray,
    hull: np.ndarray,
    affine: np.ndarray,
    settings: CompositeSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Put one swapped face into the frame.

    Args:
        frame: uint8 RGB (H, W, 3).
        face: uint8 RGB (S, S, 3), the swapped crop.
        learned: float32 (S, S) in [0, 1], the model's mask.
        hull: float32 (S, S) in [0, 1], the hull of the destination face in the crop.
        affine: frame pixels to crop pixels (2, 3).

    Returns:
        The new frame, uint8 (H, W, 3), and the swap mask, uint8 (H, W): the very alpha that was used, times 255.
        Where it is 0, the frame is unchanged, bit for bit.
    """
    height, width = frame.shape[:2]
    size = face.shape[0]
    alpha = blend_mask(learned, hull, settings.erode, settings.blur)
    new = face.astype(np.float32) / 255
    if settings.mode == "overlay":
        reference = warp_crop(frame, affine, size).astype(np.float32) / 255
        new = TRANSFERS[settings.colour](new, reference, alpha)
    x0, y0, x1, y1 = _footprint(affine, size, width, height)
    if x1 <= x0 or y1 <= y0:
        return frame.copy(), np.zeros((height, width), np.uint8)
    local = np.asarray(affine, dtype=np.float64).copy()
    local[:, 2] += local[:, :2] @ (x0, y0)
    shape = (x1 - x0, y1 - y0)
    backwards = cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(new * 255, local, shape, flags=cv2.INTER_CUBIC | backwards, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.warpAffine(alpha, local, shape, flags=cv2.INTER_LINEAR | backwards)
    mask = np.rint(np.clip(soft, 0, 1) * 255).astype(np.uint8)
    out, whole = frame.copy(), np.zeros((height, width), np.uint8)
    out[y0:y1, x0:x1] = paste(frame[y0:y1, x0:x1], large, mask.astype(np.float32) / 255)
    whole[y0:y1, x0:x1] = mask
    return out, whole


def _footprint(affine: np.ndarray, size: int, width: int, height: int) -> tuple[int, int, int, int]:
    """The frame's rectangle that the crop covers, clipped to the frame: x0, y0, x1, y1."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], dtype=np.float64)
    places = corners @ cv2.invertAffineTransform(np.asarray(affine, dtype=np.float64)).T
    low, high = np.floor(places.min(0)).astype(int), np.ceil(places.max(0)).astype(int) + 1
    return max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
