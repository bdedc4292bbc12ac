"""Colour transfer from the destination to the swapped face: functions on arrays, one a method.

Each takes the face and its reference as float32 RGB in [0, 1] (S, S, 3) and weights (S, S) that say where both show
skin, and returns float32 RGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

SEEN = 96


def _moments(image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and deviation of each Lab channel, both float32 (3,); from a picture shrunk to ``SEEN``."""
    if image.shape[0] > SEEN:
        image = cv2.resize(image, (SEEN, SEEN), interpolation=cv2.INTER_AREA)
        weights = cv2.resize(weights, (SEEN, SEEN), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    share = weights.ravel() / max(float(weights.sum()), 1e-6)
    mean = share @ lab
    return mean, np.sqrt(np.maximum(share @ (lab * lab) - mean * mean, 0)).astype(np.float32)


def reinhard(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Match mean and deviation of each Lab channel (Reinhard et al. 2001).

    The ratio of deviations is held within [0.6, 1.7], so that a noisy or flat reference can't blow up the contrast.
    """
    if float(weights.sum()) < 16:
        return face
    mean, deviation = _moments(face, weights)
    wanted_mean, wanted_deviation = _moments(reference, weights)
    ratio = np.clip(wanted_deviation / np.maximum(deviation, 1e-3), 0.6, 1.7).astype(np.float32)
    lab = cv2.cvtColor(face, cv2.COLOR_RGB2LAB)
    moved = lab * ratio + (wanted_mean - mean * ratio).astype(np.float32)
    return np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), 0, 1)


def none(face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Leave the colours as the model made them."""
    return face


TRANSFERS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {"reinhard": reinhard, "none": none}
