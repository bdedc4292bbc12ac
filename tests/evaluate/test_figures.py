"""Figures of labelled clips: by hand where few, and honest about clips that have no score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import InputError
from evaluate.figures import (
    Judged,
    calibration_figures,
    clip_figures,
    frame_figures,
    overlap_figure,
    paired_figure,
    read_judged,
    share_of_verdict,
    verdict_counts,
    write_judged,
)

FAKE, REAL, UNSURE = "manipulated", "no manipulation found", "cannot tell"


def one(
    pair: str, label: int, probability: float | None, verdict: str = UNSURE, frames: tuple[float, ...] = ()
) -> Judged:
    return Judged(pair, pair, label, probability, verdict, frames, pair)


JUDGED = [
    one("a", 1, 0.9, FAKE, (0.8, 1.0)), one("a", 0, 0.2, REAL, (0.1, 0.3)),
    one("b", 1, 0.4, UNSURE, (0.4, 0.4)), one("b", 0, 0.3, REAL, (0.3, 0.3)),
    one("c", 1, 0.1, REAL, (0.1, 0.1)), one("c", 0, 0.2, UNSURE, (0.2, 0.2)),
]  # fmt: skip


def test_clips_and_frames_are_different_levels() -> None:
    assert clip_figures(JUDGED, ("AUC",), 50)["AUC"].value == pytest.approx(6 / 9)
    # Frames: 1.0, 0.8, 0.4, 0.4 stand over all six real ones; the two at 0.1 over none, and even with one.
    assert frame_figures(JUDGED, ("AUC",), 50)["AUC"].value == pytest.approx((4 * 6 + 2 * 0.5) / 36)
    assert set(clip_figures(JUDGED, draws=20)) == {"AUC", "AP", "EER", "TPR at 1% FPR", "TPR at 5% FPR"}


def test_the_interval_holds_the_figure_and_draws_pairs() -> None:
    found = paired_figure(JUDGED)
    assert found is not None and found.value == pytest.approx(2 / 3) and found.low <= found.value <= found.high
    alone = paired_figure(JUDGED[:2])
    assert alone is not None and np.isnan(alone.low) and "no interval" in str(alone)
    assert alone.to_json() == {"value": 1.0, "low": None, "high": None}


def test_a_clip_without_a_face_has_no_score_and_keeps_its_verdict() -> None:
    judged = [*JUDGED, one("d", 1, None), one("d", 0, 0.1, REAL)]
    assert paired_figure(judged, 50) == paired_figure(JUDGED, 50)
    assert verdict_counts(judged) == {FAKE: 1, REAL: 4, UNSURE: 3}
    assert share_of_verdict(judged, UNSURE).value == pytest.approx(3 / 8)


def test_one_class_alone_has_no_curve_and_still_its_verdicts() -> None:
    real = [clip for clip in JUDGED if clip.label == 0]
    assert clip_figures(real) == {} == frame_figures(real) and paired_figure(real) is None
    share = share_of_verdict(real, FAKE)
    assert share.value == 0 and share.high == pytest.approx(1 - 0.025 ** (1 / 3))


def test_heatmap_overlap_is_averaged_by_clip() -> None:
    judged = [replace(JUDGED[0], overlap=(1.0, 1.0, 1.0, 1.0)), replace(JUDGED[2], overlap=(0.0,))]
    found = overlap_figure(judged)
    assert found is not None and found.value == 0.5
    assert overlap_figure(JUDGED) is None


def test_abstention_by_hand() -> None:
    found = calibration_figures(JUDGED, 50)
    assert found["error when all are answered"].value == pytest.approx(2 / 6)
    assert found["error of what is answered"].value == pytest.approx(1 / 4)
    assert found["coverage"].value == pytest.approx(4 / 6)
    unsure = calibration_figures([replace(clip, verdict=UNSURE) for clip in JUDGED], 50)
    assert "error of what is answered" not in unsure and unsure["coverage"].value == 0


def test_what_was_said_comes_back_from_its_file(tmp_path: Path) -> None:
    judged = [*JUDGED, one("d", 1, None)]
    write_judged(tmp_path / "said.jsonl", judged)
    assert read_judged(tmp_path / "said.jsonl") == judged
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    for name, said in (("other.jsonl", "no file of scores"), ("none.jsonl", "cannot be read")):
        with pytest.raises(InputError, match=said):
            read_judged(tmp_path / name)
