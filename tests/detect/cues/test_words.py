"""A cue's sentence says which way, how much, and beside whom."""

from __future__ import annotations

import numpy as np

from detect.cues.frame import frame_cue
from detect.cues.words import Words


def test_weaker_is_counted_from_the_edge_of_the_usual() -> None:
    usual = (-1.0, 1.0)
    # An energy that is 0.36 of the edge's is an amplitude of 0.6.
    value = -1.0 + float(np.log(0.36))
    assert frame_cue("features_over_outer_1").sentence(value, usual) == (
        "The fine detail of the eyes and mouth is 40 % weaker against the hair and neck around the face than in 95 % "
        "of the real faces the detector knows."
    )


def test_much_stronger_is_counted_in_times() -> None:
    words = Words("The noise of the skin", scale="log amount")
    assert "4 times as strong" in words.sentence(1 + float(np.log(4)), (0, 1))
    assert "50 % stronger" in words.sentence(1 + float(np.log(1.5)), (0, 1))
    assert "more than 900 times" in words.sentence(1e6, (0, 1))


def test_the_usual_and_the_unmeasured() -> None:
    words = Words("The edges of the eyes", "against the hair", "softer", "sharper", "units", "steps")
    assert words.sentence(0.5, (0, 1)) == "The edges of the eyes against the hair: as is usual in real faces."
    assert words.sentence(float("nan"), (0, 1)).endswith("could not be measured here.")
    assert words.sentence(3.0, (0, 1)).startswith("The edges of the eyes are 2 steps sharper against the hair than")
