"""The three looks show what they are for: grain, patterns of upsampling, another compression."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from datasets.degrade import jpeg_round_trip
from evaluate.forensics import LOOKS, error_level, noise_residual, spectrum

SIDE = 128


@pytest.fixture
def grain() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.clip(128 + random.normal(0, 6, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("name", "look", "words"), LOOKS)
def test_a_look_is_a_picture_and_leaves_its_input_alone(name: str, look: object, words: str, grain: np.ndarray) -> None:
    before = grain.copy()
    made = look(grain)  # type: ignore[operator]
    assert made.dtype == np.uint8 and made.ndim == 3 and made.shape[2] == 3 and name and words.endswith(".")
    assert (grain == before).all()


def test_a_smoothed_patch_has_no_residual(grain: np.ndarray) -> None:
    smooth = cv2.GaussianBlur(grain, (0, 0), 3)
    grain[32:96, 32:96] = smooth[32:96, 32:96]
    residual = noise_residual(grain).mean(2)
    assert residual[48:80, 48:80].mean() < 0.3 * residual[:24].mean()


def test_upsampling_leaves_dots_in_the_spectrum(grain: np.ndarray) -> None:
    small = grain[: SIDE // 4, : SIDE // 4]
    tiled = np.repeat(np.repeat(small, 4, 0), 4, 1)
    fine = spectrum(tiled)[SIDE // 2, SIDE // 2 + SIDE // 4 - 3 : SIDE // 2 + SIDE // 4 + 4].mean()
    plain = spectrum(grain)[SIDE // 2, SIDE // 2 + SIDE // 4 - 3 : SIDE // 2 + SIDE // 4 + 4].mean()
    assert spectrum(tiled).shape == (SIDE, SIDE, 3) and abs(float(fine) - float(plain)) > 10


def test_what_was_compressed_already_changes_less(grain: np.ndarray) -> None:
    again = jpeg_round_trip(grain, 90)
    grain[:, SIDE // 2 :] = again[:, SIDE // 2 :]
    error = error_level(grain).mean(2)
    assert error[:, SIDE // 2 + 8 :].mean() < 0.5 * error[:, : SIDE // 2 - 8].mean()
