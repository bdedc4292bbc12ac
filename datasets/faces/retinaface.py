"""RetinaFace (Deng et al., CVPR 2020), through the retinaface-pytorch package: slow, and sure of hard cases.

Its weights are the one thing that the studio has to fetch; ``datasets.weights`` says from where, and how to provide
them by hand.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from datasets.device import torch_threads
from datasets.errors import InputError
from datasets.faces.finder import Face, register_finder
from datasets.faces.meshfit import MeshFitter, face_of_five
from datasets.weights import ensure, load_tensors

LONGEST_SIDE = 960
ACCEPTED = 0.8


@register_finder("retinaface")
class RetinafaceFinder:
    """Finds faces in single pictures; see ``datasets.faces.finder.FaceFinder``.

    Args:
        weights: the network's file; the one of the weights' table when None.
        longest_side: pictures are scaled to this, pixels.
    """

    name = "retinaface"

    def __init__(self, weights: Path | None = None, longest_side: int = LONGEST_SIDE) -> None:
        file = weights or ensure("retinaface")
        self._model = _network(load_tensors(file), file, longest_side)
        self._fitter = MeshFitter()

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of a uint8 RGB HxWx3 picture, the largest first."""
        with torch_threads():
            said: list[dict[str, Any]] = self._model.predict_jsons(image, confidence_threshold=ACCEPTED)
        faces = []
        for one in said:
            if len(one["bbox"]) == 4:
                five, box = np.array(one["landmarks"], np.float32), np.array(one["bbox"], np.float32)
                faces.append(self._fitter.complete(image, face_of_five(five, float(one["score"]), box)))
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def reset(self) -> None:
        """Nothing is remembered between pictures."""

    def close(self) -> None:
        """Let go of the models."""
        self._model = None
        self._fitter.close()


def _network(tensors: dict[str, Any], file: Path, longest_side: int) -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer version on import
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arguments that torchvision has renamed since
        from retinaface.predict_single import Model

        model = Model(max_size=longest_side, device="cpu")
    try:
        # Some published files hold the network alone, some the parts of a training run, with its prefix.
        model.load_state_dict({name.removeprefix("model."): value for name, value in tensors.items()})
    except RuntimeError as error:
        raise InputError(f"{file} does not hold the weights of RetinaFace with a ResNet-50.") from error
    model.eval()
    return model
