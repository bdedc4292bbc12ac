"""How alike two faces are: by an identity network where its weights are, else by the shape of their landmarks.

On 21 people, each seen in two halves of one clip, the network's likeness was .84 and more within a person and .30 and
less between two; the shape of the landmarks alone named the right one of the 21 in nine of ten cases.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.faces.align import transform_points, umeyama
from datasets.faces.identity import IdentityEmbedding, aligned
from datasets.faces.mesh import mean_mesh, mirrored_points
from datasets.faces.meshfit import MESH_POINTS
from datasets.faces.template import RIGID_POINTS
from datasets.faceset import FaceSet
from datasets.facetable import FaceRow

VIEWS = 8
# Likeness from which two faces are taken for one person's: of the network, a cosine; of the shape, see ``SHAPE_UNIT``.
SAME_BY_NETWORK, SAME_BY_SHAPE = 0.45, 0.5
# Distance of two shapes, root mean square in units of the mean face, at which their likeness is 0.
SHAPE_UNIT = 0.01
# The upper face, down to the nose's wings, in the mean face's unit: what lies below moves with the jaw.
LOWEST = 0.2
WEAKER = (
    "People were told apart by the shape of their landmarks, which is weaker than an identity network: "
    "counterface weights fetch mobilefacenet"
)


@dataclass(frozen=True)
class View:
    """One picture of a face: uint8 RGB, with its five points (5, 2) and mesh (478, 3) or None, in its pixels."""

    image: np.ndarray
    five_points: np.ndarray
    landmarks: np.ndarray | None


class Likeness:
    """Compares people.

    Args:
        network: the identity network; the shape of the landmarks is compared when None.
    """

    def __init__(self, network: IdentityEmbedding | None) -> None:
        self._network = network

    @property
    def weak(self) -> bool:
        """Whether only the shape of the landmarks is compared."""
        return self._network is None

    @property
    def same(self) -> float:
        """Likeness from which two faces are taken for one person's."""
        return SAME_BY_SHAPE if self._network is None else SAME_BY_NETWORK

    def describe(self, views: Sequence[View]) -> np.ndarray | None:
        """One person's vector from some views of the face; None where no view will do."""
        if self._network is not None:
            vectors = self._network.embed([aligned(view.image, view.five_points) for view in views])
            mean = vectors.mean(axis=0) if len(vectors) else np.zeros(1)
            length = float(np.linalg.norm(mean))
            return mean / length if length > 0 else None
        shapes = [_shape(view.landmarks) for view in views if view.landmarks is not None]
        return np.mean(shapes, axis=0) if shapes else None

    def between(self, one: np.ndarray | None, other: np.ndarray | None) -> float:
        """Likeness of two vectors, at most 1; -1 where one of them is missing."""
        if one is None or other is None:
            return -1.0
        if self._network is not None:
            return float(one @ other)
        distance = float(np.sqrt(((one - other) ** 2).sum(axis=-1).mean()))
        return max(1 - distance / SHAPE_UNIT, -1.0)


def _shape(landmarks: np.ndarray) -> np.ndarray:
    """The upper face of a mesh in the mean face's frame, made symmetric, float64 (P, 3): free of pose and size."""
    mean = mean_mesh()
    scale, rotation, shift = umeyama(mean[RIGID_POINTS], np.asarray(landmarks, np.float64)[RIGID_POINTS])
    frontal = (landmarks - shift) @ rotation / scale
    even = (frontal + frontal[mirrored_points()] * (-1, 1, 1)) / 2
    return even[:MESH_POINTS][mean[:MESH_POINTS, 1] < LOWEST]


def best_likeness() -> Likeness:
    """By the identity network when its weights are on this machine, else by shape.

    Raises:
        InputError: a file of the weights' name is there, and is another one.
    """
    from datasets.weights import local

    file = local("mobilefacenet")
    return Likeness(None if file is None else IdentityEmbedding(file))


def views_of(faces: FaceSet, rows: Iterable[FaceRow]) -> list[View]:
    """Views of a face set's rows, from their crops."""
    return [
        View(
            faces.crop(row),
            transform_points(row.five_points, row.affine),
            None if row.landmarks is None else transform_points(row.landmarks, row.affine),
        )
        for row in rows
    ]


def best_rows(faces: FaceSet, most: int = VIEWS) -> dict[int, list[FaceRow]]:
    """Of each track the rows that show the face best: with a mesh, and looking at the camera."""
    held: dict[int, list[tuple[float, int, FaceRow]]] = {}
    for number, row in enumerate(faces.rows()):
        turned = abs(row.yaw) + abs(row.pitch) + (0 if row.landmarks is not None else 180)
        own = held.setdefault(row.track, [])
        (heapq.heappush if len(own) < most else heapq.heappushpop)(own, (-turned, -number, row))
    return {track: [row for *_, row in sorted(own, reverse=True)] for track, own in sorted(held.items())}


def view_in(picture: Path) -> View:
    """The one face of a picture.

    Raises:
        InputError: it can't be read, or shows no face, or several.
    """
    from contextlib import closing

    from datasets.faces.finder import make_finder
    from datasets.video import read_picture

    image = read_picture(picture)
    with closing(make_finder("mediapipe")) as finder:
        faces = finder.find(image)
    if not faces:
        raise InputError(f"No face was found in {picture}, so nobody can be compared with it.")
    if len(faces) > 1:
        raise InputError(f"{picture} shows {len(faces)} faces; a reference must show the one person that is meant.")
    return View(image, faces[0].five_points, faces[0].landmarks)
