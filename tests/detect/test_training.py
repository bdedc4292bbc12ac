"""Training: it learns, it is the same every time, and it goes on from where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import detect.training
from datasets.errors import InputError, Interrupted
from detect.detector import TrainedDetector, load_detector
from detect.objective import heat_iou, rank_auc
from detect.recipes.paired import plain_batch
from detect.training import TrainSettings, train

SHORT = TrainSettings(steps=8, batch=4, device="cpu", seed=1)


def weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


def curve(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_it_tells_later_frames_apart_and_shows_where(detector: TrainedDetector, material: Any) -> None:
    later = plain_batch(material.pairs[32:])
    scores = detector.score(later.images)
    assert rank_auc(scores.logit, later.labels) > 0.95
    assert heat_iou(scores.heatmap, later) > 0.5
    half = len(later.images) // 2
    assert scores.probability[:half].mean() > 0.7 > 0.3 > scores.probability[half:].mean()


def test_the_curve_has_its_columns(detector_folder: Path) -> None:
    lines = [json.loads(line) for line in (detector_folder / "metrics.jsonl").read_text().splitlines()]
    assert all({"step", "seconds", "loss", "auc"} <= set(line) for line in lines)
    assert lines[-1]["step"] == 90 and lines[-1]["loss"] < lines[0]["loss"]
    assert not (detector_folder / "unfinished").exists()


def test_stopped_and_gone_on_is_the_same_as_unbroken(
    material: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_pairs, held = material.pairs[:8], material.pairs[24:28]
    train(train_pairs, held, SHORT, tmp_path / "unbroken")
    monkeypatch.setattr(detect.training, "SAVE_SECONDS", 0.0)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="from step 4 of 8"):
        train(train_pairs, held, SHORT, tmp_path / "broken", stop)
    assert not (tmp_path / "broken" / "card.json").exists()
    train(train_pairs, held, SHORT, tmp_path / "broken")
    assert curve(tmp_path / "broken") == curve(tmp_path / "unbroken")
    one, other = (load_detector(tmp_path / name, "cpu") for name in ("broken", "unbroken"))
    crops = plain_batch(held).images
    assert np.array_equal(one.score(crops).logit, other.score(crops).logit)
    # The batch in which it was stopped is done again, and not counted twice.
    assert one.card["step"] == 8 and [line["step"] for line in curve(tmp_path / "broken")] == list(range(1, 9))


def test_other_data_does_not_go_on_from_an_unfinished_training(
    material: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect.training, "SAVE_SECONDS", 0.0)

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        if done == 2:
            raise KeyboardInterrupt

    held = material.pairs[24:26]
    with pytest.raises(Interrupted):
        train(material.pairs[:4], held, SHORT, tmp_path / "d", stop)
    with pytest.raises(InputError, match="other data or with other settings"):
        train(material.pairs[4:8], held, SHORT, tmp_path / "d")
    with pytest.raises(InputError, match="other data or with other settings"):
        train(material.pairs[:4], held, replace(SHORT, seed=9), tmp_path / "d")
    card = train(material.pairs[:4], held, replace(SHORT, seed=9), tmp_path / "d", force=True)
    assert card["seed"] == 9 and curve(tmp_path / "d")[0]["step"] == 1


def test_minutes_become_steps(material: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect.training, "LEAST_STEPS", 5)
    settings = replace(SHORT, steps=None, minutes=0.03)
    card = train(material.pairs[:4], material.pairs[24:26], settings, tmp_path / "d")
    assert card["step"] > 0 and card["settings"]["minutes"] == 0.03


def test_a_trained_folder_is_not_overwritten(detector_folder: Path, material: Any) -> None:
    before = weights(detector_folder)
    with pytest.raises(InputError, match="exists already"):
        train(material.pairs[:4], material.pairs[24:26], SHORT, detector_folder)
    assert weights(detector_folder) == before


def test_pairs_are_needed_on_both_sides(material: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calibrated on"):
        train(material.pairs[:4], [], SHORT, tmp_path / "d")
    with pytest.raises(ValueError, match="steps or minutes"):
        train(material.pairs[:4], material.pairs[:4], replace(SHORT, steps=None), tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_rank_auc_is_the_area_under_the_curve() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 200), rng.integers(0, 20, 200)
    assert rank_auc(score, label) == pytest.approx(roc_auc_score(label, score))
