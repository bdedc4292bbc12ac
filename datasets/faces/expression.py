"""How far the eyes and the mouth of a mesh are open: ratios that neither size nor turn in the picture's plane changes.

The eye aspect ratio of Soukupova and Cech (2016) on the points of the 478-point mesh, and the same for the lips.
"""

from __future__ import annotations

import numpy as np

# Corner, corner; then pairs of points of the upper and the lower edge.
LEFT_EYE, RIGHT_EYE = (33, 133, (160, 144), (158, 153)), (263, 362, (387, 373), (385, 380))
MOUTH = (78, 308, (82, 87), (13, 14), (312, 317))


def _aspect(points: np.ndarray, first: int, second: int, *pairs: tuple[int, int]) -> float:
    across = float(np.linalg.norm(points[first] - points[second]))
    apart = np.mean([np.linalg.norm(points[up] - points[down]) for up, down in pairs])
    return float(apart / max(across, 1e-6))


def eye_opening(landmarks: np.ndarray) -> float:
    """Height over width of the eyes' openings, mean of both: 0 shut, about .3 open; landmarks (478, 2 or 3)."""
    points = np.asarray(landmarks, dtype=np.float64)
    return (_aspect(points, *LEFT_EYE) + _aspect(points, *RIGHT_EYE)) / 2  # type: ignore[arg-type]


def mouth_opening(landmarks: np.ndarray) -> float:
    """Height over width of what is between the lips: 0 shut, .5 and more wide open; landmarks (478, 2 or 3)."""
    return _aspect(np.asarray(landmarks, dtype=np.float64), *MOUTH)  # type: ignore[arg-type]
