"""A second look where a face was lost: with stand-ins for the finders, so that what each saw is known."""

from __future__ import annotations

import numpy as np
from portraits import put, room
from standin import StandIn

from datasets.faces.again import WAIT, SecondLook
from datasets.faces.finder import Face, make_finder
from datasets.faces.meshfit import face_of_five

IMAGE = np.zeros((240, 320, 3), np.uint8)


def face(x: float, y: float = 50.0) -> Face:
    five = np.array([[x - 9, y - 8], [x + 9, y - 8], [x, y], [x - 8, y + 10], [x + 8, y + 10]], np.float32)
    return face_of_five(five, 0.9)


def run(look: SecondLook, count: int) -> list[tuple[bool, bool, bool, int]]:
    return [(len(look.find(IMAGE)), look.lost, look.looked, look.found) for _ in range(count)]  # type: ignore[misc]


def test_the_second_is_not_asked_while_all_is_well_and_not_even_made() -> None:
    def never() -> StandIn:
        raise AssertionError

    moving = [[face(60 + 2 * i)] for i in range(10)]
    assert run(SecondLook(StandIn(moving), never), 10) == [(1, False, False, False)] * 10
    jumping = [[face(60)], [face(250)], [face(60)]]
    assert run(SecondLook(StandIn(jumping), never), 3) == [(1, False, False, False)] * 3


def test_a_lost_face_is_found_again_and_handed_back() -> None:
    first, second = StandIn([[face(60)], [face(60)], [], []]), StandIn(always=[face(64)])
    look = SecondLook(first, lambda: second)
    assert run(look, 4) == [(1, False, False, False)] * 2 + [(1, True, True, True)] * 2
    assert second.asked == 2 and len(first.adopted) == 2
    look.close()
    assert first.closed and second.closed


def test_one_of_two_that_is_lost_is_looked_for_and_the_other_one_stays() -> None:
    both, one = [face(60), face(200)], [face(60)]
    look = SecondLook(StandIn([both, one]), lambda: StandIn(always=both))
    assert len(look.find(IMAGE)) == 2 and not look.lost
    assert len(look.find(IMAGE)) == 2 and look.found


def test_a_face_that_stays_away_is_looked_for_less_and_less_and_then_given_up() -> None:
    second = StandIn(always=[])
    look = SecondLook(StandIn([[face(60), face(200)]] + [[face(60)]] * 60), lambda: second)
    said = run(look, 61)
    assert second.asked < 8 and sum(lost for _, lost, *_ in said) == WAIT + 1
    assert not said[-1][1]
    nobody = StandIn(always=[])
    run(SecondLook(StandIn(always=[]), lambda: nobody), 500)
    assert nobody.asked < 40


def test_without_a_second_the_frames_are_counted() -> None:
    look = SecondLook(StandIn([[face(60)], [], [face(60)]]), None)
    assert run(look, 3) == [(1, False, False, False), (0, True, False, False), (1, False, False, False)]


def test_what_the_second_finds_gets_its_mesh_where_one_fits_and_is_followed() -> None:
    image = room(320, 240)
    put(image, "astronaut", (160, 120), 70)
    image[:60, :60] = 90
    finder = make_finder("mediapipe")
    (seen,) = finder.find(image)
    nothing = face(30, 30)

    class Blind(StandIn):
        def adopt(self, faces: list[Face]) -> None:
            finder.reset()
            finder.find(IMAGE)
            finder.adopt([f for f in faces if f.landmarks is not None])  # type: ignore[attr-defined]

    bare = face_of_five(seen.five_points, 0.9)
    look = SecondLook(Blind(always=[]), lambda: StandIn(always=[bare, nothing]))
    found = look.find(image)
    assert [f.landmarks is not None for f in found] == [True, False]
    assert found[0].landmarks is not None and seen.landmarks is not None
    assert np.abs(found[0].landmarks - seen.landmarks)[:, :2].max() < 3
    assert len(finder.find(image)) == 1
    finder.close()
    look.close()
