"""How noisy the face is against its surroundings: camera noise does not survive a network, nor a blend.

The noise's standard deviation after Immerkaer, "Fast noise variance estimation" (1996): the mean size of a residual
that vanishes on edges and ramps, here over the calmer half of a region's pixels, so that texture counts for little.
"""

from __future__ import annotations

import cv2
import numpy as np

from detect.cues.looks import Look, smoothed, stretched
from detect.cues.measured import CB, CR, LUMA, NAN, Measured
from detect.cues.names import PLANE_WORDS, REGION_WORDS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
# For Gaussian noise of deviation s the residual's is 6 s, and its mean size that times sqrt(2 / pi).
TO_SIGMA = float(np.sqrt(np.pi / 2) / 6)
FLOOR, FEWEST = 0.05, 40


def residual(m: Measured, plane: int) -> np.ndarray:
    """Size of the residual, float32 (h, w)."""
    return m.once(("noise residual", plane), lambda: np.abs(cv2.filter2D(m.planes[plane], cv2.CV_32F, KERNEL)))


def calm_places(m: Measured, region: str) -> np.ndarray:
    """Flat indices of the calmer half of a region."""

    def work() -> np.ndarray:
        place = m.place(region)
        calm = np.take(m.calmness, place)
        return place[calm <= np.partition(calm, len(calm) // 2)[len(calm) // 2]]

    return m.once(("calm", region), work)


def noise(m: Measured, region: str, plane: int) -> float:
    """log(standard deviation of the noise in levels + 0.05) of a region; NaN where it is too small."""
    if not m.enough(region, fewest=FEWEST):
        return NAN

    def work() -> float:
        return float(np.log(np.take(residual(m, plane), calm_places(m, region)).mean() * TO_SIGMA + FLOOR))

    return m.once(("noise", region, plane), work)


def _look(region: str, plane: int = LUMA) -> Look:
    def look(m: Measured) -> np.ndarray:
        mask = m.regions[region]
        calm = np.zeros(mask.shape, np.uint8)
        if m.enough(region, fewest=FEWEST):
            np.put(calm, calm_places(m, region), 1)
        return stretched(smoothed(residual(m, plane), calm, m.side, mask), mask)

    return look


def _over(region: str, reference: str, plane: int = LUMA) -> FrameCue:
    tail = "" if plane == LUMA else f"_{('luma', 'cr', 'cb')[plane]}"
    kind = "noise" if plane == LUMA else f"noise in {PLANE_WORDS[plane]}"
    return FrameCue(
        f"noise_{region}_over_{reference}{tail}",
        lambda m: noise(m, region, plane) - noise(m, reference, plane),
        _look(region, plane),
        Words(f"The {kind} of {REGION_WORDS[region]}", f"against {REGION_WORDS[reference]}", scale="log amount"),
    )


def _alone(region: str) -> FrameCue:
    return FrameCue(
        f"noise_{region}",
        lambda m: noise(m, region, LUMA),
        _look(region),
        Words(f"The noise of {REGION_WORDS[region]}", scale="log amount"),
    )


register_frame_cues(
    50,
    [
        _alone("skin"),
        _alone("outer"),
        _over("skin", "outer"),
        _over("skin", "neck"),
        _over("contour", "skin"),
        _over("skin", "outer", CR),
        _over("skin", "outer", CB),
    ],
)
