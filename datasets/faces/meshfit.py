"""Fitting the 478-point mesh to a face of which something is known already: its mesh a frame ago, or five points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.faces.align import five_of_mesh, head_pose, invert_affine, transform_points, warp_crop
from datasets.faces.finder import Face
from datasets.faces.graphs import MESH_SIDE, MeshModel
from datasets.faces.template import OVAL

# The model was made for crops in which the face takes two thirds of the side.
CROP_OVER_FACE = 1.5
PRESENT = 0.5
# A fit from a crop that turned out to be off by more than this part of its side is repeated from the better crop.
ALLOWED_DRIFT = 0.06
MESH_POINTS = 468
SIDES = (33, 263)


@dataclass(frozen=True)
class Region:
    """A turned square in a picture: centre (2,) and side in pixels, turn in radians, clockwise."""

    centre: np.ndarray
    side: float
    turn: float

    def affine(self, size: int) -> np.ndarray:
        """Picture pixels to the pixels of a crop of it, float32 (2, 3)."""
        scale = size / self.side
        cos, sin = scale * np.cos(self.turn), scale * np.sin(self.turn)
        linear = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack([linear, (size - 1) / 2 - linear @ self.centre]).astype(np.float32)

    def drift(self, other: Region) -> float:
        """How far the other square is off, over this one's side."""
        moved = float(np.abs(self.centre - other.centre).max())
        turned = abs((self.turn - other.turn + np.pi) % (2 * np.pi) - np.pi)
        return max(moved, abs(self.side - other.side) / 2, turned * self.side / 4) / self.side


def region_of_mesh(landmarks: np.ndarray) -> Region:
    """The square in which the mesh model should look at a face with these landmarks (478, 3)."""
    across = landmarks[SIDES[1], :2] - landmarks[SIDES[0], :2]
    return _around(landmarks[:MESH_POINTS, :2], float(np.arctan2(across[1], across[0])))


def region_of_five(five_points: np.ndarray) -> Region:
    """The same for a face of which only five points (5, 2) are known."""
    pose = head_pose(five_points)
    return _around(pose.project(OVAL), pose.turn)


def _around(points: np.ndarray, turn: float) -> Region:
    cos, sin = np.cos(turn), np.sin(turn)
    back = np.array([[cos, sin], [-sin, cos]])
    level = points @ back.T
    low, high = level.min(axis=0), level.max(axis=0)
    return Region(back.T @ ((low + high) / 2), float((high - low).max()) * CROP_OVER_FACE, turn)


def bounds(points: np.ndarray) -> np.ndarray:
    """The box (4,) float32 xyxy around points (N, 2 or more)."""
    return np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)]).astype(np.float32)


def face_of_mesh(landmarks: np.ndarray, score: float) -> Face:
    """A face with everything that its mesh (478, 3) says."""
    return Face(bounds(landmarks[:MESH_POINTS]), score, landmarks, five_of_mesh(landmarks))


def face_of_five(five_points: np.ndarray, score: float, box: np.ndarray | None = None) -> Face:
    """A face of which five points (5, 2) are known; without a box, that of a mean face with these points."""
    around = bounds(head_pose(five_points).project(OVAL)) if box is None else box.astype(np.float32)
    return Face(around, score, None, five_points.astype(np.float32))


class MeshFitter:
    """Finds the mesh of a face inside a region of a picture."""

    def __init__(self) -> None:
        self._model = MeshModel()

    def once(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        """Landmarks float32 (478, 3) in the picture's pixels, and the confidence in [0, 1]."""
        affine = region.affine(MESH_SIDE)
        landmarks, presence = self._model.find(warp_crop(image, affine, MESH_SIDE))
        return transform_points(landmarks, invert_affine(affine)), presence

    def fit(self, image: np.ndarray, region: Region, tries: int = 2) -> tuple[np.ndarray, float] | None:
        """The same, repeated from the region that it finds while that is another; None when no face is there."""
        for left in range(tries - 1, -1, -1):
            landmarks, presence = self.once(image, region)
            if presence < PRESENT:
                return None
            better = region_of_mesh(landmarks)
            if not left or region.drift(better) <= ALLOWED_DRIFT:
                return landmarks, presence
            region = better
        return None

    def complete(self, image: np.ndarray, face: Face) -> Face:
        """The face with its mesh and the mesh's box and five points, where one fits; else as it is."""
        found = self.fit(image, region_of_five(face.five_points), tries=3)
        if found is None or not same_place(face.five_points, five_of_mesh(found[0])):
            return face
        return face_of_mesh(found[0], face.score)

    def close(self) -> None:
        self._model.close()


def same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sets of five points (5, 2) are the same face's: apart by under a third of its size."""
    size = max(float(np.ptp(one, axis=0).max()), 1.0)
    return float(np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))) < size / 3
