"""Who a face is: aligned as the networks expect it, and told apart where the weights are at hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from portraits import astronaut, hopper

from datasets.errors import InputError
from datasets.faces.finder import make_finder
from datasets.faces.identity import TEMPLATE, IdentityEmbedding, aligned

WEIGHTS = Path(__file__).parents[3] / "shared" / "material" / "weights" / "MobileFaceNet.onnx"


def test_the_five_points_land_where_they_should() -> None:
    turn = cv2.getRotationMatrix2D((0, 0), -10, 2.2)
    points = TEMPLATE @ turn[:, :2].T + turn[:, 2] + 60
    image = np.zeros((480, 480, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(float(x)), round(float(y))), 5, (255, 255, 255), -1)
    cut = aligned(image, points)
    assert cut.shape == (112, 112, 3)
    for x, y in TEMPLATE:
        assert cut[round(float(y)), round(float(x))].min() > 200
    assert aligned(image, points, 56).shape == (56, 56, 3)


def test_a_file_that_is_no_network_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        IdentityEmbedding(tmp_path / "none.onnx")
    (tmp_path / "letter.onnx").write_text("not a network")
    with pytest.raises(InputError, match="not an identity network"):
        IdentityEmbedding(tmp_path / "letter.onnx")


@pytest.mark.material
@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights are not on this machine")
def test_two_people_are_told_apart() -> None:
    network, finder = IdentityEmbedding(WEIGHTS), make_finder("mediapipe")
    crops = []
    for picture in (astronaut(), hopper()):
        for image in (picture, np.ascontiguousarray(picture[:, ::-1]), cv2.GaussianBlur(picture, (0, 0), 1.5)):
            crops.append(aligned(image, finder.find(image)[0].five_points))
    finder.close()
    vectors = network.embed(crops)
    assert vectors.shape == (6, 128) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert alike[:3, :3].min() > 0.6 and alike[3:, 3:].min() > 0.6 and alike[:3, 3:].max() < 0.35
    assert network.embed([]).shape == (0, 128)
