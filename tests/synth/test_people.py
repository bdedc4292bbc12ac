"""Whose face it is: by number, by a picture, joined over a cut, and said where nobody can tell."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from portraits import astronaut, clip, hopper, put, room

from datasets import weights
from datasets.errors import InputError
from datasets.extract import extract
from datasets.faces.likeness import Likeness, best_rows, view_in, views_of
from datasets.faceset import FaceSet, is_of, load_arrays
from datasets.footage import gather
from datasets.workspace import Choice, Workspace
from synth.people import PERSON, person_of, tracks_to_choose

CUT = 6


def two(i: int, image: np.ndarray) -> None:
    """Hopper at the right and the astronaut at the left; after a cut they have changed places."""
    left, right = (100, 130), (300, 130)
    if i >= CUT:
        image[:] = 40
    put(image, "hopper", right if i < CUT else left, 90)
    put(image, "astronaut", left if i < CUT else right, 70, 4.0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    extract(clip(folder / "two.mp4", 12, two, size=(400, 260)), folder / "faces", size=128)
    return folder


@pytest.fixture
def faces(film: Path, tmp_path: Path) -> FaceSet:
    return FaceSet(Path(shutil.copytree(film / "faces", tmp_path / "faces")))


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of Hopper, with a stranger in one of them."""
    folder = tmp_path_factory.mktemp("album")
    for i, turn in enumerate((0, 5, -5)):
        image = room(320 + 20 * i, 260, i)
        put(image, "hopper", (220, 130), 110, turn)
        if i == 2:
            put(image, "astronaut", (70, 110), 60)
        cv2.imwrite(str(folder / f"{i}.png"), image[..., ::-1])
    return folder


def meaning(choice: Choice | None, role: str = "source") -> Workspace:
    table = {}
    if choice is not None:
        plain = {"track": choice.track} if choice.reference is None else {"reference": str(choice.reference)}
        table = {"people": {role: plain}}
    return Workspace(Path("/"), table, ())


def reference(folder: Path, who: Callable[[], np.ndarray]) -> Path:
    path = folder / f"{who.__name__}.png"
    cv2.imwrite(str(path), who()[:420, ..., ::-1])
    return path


@pytest.mark.parametrize(("who", "width"), [(hopper, 90), (astronaut, 70)])
def test_the_one_most_like_a_picture_also_after_a_cut(
    faces: FaceSet, tmp_path: Path, who: Callable[[], np.ndarray], width: int
) -> None:
    tracks, notes = person_of(meaning(Choice(reference=reference(tmp_path, who))), "source", faces)
    rows = list(faces.rows(tracks))
    assert [row.frame for row in rows] == list(range(12))
    assert all(abs(row.width - width) < 0.2 * width for row in rows)
    assert len({row.track for row in rows}) == 2 and any("joined" in note for note in notes)
    assert weights.local("mobilefacenet") or any("fetch mobilefacenet" in note for note in notes)
    assert load_arrays(faces, 48, "full", tracks).frames.tolist() == list(range(12))


def test_a_track_by_its_number_and_what_is_found_is_kept(faces: FaceSet) -> None:
    for track in (t["id"] for t in tracks_to_choose(faces.info)):
        workspace = meaning(Choice(track=track), "destination")
        tracks, notes = person_of(workspace, "destination", faces)
        assert is_of(track, tracks) and f"is track {track}" in notes[0]
        (faces.folder / PERSON).touch()
        assert person_of(workspace, "destination", faces) == (tracks, notes)


def test_a_track_that_is_not_there_is_said_with_those_that_are(faces: FaceSet) -> None:
    with pytest.raises(InputError, match=r"has no track 77; there are track 0: \d+ faces, frames 0 to \d+, about"):
        person_of(meaning(Choice(track=77)), "source", faces)
    assert not (faces.folder / PERSON).exists()


def test_a_reference_shows_one_face(tmp_path: Path) -> None:
    nobody, both = tmp_path / "nobody.png", tmp_path / "both.png"
    image = room(400, 260)
    cv2.imwrite(str(nobody), image)
    two(0, image)
    cv2.imwrite(str(both), image[..., ::-1])
    for path, said in ((nobody, "No face was found in"), (both, "shows 2 faces"), (tmp_path / "gone.png", "no file")):
        with pytest.raises(InputError, match=said):
            view_in(path)


def test_without_a_choice_it_is_the_largest(faces: FaceSet) -> None:
    tracks, notes = person_of(meaning(None), "destination", faces)
    assert is_of(faces.main_track(), tracks) and "shows several faces" in notes[0]
    assert [row.frame for row in faces.rows(tracks)] == list(range(12)), "and the same person after the cut"


def test_in_an_album_the_stranger_is_left_out(album: Path, tmp_path: Path) -> None:
    info = extract(gather([album]), tmp_path / "faces", size=128)
    faces = FaceSet(tmp_path / "faces")
    assert info.frames_with_several == 1 and len(tracks_to_choose(info)) == 2
    tracks, notes = person_of(meaning(None), "source", faces)
    assert [row.frame for row in faces.rows(tracks)] == [0, 1, 2] and "1 of the source's 3 clips" in notes[0]
    assert all(row.width > 90 for row in faces.rows(tracks))


def test_a_picture_of_two_people_needs_a_choice(album: Path, tmp_path: Path) -> None:
    extract(album / "2.png", tmp_path / "faces", size=128)
    faces = FaceSet(tmp_path / "faces")
    with pytest.raises(InputError, match="--source-track N or --source-reference PICTURE"):
        person_of(meaning(None), "source", faces)
    tracks, _ = person_of(meaning(Choice(track=1)), "source", faces)
    assert [row.track for row in faces.rows(tracks)] == [1]


def test_shape_tells_two_people_apart_whatever_their_pose(faces: FaceSet) -> None:
    likeness = Likeness(None)
    rows = {
        width: [r for own in best_rows(faces).values() for r in own if abs(r.width - width) < 9] for width in (70, 90)
    }
    first, other = (likeness.describe(views_of(faces, rows[width][:3])) for width in (70, 90))
    again = likeness.describe(views_of(faces, rows[70][3:]))
    assert likeness.between(first, again) > likeness.same > likeness.between(first, other)
    turned = [replace(v, landmarks=_turned(v.landmarks)) for v in views_of(faces, rows[70][:3])]
    assert likeness.between(first, likeness.describe(turned)) > 0.99
    assert likeness.between(first, None) == -1


def _turned(landmarks: np.ndarray | None) -> np.ndarray:
    assert landmarks is not None
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return (1.7 * landmarks @ turn.T + (20, -4, 3)).astype(np.float32)
