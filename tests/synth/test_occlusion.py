"""What is in front of the face: found when it does not look like the face, and not found when nothing is there."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from footage import Looped

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet
from synth.composite.occlusion import Occlusion, UsualFace, hand_mask

EVERY = slice(None, None, 2)


@pytest.fixture(scope="module")
def usual(packed: dict[str, FaceArrays]) -> UsualFace:
    faces = packed["destination"].subset(EVERY)
    small = np.stack([cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA) for image in faces.images])
    scale = 96 / faces.size
    return UsualFace(small, ((faces.landmarks + 0.5) * scale - 0.5).astype(np.float32))


def hidden(crop: np.ndarray, at: tuple[int, int], radius: int) -> tuple[np.ndarray, np.ndarray]:
    """A crop with a dark ball before it, and where the ball is."""
    where = np.zeros(crop.shape[:2], np.uint8)
    cv2.circle(where, at, radius, 1, -1)
    return np.where(where[..., None] > 0, np.uint8([40, 42, 48]), crop), where > 0


def test_a_face_as_it_usually_looks_is_not_hidden(packed: dict[str, FaceArrays], usual: UsualFace) -> None:
    faces = packed["destination"].subset(slice(1, None, 8))
    for crop, points, hull in zip(faces.images, faces.landmarks, faces.masks, strict=True):
        assert usual.unusual(crop, points)[hull > 128].mean() < 0.01
        darker = (crop * 0.85).astype(np.uint8)
        assert usual.unusual(darker, points)[hull > 128].mean() < 0.03


def test_a_microphone_before_the_face_is_found(packed: dict[str, FaceArrays], usual: UsualFace) -> None:
    faces = packed["destination"].subset(slice(1, None, 12))
    for crop, points, hull in zip(faces.images, faces.landmarks, faces.masks, strict=True):
        x, y = points[[13, 152]].mean(0).round().astype(int).tolist()  # between lips and chin
        shown, where = hidden(crop, (x, y), 18)
        kept = usual.unusual(shown, points)
        assert kept.dtype == np.float32 and kept.min() >= 0 and kept.max() <= 1
        assert kept[where & (hull > 128)].mean() > 0.8
        away = (hull > 128) & (cv2.dilate(where.astype(np.uint8), np.ones((19, 19))) == 0)
        assert kept[away].mean() < 0.03


def test_the_ways_answer_as_they_are_named(looped: Looped, packed: dict[str, FaceArrays]) -> None:
    faces = packed["destination"]
    occlusion = Occlusion(FaceSet(looped.workspace.faces("destination")), None, faces.size, faces.coverage)
    crop, points = faces.images[3], faces.landmarks[3]
    learned = faces.masks[3].astype(np.float32) / 255
    learned[: faces.size // 2] = 0
    args: Any = (crop, np.eye(2, 3, dtype=np.float32), crop, points, learned)
    assert occlusion.kept("off", *args) is None
    kept = {way: occlusion.kept(way, *args) for way in ("learned", "segment", "auto")}
    hull = faces.masks[3] > 250
    upper = np.zeros_like(hull)
    upper[: faces.size // 2] = True
    assert kept["learned"][hull & upper].min() > 0.9 and kept["learned"][hull & ~upper].max() < 0.1  # type: ignore[index]
    assert not kept["segment"][hull].any()  # type: ignore[index]
    assert (kept["auto"] >= kept["learned"]).all()  # type: ignore[operator]
    occlusion.close()


def test_too_few_faces_to_know_the_usual_look_is_said(
    looped: Looped, packed: dict[str, FaceArrays], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = packed["destination"]
    monkeypatch.setattr("synth.composite.occlusion.FEWEST_FACES", 1000)
    occlusion = Occlusion(FaceSet(looped.workspace.faces("destination")), None, faces.size, faces.coverage)
    crop = faces.images[0]
    with pytest.raises(InputError, match="occlusion auto needs 1000 faces"):
        occlusion.kept("auto", crop, np.eye(2, 3), crop, faces.landmarks[0], np.ones(crop.shape[:2], np.float32))


def test_a_hand_is_drawn_where_its_landmarks_are() -> None:
    fingers = [[(20 + 15 * i, 60 - 12 * j) for j in range(4)] for i in range(5)]
    points = np.array([(50, 100), *(p for finger in fingers for p in finger)], float)
    mask = hand_mask(points, 128)
    assert mask.shape == (128, 128) and mask.dtype == np.float32 and mask.min() >= 0 and mask.max() <= 1
    for x, y in points:
        assert mask[int(y), int(x)] > 0.4
    assert mask[5, 120] == 0
