"""Choosing and looking up frames: spread, sharp, and without a jump from one to the next."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.facearrays import FaceArrays
from datasets.faces.mesh import mean_mesh
from datasets.faces.template import OVAL_POINTS
from synth.library import REGIONS, STEP, choose, features, nearest_weights, person, proportioned, regions, sharpness
from synth.meshwarp import flat_pose


def test_the_chosen_are_spread_and_the_sharp_ones_among_those_alike() -> None:
    rng = np.random.default_rng(3)
    places = rng.uniform(-4, 4, (12, len(STEP)))
    found = np.repeat(places, 5, axis=0) + rng.normal(0, 0.01, (60, len(STEP)))
    sharp = np.tile([1.0, 2.0, 9.0, 3.0, 2.0], 12)
    kept = choose(found, sharp, 12)
    assert np.array_equal(kept, np.arange(12) * 5 + 2)
    assert np.array_equal(choose(found[:5], sharp[:5], 12), np.arange(5))


@pytest.mark.parametrize("blend", [1, 2, 4])
def test_weights_fade_and_never_jump(blend: int) -> None:
    rng = np.random.default_rng(7)
    library = rng.normal(0, 1.5, (30, len(STEP)))
    start, end = rng.normal(0, 1.5, (2, len(STEP)))
    path = start + np.linspace(0, 1, 2000)[:, None] * (end - start)
    weights = np.stack([nearest_weights(at, library, blend) for at in path])
    assert weights.shape == (2000, len(REGIONS), 30)
    assert np.allclose(weights.sum(-1), 1) and (weights >= 0).all()
    assert ((weights > 1e-9).sum(-1) <= blend).all() and (weights.argmax(-1).max(0) > 0).any()
    if blend > 1:
        assert np.abs(np.diff(weights, axis=0)).max() < 0.06


def test_a_frame_of_the_library_is_its_own_best_match() -> None:
    library = np.random.default_rng(1).normal(0, 2, (20, len(STEP)))
    assert (nearest_weights(library[7], library, 3).argmax(1) == 7).all()
    assert np.allclose(nearest_weights(library[0], np.repeat(library[:1], 3, 0), 2), 1 / 3)
    assert np.allclose(nearest_weights(library[0], library[:1], 3), 1)


def test_features_follow_the_head_the_lids_and_the_lips(packed: dict[str, FaceArrays]) -> None:
    faces = packed["destination"]
    eyes = person(faces).eyes
    calm = faces.landmarks[0]
    opened = calm.copy()
    opened[[14, 87, 317], 1] += 12
    moved = (features(opened, flat_pose(opened), eyes) - features(calm, flat_pose(calm), eyes)) * STEP
    assert moved[4] > 0.1 and np.abs(moved[[2, 3, 6]]).max() < 1e-6
    shut = calm.copy()
    shut[[160, 158]] = shut[[144, 153]]
    moved = (features(shut, flat_pose(shut), eyes) - features(calm, flat_pose(calm), eyes)) * STEP
    assert moved[2] < -0.3 and abs(moved[3]) < 1e-6
    large = calm * 2 + 5
    assert np.allclose(features(large, flat_pose(large), eyes), features(calm, flat_pose(calm), eyes), atol=1e-3)


def test_every_point_belongs_to_some_region() -> None:
    share = regions()
    assert share.shape == (len(REGIONS), 478) and np.allclose(share.sum(0), 1) and share.min() >= -1e-9
    assert share[1, 468] == share[2, 473] == 1 and share[3, 13] == 1 and share[0, 10] == 1


def test_proportions_go_from_one_person_to_the_other_inside_the_outline(packed: dict[str, FaceArrays]) -> None:
    one, other = person(packed["source"]), person(packed["destination"])
    points = packed["destination"].landmarks[0]
    pose = flat_pose(points)
    assert np.allclose(proportioned(points, pose, one, other, 0.0), points, atol=1e-4)
    assert np.allclose(proportioned(points, pose, other, other, 1.0), points, atol=1e-4)
    moved = proportioned(points, pose, one, other, 1.0) - points
    assert np.abs(moved[OVAL_POINTS]).max() < 1e-3 and np.abs(moved).max() > 1
    assert np.abs(one.rest - mean_mesh()).max() < 0.3


def test_a_blurred_picture_is_less_sharp(packed: dict[str, FaceArrays]) -> None:
    import cv2

    image, mask = packed["source"].images[0], packed["source"].masks[0]
    assert sharpness(cv2.GaussianBlur(image, (0, 0), 2), mask) < 0.5 * sharpness(image, mask)
    assert sharpness(image, np.zeros_like(mask)) == 0
