"""Regions are what morphology on the hull would give, at any size and at the edge of the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from datasets.faces.mask import hull_mask
from detect.cues.patch import Patch
from detect.cues.regions import HALF, INNER, REGIONS, RIM_IN, RIM_OUT, RING, face_regions


def disc(part: float, side: float) -> np.ndarray:
    size = max(1, int(part * side)) * 2 + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


@pytest.mark.parametrize(
    ("scale", "dx", "dy"), [(1, 0, 0), (1.6, 0, 0), (0.3, 0, 0), (0.08, 0, 0), (1, -120, -70), (1, 90, 110)]
)
def test_regions_are_those_of_morphology(patch: Patch, scale: float, dx: float, dy: float) -> None:
    shape = (280, 270)
    points, side = patch.landmarks * scale + (dx, dy), patch.side * scale
    hull = (hull_mask(points, shape) > 0).astype(np.uint8)
    found = face_regions(points.astype(np.float32), shape, side)

    def grown(part: float) -> np.ndarray:
        return cv2.dilate(hull, disc(part, side))

    def shrunk(part: float) -> np.ndarray:
        return cv2.erode(hull, disc(part, side))

    assert set(found) == set(REGIONS)
    assert np.array_equal(found["hull"], hull)
    assert np.array_equal(found["inner"], shrunk(INNER))
    assert np.array_equal(found["contour"], grown(RIM_OUT) - shrunk(RIM_IN))
    assert np.array_equal(found["outer"], grown(RING) - grown(RIM_OUT))
    assert np.array_equal(found["inner_edge"], hull - shrunk(HALF))
    assert np.array_equal(found["outer_edge"], grown(HALF) - hull)


def test_regions_that_must_not_overlap_do_not(patch: Patch) -> None:
    found = face_regions(patch.landmarks, patch.image.shape[:2], patch.side)
    for a, b in (("skin", "features"), ("inner", "outer"), ("inner_edge", "outer_edge"), ("hair", "neck")):
        assert not (found[a] & found[b]).any() and found[a].any() and found[b].any()
    assert np.array_equal(found["skin"] | found["features"], found["inner"])
