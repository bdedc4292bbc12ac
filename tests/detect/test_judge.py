"""Verdicts and their sentences."""

from __future__ import annotations

import numpy as np
import pytest

from detect.competence import Competence
from detect.conformal import Conformal
from detect.judge import (
    Limit,
    deciding,
    judge,
    limits_of_face,
    limits_of_picture,
    reasons,
    segments,
    widen,
)
from detect.results import CueFinding, FrameScore

KNOWS = Competence(np.zeros(1), np.eye(1), 1.0, (10.0, 500.0), (64.0, 400.0))
OUTSIDE, NOTE = Limit("outside", True), Limit("note", False)


def frames(*probabilities: float, step: float = 0.5) -> list[FrameScore]:
    return [FrameScore(i, i * step, p, (0, 0, 9, 9)) for i, p in enumerate(probabilities)]


@pytest.mark.parametrize(
    ("interval", "limits", "verdict"),
    [
        ((0.8, 0.99), [], "manipulated"),
        ((0.8, 0.99), [NOTE], "manipulated"),
        ((0.01, 0.2), [], "no manipulation found"),
        ((0.4, 0.9), [], "cannot tell"),
        ((0.8, 0.99), [OUTSIDE], "cannot tell"),
        ((0.0, 0.1), [OUTSIDE], "cannot tell"),
        (None, [], "cannot tell"),
    ],
)
def test_the_verdict(interval: tuple[float, float] | None, limits: list[Limit], verdict: str) -> None:
    assert judge(interval, limits) == verdict


def test_limits_outside_widen_and_notes_do_not() -> None:
    assert widen((0.8, 0.9), [NOTE]) == (0.8, 0.9)
    low, high = widen((0.8, 0.9), [OUTSIDE])
    assert low == pytest.approx(0.4) and high == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("distance", "width", "sharpness", "words", "outside"),
    [
        (0.5, 200, 100, None, None),
        (2.3, 200, 100, "2.30 times its limit", True),
        (0.5, 48, 100, "48 px wide", True),
        (0.5, 900, 100, "larger than", False),
        (0.5, 200, 2, "more blurred", True),
        (0.5, 200, 900, "sharper", False),
    ],
)
def test_limits_of_a_face(
    distance: float, width: float, sharpness: float, words: str | None, outside: bool | None
) -> None:
    found = limits_of_face(KNOWS, distance, width, sharpness, "one swap")
    if words is None:
        assert found == []
    else:
        assert len(found) == 1 and words in found[0].sentence and found[0].outside is outside


def test_segments_are_the_stretches_over_the_threshold() -> None:
    found = segments(frames(0.1, 0.9, 0.8, 0.2, 0.7))
    assert [(s.start, s.end) for s in found] == [(0.5, 1.0), (2.0, 2.0)]
    assert found[0].probability == pytest.approx(0.85)
    assert segments([]) == () and segments(frames(0.1, 0.2)) == ()


def test_a_gap_in_time_ends_a_segment() -> None:
    some = [*frames(0.9, 0.9), FrameScore(90, 45.0, 0.9, (0, 0, 9, 9))]
    assert [(s.start, s.end) for s in segments(some)] == [(0.0, 0.5), (45.0, 45.0)]


def test_reasons_name_the_evidence() -> None:
    said = " ".join(reasons("manipulated", 0.93, (0.8, 0.99), [], frames(0.9, 0.95), "around the mouth"))
    assert "2 of them are over" in said and "93%" in said and "around the mouth" in said
    none = reasons("no manipulation found", 0.1, (0.0, 0.2), [], frames(0.1, 0.2), None)
    assert len(none) == 1 and "none of them is over" in none[0]
    between = reasons("cannot tell", 0.5, (0.4, 0.6), [], frames(0.4, 0.6), "around the mouth")
    assert "1 of them is over" in between[0]
    assert "does not decide" in between[1], "what matters most stands first"


def test_one_frame_is_not_spoken_of_as_many() -> None:
    (said,) = reasons("no manipulation found", 0.2, (0.1, 0.3), [], frames(0.2), None, pooled=True)
    assert said.startswith("The face was scored in 1 frame, which is not over the threshold") and "20%" in said


