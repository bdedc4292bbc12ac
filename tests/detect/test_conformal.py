"""Abstention: of each class at most the agreed share is called the other one, whatever the detector is worth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.conformal import Conformal, fit_conformal


def drawn(count: int, apart: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 2
    return 1 / (1 + np.exp(-rng.normal(apart * (2 * label - 1), 1.0))), label


@pytest.mark.parametrize("apart", [0.0, 0.7, 2.0])
def test_each_class_is_called_the_other_one_in_at_most_the_agreed_share(apart: float) -> None:
    shares = []
    for seed in range(40):
        fitted = fit_conformal(*drawn(120, apart, seed))
        p, label = drawn(400, apart, seed + 1000)
        said = np.array([fitted.verdict(x, 0.1) for x in p])
        shares.append([(said[label == 0] == "manipulated").mean(),
                       (said[label == 1] == "no manipulation found").mean()])  # fmt: skip
    assert np.all(np.mean(shares, axis=0) <= 0.11)


def test_abstention_is_what_a_weak_detector_pays() -> None:
    answered = {}
    for apart in (0.3, 2.5):
        fitted = fit_conformal(*drawn(400, apart, 0))
        p, label = drawn(1000, apart, 1)
        said = np.array([fitted.verdict(x) for x in p])
        known = said != "cannot tell"
        wrong = (said == "manipulated") != (label == 1)
        answered[apart] = known.mean()
        assert wrong[known].mean() <= 0.5 * ((p > 0.5) != (label == 1)).mean() or apart < 1
    assert answered[2.5] > 0.8 > 0.3 > answered[0.3]


def test_too_few_samples_never_decide() -> None:
    few = fit_conformal(np.r_[np.zeros(10), np.ones(10)], np.repeat([0, 1], 10))
    assert few.verdict(1.0) == few.verdict(0.0) == "cannot tell" and few.smallest_error > 0.05
    more = fit_conformal(np.r_[np.zeros(20), np.ones(20)], np.repeat([0, 1], 20))
    assert more.verdict(1.0) == "manipulated" and more.verdict(0.0) == "no manipulation found"
    assert more.smallest_error < 0.05


def test_the_promised_error_goes_with_the_predictor() -> None:
    p, label = drawn(400, 1.5, 0)
    usual, strict = fit_conformal(p, label), fit_conformal(p, label, error=0.01)
    at = np.linspace(0, 1, 101)
    answered = [sum(one.verdict(x) != "cannot tell" for x in at) for one in (usual, strict)]
    assert answered[1] < answered[0]
    assert [strict.verdict(x) for x in at] == [usual.verdict(x, 0.01) for x in at]
    back = Conformal.from_card(strict.to_card())
    assert back == strict and back.error == 0.01
    old = {name: value for name, value in usual.to_card().items() if name != "error"}
    assert Conformal.from_card(old).error == 0.05


def test_between_two_classes_that_lie_apart_nobody_can_tell() -> None:
    assert fit_conformal(np.repeat([0.1, 0.9], 50), np.repeat([0, 1], 50)).verdict(0.5) == "cannot tell"


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 100))
def test_p_values_are_shares_and_move_one_way(one: float, other: float, seed: int) -> None:
    fitted = fit_conformal(*drawn(50, 1.0, seed))
    (real, fake), (real_other, fake_other) = fitted.p_values(min(one, other)), fitted.p_values(max(one, other))
    assert 0 < real_other <= real <= 1 and 0 < fake <= fake_other <= 1


def test_the_card_keeps_all_of_it_and_both_classes_are_needed() -> None:
    fitted = fit_conformal(*drawn(30, 1.0, 0))
    assert Conformal.from_card(json.loads(json.dumps(fitted.to_card()))) == fitted
    assert all(fitted.p_values(p)[0] > 1 / 16 for p in fitted.real[-1:])
    with pytest.raises(ValueError, match="both classes"):
        fit_conformal(np.zeros(3), np.ones(3))
