"""The 81 points that detection benchmarks keep of a face, taken from the 478 of the mesh.

The first 68 are those of the iBUG 300-W annotation (Sagonas et al., 2013): jaw, brows, nose, eyes, mouth; the last 13
go along the forehead, from the picture's left to its right.
"""

from __future__ import annotations

from typing import Final

import numpy as np

JAW: Final = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389)
BROWS: Final = (71, 63, 105, 66, 107, 336, 296, 334, 293, 301)
NOSE: Final = (168, 197, 5, 4, 75, 97, 2, 326, 305)
EYES: Final = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
MOUTH: Final = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87)
FOREHEAD: Final = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251)
POINTS: Final = JAW + BROWS + NOSE + EYES + MOUTH + FOREHEAD


def points_81(landmarks: np.ndarray) -> np.ndarray:
    """float32 (81, 2) of a mesh (478, 2 or more), in its pixels."""
    return np.asarray(landmarks, dtype=np.float32)[list(POINTS), :2]
