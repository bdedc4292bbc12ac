"""The loop's parts of time, its pairs, and what it needs before it begins."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import FACELESS, Looped

from datasets.errors import InputError, Refused
from datasets.video import timestamps
from evaluate.loop import CROP_SIZE, pairs_of, part_by_time, score_result, software, train_detector
from synth.composite.compositor import CompositeSettings

LENGTHS = [
    np.arange(40) / 25,
    np.arange(4000) / 30 + 7.5,
    np.cumsum(np.random.default_rng(0).choice([0.01, 0.04, 0.5], 300)),
]


@pytest.mark.parametrize("times", LENGTHS, ids=["short", "long, late start", "uneven"])
def test_the_parts_do_not_overlap_and_the_scored_one_is_the_last(times: np.ndarray) -> None:
    parts = part_by_time(times)
    assert times[0] == parts.learnt[0] < parts.learnt[1] < parts.calibrated[0] < parts.calibrated[1] < parts.scored_from
    assert parts.scored_from < times[-1]
    learnt, held = (set(parts.frames(part, times, 10_000)) for part in (parts.learnt, parts.calibrated))
    scored = set(np.flatnonzero(times >= parts.scored_from).tolist())
    assert learnt and held and scored
    assert max(learnt) < min(held) and max(held) < min(scored)


def test_frames_of_a_part_are_spread_evenly_over_it() -> None:
    times = np.arange(1000) / 25
    parts = part_by_time(times)
    chosen = parts.frames(parts.learnt, times, 20)
    assert len(chosen) == 20 == len(set(chosen)) and chosen == sorted(chosen)
    assert np.ptp(np.diff(chosen)) <= 1 and times[chosen[-1]] < parts.learnt[1]


@pytest.mark.parametrize("count", [0, 1, 39])
def test_a_clip_too_short_to_be_parted_is_said(count: int) -> None:
    with pytest.raises(InputError, match=f"has {count} frames"):
        part_by_time(np.arange(count) / 25)


def test_pairs_differ_where_the_mask_is_and_nowhere_else(looped: Looped) -> None:
    wanted = [5, 6, FACELESS[0], 50]
    pairs = pairs_of(looped.workspace, "quick96", CompositeSettings(), wanted, "cpu")
    times = timestamps(looped.destination)
    assert [pair.time for pair in pairs] == pytest.approx([times[i] for i in wanted if i not in FACELESS])
    for pair in pairs:
        assert pair.fake.shape == pair.real.shape == (CROP_SIZE, CROP_SIZE, 3) and pair.mask.shape == (CROP_SIZE,) * 2
        assert pair.mask.min() >= 0 and 0.8 < pair.mask.max() <= 1
        away = cv2.dilate(pair.mask, np.ones((5, 5))) == 0  # the crop's filter reaches a pixel or two further
        assert away.any() and np.array_equal(pair.fake[away], pair.real[away])
        assert np.abs(pair.fake.astype(int) - pair.real)[pair.mask > 0.5].mean() > 2


def test_the_detector_saw_nothing_of_the_part_that_is_scored(looped: Looped) -> None:
    parts = part_by_time(timestamps(looped.destination))
    scope = json.loads((looped.workspace.detector / "card.json").read_text())["scope"]
    assert scope["trained_until"] == pytest.approx(parts.calibrated[1])
    assert scope["scored_from"] == pytest.approx(parts.scored_from)
    scores = json.loads((looped.workspace.result / "detectability.json").read_text())
    assert scores["start"] >= parts.scored_from > parts.calibrated[1]


def test_no_detector_without_consent_and_none_over_another(looped: Looped) -> None:
    with pytest.raises(Refused):
        train_detector(replace(looped.workspace, consent=()), "quick96", steps=1, device="cpu", force=True)
    with pytest.raises(InputError, match="exists already"):
        train_detector(looped.workspace, "quick96", steps=1, device="cpu")


@pytest.mark.parametrize(("part", "command"), [("result", "counterface merge"), ("detector", "detector train")])
def test_scoring_before_its_turn_says_what_comes_first(looped: Looped, tmp_path: Path, part: str, command: str) -> None:
    with pytest.raises(InputError, match=command):
        score_result(looped.copy(tmp_path / "w", [part]), "cpu")


def test_software_has_a_version() -> None:
    assert software().split()[0] == "counterface"
