"""Why a score is what it is: the heatmap laid over the frame, and in words which part of the face it is on.

The heatmap is the network's own where it has one, else Grad-CAM; :class:`Explainer` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from datasets.faces.finder import Face
from datasets.faces.mask import LEFT_EYE, LIPS, RIGHT_EYE

if TYPE_CHECKING:
    from detect.detector import Detector, FaceScores
    from detect.gradcam import GradCam

OWN = "the detector's own heatmap, which was trained on the true masks of swaps"
NOTHING = "no heatmap: this network has none of its own, and nothing that Grad-CAM could be read off"

LEFT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
RIGHT_BROW = (336, 296, 334, 293, 300, 285, 295, 282, 283, 276)
NOSE = (168, 193, 417, 6, 122, 351, 48, 278, 64, 294, 98, 327, 2, 1, 4)
OUTLINE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
           150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
REGIONS = (
    "around the mouth",
    "around the eyes",
    "on the nose",
    "on the cheeks",
    "on the forehead",
    "along the lower edge of the face",
    "along the upper edge of the face",
    "outside the face",
)
GRID = 64
HOT, NAMED_SHARE, EVERYWHERE = 0.3, 0.6, 5


class Explainer:
    """Heatmaps of the crops that one detector scored: its own, or Grad-CAM where its network has none.

    Attributes:
        by: what they are, in words, as :data:`OWN`; None before the first crops were explained.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._cam: GradCam | None = None
        self.by: str | None = None

    def heat(self, crops: np.ndarray, scores: FaceScores) -> np.ndarray | None:
        """Where the evidence lies.

        Args:
            crops: uint8 RGB (N, S, S, 3), as they were scored.
            scores: what the detector said of them.

        Returns:
            float32 (N, h, w) in [0, 1], over the whole crop; None where there is nothing to read it off.
        """
        if scores.heatmap is not None:
            self.by = OWN
            return scores.heatmap
        if self.by is None:
            self._cam, self.by = _grad_cam(self._detector)
        return None if self._cam is None else self._cam.heat(crops, scores.probability)


def _grad_cam(detector: Detector) -> tuple[GradCam | None, str]:
    from detect.gradcam import GradCam, last_convolution

    module, device = getattr(detector, "module", None), str(getattr(detector, "device", "cpu"))
    if module is None or not any(True for _ in module.parameters()):
        return None, NOTHING
    layer = last_convolution(module, int(detector.card["input"]["size"]), device)
    if layer is None:
        return None, NOTHING
    said = (
        f"Grad-CAM over the network's last convolution ({layer}): it has no heatmap of its own, and this shows what "
        "moved the score rather than where the picture was changed"
    )
    return GradCam(module, layer, detector.card["input"]["normalisation"], device), said


def region_masks(face: Face, affine: np.ndarray, size: int) -> dict[str, np.ndarray] | None:
    """Which pixels of a coarse grid over the crop belong to which region of the face.

    Args:
        face: with its mesh; without one the answer is None.
        affine: frame pixels to crop pixels (2, 3).
        size: crop side, pixels.

    Returns:
        bool (64, 64) for each name of ``REGIONS``.
    """
    if face.landmarks is None:
        return None
    points = (face.landmarks[:, :2] @ affine[:, :2].T + affine[:, 2]) * (GRID / size)

    def filled(*parts: tuple[int, ...], grow: int = 0) -> np.ndarray:
        mask = np.zeros((GRID, GRID), np.uint8)
        for part in parts:
            hull = cv2.convexHull(np.clip(np.round(points[list(part)]), -GRID, 2 * GRID).astype(np.int32))
            cv2.fillConvexPoly(mask, hull, 1)
        return cv2.dilate(mask, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)) > 0 if grow else mask > 0

    whole = filled(OUTLINE)
    band = max(1, round(float(np.ptp(points[:, 0])) * 0.06))
    kernel = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    wide, narrow = cv2.dilate(whole.astype(np.uint8), kernel) > 0, cv2.erode(whole.astype(np.uint8), kernel) > 0
    rim = wide & ~narrow
    # Above or below is said along the face's own axis, so that a tilted head is not read wrong.
    up = points[10] - points[152]
    y, x = np.mgrid[:GRID, :GRID]
    height = ((x - points[4, 0]) * up[0] + (y - points[4, 1]) * up[1]) / max(float(up @ up), 1e-6)
    brow = float(((points[[70, 300]].mean(0) - points[4]) @ up) / max(float(up @ up), 1e-6))
    mouth, eyes = filled(LIPS, grow=2), filled(LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, grow=1)
    nose = filled(NOSE) & ~eyes & ~mouth
    inner = narrow & ~mouth & ~eyes & ~nose
    masks = (
        mouth & narrow,
        eyes & narrow,
        nose & narrow,
        inner & (height <= brow),
        inner & (height > brow),
        rim & (height <= 0),
        rim & (height > 0),
        ~wide,
    )
    return dict(zip(REGIONS, masks, strict=True))


