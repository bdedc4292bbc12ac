"""Alignment: the mean face lands where it is aimed, whatever the head does, and a crop goes back where it came from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.faces.align import (
    COVERAGES,
    align_affine,
    crop_to_crop,
    five_of_mesh,
    head_pose,
    invert_affine,
    rescale_affine,
    transform_points,
    umeyama,
    unwarp,
    warp_crop,
)
from datasets.faces.template import FIVE, OVAL, OVAL_POINTS, RIGID, RIGID_POINTS


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """A rotation of the head (degrees), from the definition of the angles."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def mesh(scale: float, rotation: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """A mesh (478, 3) whose aligned points are the mean face's."""
    points = np.zeros((478, 3))
    points[OVAL_POINTS] = OVAL
    points[RIGID_POINTS] = RIGID
    points[61], points[291] = FIVE[3], FIVE[4]
    return (scale * points @ rotation.T + [*centre, 0.0]).astype(np.float32)


poses = st.tuples(
    st.floats(20, 400),
    st.floats(-60, 60),
    st.floats(-30, 30),
    st.floats(-80, 80),
    st.tuples(st.floats(0, 800), st.floats(0, 800)),
)


@settings(max_examples=60, deadline=None)
@given(poses)
def test_pose_is_recovered_from_the_mesh_and_from_five_points(pose: tuple) -> None:
    scale, yaw, pitch, roll, centre = pose
    face = mesh(scale, turned(yaw, pitch, roll), centre)
    for points in (face, five_of_mesh(face)):
        found = head_pose(points)
        assert found.scale == pytest.approx(scale, rel=2e-3)
        np.testing.assert_allclose(found.centre, centre, atol=2e-3 * scale + 0.01)
        np.testing.assert_allclose(found.rotation, turned(yaw, pitch, roll), atol=5e-3)
        np.testing.assert_allclose(found.angles, (yaw, pitch, roll), atol=0.5)


@settings(max_examples=30, deadline=None)
@given(poses, st.sampled_from(sorted(COVERAGES)))
def test_the_face_keeps_its_size_and_place_in_the_crop(pose: tuple, coverage: str) -> None:
    scale, yaw, pitch, roll, centre = pose
    face = mesh(scale, turned(yaw, pitch, roll), centre)
    affine = align_affine(face, 256, coverage)
    side = np.sqrt(abs(np.linalg.det(affine[:, :2].astype(np.float64)))) * scale
    assert side == pytest.approx(256 / COVERAGES[coverage], rel=3e-3)
    np.testing.assert_allclose(affine[0, 0], affine[1, 1], atol=1e-5)
    np.testing.assert_allclose(affine[0, 1], -affine[1, 0], atol=1e-5)
    upright = align_affine(mesh(scale, np.eye(3), centre), 256, coverage)
    middle = transform_points(np.array([centre]), upright)
    np.testing.assert_allclose(transform_points(np.array([centre]), affine), middle, atol=0.6)


def test_a_level_face_at_full_coverage_stands_where_the_field_expects_it() -> None:
    face = mesh(200, np.eye(3), (300, 300))
    eyes = (transform_points(five_of_mesh(face), align_affine(face, 100, "full"))[:2] + 0.5) / 100
    np.testing.assert_allclose(eyes, [(0.3625, 0.403), (0.6375, 0.403)], atol=0.02)


def test_whole_is_centred_higher_up_the_head_than_full() -> None:
    face = mesh(100, np.eye(3), (300, 300))
    low = transform_points(np.array([[300.0, 300.0]]), align_affine(face, 100, "whole"))[0]
    np.testing.assert_allclose((low + 0.5) / 100, (0.5, 0.57), atol=0.002)


@settings(max_examples=30, deadline=None)
@given(poses, st.sampled_from(sorted(COVERAGES)), st.sampled_from(sorted(COVERAGES)), st.integers(32, 512))
def test_rescaling_gives_what_aligning_anew_gives(pose: tuple, old: str, new: str, size: int) -> None:
    scale, yaw, pitch, roll, centre = pose
    face = mesh(scale, turned(yaw, pitch, roll), centre)
    direct = align_affine(face, size, new)
    moved = rescale_affine(align_affine(face, 256, old), 256, old, size, new)
    corners = transform_points(np.array([[0, 0], [size, 0], [0, size]], float), invert_affine(direct))
    error = transform_points(corners, moved) - transform_points(corners, direct)
    assert np.abs(error).max() < 0.02 * max(size / 256, 1)
    there = rescale_affine(crop_to_crop(256, old, size, new), size, new, 256, old)
    np.testing.assert_allclose(there, np.eye(2, 3), atol=1e-2)


def test_a_crop_goes_back_where_it_was_cut() -> None:
    y, x = np.mgrid[:240, :320]
    image = np.stack([x * 0.6, y * 0.8, 60 + 40 * np.sin(x / 25) * np.cos(y / 25)], -1).astype(np.uint8)
    affine = align_affine(mesh(60, turned(20, 5, 25), (150, 120)), 256, "full")
    back = unwarp(warp_crop(image, affine, 256), affine, (320, 240))
    inside = cv2.erode((unwarp(np.full((256, 256), 255, np.uint8), affine, (320, 240)) > 254).astype(np.uint8), None)
    assert inside.sum() > 5000
    error = np.abs(back.astype(int) - image)[inside > 0]
    assert error.mean() < 1.0 and np.percentile(error, 99) <= 3


def test_shrinking_averages_a_pattern_away() -> None:
    checks = ((np.indices((512, 512)).sum(0) % 2) * 255).astype(np.uint8)
    image = np.repeat(checks[..., None], 3, axis=2)
    affine = np.array([[0.23, 0, 0], [0, 0.23, 0]], np.float32)
    crop = warp_crop(image, affine, 100)
    assert np.abs(crop.astype(float) - 127.5).max() < 40 and crop.std() < 12


def test_shrinking_does_not_shift_the_picture() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[180:221, 260:301] = 255
    for scale in (0.9, 0.5, 0.3, 0.15):
        shift = 63.3 - scale * np.array([280, 200])
        affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
        crop = warp_crop(image, affine, 128)[..., 0].astype(float)
        y, x = np.mgrid[:128, :128]
        middle = np.array([(crop * x).sum(), (crop * y).sum()]) / crop.sum()
        np.testing.assert_allclose(middle, 63.3, atol=0.06)


def test_umeyama_in_two_dimensions() -> None:
    points = np.random.default_rng(0).normal(size=(20, 2))
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    scale, rotation, shift = umeyama(points, 3 * points @ turn.T + [4, 5])
    assert scale == pytest.approx(3)
    np.testing.assert_allclose(rotation, turn, atol=1e-9)
    np.testing.assert_allclose(shift, [4, 5], atol=1e-9)


def test_an_unknown_coverage_is_an_input_error() -> None:
    with pytest.raises(InputError, match="full, whole"):
        align_affine(mesh(60, np.eye(3), (0, 0)), 64, "most")
    with pytest.raises(InputError):
        align_affine(mesh(60, np.eye(3), (0, 0)), 64, -1.0)
