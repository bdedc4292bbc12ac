"""Who a face is, as a vector: MobileFaceNet (Chen et al., 2018) through OpenCV, on the CPU.

Its weights are no part of the studio; ``datasets.weights`` says from where they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError
from datasets.progress import Progress, silent

SIDE, LENGTH = 112, 128
# Where ArcFace crops of 112 pixels have the eyes, the nose and the corners of the mouth (Deng et al., 2019).
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def aligned(image: np.ndarray, five_points: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A face cut out so that its five points stand where ArcFace networks expect them.

    Args:
        image: uint8 RGB HxWx3, a frame or a crop.
        five_points: (5, 2), pixels of it: eyes, nose tip, corners of the mouth, the picture's left first.
        side: of what comes back, pixels.

    Returns:
        uint8 RGB (side, side, 3).
    """
    from datasets.faces.align import umeyama, warp_crop

    scale, rotation, shift = umeyama(np.asarray(five_points, np.float64), TEMPLATE)
    affine = np.column_stack([scale * rotation, shift])
    affine *= side / SIDE
    affine[:, 2] += (side / SIDE - 1) / 2
    return warp_crop(image, affine.astype(np.float32), side)


class IdentityEmbedding:
    """Turns aligned faces into vectors whose dot product says how alike two people are (1: the same picture).

    Args:
        file: the network, ONNX; that of the weights' table when None, fetched when it is not on this machine.

    Raises:
        InputError: there is no such file, it is no such network, or it can't be fetched.
    """

    def __init__(self, file: Path | None = None, progress: Progress = silent) -> None:
        import cv2

        if file is None:
            from datasets.weights import ensure

            file = ensure("mobilefacenet", progress=progress)
        if not Path(file).is_file():
            raise InputError(f"There is no file {file}.")
        try:
            self._network: Any = cv2.dnn.readNetFromONNX(str(file))
            found = self._forward(np.zeros((SIDE, SIDE, 3), np.uint8))
        except cv2.error as error:
            raise InputError(f"{file} is not an identity network in ONNX form that takes {SIDE} pixels.") from error
        if found.shape != (LENGTH,):
            raise InputError(f"{file} is not the network that is expected: it gives {found.size} numbers a face.")

    def embed(self, crops: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """The vectors of faces.

        Args:
            crops: uint8 RGB (112, 112, 3) each, as ``aligned`` cuts them.

        Returns:
            float32 (N, 128), each of length 1.
        """
        found = [self._forward(crop) for crop in crops]
        if not found:
            return np.zeros((0, LENGTH), np.float32)
        vectors = np.stack(found)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def _forward(self, crop: np.ndarray) -> np.ndarray:
        # One at a time: this network's file is laid out for a batch of one.
        unit = (np.asarray(crop, np.float32) / 255 - MEAN) / DEVIATION
        self._network.setInput(np.ascontiguousarray(unit.transpose(2, 0, 1)[None]))
        return np.asarray(self._network.forward(), np.float32).flatten()