def test_of_a_face_that_the_detector_does_not_know_no_measurement_is_named() -> None:
    cue = CueFinding("noise", 3.0, (0.0, 1.0), "The noise is odd.", True)
    said = reasons("cannot tell", 0.93, (0.4, 0.99), [OUTSIDE], frames(0.9, 0.9), "around the mouth", [cue])
    assert len(said) == 2 and "not believed" in said[1]
    assert cue.sentence in reasons("manipulated", 0.93, (0.8, 0.99), [], frames(0.9, 0.9), None, [cue])


@pytest.mark.parametrize(
    ("flat", "colour", "bits", "still", "few_colours", "words", "outside"),
    [
        (0.3, 40.0, 0.05, False, False, None, None),
        (0.95, 40.0, 0.05, False, False, "drawing or animation", True),
        (0.7, 40.0, 0.05, False, False, "heavy smoothing", False),
        (float("nan"), 40.0, None, False, False, None, None),
        (0.3, 0.4, 0.05, False, False, "black and white", False),
        (0.3, 40.0, 0.003, False, False, "strongly compressed", False),
        (0.3, 40.0, 0.0005, False, False, "strongly compressed", True),
        (0.3, 40.0, 0.05, True, False, "strongly compressed", True),
        (0.3, 40.0, 0.5, False, True, "256 colours", True),
    ],
)
def test_limits_of_a_picture(
    flat: float,
    colour: float,
    bits: float | None,
    still: bool,
    few_colours: bool,
    words: str | None,
    outside: bool | None,
) -> None:
    found = limits_of_picture(KNOWS, flat, colour, bits, still, few_colours)
    if words is None:
        assert found == []
    else:
        assert len(found) == 1 and words in found[0].sentence and found[0].outside is outside


FEW = Conformal((0.1, 0.2), (0.8, 0.9))
MANY = Conformal(tuple(np.linspace(0.01, 0.4, 99)), tuple(np.linspace(0.6, 0.99, 99)))


@pytest.mark.parametrize(
    ("probability", "interval", "limits", "conformal", "people", "verdict"),
    [
        (0.95, (0.3, 1.0), [], MANY, 1, "manipulated"),
        (0.05, (0.0, 0.7), [], MANY, 1, "no manipulation found"),
        (0.95, (0.3, 1.0), [Limit("doubt", False, 0.25)], MANY, 1, "cannot tell"),
        (0.95, (0.3, 1.0), [OUTSIDE], MANY, 1, "cannot tell"),
        (0.95, (0.9, 1.0), [], FEW, 1, "cannot tell"),
        (0.2, (0.1, 0.4), [], MANY, 1, "no manipulation found"),
        (0.39, (0.1, 0.4), [], MANY, 1, "cannot tell"),
        (0.95, (0.9, 1.0), [], MANY, 50, "manipulated"),
    ],
)
def test_a_conformal_predictor_decides(
    probability: float,
    interval: tuple[float, float],
    limits: list[Limit],
    conformal: Conformal,
    people: int,
    verdict: str,
) -> None:
    assert judge(interval, limits, probability, conformal, people) == verdict


def test_of_many_people_each_needs_stronger_evidence() -> None:
    overlapping = Conformal(tuple(np.linspace(0.1, 0.9, 99)), tuple(np.linspace(0.5, 1.0, 99)))
    assert judge((0.8, 0.9), [], 0.88, overlapping, 1) == "manipulated"
    assert judge((0.8, 0.9), [], 0.88, overlapping, 10) == "cannot tell"


def test_the_frames_that_decide_are_not_all_of_one_moment() -> None:
    some = frames(*[0.5] * 10, 0.9, 0.92, 0.91, *[0.5] * 20, 0.8, *[0.5] * 5, 0.1)
    first, second, *others = deciding("manipulated", some)
    assert (first, second) == (11, 33) and len(others) == 2 and not {10, 12} & set(others)
    assert deciding("no manipulation found", some)[0] == 39 and deciding("cannot tell", []) == ()
