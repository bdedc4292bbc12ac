"""MTCNN (Zhang et al., 2016), through facenet-pytorch, whose wheel carries the weights."""

from __future__ import annotations

import numpy as np

from datasets.device import torch_threads
from datasets.faces.finder import Face, register_finder
from datasets.faces.meshfit import MeshFitter, face_of_five

SMALLEST_FACE = 36
ACCEPTED = 0.9
# Without a mesh that fits, the box must be this sure: the network takes folds and foliage for faces now and then.
BOX_ALONE = 0.98


@register_finder("mtcnn")
class MtcnnFinder:
    """Finds faces in single pictures; see ``datasets.faces.finder.FaceFinder``."""

    name = "mtcnn"

    def __init__(self) -> None:
        from facenet_pytorch import MTCNN

        self._model = MTCNN(keep_all=True, min_face_size=SMALLEST_FACE, post_process=False, device="cpu")
        self._fitter = MeshFitter()

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of a uint8 RGB HxWx3 picture, the largest first."""
        if min(image.shape[:2]) <= SMALLEST_FACE:
            return []
        with torch_threads():
            boxes, scores, points = self._model.detect(image, landmarks=True)
        if boxes is None:
            return []
        faces = []
        for box, score, five in zip(boxes, scores, points, strict=True):
            if score < ACCEPTED:
                continue
            plain = face_of_five(np.asarray(five, np.float32), float(score), np.asarray(box, np.float32))
            face = self._fitter.complete(image, plain)
            if face.landmarks is not None or score >= BOX_ALONE:
                faces.append(face)
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def reset(self) -> None:
        """Nothing is remembered between pictures."""

    def close(self) -> None:
        """Let go of the models."""
        self._fitter.close()
