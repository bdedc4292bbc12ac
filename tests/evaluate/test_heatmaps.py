"""A heatmap held against the true swap mask."""

from __future__ import annotations

import numpy as np
import pytest

from detect.results import Heatmap
from evaluate.heatmaps import overlap_with


def square(side: int, first: int, last: int) -> np.ndarray:
    found = np.zeros((side, side), np.float32)
    found[first:last, first:last] = 1
    return found


def test_overlap_is_measured_in_the_crop() -> None:
    # The crop shows the frame's pixels 40 to 104, so the changed 60 to 84 lie at 20 to 44 of 64.
    affine = np.array([[1, 0, -40], [0, 1, -40]], np.float32)
    mask = square(200, 60, 84)

    def heat(first: int, last: int) -> Heatmap:
        return Heatmap(0, 0.0, 0, square(64, first, last), affine, 64)

    assert overlap_with(heat(20, 44), mask) == 1
    assert overlap_with(heat(20, 32), mask) == pytest.approx(0.25, abs=0.01)
    assert overlap_with(heat(46, 60), mask) == 0
    assert overlap_with(heat(20, 44), square(200, 150, 190)) is None
