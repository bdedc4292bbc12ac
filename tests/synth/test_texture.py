"""A face at rest and its bending: identity where nothing moves, and points that land where they are wanted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from datasets.facearrays import FaceArrays
from datasets.faces.mask import hull_mask
from synth.texture import (
    Texture,
    bend,
    carry_over,
    flow,
    halved,
    halved_points,
    likeness,
    neutral_texture,
    restlessness,
    with_detail,
)


@pytest.fixture(scope="module")
def faces(packed: dict[str, FaceArrays]) -> FaceArrays:
    return packed["destination"]


def test_bending_to_the_same_points_changes_nothing(faces: FaceArrays) -> None:
    image, points = faces.images[0], faces.landmarks[0]
    inside = hull_mask(points, image.shape[:2]) > 0
    assert np.abs(bend(image, points, points).astype(int) - image)[inside].max() <= 1


def test_the_flow_takes_each_landmark_near_to_where_it_came_from(faces: FaceArrays) -> None:
    rest, wanted = faces.landmarks[0], faces.landmarks[len(faces) // 2]
    x, y = flow(wanted, rest, faces.size)
    at = np.rint(wanted).astype(int).clip(0, faces.size - 1)
    landed = np.stack([x[at[:, 1], at[:, 0]], y[at[:, 1], at[:, 0]]], 1)
    moved = np.linalg.norm(wanted - rest, axis=1)
    missed = np.linalg.norm(landed - rest - (at - wanted), axis=1)
    assert moved.max() > 3 and missed.mean() < 0.3 * moved.mean() and np.quantile(missed, 0.95) < 2.5


def test_a_bent_face_looks_like_the_face_it_is_bent_to(faces: FaceArrays) -> None:
    unrest = restlessness(faces.landmarks)
    rest, far = int(unrest.argmin()), int(unrest.argmax())
    bent = bend(faces.images[rest], faces.landmarks[rest], faces.landmarks[far])
    inside = hull_mask(faces.landmarks[far], bent.shape[:2]) > 0.5

    def error(picture: np.ndarray) -> float:
        return float(np.abs(cv2.GaussianBlur(picture, (0, 0), 2).astype(int) - faces.images[far])[inside].mean())

    assert error(bent) < 0.9 * error(faces.images[rest])


def test_a_wide_open_mouth_is_further_from_rest(faces: FaceArrays) -> None:
    calm = faces.landmarks[:1].copy()
    opened = calm.copy()
    opened[:, 14, 1] += 20
    assert restlessness(opened)[0] > restlessness(calm)[0] + 0.05


def test_the_texture_at_rest_is_a_sharp_picture_of_the_person(faces: FaceArrays) -> None:
    texture = neutral_texture(faces)
    assert texture.image.shape == faces.images.shape[1:] and texture.image.dtype == np.uint8
    inside = hull_mask(texture.landmarks, texture.image.shape[:2]) > 0.5

    def sharpness(picture: np.ndarray) -> float:
        return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[inside].var())

    plain_mean = faces.images.mean(0).astype(np.uint8)
    assert sharpness(texture.image) > 2 * sharpness(plain_mean)
    again = neutral_texture(faces)
    assert np.array_equal(texture.image, again.image) and np.array_equal(texture.landmarks, again.landmarks)


def test_only_shape_is_carried_over_not_place_size_turn_or_proportions(
    faces: FaceArrays, packed: dict[str, FaceArrays]
) -> None:
    rest, other = faces.landmarks[0], packed["source"].landmarks[0]
    stretched = rest @ np.float32([[1.2, 0.1], [-0.05, 0.8]]) + np.float32([7, -4])
    assert np.allclose(carry_over(rest, rest, stretched, 1), rest, atol=1e-3)
    assert np.allclose(carry_over(rest, rest, other, 0), rest, atol=1e-4)
    whole = carry_over(rest, rest, other, 1)
    assert 0.5 < np.linalg.norm(whole - rest, axis=1).mean() < np.linalg.norm(other - rest, axis=1).mean()
    moved = rest + np.float32([3, -2])
    assert np.allclose(carry_over(moved, rest, other, 1), whole + np.float32([3, -2]), atol=1e-3)


def test_a_likeness_is_the_bent_face_with_its_hull(faces: FaceArrays) -> None:
    texture = Texture(faces.images[0], faces.landmarks[0])
    alike = likeness(texture, faces.landmarks[9])
    assert alike.shape == (faces.size, faces.size, 4) and alike.dtype == np.uint8
    hull = hull_mask(faces.landmarks[9], (faces.size, faces.size))
    assert np.abs(alike[..., 3] / 255 - hull).max() <= 0.5 / 255 + 1e-6


def test_halving_keeps_the_mean_and_the_place() -> None:
    image = np.zeros((64, 64), np.float32)
    image[20:24, 40:44] = 1
    small = halved(image)
    assert small.shape == (32, 32) and small.sum() * 4 == pytest.approx(image.sum())
    centre = np.argwhere(image > 0).mean(0)[::-1]
    assert np.allclose(halved_points(centre[None])[0], np.argwhere(small > 0).mean(0)[::-1])


def test_detail_is_added_where_the_network_agrees_and_left_out_where_not(faces: FaceArrays) -> None:
    fine = faces.images[0]
    coarse = halved(fine).astype(np.float32) / 255
    agreed = with_detail(coarse, fine)
    assert agreed.shape == fine.shape and np.abs(agreed * 255 - fine).mean() < 0.5
    other = (coarse + 0.5) % 1.0
    plain = cv2.resize(other, fine.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    assert np.abs(with_detail(other, fine) - plain).mean() < 0.002
