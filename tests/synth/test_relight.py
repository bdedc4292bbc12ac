"""Light found on a face and put onto another: the side it comes from is carried over, the skin's own tone is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from datasets.facearrays import FaceArrays
from synth.album import light_of, make_album, wanted_face
from synth.meshwarp import flat_pose, mean_normals
from synth.relight import EVEN_MOST, HARMONICS, even_out, fit_light, harmonics, mean_light, shading, skin_points

LEFT, RIGHT = 123, 352  # a point of each cheek


@pytest.fixture(scope="module")
def faces(packed: dict[str, FaceArrays]) -> FaceArrays:
    return packed["destination"]


def lit(image: np.ndarray, slope: float) -> np.ndarray:
    """The picture lit from the right (slope above 0) or the left."""
    ramp = 1 + slope * np.linspace(-1, 1, image.shape[1])
    return np.clip(image * 0.7 * ramp[None, :, None], 0, 255).astype(np.uint8)


def sides(image: np.ndarray, points: np.ndarray) -> float:
    """How much lighter the right cheek is than the left one."""
    left, right = (image[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].mean() for x, y in points[[LEFT, RIGHT]])
    return float(right / left)


def test_a_light_of_harmonics_is_found_again() -> None:
    rng = np.random.default_rng(4)
    light = np.vstack([np.full((1, 3), 0.6), rng.normal(0, 0.1, (HARMONICS - 1, 3)) * np.linspace(1, 0.2, 8)[:, None]])
    normals = mean_normals()
    truth = harmonics(normals) @ light
    found = harmonics(normals) @ fit_light(truth, normals, np.ones(478))
    assert np.abs(found - truth)[skin_points()].mean() < 0.02


def test_what_is_no_skin_hardly_changes_the_light() -> None:
    normals = mean_normals()
    colours = np.clip(0.6 + 0.2 * normals[:, :1], 0, 1) * np.ones((1, 3))
    plain = shading(fit_light(colours, normals, np.ones(478)), normals)
    hidden = colours.copy()
    hidden[normals[:, 1] < -0.35] = 0.05  # dark hair over the forehead
    strange = shading(fit_light(hidden, normals, np.ones(478)), normals)
    assert np.abs(strange - plain)[[LEFT, RIGHT, 1, 152]].max() < 0.12


@pytest.mark.parametrize("albedo", [0.3, 1.0])
def test_shading_does_not_know_how_dark_the_skin_is(faces: FaceArrays, albedo: float) -> None:
    points = faces.landmarks[0]
    pose = flat_pose(points)
    one = light_of(lit(faces.images[0], 0.4), points, pose)
    other = light_of((lit(faces.images[0], 0.4) * albedo).astype(np.uint8), points, pose)
    assert np.abs(shading(one, mean_normals()) - shading(other, mean_normals())).max() < 0.05
    assert mean_light(other) == pytest.approx(mean_light(one) * albedo, rel=0.05)


def test_lit_from_the_left_on_one_lit_from_the_right_comes_out_lit_from_the_right(
    packed: dict[str, FaceArrays],
) -> None:
    faces = packed["source"]
    few = faces.subset(slice(0, 24))
    album = make_album(replace(few, images=np.stack([lit(image, -0.5) for image in few.images])), 8)
    image, points, hull = faces.images[30], faces.landmarks[30], faces.masks[30].astype(np.float32) / 255
    drawn = {}
    for name, slope, relight in (("right", 0.5, True), ("left", -0.5, True), ("off", 0.5, False)):
        crop = lit(image, slope)
        wanted = wanted_face(crop, points, album.whose.eyes, relight)
        made = album.draw(wanted, 3)
        picture = np.zeros((album.size**2, 3), np.float32)
        picture[made.raster.pixels] = made.colours
        square = picture.reshape(album.size, album.size, 3)
        drawn[name] = sides(square, points)
        if relight:
            drawn[f"{name}, evened out"] = sides(square * even_out(square, crop, hull), points)
    plain = sides(image, points)
    assert drawn["off"] < 0.8 * plain and drawn["right"] > 1.4 * drawn["off"]
    assert drawn["right, evened out"] > 1.2 * plain
    assert drawn["left"] < 0.8 * plain and drawn["left, evened out"] < 0.8 * plain


def test_evening_out_follows_coarse_shading_and_not_skin_tone(faces: FaceArrays) -> None:
    image, hull = faces.images[0], faces.masks[0].astype(np.float32) / 255
    inside = hull > 0.9
    assert np.abs(even_out(image, image, hull)[inside] - 1).max() < 1e-3
    tinted = (image * np.array([0.8, 0.6, 0.5])).astype(np.uint8)
    assert np.abs(even_out(image, tinted, hull)[inside] - 1).max() < 0.05
    gains = even_out(image, lit(image, 0.4), hull)
    assert sides(gains, faces.landmarks[0]) > 1.15
    assert gains.min() >= 1 / EVEN_MOST and gains.max() <= EVEN_MOST
    assert np.array_equal(even_out(image, image, np.zeros_like(hull)), np.ones(image.shape, np.float32))
