"""Intervals hold the truth as often as they say, and a clip's frames do not count as many observations."""

from __future__ import annotations

import numpy as np
import pytest

from evaluate.intervals import bootstrap, clopper_pearson
from evaluate.metrics import auc


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(size=200)
    low, high = bootstrap(lambda rows: float(values[rows].mean()), range(200), seed=1)
    error = 1.96 * values.std() / np.sqrt(200)
    assert high - low == pytest.approx(2 * error, rel=0.15) and low < values.mean() < high


def test_rows_of_one_group_stay_together() -> None:
    level = np.random.default_rng(0).normal(size=12)
    alone = bootstrap(lambda rows: float(level[rows].mean()), range(12))
    many = np.repeat(level, 50)
    together = bootstrap(lambda rows: float(many[rows].mean()), np.repeat(np.arange(12), 50))
    assert together == pytest.approx(alone)


def test_draws_of_one_class_do_not_count() -> None:
    label, score = np.array([0, 0, 1, 1, 1, 0]), np.array([0.1, 0.4, 0.35, 0.8, 0.9, 0.2])
    low, high = bootstrap(lambda rows: auc(label[rows], score[rows]), range(6))
    assert 0 <= low <= auc(label, score) <= high <= 1


def test_one_group_has_no_interval() -> None:
    assert np.isnan(bootstrap(lambda rows: 1.0, ["one"] * 5)).all()


def test_the_exact_interval_of_a_share_by_hand() -> None:
    # None of n: the upper end solves (1 - p)^n = .025.
    assert clopper_pearson(0, 20) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert clopper_pearson(20, 20) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    low, high = clopper_pearson(3, 21)
    assert (low, high) == (pytest.approx(0.0305, abs=1e-3), pytest.approx(0.3634, abs=1e-3))
    with pytest.raises(ValueError):
        clopper_pearson(3, 2)