def region_heat(heat: np.ndarray, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Mean heat of each of ``REGIONS``, float64, NaN where the crop does not show the region."""
    fine = cv2.resize(heat, (GRID, GRID), interpolation=cv2.INTER_LINEAR)
    return np.array([fine[masks[name]].mean() if masks[name].any() else np.nan for name in REGIONS])


def where(regions: np.ndarray) -> str | None:
    """The hottest regions in words, or None when nothing stands out. Takes mean heat by region."""
    known = np.nan_to_num(np.asarray(regions, dtype=np.float64))
    if known.max(initial=0) < HOT:
        return None
    hot = [name for name, value in zip(REGIONS, known, strict=True) if value >= NAMED_SHARE * known.max()]
    inside = [name for name in hot if name != "outside the face"]
    if len(inside) >= EVERYWHERE:
        return "over the whole face"
    # Two edges, or more than three places, read better as the strongest three.
    strongest = sorted(hot, key=lambda name: -known[REGIONS.index(name)])[:3]
    return strongest[0] if len(strongest) == 1 else ", ".join(strongest[:-1]) + " and " + strongest[-1]


@cache
def colour_table() -> np.ndarray:
    """uint8 (256, 3) RGB: matplotlib's ``inferno``, whose lightness rises evenly with the value.

    Its pale end is left out: over skin it would read as light, not as heat.
    """
    from matplotlib import colormaps

    return (colormaps["inferno"](np.linspace(0, 0.85, 256))[:, :3] * 255).round().astype(np.uint8)


def overlay(frame: np.ndarray, heat: np.ndarray, affine: np.ndarray, size: int, strength: float = 0.55) -> np.ndarray:
    """A frame with a heatmap laid over it: the hotter, the less of the frame shows through.

    Args:
        frame: uint8 RGB (H, W, 3).
        heat: float32 (h, w) in [0, 1], over the whole crop.
        affine: frame pixels to crop pixels (2, 3).
        size: side of the crop, pixels.
        strength: opacity where the heat is 1.

    Returns:
        uint8 RGB (H, W, 3); the input is not changed.
    """
    laid = heat_in_frame(heat, affine, size, (frame.shape[1], frame.shape[0]))
    colours = colour_table()[(laid * 255).round().astype(np.uint8)].astype(np.float32)
    alpha = (strength * laid)[..., None]
    return (frame * (1 - alpha) + colours * alpha).round().astype(np.uint8)


def heat_in_frame(heat: np.ndarray, affine: np.ndarray, size: int, frame: tuple[int, int]) -> np.ndarray:
    """A heatmap in the frame's geometry, float32 (H, W) in [0, 1], zero outside the crop.

    Args:
        frame: (width, height).
    """
    crop = cv2.resize(heat.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(crop, affine, frame, flags=flags).clip(0, 1)
