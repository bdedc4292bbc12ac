"""Every face finder meets one contract, on real faces; a new backend is picked up by itself."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from portraits import astronaut, put, room

from datasets import weights
from datasets.errors import InputError
from datasets.faces.finder import BACKENDS, FaceFinder, make_finder


@pytest.fixture(params=BACKENDS, scope="module")
def finder(request: pytest.FixtureRequest) -> Iterator[FaceFinder]:
    if request.param == "retinaface" and weights.local("retinaface") is None:
        pytest.skip("the weights of retinaface are not on this machine: counterface weights fetch retinaface")
    made = make_finder(request.param)
    yield made
    made.close()


@pytest.fixture
def default() -> Iterator[FaceFinder]:
    made = make_finder("mediapipe")
    yield made
    made.close()


def scene() -> np.ndarray:
    """Hopper, large, at the right; the astronaut, small, at the left."""
    image = room(640, 360)
    put(image, "hopper", (450, 190), 130)
    put(image, "astronaut", (160, 150), 70)
    return image


def test_contract(finder: FaceFinder) -> None:
    finder.reset()
    faces = finder.find(scene())
    assert len(faces) == 2
    for face, centre, width in zip(faces, ((450, 190), (160, 150)), (130, 70), strict=True):
        assert face.box.shape == (4,) and face.box.dtype == np.float32
        np.testing.assert_allclose((face.box[:2] + face.box[2:]) / 2, centre, atol=width * 0.2)
        assert face.box[2] - face.box[0] == pytest.approx(width, rel=0.2)
        assert isinstance(face.score, float) and 0.5 < face.score <= 1
        assert face.five_points.shape == (5, 2) and face.five_points.dtype == np.float32
        eye, other, nose, mouth, corner = face.five_points
        assert eye[0] < nose[0] < other[0] and mouth[0] < corner[0] and eye[1] < nose[1] < mouth[1]
        assert face.landmarks is not None and face.landmarks.shape == (478, 3)
        assert face.landmarks.dtype == np.float32
        assert face.landmarks[1, 2] < face.landmarks[234, 2], "the nose is nearer than the cheek"


def test_nothing_is_found_where_no_face_is(finder: FaceFinder) -> None:
    import skimage.data

    for picture in (room(640, 360), np.zeros((48, 64, 3), np.uint8), skimage.data.coffee(), skimage.data.rocket()):
        finder.reset()
        assert finder.find(np.ascontiguousarray(picture)) == []


def test_odd_and_tiny_pictures_are_taken(finder: FaceFinder) -> None:
    finder.reset()
    assert finder.find(np.zeros((1, 1, 3), np.uint8)) == []
    finder.reset()
    assert len(finder.find(astronaut()[:301, 51:398])) == 1


@pytest.mark.parametrize("where", [(150, 130), (640, 300), (1120, 590)])
def test_a_48_pixel_face_in_a_720p_frame(default: FaceFinder, where: tuple[int, int]) -> None:
    image = room(1280, 720)
    put(image, "astronaut", where, 48)
    (face,) = default.find(image)
    np.testing.assert_allclose((face.box[:2] + face.box[2:]) / 2, where, atol=8)


def test_a_turned_head_is_found_and_its_landmarks_turn_with_it(default: FaceFinder) -> None:
    for turn in (-60, 30, 90):
        image = room(400, 400)
        put(image, "astronaut", (200, 200), 120, turn)
        default.reset()
        (face,) = default.find(image)
        eyes = face.five_points[1] - face.five_points[0]
        assert np.degrees(np.arctan2(eyes[1], eyes[0])) == pytest.approx(-turn, abs=10)


def test_landmarks_of_a_still_face_do_not_move(default: FaceFinder) -> None:
    rng = np.random.default_rng(0)
    image = room(400, 400)
    put(image, "hopper", (200, 210), 150)
    found = []
    for _ in range(12):
        noisy = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
        landmarks = default.find(noisy)[0].landmarks
        assert landmarks is not None
        found.append(landmarks[:, :2])
    assert np.diff(found, axis=0).std() < 0.5


def test_a_moving_face_is_followed_without_lag(default: FaceFinder) -> None:
    for i in range(15):
        centre = (150 + 14 * i, 200 + 10 * np.sin(i))
        image = room(500, 400)
        put(image, "astronaut", centre, 100)
        (face,) = default.find(image)
        np.testing.assert_allclose((face.box[:2] + face.box[2:]) / 2, centre, atol=6)


def test_faces_that_come_and_go_are_seen_and_forgotten(default: FaceFinder) -> None:
    with_face, empty = scene(), room(640, 360)
    assert len(default.find(with_face)) == 2
    assert default.find(empty) == []
    assert default.find(empty) == []
    assert len(default.find(with_face)) == 2
    one = room(640, 360)
    put(one, "astronaut", (160, 150), 70)
    assert len(default.find(one)) == 1


def test_a_second_person_is_noticed_soon(default: FaceFinder) -> None:
    one = room(640, 360)
    put(one, "astronaut", (160, 150), 70)
    assert len(default.find(one)) == 1
    two = one.copy()
    put(two, "hopper", (480, 200), 60)
    counts = [len(default.find(two)) for _ in range(15)]
    assert counts[-1] == 2


def test_the_same_frames_after_a_reset_give_the_same_faces(default: FaceFinder) -> None:
    frames = [cv2.convertScaleAbs(scene(), beta=i) for i in range(5)]
    default.find(frames[3])
    runs = []
    for _ in range(2):
        default.reset()
        runs.append([face.landmarks for frame in frames for face in default.find(frame)])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_models_start_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    make_finder("mediapipe").close()
    assert capfd.readouterr().err == ""


def test_an_unknown_finder_is_an_input_error() -> None:
    with pytest.raises(InputError, match="mediapipe"):
        make_finder("crystal ball")


def test_a_sure_box_without_a_mesh_is_carried_by_five_points(
    default: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets.faces.meshfit import MeshFitter

    with_mesh = default.find(scene())
    monkeypatch.setattr(MeshFitter, "fit", lambda *given, **named: None)
    default.reset()
    for frame in (scene(), scene()):
        found = default.find(frame)
        assert len(found) == 2
        for face, whole in zip(found, with_mesh, strict=True):
            assert face.landmarks is None and face.score >= 0.7
            width = whole.box[2] - whole.box[0]
            np.testing.assert_allclose(face.five_points, whole.five_points, atol=0.15 * width)
            np.testing.assert_allclose(face.box, whole.box, atol=0.3 * width)
