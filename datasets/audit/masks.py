"""Whether a swap mask says what was changed: the difference of a fake and its original must lie where the mask does.

Outside the mask the two differ by their marks and their compression alone, inside by the swap. How well the size of the
difference tells inside from outside, as an area under the ROC curve, needs no threshold of either.
"""

from __future__ import annotations

import cv2
import numpy as np

BLUR = 2.0
RIM = 9  # pixels about the mask's edge that count to neither side
LEAST_PIXELS = 64
FITS = 0.75
SAMPLES = 4000


def fit_of_mask(fake: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float | None:
    """How well a mask fits the difference of two frames: 1 perfectly, .5 not at all.

    Args:
        fake, original: uint8 RGB HxWx3. mask: uint8 (H, W), 0 to 255.

    Returns:
        The probability that a pixel inside differs by more than one outside (Mann-Whitney); None where the mask leaves
        too few pixels on one side.
    """
    difference = np.abs(fake.astype(np.int16) - original).mean(2).astype(np.float32)
    difference = cv2.GaussianBlur(difference, (0, 0), BLUR)
    kernel = np.ones((RIM, RIM), np.uint8)
    inside = cv2.erode((mask > 127).astype(np.uint8), kernel) > 0
    outside = cv2.dilate((mask > 0).astype(np.uint8), kernel) == 0
    if min(inside.sum(), outside.sum()) < LEAST_PIXELS:
        return None
    rng = np.random.default_rng(0)
    one, other = (rng.choice(difference[part], SAMPLES) for part in (inside, outside))
    ranks = np.argsort(np.argsort(np.concatenate([one, other]), kind="stable"), kind="stable")
    ahead = ranks[:SAMPLES].sum() - SAMPLES * (SAMPLES - 1) / 2
    return float(ahead / SAMPLES**2)
