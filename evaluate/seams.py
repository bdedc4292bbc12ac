"""What a paste leaves in a frame: a seam along its edge, other sharpness inside, a changed rest. On uint8 RGB HxWx3.

Every figure compares a swap with its original at the same pixels, so that the scene itself counts for nothing.
"""

from __future__ import annotations

import cv2
import numpy as np

from evaluate.metrics import ssim

# How wide the band along the mask's edge is, and how far from the mask the rest of the picture begins, in parts of the
# mask's size (the square root of its area).
EDGE, AWAY = 0.03, 0.06
CHANGED = 0.5
LEAST_PIXELS = 50


def bands(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a mask's inside, its edge and the rest of the picture lie.

    Args:
        mask: float32 (H, W) in [0, 1], the swap mask.

    Returns:
        Three bool (H, W): inside, the band along the edge, and what is well away from it.
    """
    inside = (mask >= CHANGED).astype(np.uint8)
    size = float(np.sqrt(max(1, int(inside.sum()))))

    def kernel(part: float) -> np.ndarray:
        reach = max(1, round(part * size))
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))

    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, kernel(EDGE)) > 0
    touched = cv2.dilate((mask > 0).astype(np.uint8), kernel(AWAY)) > 0
    return (inside > 0) & ~edge, edge, ~touched


def gradient(image: np.ndarray) -> np.ndarray:
    """Length of the luminance gradient (Sobel), float32 (H, W)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


def seam_strength(swap: np.ndarray, original: np.ndarray, edge: np.ndarray) -> float | None:
    """Mean gradient in the band along the mask's edge, swap over original: 1 where no edge was added; None without."""
    if int(edge.sum()) < LEAST_PIXELS:
        return None
    return float(gradient(swap)[edge].mean() / max(float(gradient(original)[edge].mean()), 1e-6))


def sharpness_ratio(swap: np.ndarray, original: np.ndarray, inside: np.ndarray) -> float | None:
    """Mean squared Laplacian inside the mask, swap over original (energy of Laplacian, Subbarao et al., 1993)."""
    if int(inside.sum()) < LEAST_PIXELS:
        return None

    def energy(image: np.ndarray) -> float:
        sharp = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
        return float((sharp[inside] ** 2).mean())

    return energy(swap) / max(energy(original), 1e-6)


def colour_difference(swap: np.ndarray, original: np.ndarray, where: np.ndarray) -> float | None:
    """Mean colour difference in CIELAB, delta E*ab of 1976, over some pixels; 2.3 is just noticeable (Mahy, 1994)."""
    if int(where.sum()) < LEAST_PIXELS:
        return None
    one, other = (cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for image in (swap, original))
    return float(np.linalg.norm(one - other, axis=2)[where].mean())


def ssim_outside(swap: np.ndarray, original: np.ndarray, where: np.ndarray) -> float | None:
    """SSIM over some pixels (Wang et al., 2004); None where there are none."""
    if int(where.sum()) < LEAST_PIXELS:
        return None
    return ssim(swap, original, where.astype(np.float64))
