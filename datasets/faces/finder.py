"""What a face is, what finds one, and the table of the backends that can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

from datasets.errors import InputError


@dataclass(frozen=True)
class Face:
    """One face found in one picture. Coordinates are pixels of that picture, x right, y down.

    Attributes:
        box: float32 (4,), xyxy, around the face without hair.
        score: confidence of the finder in [0, 1].
        landmarks: float32 (478, 3), the MediaPipe mesh: x, y in pixels, z in the same unit (smaller is nearer),
            or None when the backend has no mesh and none could be fitted.
        five_points: float32 (5, 2): the person's eye at the picture's left, the one at its right, nose tip, mouth
            corner at the left, mouth corner at the right.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray | None
    five_points: np.ndarray


class FaceFinder(Protocol):
    """What every backend meets. One finder serves one clip: it may use what it saw in the frame before."""

    name: str

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of a uint8 RGB HxWx3 picture, the largest first; an empty list when there is none."""
        ...

    def reset(self) -> None:
        """Forget the frames seen so far."""
        ...

    def close(self) -> None:
        """Let go of the models."""
        ...


_FINDERS: dict[str, Callable[[], FaceFinder]] = {}
BACKENDS = ("mediapipe", "retinaface", "mtcnn")


def register_finder(name: str) -> Callable[[Callable[[], FaceFinder]], Callable[[], FaceFinder]]:
    """Decorator: make a finder known under ``name``."""

    def keep(factory: Callable[[], FaceFinder]) -> Callable[[], FaceFinder]:
        _FINDERS[name] = factory
        return factory

    return keep


def make_finder(name: str) -> FaceFinder:
    """A new finder by name. Raises InputError for an unknown name or a backend whose weights are missing."""
    if name not in BACKENDS:
        raise InputError(f"There is no face finder {name!r}; there are: {', '.join(BACKENDS)}.")
    import_module(f"datasets.faces.{name}")
    return _FINDERS[name]()
