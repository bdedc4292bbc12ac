"""One real face, found once, and ways to tamper with it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from portraits import astronaut

from datasets.faces.finder import Face, make_finder
from datasets.faces.mask import hull_mask
from detect.cues.patch import Patch, cut_patch


@pytest.fixture(scope="session")
def portrait() -> tuple[np.ndarray, Face]:
    """A portrait of a face some 110 px high, and the face."""
    finder = make_finder("mediapipe")
    image = astronaut()
    face = finder.find(image)[0]
    finder.close()
    return image, face


@pytest.fixture(scope="session")
def patch(portrait: tuple[np.ndarray, Face]) -> Patch:
    found = cut_patch(*portrait)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def tampered(portrait: tuple[np.ndarray, Face]) -> Callable[[Callable[[np.ndarray], np.ndarray]], Patch]:
    """The patch with something done to the face alone, blended softly as a swap is."""
    image, face = portrait
    assert face.landmarks is not None
    mask = cv2.GaussianBlur(hull_mask(face.landmarks, image.shape[:2]), (0, 0), 2)[..., None]

    def make(change: Callable[[np.ndarray], np.ndarray]) -> Patch:
        mixed = image * (1 - mask) + change(image).astype(np.float32) * mask
        found = cut_patch(np.clip(np.round(mixed), 0, 255).astype(np.uint8), face)
        assert found is not None
        return found

    return make
