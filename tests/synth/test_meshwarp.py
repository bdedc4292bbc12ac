"""The mesh drawn into pictures: poses found again, points that land where they belong, near parts over far ones."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.facearrays import FaceArrays
from datasets.faces.align import Pose
from datasets.faces.mask import hull_mask
from datasets.faces.mesh import mean_mesh
from synth.meshwarp import (
    BEHIND,
    facing,
    flat_pose,
    mean_normals,
    rasterise,
    sample,
    shows,
    with_irises_between_lids,
)

SIZE = 128


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Pose:
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return Pose(80.0, about_z @ about_y @ about_x, np.array([63.0, 60.0]))


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -10, 5), (-50, 12, -8)])
def test_a_pose_is_found_again_from_flat_points(angles: tuple[float, float, float]) -> None:
    pose = turned(*angles)
    assert pose.angles == pytest.approx(angles, abs=1e-6)
    found = flat_pose(pose.project(mean_mesh()))
    assert found.angles == pytest.approx(angles, abs=1.0) and found.scale == pytest.approx(80, rel=0.02)


def test_normals_look_outwards() -> None:
    normals = mean_normals()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    assert normals[1, 2] < -0.6 and normals[234, 0] < -0.7 and normals[454, 0] > 0.7 and normals[152, 1] > 0.4


def test_the_far_side_of_a_turned_head_faces_away() -> None:
    pose = turned(45)
    looks = facing(pose.project(mean_mesh()), pose, SIZE)
    # Positive yaw: the nose to the picture's right, so the right cheek is the hidden one.
    assert looks[454] == pytest.approx(BEHIND, abs=1e-3) and looks[123] > 0.5 > looks[352]


def test_a_view_stands_for_itself_and_not_for_one_that_shows_more() -> None:
    looks = np.linspace(BEHIND + 0.06, 1, 20)
    assert np.allclose(shows(looks, looks), 1)
    assert shows(np.zeros(1), np.full(1, 0.9))[0] < 0.15 and shows(np.full(1, 0.9), np.full(1, 0.1))[0] == 1


def test_the_raster_covers_the_hull_and_gives_each_point_its_own_place() -> None:
    points = turned(10).project(mean_mesh())
    raster = rasterise(points, turned(10).rotation[2] @ mean_mesh().T, SIZE)
    covered = np.zeros(SIZE * SIZE)
    covered[raster.pixels] = 1
    hull = hull_mask(points, (SIZE, SIZE)).ravel() > 0.5
    assert (covered > 0).sum() == pytest.approx(hull.sum(), rel=0.06) and not (covered > 0)[~hull].sum() > 60
    assert np.allclose(raster.weights.sum(1), 1, atol=1e-4) and raster.weights.min() > -1e-3
    # Where the points themselves are spread, each pixel finds itself.
    found = raster.spread(points)
    here = np.stack([raster.pixels % SIZE, raster.pixels // SIZE], 1)
    assert np.abs(found - here).max() < 1e-2
    rows = np.arange(0, len(here), 7)
    assert np.array_equal(raster.spread(points, rows), found[rows])


def test_the_nose_of_a_turned_head_hides_the_cheek_behind_it() -> None:
    pose = turned(55)
    points, depth = pose.project(mean_mesh()), mean_mesh() @ pose.rotation[2]
    raster = rasterise(points, depth, SIZE)
    seen = raster.spread(depth[:, None])[:, 0]
    back = rasterise(points, -depth, SIZE).spread(depth[:, None])[:, 0]
    assert (seen <= back + 1e-4).mean() > 0.97 and (seen < back - 0.1).sum() > 50


def test_samples_are_the_pictures_own_pixels_however_many() -> None:
    image = np.random.default_rng(1).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    at = np.random.default_rng(2).integers(0, SIZE, (40_001, 2)).astype(np.float32)
    where = at.astype(int)
    assert np.array_equal(sample(image, at), image[where[:, 1], where[:, 0]])


def test_irises_are_kept_between_the_lids_and_the_rest_is_left(packed: dict[str, FaceArrays]) -> None:
    for points in packed["destination"].landmarks[::9]:
        held = with_irises_between_lids(points)
        assert np.array_equal(held[:468], points[:468])
        for upper, lower, iris in ((159, 145, 468), (386, 374, 473)):
            top, bottom = held[upper, 1], held[lower, 1]
            assert held[iris : iris + 5, 1].min() > top - 2 and held[iris : iris + 5, 1].max() < bottom + 2
