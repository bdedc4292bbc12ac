"""Verdicts and their sentences."""

from __future__ import annotations

import numpy as np
import pytest

from detect.competence import Competence
from detect.judge import Limit, judge, limits_of_face, reasons, segments, widen
from detect.results import FrameScore

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
        (2.3, 200, 100, "2.3 times its limit", True),
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
    assert "2 of 2" in said and "93%" in said and "around the mouth" in said
    unsure = " ".join(reasons("cannot tell", 0.93, (0.4, 0.99), [OUTSIDE], frames(0.9), None))
    assert "not believed" in unsure and "1 frame" in unsure
    between = " ".join(reasons("cannot tell", 0.5, (0.4, 0.6), [], frames(0.4, 0.6), None))
    assert "does not decide" in between
