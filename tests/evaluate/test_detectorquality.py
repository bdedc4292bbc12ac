"""A detector's figures: as the command line promises them, each kind of clip apart, and the validation kept out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.errors import InputError
from evaluate.clipset import LabelledClip
from evaluate.detectorquality import Gathered, Measured, detector_quality, width_class
from evaluate.detectorreport import lines, write_report
from evaluate.metrics import auc
from evaluate.scored import Scored

UNSURE = "cannot tell"


def measured(number: int, fake: bool, probability: float | None, **more: Any) -> Measured:
    pair = f"p{number}"
    known = {"method": ("graphics", "reenact")[number % 2] if fake else "", "level": ("raw", "c40")[number // 2 % 2]}
    clip = LabelledClip(Path(pair), f"{pair}{fake}", fake, pair, pair, **known | more)
    frames = () if probability is None else (probability, min(1.0, probability + 0.01))
    return Measured(clip, Scored(probability, UNSURE, frames, 0.0 if probability is None else 60.0 + 30 * number))


@pytest.fixture(scope="module")
def gathered() -> Gathered:
    rng = np.random.default_rng(3)
    said = [
        measured(n, fake, float(np.clip(rng.normal(0.6 if fake else 0.4, 0.15), 0, 1)), attributes={"age": "old"})
        for n in range(12)
        for fake in (True, False)
    ]
    return Gathered(tuple(said), ("x: It is damaged.",), ("aa", "bb"))


def test_the_json_is_what_the_command_line_promises(gathered: Gathered) -> None:
    found = detector_quality(gathered, 200)
    for level in ("frame", "clip"):
        assert {"auc", "ap", "eer", "tpr@fpr=0.01"} <= set(found[level])
    assert {"ece", "by_method", "by_compression", "n_clips", "intervals"} <= set(found)
    label = [one.clip.fake for one in gathered.clips]
    assert found["clip"]["auc"] == auc(np.array(label), np.array([one.score.probability for one in gathered.clips]))
    low, high = found["intervals"]["clip"]["auc"]
    assert low <= found["clip"]["auc"] <= high and found["n_clips"] == 24


def test_each_kind_of_clip_is_measured_beside_its_own_originals(gathered: Gathered) -> None:
    found = detector_quality(gathered, 200)
    assert set(found["by_method"]) == {"graphics", "reenact"}
    assert all(row["n_fake"] == row["n_real"] == 6 for row in found["by_method"].values())
    assert set(found["by_compression"]) == {"raw", "c40"} and set(found["by_group"]) == {"age"}
    assert [*found["by_face_size"]][:: len(found["by_face_size"]) - 1] == ["under 64 px", "192 px and more"]
    assert sum(row["n_fake"] for row in found["by_face_size"].values()) == 12


def test_validation_fixes_the_threshold_and_is_in_no_figure(gathered: Gathered) -> None:
    split = [replace(m, clip=replace(m.clip, split="val" if m.clip.group < "p4" else "test")) for m in gathered.clips]
    found = detector_quality(Gathered(tuple(split), (), ()), 200)
    counted = [m for m in split if m.clip.split == "test"]
    assert found["n_clips"] == len(counted) and found["splits"] == ["test"]
    assert "val" in found["threshold"]["fixed_on"] and found["threshold"]["validation_clips"] == 24 - len(counted)
    alone = detector_quality(gathered, 200)["threshold"]
    assert alone["value"] == 0.5 and alone["validation_clips"] == 0


def test_a_clip_without_a_face_counts_in_the_verdicts_alone(gathered: Gathered) -> None:
    more = replace(gathered, clips=(*gathered.clips, measured(30, True, None)))
    found, before = detector_quality(more, 200), detector_quality(gathered, 200)
    assert found["clip"] == before["clip"] and found["unscored"] == ["p30True"]
    assert found["verdicts"]["fake"][UNSURE] == 13
    with pytest.raises(InputError, match="No face"):
        detector_quality(Gathered((measured(1, True, None),), (), ()), 200)


def test_one_class_alone_has_no_curve_and_the_rest_is_said(gathered: Gathered, tmp_path: Path) -> None:
    reals = Gathered(tuple(one for one in gathered.clips if not one.clip.fake), (), ())
    found = detector_quality(reals, 200)
    assert found["clip"] == {} and found["by_method"] == {} and found["threshold"]["balanced_accuracy"] is None
    assert any("one class alone" in line for line in lines(found))


def test_the_page_needs_no_network_and_says_how_it_was_made(gathered: Gathered, tmp_path: Path) -> None:
    from evaluate.study import study

    head = study("detector", "counterface evaluate detector x y", 0, {"frames": 32}, {"the clips": "abc"})
    named = {"name": "x", "trained_on": "<b>nothing</b>", "kind": "general", "sha256": "0"}
    found = head | {"detector": named, "data": {"folder": "y"}} | detector_quality(gathered, 200)
    page = write_report(tmp_path / "page.html", head, found).read_text()
    assert "://" not in page and "default-src 'none'" in page and "&lt;b&gt;" in page
    for part in ("counterface evaluate detector x y", "SHA-256 of the clips", "scikit-learn", "It is damaged."):
        assert part in page


def test_widths_fall_into_classes() -> None:
    assert [width_class(w) for w in (0, 10, 64, 95.9, 128, 4000)] == [
        None, "under 64 px", "64 to 96 px", "64 to 96 px", "128 to 192 px", "192 px and more",
    ]  # fmt: skip
