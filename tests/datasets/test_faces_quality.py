"""Figures of a face's picture: they measure what they are named after, and little else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from portraits import astronaut, hopper

from datasets.faces.quality import face_figures, hash_distance, mean_hue, motion_blur, perceptual_hash

FACE = np.ones((160, 160), np.float32)


def faces() -> list[np.ndarray]:
    """Small views of two portraits, a few pixels apart."""
    one, other = cv2.resize(astronaut()[20:230, 120:330], (190, 190)), cv2.resize(hopper()[90:330, 142:382], (190, 190))
    return [np.ascontiguousarray(p[k : k + 160, 2 * k : 2 * k + 160]) for p in (one, other) for k in range(0, 15, 2)]


def smear(image: np.ndarray, degrees: float, length: int = 9) -> np.ndarray:
    """A picture taken while the camera moved in that direction."""
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), degrees, 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(image, -1, kernel / kernel.sum())


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_a_smeared_face_stands_out_in_every_direction(degrees: float) -> None:
    some = faces()
    some[3], some[11] = smear(some[3], degrees), smear(some[11], degrees)
    figures = motion_blur(np.stack([face_figures(face, FACE).detail for face in some]))
    assert set(np.argsort(figures)[-2:].tolist()) == {3, 11}
    assert figures[[3, 11]].min() > 1.5


def test_brightness_is_that_of_the_face_alone() -> None:
    grey = np.full((64, 64, 3), 119, np.uint8)
    mask = np.zeros((64, 64), np.float32)
    mask[:32] = 1
    grey[32:] = 255
    assert face_figures(grey, mask).brightness == pytest.approx(50, abs=0.6)


def test_hue_does_not_jump_at_red() -> None:
    colours = {0: (200, 60, 60), 60: (200, 200, 60), -60: (200, 60, 200), 120: (60, 200, 60)}
    for degrees, colour in colours.items():
        assert mean_hue(np.array([colour])) == pytest.approx(degrees, abs=0.5)
    assert mean_hue(np.array([(210, 60, 80), (210, 80, 60)])) == pytest.approx(0, abs=0.5)
    assert mean_hue(np.full((4, 3), 90)) == 0


def test_a_hash_outlives_size_light_and_compression_and_tells_pictures_apart() -> None:
    picture = cv2.cvtColor(hopper()[90:330, 142:382], cv2.COLOR_RGB2GRAY)
    other = cv2.cvtColor(astronaut()[20:230, 120:330], cv2.COLOR_RGB2GRAY)
    code = cv2.imencode(".jpg", cv2.resize(picture, (100, 100)), [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    changed = np.clip(cv2.imdecode(code, 0) * 0.8 + 20, 0, 255).astype(np.uint8)
    first, again, away = (np.uint64(perceptual_hash(p)) for p in (picture, changed, other))
    assert hash_distance(first, again) <= 4 and hash_distance(first, away) >= 16
    assert hash_distance(np.uint64(0), np.array([0, 2**64 - 1, 3], np.uint64)).tolist() == [0, 64, 2]
