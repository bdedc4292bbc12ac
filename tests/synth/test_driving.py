"""Expressions carried from one head to another: pose goes, expression stays, and nothing goes beyond what fits."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from synth.driving import (
    EYE_POINTS,
    LIP_PAIRS,
    MOUTH_POINTS,
    Drive,
    driven,
    fitted_drive,
    limited,
    opening,
    rest_of,
    to_pixels,
    to_units,
    weights_of,
)


@pytest.fixture(scope="module")
def made(packed: dict[str, FaceArrays]) -> tuple:
    return fitted_drive(packed["source"], packed["destination"])


def test_units_and_pixels_are_each_others_opposite(packed: dict[str, FaceArrays]) -> None:
    faces = packed["source"]
    there = to_units(faces.landmarks[0], faces.size, faces.coverage)
    assert np.abs(to_pixels(there, faces.size, faces.coverage) - faces.landmarks[0]).max() < 1e-3


def test_a_head_that_is_moved_turned_or_stretched_keeps_its_expression(packed: dict[str, FaceArrays]) -> None:
    faces = packed["source"]
    rest, shapes = rest_of(faces)
    points = to_units(faces.landmarks[7], faces.size, faces.coverage)[:468]
    turn = np.array([[0.97, 0.12], [-0.12, 0.93]])
    again = rest.head_fixed(points @ turn + (0.05, -0.1))
    assert np.abs(again - shapes[7]).max() < 0.03
    assert np.abs(rest.seen(rest.shape, rest.camera(rest.shape)) - rest.shape).max() < 1e-6


def test_a_face_driven_by_rest_shows_rest_and_one_driven_by_itself_stays(packed: dict[str, FaceArrays]) -> None:
    faces = packed["destination"]
    rest, shapes = rest_of(faces)
    share = weights_of(rest)
    for at in range(0, len(faces), 15):
        own = to_units(faces.landmarks[at], faces.size, faces.coverage)[:468]
        calm = driven(own, np.zeros_like(rest.shape), rest, share.mouth)
        assert np.abs(rest.head_fixed(calm)[MOUTH_POINTS] - rest.shape[MOUTH_POINTS]).max() < 0.02
        same = driven(own, shapes[at] - rest.shape, rest, share.mouth)
        assert np.abs(same - own).max() < 0.02
        assert np.abs(calm - own)[share.mouth == 0].max() < 0.02


def test_lips_and_lids_touch_and_never_cross(packed: dict[str, FaceArrays], made: tuple) -> None:
    drive, rest, _ = made
    faces = packed["destination"]
    weights = np.maximum(weights_of(rest).mouth, weights_of(rest).eyes)
    for at in range(0, len(faces), 5):
        own = to_units(faces.landmarks[at], faces.size, faces.coverage)
        moved = driven(own, 3 * drive.at(faces.times[at]), rest, weights)
        assert (moved[LIP_PAIRS[:, 1], 1] - moved[LIP_PAIRS[:, 0], 1]).min() > -1e-9


def test_the_drive_follows_the_source_and_keeps_to_the_destinations_range(
    packed: dict[str, FaceArrays], made: tuple
) -> None:
    drive, rest, seen = made
    _, shapes = rest_of(packed["source"])
    theirs = opening(shapes, LIP_PAIRS)
    mine = opening(rest.shape + drive.departures, LIP_PAIRS)
    assert np.corrcoef(theirs, mine)[0, 1] > 0.8
    widest = max(0.1, 1.25 * seen["parted_destination"]) * rest.width()
    assert (mine - opening(rest.shape, LIP_PAIRS)).max() <= widest + 1e-6
    assert np.abs(drive.departures[:, EYE_POINTS]).max() > 0


def test_it_is_played_forwards_and_backwards_without_a_jump() -> None:
    values = np.cumsum(np.ones((5, 468, 2), np.float32), axis=0)
    drive = Drive(np.arange(5) * 0.1, values)
    played = [drive.at(t)[0, 0] for t in np.arange(0, 2.0, 0.05)]
    assert played[0] == 1 and max(played) == 5 and np.abs(np.diff(played)).max() < 0.51
    assert drive.at(0.3)[0, 0] == pytest.approx(drive.at(0.5)[0, 0]) == pytest.approx(drive.at(1.1)[0, 0])


def test_a_limit_rises_everywhere_and_leaves_what_is_small() -> None:
    amounts = np.linspace(0, 5, 200)
    bent = limited(amounts, 1.0)
    assert (
        (np.diff(bent) >= 0).all() and bent.max() <= 1.0 and np.array_equal(bent[amounts < 0.5], amounts[amounts < 0.5])
    )


def mimed(times: list[float], talk: np.ndarray) -> FaceArrays:
    """Faces whose lower lip stands as far down as ``talk`` says, crop pixels."""
    from datasets.faces.mesh import mean_mesh

    count, size, coverage = len(times), 64, 1.6
    flat = to_pixels(mean_mesh()[:, :2], size, coverage)
    landmarks = np.repeat(flat[None], count, axis=0)
    landmarks[:, LIP_PAIRS[:, 1], 1] += talk[:, None]
    return FaceArrays(
        images=np.zeros((count, size, size, 3), np.uint8),
        masks=np.zeros((count, size, size), np.uint8),
        landmarks=landmarks,
        frames=np.arange(count),
        times=np.array(times),
        angles=np.zeros((count, 3), np.float32),
        coverage=coverage,
    )


def test_several_clips_drive_one_after_the_other_and_pictures_among_them_do_not() -> None:
    one, two = [i / 25 for i in range(20)], [2 + i / 25 for i in range(30)]
    times = [*one, 0.0, 0.0, *two, *one]
    first, second = np.linspace(0, 2, 20), np.linspace(2, 0, 30)
    talk = np.concatenate([first, [2.5, 2.5], second, first])
    faces = mimed(times, talk)
    drive, rest, _ = fitted_drive(faces, faces)
    # A picture right before a clip that begins later is counted to it.
    assert (np.diff(drive.times) > 0).all() and drive.times[0] == 0
    assert drive.times[19] == pytest.approx(19 / 25) and len(drive.times) == len(drive.departures) == 71
    opened = opening(rest.shape + drive.departures, LIP_PAIRS)
    assert np.corrcoef(opened, np.concatenate([first, [2.5], second, first]))[0, 1] > 0.95


def test_pictures_only_drive_nothing_and_that_is_said() -> None:
    moving = mimed([i / 25 for i in range(20)], np.linspace(0, 2, 20))
    with pytest.raises(InputError, match="pictures only"):
        fitted_drive(mimed([0.0] * 12, np.linspace(0, 2, 12)), moving)
