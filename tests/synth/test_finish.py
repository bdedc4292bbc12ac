"""Grain, fine detail, motion blur and sharpness: measured on the destination, and met."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from synth.composite.finish import (
    Moment,
    detail_matched,
    finished,
    grained,
    grey,
    line_kernel,
    motion_blurred,
    noise_level,
)
from synth.composite.settings import CompositeSettings

SOLID = np.ones((120, 130), bool)
OFF = CompositeSettings(motion_blur=0, sharpen=0, grain=0, compression=0)


def smooth(seed: int = 0, radius: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (120, 130, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), radius)
    return 128 + 25 * blurred / blurred.std()


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_the_noise_of_a_clip_is_measured_and_given_to_the_face(sigma: float) -> None:
    random = np.random.default_rng(1)
    under = smooth(2) + random.normal(0, sigma, (120, 130, 1)).astype(np.float32)
    assert noise_level(grey(under), SOLID) == pytest.approx(sigma, rel=0.25)
    made = grained(smooth(3), under, SOLID, 1.0, 7)
    assert (made - smooth(3)).std() == pytest.approx(sigma, rel=0.3)


def test_a_clean_clip_gets_no_grain_and_a_grained_face_no_more() -> None:
    assert np.array_equal(grained(smooth(3), smooth(2), SOLID, 1.0, 7), smooth(3))
    noisy = smooth(3) + np.random.default_rng(1).normal(0, 4, (120, 130, 1)).astype(np.float32)
    assert np.array_equal(grained(noisy, smooth(2), SOLID, 1.0, 7), noisy)


def test_fine_detail_comes_nearer_to_the_destinations_from_both_sides() -> None:
    def detail(image: np.ndarray) -> float:
        return float(np.abs(grey(image) - cv2.GaussianBlur(grey(image), (0, 0), 1.6)).mean())

    for own, clips in ((1.0, 1.6), (1.6, 1.2)):
        face, under = smooth(4, own), smooth(5, clips)
        made = detail_matched(face, under, SOLID, 1.0)
        assert abs(detail(made) - detail(under)) < 0.6 * abs(detail(face) - detail(under))


def test_a_face_that_moves_is_smeared_as_far_as_its_destination_and_a_crisp_one_is_not() -> None:
    face = smooth(6, 1.5)
    smeared = cv2.filter2D(face, -1, line_kernel(8, np.array([1.0, 0.0])))
    blurred = motion_blurred(face, smeared, SOLID, (16.0, 0.0), 0.5)
    across, along = (np.abs(np.diff(grey(blurred), axis=axis)).mean() for axis in (0, 1))
    assert along < 0.7 * across
    assert np.array_equal(motion_blurred(face, face, SOLID, (16.0, 0.0), 0.5), face)
    assert np.array_equal(motion_blurred(face, smeared, SOLID, (1.0, 0.0), 0.5), face)


@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.6, -0.8)])
def test_a_line_kernel_sums_to_one_and_is_centred(direction: tuple[float, float]) -> None:
    kernel = line_kernel(9.0, np.array(direction))
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5) and kernel.shape[0] % 2 == 1
    assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-6)


def test_all_off_is_the_face_itself_and_sharpening_raises_contrast() -> None:
    face, under, mask = smooth(7), smooth(8).astype(np.uint8), np.full((120, 130), 255, np.uint8)
    assert finished(face, under, mask, OFF, Moment()) is face
    sharp = finished(face, under, mask, replace(OFF, sharpen=1.0), Moment())
    assert np.abs(np.diff(sharp, axis=1)).mean() > 1.05 * np.abs(np.diff(face, axis=1)).mean()
