"""The mean mesh: it agrees with the template, is symmetric, and its triangles tile the face with the holes kept."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.faces.mask import LEFT_EYE, LIPS, RIGHT_EYE
from datasets.faces.mesh import INNER_LIPS, mean_mesh, mirrored_points, openings, triangles, unrolled
from datasets.faces.template import OVAL, OVAL_POINTS, RIGID, RIGID_POINTS


def test_it_agrees_with_the_template() -> None:
    assert mean_mesh().shape == (478, 3)
    assert np.abs(mean_mesh()[RIGID_POINTS] - RIGID).max() < 0.006
    assert np.abs(mean_mesh()[OVAL_POINTS] - OVAL).max() < 0.006


def test_left_and_right_mirror_each_other() -> None:
    other = mirrored_points()
    assert np.array_equal(other[other], np.arange(478))
    assert np.allclose(mean_mesh()[other], mean_mesh() * (-1, 1, 1), atol=1e-9)
    assert other[33] == 263 and other[61] == 291 and other[1] == 1


def test_the_triangles_tile_the_unrolled_face_without_gap_or_overlap() -> None:
    import cv2

    corners, plane = triangles(), unrolled()
    a, b, c = (plane[corners[:, i]] for i in range(3))
    u, v = b - a, c - a
    area = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    assert (area > 0).all() and set(corners.ravel()) == set(range(478))
    hull = cv2.contourArea(cv2.convexHull(plane.astype(np.float32)))
    assert area.sum() == pytest.approx(hull, rel=2e-3)


@pytest.mark.parametrize("outline", [INNER_LIPS, LEFT_EYE, RIGHT_EYE, LIPS])
def test_lips_and_lids_are_edges(outline: tuple[int, ...]) -> None:
    edges = {frozenset(pair) for t in triangles().tolist() for pair in (t[:2], t[1:], t[::2])}
    assert all(frozenset(pair) in edges for pair in zip(outline, (*outline[1:], outline[0]), strict=True))


def test_the_holes_are_those_of_mouth_and_eyes() -> None:
    mouth, eyes = openings()
    assert mouth.any() and eyes.any() and not (mouth & eyes).any()
    assert set(triangles()[mouth].ravel()) == set(INNER_LIPS)
    assert set(triangles()[eyes].ravel()) == {*LEFT_EYE, *RIGHT_EYE, *range(468, 478)}
