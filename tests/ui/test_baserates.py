"""What a score means where fakes are rare."""

from __future__ import annotations

import pytest

from datasets.errors import InputError
from ui.services.baserates import at_base_rate, crowd, share_of_true


@pytest.mark.parametrize("fakes", [0.5, 0.1, 0.01, 0.001])
def test_a_crowd_adds_up_and_agrees_with_bayes(fakes: float) -> None:
    held = crowd(100_000, fakes, 0.9, 0.05)
    assert held.found + held.missed + held.alarms + held.passed == 100_000
    assert held.true_share == pytest.approx(share_of_true(fakes, 0.9, 0.05), abs=0.01)


def test_one_fake_in_a_hundred_makes_most_alarms_false() -> None:
    held = crowd(1000, 0.01, 0.9, 0.05)
    assert (held.found, held.missed, held.called) == (9, 1, 59)  # 9 of 990 * .05, rounded to the even 50
    assert held.true_share is not None and held.true_share < 0.2


def test_nothing_called_fake_has_no_share() -> None:
    assert crowd(100, 0.5, 0, 0).true_share is None and share_of_true(0.5, 0, 0) is None


def test_a_score_stays_where_fakes_are_as_common_as_in_calibration() -> None:
    assert at_base_rate(0.8, 0.5) == pytest.approx(0.8)
    assert at_base_rate(0.8, 0.2, calibrated_at=0.2) == pytest.approx(0.8)


def test_a_score_means_less_the_rarer_fakes_are() -> None:
    means = [at_base_rate(0.9, share) for share in (0.5, 0.1, 0.01, 0.001)]
    assert means == sorted(means, reverse=True) and means[2] == pytest.approx(0.0833, abs=1e-3)


def test_what_is_no_share_is_refused() -> None:
    for value in (0.0, 1.0, -0.1):
        with pytest.raises(InputError):
            at_base_rate(value, 0.5)
    with pytest.raises(InputError):
        crowd(100, 1.2, 0.5, 0.5)
