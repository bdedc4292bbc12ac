"""A second, slower finder for the frames in which the first one lost a face.

The first finder's answer stands wherever it still sees every face that it saw a moment ago. Where one is gone, or no
face is there at all, the second looks too; what it alone finds gets its mesh and is handed to the first to follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.faces.finder import Face, FaceFinder
from datasets.faces.meshfit import MeshFitter

# Frames after which a lost face is no longer waited for.
WAIT = 25
# After a look in vain the next one comes so many times later, at most WAIT frames.
SLOWER = 2
SAME_FACE = 0.3


def second_finder() -> Callable[[], FaceFinder] | None:
    """How to make the second finder, RetinaFace; None when its weights are not on this machine.

    Raises:
        InputError: a file of that name is there, and is another one.
    """
    from datasets.weights import local

    if local("retinaface") is None:
        return None

    def make() -> FaceFinder:
        from datasets.faces.retinaface import RetinafaceFinder

        return RetinafaceFinder()

    return make


@dataclass
class _Lost:
    box: np.ndarray
    age: int = 0


class SecondLook:
    """Two finders as one; see ``datasets.faces.finder.FaceFinder``.

    Args:
        first: looks at every frame; where it has a method ``adopt``, it is handed what the second finds.
        make_second: makes the second finder when it is first needed; None where there is none, and then frames are
            only counted.

    Attributes:
        cut: of the last frame, whether it is surely the first of another scene.
        lost, looked, found: of the last frame: whether the first finder had lost a face, whether the second looked,
            and whether it found one.
    """

    def __init__(self, first: FaceFinder, make_second: Callable[[], FaceFinder] | None) -> None:
        self.name = first.name
        self._first, self._make = first, make_second
        self._second: FaceFinder | None = None
        self._fitter: MeshFitter | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the frames seen so far."""
        self._first.reset()
        if self._second is not None:
            self._second.reset()
        self._before: list[Face] = []
        self._lost: list[_Lost] = []
        self._pause, self._step = 0, 1
        self.cut = self.lost = self.looked = self.found = False

    def close(self) -> None:
        """Let go of the models."""
        self._first.close()
        for model in (self._second, self._fitter):
            if model is not None:
                model.close()

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of a uint8 RGB HxWx3 frame, the largest first."""
        faces = self._first.find(image)
        self.cut = bool(getattr(self._first, "cut", False))
        known, before = [face.box for face in faces], [face.box for face in self._before]
        # A face that is new here may be one that moved far, or be there after a cut: it stands for one that is gone.
        new = sum(not _among(box, before) for box in known)
        gone = [box for box in before if not _among(box, known)][new:]
        self._lost = [one for one in self._lost if one.age < WAIT and not new and not _among(one.box, known)]
        for one in self._lost:
            one.age += 1
        self._lost += [_Lost(box) for box in gone]
        self.lost, self.looked, self.found = bool(self._lost) or not faces, False, False
        if not self.lost:
            self._pause, self._step = 0, 1
        elif gone or self._pause <= 0:
            # A face that was there a frame ago is looked for at once, an absent one less and less often.
            faces = self._look(image, faces)
        else:
            self._pause -= 1
        self._before = faces
        return faces

    def _look(self, image: np.ndarray, faces: list[Face]) -> list[Face]:
        if self._make is None:
            return faces
        self._second = self._second or self._make()
        self.looked = True
        known = [face.box for face in faces]
        more = [self._complete(image, face) for face in self._second.find(image) if not _among(face.box, known)]
        if not more:
            self._pause, self._step = self._step - 1, min(self._step * SLOWER, WAIT)
            return faces
        self.found, self._pause, self._step = True, 0, 1
        self._lost = [one for one in self._lost if not _among(one.box, [face.box for face in more])]
        adopt = getattr(self._first, "adopt", None)
        if adopt is not None:
            adopt(more)
        return sorted([*faces, *more], key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def _complete(self, image: np.ndarray, face: Face) -> Face:
        """The face with its mesh, where one fits."""
        if face.landmarks is not None:
            return face
        self._fitter = self._fitter or MeshFitter()
        return self._fitter.complete(image, face)


def _among(box: np.ndarray, others: list[np.ndarray]) -> bool:
    """Whether a box shares more than SAME_FACE of the smaller one's area with one of the others."""
    for other in others:
        shared = np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None)
        smaller = min(float(np.prod(box[2:] - box[:2])), float(np.prod(other[2:] - other[:2])))
        if float(np.prod(shared)) > SAME_FACE * max(smaller, 1e-6):
            return True
    return False
