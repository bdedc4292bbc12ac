"""The face with its surroundings: pixels as they are, bounded in size, None where there is nothing to cut."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.faces.finder import Face
from detect.cues.patch import GRID, LARGEST_SIDE, REACH, Patch, cut_patch


def at(face: Face, affine: np.ndarray) -> Face:
    assert face.landmarks is not None
    points = face.landmarks.copy()
    points[:, :2] = points[:, :2] @ affine[:, :2].T + affine[:, 2]
    return replace(face, landmarks=points)


def test_pixels_of_a_small_face_are_those_of_the_frame(portrait: tuple[np.ndarray, Face], patch: Patch) -> None:
    image, face = portrait
    (x, y), (height, width) = patch.origin, patch.image.shape[:2]
    assert face.landmarks is not None
    assert patch.scale == 1 and x % GRID == y % GRID == 0
    assert np.array_equal(patch.image, image[y : y + height, x : x + width])
    assert np.allclose(patch.landmarks + np.array([x, y]), face.landmarks[:, :2], atol=1e-3)
    reach = REACH * patch.side
    assert patch.landmarks[:, 0].min() >= reach - 0.5 and width - patch.landmarks[:, 0].max() >= reach - 1.5


def test_a_large_face_is_brought_down(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    twice = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    large = at(face, np.array([[4.0, 0, 1.5], [0, 4.0, 1.5]]))
    small = cut_patch(twice, large)
    assert small is not None and large.landmarks is not None
    assert small.side == pytest.approx(LARGEST_SIDE, rel=0.01)
    assert small.scale == pytest.approx(np.ptp(large.landmarks[:, :2], axis=0).max() / LARGEST_SIDE)
    # The landmarks went with the pixels: the iris is where the picture has it.
    back = (small.landmarks + 0.5) * small.scale - 0.5 + small.origin
    assert np.abs(back - large.landmarks[:, :2]).max() < 0.02 * small.side


def test_no_patch_without_a_mesh_or_outside_the_frame(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    assert cut_patch(image, replace(face, landmarks=None)) is None
    for dx, dy in ((5000, 0), (-5000, 0), (0, 5000), (0, -5000), (float("nan"), 0)):
        assert cut_patch(image, at(face, np.array([[1.0, 0, dx], [0, 1.0, dy]]))) is None


def test_a_face_at_the_edge_is_cut_at_the_edge(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    assert face.landmarks is not None
    left = int(face.landmarks[:, 0].mean())
    half = cut_patch(np.ascontiguousarray(image[:, left:]), at(face, np.array([[1.0, 0, -left], [0, 1.0, 0]])))
    assert half is not None and half.origin[0] == 0 and half.landmarks[:, 0].min() < 0
