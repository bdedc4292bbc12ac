"""Metrics: known values, properties, and agreement with the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.metrics import (
    abstention,
    auc,
    average_precision,
    block_bootstrap,
    brier,
    ece,
    ece_by_chance,
    eer,
    iou,
    nll,
    paired_accuracy,
    pointing_game,
    reliability,
    risk_coverage,
    ssim,
    tpr_at_fpr,
)

LABEL = np.array([0, 0, 0, 0, 1, 1, 1, 1])
PERFECT = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])


def test_a_perfect_and_a_turned_round_score() -> None:
    assert auc(LABEL, PERFECT) == 1 and auc(LABEL, -PERFECT) == 0
    assert average_precision(LABEL, PERFECT) == 1
    assert eer(LABEL, PERFECT) == 0 and eer(LABEL, -PERFECT) == 1
    assert tpr_at_fpr(LABEL, PERFECT, 0.0) == 1 and tpr_at_fpr(LABEL, -PERFECT, 0.5) == 0


def test_known_values_between() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.65, 0.6, 0.7, 0.8, 0.9])  # one real above one fake
    assert auc(LABEL, score) == pytest.approx(15 / 16)
    assert eer(LABEL, score) == pytest.approx(0.25)
    assert tpr_at_fpr(LABEL, score, 0.0) == pytest.approx(0.75) and tpr_at_fpr(LABEL, score, 0.25) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_ranking_metrics_see_the_order_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, score = np.r_[0, 1, rng.integers(0, 2, 30)], rng.normal(size=32)
    for metric in (auc, average_precision, eer):
        assert metric(label, score) == pytest.approx(metric(label, 3 * np.exp(score) - 7))
    assert eer(label, score) == pytest.approx(eer(1 - label, -score))


def test_one_class_has_no_curve() -> None:
    for metric in (auc, average_precision, eer):
        with pytest.raises(ValueError, match="both classes"):
            metric(np.ones(4), np.arange(4))
    with pytest.raises(ValueError, match="4 labels and 3 scores"):
        auc(np.ones(4), np.arange(3))


def test_honest_probabilities_are_calibrated_and_boasting_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    label = (rng.random(20_000) < probability).astype(int)
    assert ece(label, probability) < 0.02
    assert ece(label, np.where(probability > 0.5, 0.99, 0.01)) > 0.2
    assert brier(label, probability) == pytest.approx(1 / 6, abs=0.01)


def test_calibration_error_by_hand() -> None:
    # Two bins: 0.2 said and 0.5 seen; 0.8 said and 1.0 seen.
    assert ece(np.array([0, 1, 1, 1]), np.array([0.2, 0.2, 0.8, 0.8]), bins=2) == pytest.approx(0.25)


def test_calibration_error_does_not_depend_on_the_order_of_ties() -> None:
    rng = np.random.default_rng(1)
    label, probability = rng.integers(0, 2, 200), rng.choice([0.1, 0.5, 0.9], 200)
    order = rng.permutation(200)
    assert ece(label, probability) == pytest.approx(ece(label[order], probability[order]))


def test_iou() -> None:
    mask, shifted = np.zeros((10, 10)), np.zeros((10, 10))
    mask[:, :6], shifted[:, 3:9] = 1, 1
    assert iou(mask, mask) == 1 and iou(mask, 1 - mask) == 0
    assert iou(mask, shifted) == pytest.approx(3 / 9) == iou(mask, shifted, None)
    assert iou(0.4 * mask, mask) == 0 and iou(0.4 * mask, mask, None) == pytest.approx(0.4)
    assert iou(np.zeros((3, 3)), np.zeros((3, 3))) == 1
    with pytest.raises(ValueError, match="a heatmap of"):
        iou(mask, mask[:5])


def test_pointing_game() -> None:
    heat, mask = np.zeros((8, 8)), np.zeros((8, 8))
    heat[2, 3], mask[:4] = 1, 1
    assert pointing_game(heat, mask) and not pointing_game(heat[::-1], mask)


def test_the_bootstrap_interval_holds_the_mean_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0.3, 1, 80)
        low, high = block_bootstrap(values, np.arange(80.0), n=400, seed=seed)
        hits += low <= 0.3 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_frames_of_one_second_do_not_count_as_many() -> None:
    level = np.random.default_rng(0).normal(size=20)
    sparse = block_bootstrap(level, np.arange(20.0))
    dense = block_bootstrap(np.repeat(level, 30), np.arange(600) / 30)
    assert (dense[1] - dense[0]) == pytest.approx(sparse[1] - sparse[0], rel=0.15)


def test_bootstrap_edges() -> None:
    assert block_bootstrap(np.array([0.5]), np.array([3.0])) == (0.5, 0.5)
    low, high = block_bootstrap(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.1, 0.2]))
    assert 0 <= low < 2 / 3 < high <= 1
    with pytest.raises(ValueError, match="at least one"):
        block_bootstrap(np.zeros(0), np.zeros(0))


def test_ssim_of_a_region_sees_that_region() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    b = a.copy()
    b[:, 40:] = rng.integers(0, 256, (64, 24, 3), dtype=np.uint8)
    left, right = np.zeros((64, 64)), np.zeros((64, 64))
    left[:, :30], right[:, 50:] = 1, 1
    assert ssim(a, a) == pytest.approx(1)
    assert ssim(a, b, left) == pytest.approx(1, abs=1e-6) and ssim(a, b, right) < 0.3
    assert ssim(a, b, right) < ssim(a, b) < ssim(a, b, left)
    for bad, said in ((np.zeros((64, 64)), "empty"), (None, "pictures of")):
        with pytest.raises(ValueError, match=said):
            ssim(a, b if bad is not None else b[:50], bad)


def test_a_fake_is_paired_with_its_own_original() -> None:
    assert paired_accuracy(np.array([0.9, 0.2, 0.5]), np.array([0.1, 0.3, 0.5])) == pytest.approx(1.5 / 3)
    fake, real = np.array([0.2, 0.9]), np.array([0.1, 0.8])  # each above its own, though the classes overlap
    assert paired_accuracy(fake, real) == 1 and auc(np.array([1, 1, 0, 0]), np.r_[fake, real]) == 0.75
    with pytest.raises(ValueError, match="in pairs"):
        paired_accuracy(fake, real[:1])


def test_likelihood_by_hand() -> None:
    assert nll(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert nll(np.array([1, 1]), np.array([0.5, 0.25])) == pytest.approx(1.5 * np.log(2))
    assert 30 < nll(np.array([0]), np.array([1.0])) < 40
    with pytest.raises(ValueError, match="between 0 and 1"):
        nll(np.array([1]), np.array([1.2]))


def test_the_reliability_table_by_hand() -> None:
    probability = np.array([0.9, 0.1, 0.3, 0.7, 0.1, 0.9])
    table = reliability(np.array([1, 0, 1, 0, 1, 1]), probability, bins=3)
    assert [one.count for one in table] == [2, 2, 2]
    assert [one.said for one in table] == pytest.approx([0.1, 0.5, 0.9])
    assert [one.seen for one in table] == [0.5, 0.5, 1.0]
    assert (table[1].low, table[1].high) == (0.3, 0.7)
    assert ece(np.array([1, 0, 1, 0, 1, 1]), probability, bins=3) == pytest.approx((0.4 + 0.0 + 0.1) / 3)


def test_risk_coverage_by_hand() -> None:
    coverage, risk = risk_coverage(np.array([0, 1, 0, 1]), np.array([0.9, 0.6, 0.8, 0.6]))
    assert coverage.tolist() == [0.25, 0.5, 1.0] and risk.tolist() == [0.0, 0.0, 0.5]


def test_abstaining_takes_the_unsure_ones_out() -> None:
    label, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    found = abstention(label, probability, np.array([0, np.nan, np.nan, 1]))
    assert (found.coverage, found.error, found.error_of_all) == (0.5, 0.0, 0.5)
    found = abstention(label, probability, np.array([1, np.nan, 1, 1]))
    assert (found.coverage, found.error) == (0.75, pytest.approx(1 / 3))
    assert abstention(label, probability, np.full(4, np.nan)).error is None


def test_few_samples_look_uncalibrated_by_chance() -> None:
    assert ece_by_chance(np.array([0.0, 1.0, 1.0])) == 0
    # One sample of .5 is off by .5 whichever way it falls.
    assert ece_by_chance(np.array([0.5])) == pytest.approx(0.5)
    probability = np.random.default_rng(0).random(3000)
    assert ece_by_chance(probability[:30]) > 3 * ece_by_chance(probability, draws=50)
