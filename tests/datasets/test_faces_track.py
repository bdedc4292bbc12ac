"""Tracks: the same number for the same face, through crossings and gaps."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.faces.finder import Face
from datasets.faces.track import Tracker


def face(x: float, y: float, size: float = 60) -> Face:
    box = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2], np.float32)
    return Face(box, 1.0, None, np.zeros((5, 2), np.float32))


def test_two_faces_that_cross_keep_their_numbers() -> None:
    tracker = Tracker()
    for i in range(60):
        left, right = face(100 + 5 * i, 200 + i * 0.2), face(400 - 5 * i, 215)
        pair = [left, right] if i % 2 else [right, left]
        ids = tracker.update(i, pair)
        if i == 0:
            first = dict(zip(("right", "left"), ids, strict=True))
        expected = [first["left"], first["right"]] if i % 2 else [first["right"], first["left"]]
        assert ids == expected


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    tracker = Tracker(max_gap=25)
    for i in range(20):
        (number,) = tracker.update(i, [face(100 + 2 * i, 100)])
    for i in range(20, 35):
        assert tracker.update(i, []) == []
    assert tracker.update(35, [face(100 + 2 * 35, 100)]) == [number]
    assert tracker.update(70, [face(240, 100)]) != [number]


def test_another_place_or_size_is_another_face() -> None:
    tracker = Tracker()
    (first,) = tracker.update(0, [face(100, 100)])
    assert tracker.update(1, [face(400, 100)]) != [first]
    assert tracker.update(2, [face(100, 100, 200)]) != [first]
    assert tracker.update(3, [face(102, 100)]) == [first]


places = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(10, 200)), max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.lists(places, max_size=12), st.integers(0, 11))
def test_no_number_twice_in_a_frame_and_a_saved_tracker_goes_on_the_same(frames: list, stop: int) -> None:
    whole, broken = Tracker(), Tracker()
    for i, boxes in enumerate(frames):
        faces = [face(*box) for box in boxes]
        if i == stop:
            broken = Tracker.restored(json.loads(json.dumps(broken.state())))
        ids = whole.update(i, faces)
        assert len(set(ids)) == len(ids) == len(faces)
        assert broken.update(i, faces) == ids
