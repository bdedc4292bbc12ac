"""The swap without training: the same person drawn again, no popping, hidden sides filled, options checked."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faces.mesh import mean_mesh
from datasets.faceset import FaceSet, load_arrays
from synth.album import inner_mouth, make_album, wanted_face
from synth.crops import held_out
from synth.meshwarp import BEHIND
from synth.method import Budget, Rendered
from synth.methods.graphics import Graphics


@pytest.fixture(scope="module")
def people(looped: Any) -> tuple[FaceArrays, FaceArrays]:
    return tuple(  # type: ignore[return-value]
        load_arrays(FaceSet(looped.workspace.faces(role)), Graphics.size, Graphics.coverage, limit=40)
        for role in ("source", "destination")
    )


@pytest.fixture(scope="module")
def model(people: tuple[FaceArrays, FaceArrays], tmp_path_factory: pytest.TempPathFactory) -> Graphics:
    made = Graphics(options={"frames": 16})
    made.fit(*people, tmp_path_factory.mktemp("graphics"), Budget())
    return made


def draw(model: Graphics, faces: FaceArrays, index: int, landmarks: np.ndarray | None = None) -> Rendered:
    points = faces.landmarks[index] if landmarks is None else landmarks
    return next(
        iter(model.render(faces.images[[index]], faces.masks[[index]], points[None], faces.times[index : index + 1]))
    )


def test_each_person_is_drawn_again_from_an_album_without_the_face(model: Graphics) -> None:
    for role in ("source", "destination"):
        assert model.card["heldout"][role]["ssim"] > 0.85
    assert model.card["faces"]["source"]["kept"] <= 16


def test_the_swap_shows_the_source_and_moves_like_the_destination(
    model: Graphics, people: tuple[FaceArrays, FaceArrays]
) -> None:
    source, destination = people
    held = held_out(destination)[1]
    made = [draw(model, destination, int(i)) for i in held]
    inside = made[0].mask > 0.9
    tone = np.mean([source.images[i][source.masks[i] > 200].mean(0) for i in range(0, len(source), 8)], axis=0)
    assert inside.sum() > 10_000
    assert np.abs(made[0].face[inside].mean(0) - tone).max() < 40
    assert np.abs(made[0].face.astype(int) - destination.images[held[0]])[inside].mean() > 8


def test_a_small_motion_changes_little(model: Graphics, people: tuple[FaceArrays, FaceArrays]) -> None:
    """Whatever frame the library gives next, it comes in by degrees."""
    destination = people[1]
    first, last = destination.landmarks[0], destination.landmarks[len(destination) // 2]
    path = [first + (last - first) * t for t in np.linspace(0, 1, 25, dtype=np.float32)]
    made = [draw(model, destination, 0, points).face.astype(np.float32) for points in path]
    inside = destination.masks[0] > 250
    steps = [float(np.abs(b - a)[inside].mean()) for a, b in pairwise(made)]
    assert max(steps) < 4 * max(float(np.median(steps)), 0.5)


def test_a_side_that_no_frame_shows_is_filled_from_the_whole_or_left_out(people: tuple[FaceArrays, FaceArrays]) -> None:
    source = people[0]
    album = make_album(source, 8)
    left = mean_mesh()[:, 0] < -0.05
    blind = replace(album, seen=np.where(left, np.float32(BEHIND), album.seen))
    wanted = wanted_face(source.images[0], source.landmarks[0], album.whose.eyes, True)
    whole, filled = album.draw(wanted, 3), blind.draw(wanted, 3)
    empty = replace(blind, base_shown=np.zeros_like(album.base_shown)).draw(wanted, 3)
    hidden = whole.raster.spread(left[:, None].astype(np.float32))[:, 0] > 0.99
    assert whole.shown.min() > 0.5 and filled.shown[hidden].mean() > 0.8
    assert empty.shown[hidden].max() < 0.05 and empty.shown[~hidden].mean() > 0.8
    assert np.abs(filled.colours - whole.colours)[hidden].mean() < 15
    assert np.isfinite(empty.colours).all()


def test_teeth_come_in_softly_as_the_lips_part(people: tuple[FaceArrays, FaceArrays]) -> None:
    points = people[1].landmarks[0].copy()
    lower = [14, 87, 317, 178, 402, 88, 318]
    points[lower] = points[[13, 82, 312, 81, 311, 80, 310]]
    shown = []
    for opening in np.linspace(0, 20, 21):
        apart = points.copy()
        apart[lower, 1] += opening
        shown.append(float(inner_mouth(apart, Graphics.size).max()))
    assert shown[0] == 0 and shown[-1] > 0.95
    assert np.diff(shown).max() < 0.35 and np.diff(shown).min() > -0.05


@pytest.mark.slow
def test_options_change_what_is_made(people: tuple[FaceArrays, FaceArrays], model: Graphics, tmp_path: Path) -> None:
    plain = draw(model, people[1], 0).face
    for number, options in enumerate(({"relight": "off"}, {"shape": "1"}, {"blend": "1"}, {"frames": "4"})):
        other = Graphics(options={"frames": 16} | options)
        other.fit(*people, tmp_path / str(number), Budget())
        again = Graphics.load(tmp_path / str(number))
        assert again.settings == other.settings
        assert np.abs(draw(again, people[1], 0).face.astype(int) - plain).max() > 3


def test_another_size_is_kept_in_the_model(looped: Any, tmp_path: Path) -> None:
    small = Graphics(options={"size": 128, "frames": 8})
    faces = [
        load_arrays(FaceSet(looped.workspace.faces(role)), small.size, small.coverage, limit=20)
        for role in ("source", "destination")
    ]
    small.fit(faces[0], faces[1], tmp_path, Budget())
    assert draw(Graphics.load(tmp_path), faces[1], 0).face.shape == (128, 128, 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"frame": 3}, r"no option 'frame'; its options are: blend, frames, relight, shape, size"),
        ({"frames": "many"}, r"frames is a whole number from 4 to 200, not 'many'"),
        ({"frames": 3}, r"frames is a whole number from 4 to 200"),
        ({"blend": "2.5"}, r"blend is a whole number"),
        ({"shape": "nan"}, r"shape is a number from 0 to 1"),
        ({"relight": "perhaps"}, r"relight is on or off"),
        ({"size": 4000}, r"size is a whole number from 64 to 512"),
    ],
)
def test_wrong_options_are_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Graphics(options=options)
