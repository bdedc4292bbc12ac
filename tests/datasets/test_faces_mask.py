"""Masks: where the face is, antialiased, and the same with and without a mesh."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from portraits import astronaut

from datasets.faces.finder import Face, make_finder
from datasets.faces.mask import eye_mouth_mask, five_point_mask, hull_mask


@pytest.fixture(scope="module")
def face() -> Face:
    finder = make_finder("mediapipe")
    found = finder.find(astronaut())
    finder.close()
    return found[0]


def test_the_hull_holds_every_landmark_and_little_else(face: Face) -> None:
    assert face.landmarks is not None
    mask = hull_mask(face.landmarks, (512, 512))
    assert mask.dtype == np.float32 and mask.shape == (512, 512) and mask.min() == 0 and mask.max() == 1
    hull = cv2.convexHull(face.landmarks[:468, :2].copy())
    assert mask.sum() == pytest.approx(cv2.contourArea(hull), rel=0.03)
    x, y = face.landmarks[:468, :2].round().astype(int).T
    assert (cv2.dilate(mask, np.ones((3, 3)))[y, x] > 0.4).all()


def test_the_edge_is_soft(face: Face) -> None:
    assert face.landmarks is not None
    mask = hull_mask(face.landmarks, (512, 512))
    edge = (mask > 0.05) & (mask < 0.95)
    assert 50 < edge.sum() < 1500


def test_a_face_half_outside_is_cut_at_the_border(face: Face) -> None:
    assert face.landmarks is not None
    moved = face.landmarks.copy()
    moved[:, 0] -= face.landmarks[:, 0].mean()
    mask = hull_mask(moved, (512, 512))
    assert 0.3 < mask.sum() / hull_mask(face.landmarks, (512, 512)).sum() < 0.7


def test_five_points_give_nearly_the_same_mask_as_the_mesh(face: Face) -> None:
    assert face.landmarks is not None
    by_mesh, by_five = hull_mask(face.landmarks, (512, 512)), five_point_mask(face.five_points, (512, 512))
    assert np.minimum(by_mesh, by_five).sum() / np.maximum(by_mesh, by_five).sum() > 0.85


def test_eyes_and_mouth_lie_in_the_face(face: Face) -> None:
    assert face.landmarks is not None
    parts, hull = eye_mouth_mask(face.landmarks, (512, 512)), hull_mask(face.landmarks, (512, 512))
    assert (parts <= hull + 0.01).all() and 0.03 < parts.sum() / hull.sum() < 0.3
    for point in face.five_points[[0, 1]].round().astype(int):
        assert parts[point[1], point[0]] == 1
