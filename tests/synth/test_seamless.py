"""Seamless cloning: a smooth offset that meets the destination at the edge, and does not move with the mask's box."""

from __future__ import annotations

import cv2
import numpy as np

from synth.composite.blend import blend_mask
from synth.composite.seamless import GRID, membrane, seamless

SIZE = 128


def mask(shift: int = 0) -> np.ndarray:
    hull = np.zeros((SIZE, SIZE), np.float32)
    cv2.ellipse(hull, (SIZE // 2 + shift, SIZE // 2), (44, 52), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return blend_mask(hull, hull, 0.02, 0.1)


def textured(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.05, (SIZE, SIZE, 3)).astype(np.float32)
    return np.clip(0.5 + cv2.GaussianBlur(noise, (0, 0), 1.0), 0, 1)


def test_an_even_difference_in_light_is_taken_out_and_the_detail_stays() -> None:
    reference = textured(0)
    ramp = np.linspace(-0.1, 0.1, SIZE, dtype=np.float32)[None, :, None] * np.float32([1, 0.5, 0.2])
    made = seamless(reference - ramp, reference, mask())
    inside = mask() > 0.5
    assert np.abs(made - reference)[inside].mean() < 0.15 * np.abs(ramp).mean()


def test_a_face_equal_to_the_destination_is_left_alone_and_an_empty_mask_is_no_error() -> None:
    face = textured(1)
    assert np.abs(seamless(face, face, mask()) - face).max() < 1e-5
    assert np.array_equal(seamless(face, textured(2), np.zeros((SIZE, SIZE), np.float32)), face)


def test_a_dark_strand_across_the_edge_does_not_bleed_into_the_face() -> None:
    face = textured(3)
    reference = face.copy()
    reference[:, 18:26] = 0.02
    made = seamless(face, reference, mask())
    assert np.abs(made - face)[mask() > 0.9].max() < 0.03


def test_a_box_of_the_mask_that_moves_by_a_pixel_moves_nothing() -> None:
    reference, face = textured(4), textured(5) - 0.1
    one, other = (seamless(face, reference, mask(shift)) for shift in (0, 1))
    assert np.abs(one - other)[mask() > 0.9].max() < 0.01


def test_a_membrane_keeps_its_values_and_lies_between_them() -> None:
    known = np.zeros((GRID, GRID), np.float32)
    known[:, 0], known[:, -1] = 1, 1
    values = np.zeros((GRID, GRID, 3), np.float32)
    values[:, -1] = 1
    made = membrane(values, known)
    assert np.array_equal(made[:, 0], values[:, 0]) and np.array_equal(made[:, -1], values[:, -1])
    assert np.abs(made - np.linspace(0, 1, GRID)[:, None]).max() < 0.03 and made.min() >= 0 and made.max() <= 1
