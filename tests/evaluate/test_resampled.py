"""Figures of many draws at once: each is the figure of the rows drawn, and scikit-learn's where it has one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics import compare
from evaluate.metrics import (
    accuracy,
    auc,
    average_precision,
    balanced_accuracy,
    best_threshold,
    ece,
    eer,
    risk_area,
    tpr_at_fpr,
)
from evaluate.resampled import CURVE, curve_draws, ece_draws, interval, mean_draws, resample, weighted_curve


def drawn_rows(counts: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(of)), counts[of])


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    group = rng.integers(0, 12, 150)
    label = (group % 2 + (rng.random(150) < 0.1)) % 2
    return label, np.round(np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1), 2), group


def test_metrics_equal_scikit_learns() -> None:
    worst, kinds = compare(60, seed=1)
    assert max(worst.values()) < 1e-9 and kinds["with ties"] > 30
    for kind in ("NaN or infinity", "one class alone"):
        assert 0 < kinds[kind] == kinds[f"{kind}: said in words"]


def test_a_draw_is_the_figure_of_the_rows_drawn(rows: tuple[np.ndarray, ...]) -> None:
    label, score, group = rows
    drawn = resample(group, 20, seed=2)
    found, errors, means = curve_draws(label, score, drawn), ece_draws(label, score, drawn), mean_draws(score, drawn)
    for number, counts in enumerate(drawn.counts):
        chosen = drawn_rows(counts, drawn.of)
        own = label[chosen], score[chosen]
        expected = (auc(*own), average_precision(*own), eer(*own), tpr_at_fpr(*own, 0.01), tpr_at_fpr(*own, 0.05))
        assert [found[name][number] for name in CURVE] == pytest.approx(expected, abs=1e-12)
        assert errors[number] == pytest.approx(ece(*own), abs=1e-12)
        assert means[number] == pytest.approx(own[1].mean())


def test_groups_are_drawn_whole_and_as_many_as_there_are(rows: tuple[np.ndarray, ...]) -> None:
    drawn = resample(rows[2], 50)
    assert (drawn.counts.sum(1) == 12).all() and drawn.counts.std() > 0.5
    assert not resample(["a"] * 4, 5).known


def test_blocks_of_draws_make_no_difference(rows: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    label, score, group = rows
    drawn = resample(group, 30)
    whole = curve_draws(label, score, drawn), ece_draws(label, score, drawn)
    monkeypatch.setattr("evaluate.resampled.BLOCK", 700)
    parts = curve_draws(label, score, drawn), ece_draws(label, score, drawn)
    assert all((whole[0][name] == parts[0][name]).all() for name in CURVE) and (whole[1] == parts[1]).all()


def test_one_class_in_a_draw_has_no_figure_and_most_draws_must_have_one() -> None:
    label, score = np.array([0, 1]), np.array([0.2, 0.8])
    found = weighted_curve(label, score, np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]))
    assert found["AUC"][0] == 1 and np.isnan(found["AUC"][1:]).all()
    assert np.isnan(interval(found["AUC"], 1.0)[0])
    assert interval(np.array([0.5, 0.7, np.nan]), 0.9) == (pytest.approx(0.505), 0.9)


def test_the_threshold_is_the_best_one_of_the_validation() -> None:
    label, score = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.5, 0.9])
    best = best_threshold(label, score)
    assert 0.2 < best < 0.5 and balanced_accuracy(label, score, best) == pytest.approx((2 / 3 + 1) / 2)
    for other in np.linspace(0, 1, 41):
        assert balanced_accuracy(label, score, best) >= balanced_accuracy(label, score, other)
    assert accuracy(label, score, best) == pytest.approx(4 / 5)


def test_the_area_under_risk_is_nought_for_who_is_never_wrong() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.6])
    assert risk_area(np.zeros(4), sure) == 0 and risk_area(np.ones(4), sure) == 1
    assert risk_area(np.array([0, 0, 0, 1]), sure) < risk_area(np.array([1, 0, 0, 0]), sure)
