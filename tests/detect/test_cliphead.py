"""The head over a track: what it draws on, and what it makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from detect.cliphead import CUES, NETWORK, STEADY, STRONG, STRONG_FROM, TOP, ClipHead, fit_head, summarise


def test_summaries_are_those_of_the_track() -> None:
    said = summarise(np.array([0.0, 1.0, 2.0, 3.0]), -1.5, {"blinks": 0.2})
    assert said[NETWORK] == 1.5 and said[TOP] == 3.0 and said[CUES] == -1.5 and said["blinks"] == 0.2
    assert said[STEADY] == pytest.approx(np.std([0, 1, 2, 3]))
    assert np.isnan(summarise(np.array([1.0]), None)[CUES])
    assert said[STRONG] == 0 and summarise(np.array([STRONG_FROM + 1.5]), None)[STRONG] == 1.5
    assert STRONG.endswith(f"_{STRONG_FROM:g}")  # the name stands in cards, and says what was taken off


def test_a_fitted_head_parts_the_classes_and_lives_through_its_card() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    rows = [summarise(rng.normal(label, 0.5, 8), float(rng.normal(label, 0.7))) for label in labels]
    head = fit_head(rows, labels, (NETWORK, CUES), 1.0)
    again = ClipHead.from_card(head.to_card())
    logits = np.array([head.logit(row) for row in rows])
    assert ((logits > 0) == labels).mean() > 0.9
    assert [again.logit(row) for row in rows] == pytest.approx(logits.tolist())


def test_what_could_not_be_measured_counts_as_typical() -> None:
    head = ClipHead((NETWORK, CUES), np.array([1.0, 2.0]), 0.5, np.array([0.0, 0.25]))
    assert head.logit({NETWORK: 1.0, CUES: float("nan")}) == pytest.approx(2.0)
    assert head.logit({NETWORK: 1.0}) == pytest.approx(2.0)
