"""Calibration: probabilities that mean what they say, and intervals that hold what they promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.calibration import Platt, calibration_from_card, fit_calibration, fit_platt, sigmoid
from detect.intervals import clip_interval, probability_interval


def drawn(count: int, slope: float, offset: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 3, count)
    return logit, (rng.random(count) < sigmoid(slope * logit + offset)).astype(int)


def test_it_finds_the_slope_and_offset_that_made_the_labels() -> None:
    fitted = fit_platt(*drawn(20_000, 0.7, -0.4))
    assert fitted.slope == pytest.approx(0.7, abs=0.05) and fitted.offset == pytest.approx(-0.4, abs=0.08)


def test_it_agrees_with_plain_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    logit, label = drawn(5_000, 1.3, 0.2)
    peer = LogisticRegression(C=1e6).fit(logit[:, None], label)
    fitted = fit_platt(logit, label)
    assert fitted.slope == pytest.approx(float(peer.coef_[0, 0]), rel=0.02)


def test_a_separable_set_does_not_give_certainty() -> None:
    logit = np.r_[np.linspace(20, 40, 20), np.linspace(-40, -20, 20)]
    p = fit_platt(logit, np.repeat([1, 0], 20)).probability(logit)
    assert 0.8 < p[0] < p[19] < 0.9999 and 0.0001 < p[20] < p[-1] < 0.2


def test_a_detector_that_ranks_the_wrong_way_is_not_turned_round() -> None:
    logit, label = drawn(500, 1.0, 0.0)
    assert np.ptp(fit_platt(-logit, label).probability(logit)) < 0.01


def test_both_classes_are_needed() -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_platt(np.zeros(3), np.ones(3))


def test_the_card_keeps_all_of_it() -> None:
    fitted = fit_platt(*drawn(100, 1, 0))
    assert Platt.from_card(json.loads(json.dumps(fitted.to_card()))) == fitted


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.floats(-8, 8), st.integers(0, 1000))
def test_the_interval_holds_the_point_and_stays_in_range(count: int, centre: float, seed: int) -> None:
    logit = np.random.default_rng(seed).normal(centre, 1.0, count)
    calibration = fit_platt(*drawn(200, 1, 0))
    low, high = clip_interval(logit, np.arange(count) / 10, calibration, draws=200)
    assert 0 <= low <= calibration.probability(logit).mean() <= high <= 1


def test_more_time_narrows_and_more_frames_of_one_moment_do_not() -> None:
    rng = np.random.default_rng(0)
    calibration = fit_platt(*drawn(2_000, 1, 0))
    width = {}
    for name, seconds, rate in (("short", 6, 5), ("dense", 6, 50), ("long", 120, 5)):
        level = np.repeat(rng.normal(0, 2, seconds), rate)  # one level a second: frames beside each other say the same
        low, high = clip_interval(level, np.arange(len(level)) / rate, calibration)
        width[name] = high - low
    assert width["long"] < 0.6 * width["short"]
    assert width["dense"] > 0.5 * width["short"]


def test_one_frame_is_less_sure_than_many_alike() -> None:
    calibration = Platt(1.0, 0.0, ((0.0, 0.0), (0.0, 0.0)), spread=1.0, samples=100)
    one = clip_interval(np.array([1.0]), np.array([0.0]), calibration)
    many = clip_interval(np.ones(20), np.arange(20.0), calibration)
    assert one[1] - one[0] > 0.2 > many[1] - many[0]


KINDS = ("platt", "temperature", "isotonic")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_finds_the_probabilities_that_made_the_labels(kind: str) -> None:
    fitted = fit_calibration(kind, *drawn(6_000, 0.7, 0.0))
    at = np.linspace(-4, 4, 9)
    assert np.abs(fitted.probability(at) - sigmoid(0.7 * at)).mean() < 0.04
    assert 0.5 < fitted.spread < 3 and fitted.samples == 6_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_from_its_card(kind: str) -> None:
    fitted = fit_calibration(kind, *drawn(300, 1, 0), groups=np.arange(300) // 10)
    again = calibration_from_card(json.loads(json.dumps(fitted.to_card())))
    assert again == fitted
    assert len(json.dumps(fitted.to_card())) < 100_000


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), slope=st.floats(-2, 5), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_every_kind_rises_and_is_never_certain(kind: str, seed: int, slope: float, scale: float) -> None:
    logit, label = drawn(60, slope, 0.0, seed)
    logit = logit * scale
    far = np.r_[-1e6, np.sort(logit), 1e6]
    fitted = fit_calibration(kind, logit, label)
    p = fitted.probability(far)
    assert np.all(np.diff(p) >= 0) and 0 <= p.min() <= p.max() <= 1
    inner = p[1:-1]
    assert inner.min() > 0 and inner.max() < 1
    for other in fitted.drawn(np.random.default_rng(0), 5):
        assert np.all(np.diff(other.probability(far)) >= 0)


def test_the_isotonic_one_is_that_of_scikit_learn_and_level_outside() -> None:
    from sklearn.isotonic import IsotonicRegression

    logit, label = drawn(400, 0.8, 0.1)
    peer = IsotonicRegression(y_min=1e-3, y_max=1 - 1e-3, out_of_bounds="clip").fit(logit, label)
    fitted = fit_calibration("isotonic", logit, label)
    at = np.linspace(-12, 12, 200)
    assert np.abs(fitted.probability(at) - peer.predict(at)).max() < 0.01
    edge = fitted.probability(np.array([logit.min(), logit.min() - 50, logit.max(), logit.max() + 50]))
    assert edge[0] == edge[1] and edge[2] == edge[3]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_few_clips_leave_a_wider_interval_than_as_many_clips(kind: str) -> None:
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(24) % 2, 50)
    logit = np.repeat(rng.normal(0, 1.5, 24), 50) + 1.2 * (2 * label - 1) + rng.normal(0, 0.3, 1200)
    low, high = probability_interval(1.0, fit_calibration(kind, logit, label, groups=np.arange(1200) // 50))
    narrow = probability_interval(1.0, fit_calibration(kind, logit, label))
    assert high - low > 1.5 * (narrow[1] - narrow[0])


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_gives_a_clip_an_interval(kind: str) -> None:
    calibration = fit_calibration(kind, *drawn(400, 1, 0))
    logit = np.random.default_rng(1).normal(1.0, 1.0, 40)
    low, high = clip_interval(logit, np.arange(40) / 4, calibration, draws=200)
    assert 0 <= low < calibration.probability(logit).mean() < high <= 1
    pooled = clip_interval(logit, np.arange(40) / 4, calibration, draws=200, pooled=lambda rows: logit[rows].mean())
    assert pooled[0] <= calibration.probability(np.array([logit.mean()]))[0] <= pooled[1]


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(ValueError, match="platt, temperature, isotonic"):
        fit_calibration("beta", *drawn(10, 1, 0))
