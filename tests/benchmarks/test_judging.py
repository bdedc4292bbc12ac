"""Who is in a clip, which fold may judge it, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.judging import (
    folds_of,
    judged,
    lines_of_alarms,
    lines_of_calibration,
    lines_of_pairs,
    ordinary_jobs,
    own_jobs,
    pairs_of,
    person,
    plot_calibration,
    target_identity,
)
from datasets.errors import InputError
from evaluate.figures import Judged
from evaluate.scored import Scored

FAKE, REAL, UNSURE = "manipulated", "no manipulation found", "cannot tell"


def test_names_say_who_it_is() -> None:
    assert target_identity("David_Kovalniy_0") == "David_Kovalniy" and target_identity("Anna12") == "Anna"
    assert target_identity("nobody") == "nobody" and target_identity("007") == "007"
    assert person("p05_d12") == "p05" and person("alone") == "alone"


def test_pairs_are_clips_of_one_name(tmp_path: Path) -> None:
    for folder, names in (("real", ("A_0", "A_1", "B_0")), ("fake", ("A_0", "B_0", "C_0"))):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.mp4").touch()
    both, alone = pairs_of(tmp_path / "real", tmp_path / "fake")
    assert [(fake.parent.name, real.parent.name, fake.stem) for fake, real in both] == [
        ("fake", "real", "A_0"),
        ("fake", "real", "B_0"),
    ]
    assert alone == ["A_1.mp4", "C_0.mp4"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "Z_0.mp4").touch()
    with pytest.raises(InputError, match="has its original"):
        pairs_of(tmp_path / "real", tmp_path / "other")


def fold(folder: Path, name: str, held_out: list[str] | None) -> Path:
    (folder / name).mkdir(parents=True)
    card = {} if held_out is None else {"fold": {"held_out": held_out}}
    (folder / name / "card.json").write_text(json.dumps(card))
    return folder / name


def test_each_person_is_judged_by_the_fold_that_never_saw_them(tmp_path: Path) -> None:
    first, second = fold(tmp_path, "f0", ["p01", "p02"]), fold(tmp_path, "f1", ["p03"])
    fold(tmp_path, "whole", None)
    folds = folds_of(tmp_path)
    assert folds == {"p01": first, "p02": first, "p03": second}
    clips = [Path(f"{name}.mp4") for name in ("p01_a", "p03_b", "p09_c")]
    jobs, labels, left = ordinary_jobs(clips, (23, 35), None, folds)
    assert [(job.path.stem, job.detector.name, job.crf) for job in jobs] == [
        *(("p01_a", "f0", crf) for crf in (None, 23, 35)),
        *(("p03_b", "f1", crf) for crf in (None, 23, 35)),
    ]
    assert [label[4] for label in labels[:3]] == ["as it is", "CRF 23", "CRF 35"] and left == ["p09_c.mp4"]
    assert not any(label[2] for label in labels) and labels[0][1] == "p01"


def test_own_swaps_are_judged_by_the_fold_that_never_saw_whose_face_was_replaced(tmp_path: Path) -> None:
    first, second = fold(tmp_path, "f0", ["p01"]), fold(tmp_path, "f1", ["p03"])

    def swap(destination: str) -> Any:
        (tmp_path / destination / "model" / "graphics").mkdir(parents=True)
        return SimpleNamespace(
            root=tmp_path / destination,
            result=tmp_path / destination / "result",
            clip=lambda role: tmp_path / destination / "data_dst.mp4",
            names=lambda role: [f"{destination}_x.mp4"],
            models=lambda: ["graphics"],
        )

    jobs, labels = own_jobs([swap("p01"), swap("p03")], None, folds_of(tmp_path))
    assert [job.detector for job in jobs] == [first, first, second, second]
    assert [label[2] for label in labels] == [1, 0, 1, 0] and [label[1] for label in labels[::2]] == ["p01", "p03"]
    assert jobs[1].like == jobs[0].path and jobs[0].mask is not None
    with pytest.raises(InputError, match="No fold held out p09"):
        own_jobs([swap("p09")], None, folds_of(tmp_path))


def test_folds_that_overlap_or_are_none_are_refused(tmp_path: Path) -> None:
    fold(tmp_path / "none", "whole", None)
    with pytest.raises(InputError, match="holds no detector whose card"):
        folds_of(tmp_path / "none")
    fold(tmp_path / "twice", "f0", ["p01"])
    fold(tmp_path / "twice", "f1", ["p01"])
    with pytest.raises(InputError, match="once is needed"):
        folds_of(tmp_path / "twice")


def test_without_folds_one_detector_judges_all() -> None:
    jobs, _, left = ordinary_jobs([Path("p01_a.mp4"), Path("x.mp4")], (), Path("whole"), {})
    assert {job.detector for job in jobs} == {Path("whole")} and len(jobs) == 2 and not left


def test_alarms_are_counted_by_encoding_and_named() -> None:
    labels = [
        ("p01_a", "p01", 0, "", "as it is"),
        ("p02_b", "p02", 0, "", "as it is"),
        ("p01_a", "p01", 0, "", "CRF 35"),
    ]
    scores = [Scored(0.1, REAL, (0.1,)), Scored(None, UNSURE, ()), Scored(0.9, FAKE, (0.9,))]
    found, failed = judged(labels, scores)
    said = lines_of_alarms(found)
    assert said[1].startswith("as it is, 2 clips: manipulated 0.000 (0.000 to 0.842); cannot tell 0.500")
    assert said[2].startswith("CRF 35, 1 clips: manipulated 1.000") and said[-1].endswith("p01_a (CRF 35)")
    assert not failed and judged(labels[:1], ["No such file."]) == ([], ["p01_a: No such file."])


def some(pairs: int = 6) -> list[Judged]:
    found = []
    for number in range(pairs):
        for label in (0, 1):
            probability = 0.15 + 0.1 * number / pairs + 0.6 * label
            verdict = UNSURE if number == 2 else (FAKE if label else REAL)
            pair, kind = f"{'AB'[number % 2]}_{number}", "AB"[number % 2]
            found.append(
                Judged(pair, pair, label, probability, verdict, (probability,) * 3, pair, kind, (0.7,) * label)
            )
    return found


def test_lines_of_pairs_hold_every_figure_that_is_asked() -> None:
    said = "\n".join(lines_of_pairs([*some(), Judged("n", "n", 1, None, UNSURE)], "target", draws=30))
    for part in ("clip AUC: 1.000", "frame EER: 0.000", "clip TPR at 5% FPR: 1.000", "paired accuracy: 1.000"):
        assert part in said
    assert "target A: clip AUC 1.000" in said and "heatmap IoU 0.700" in said
    assert "verdicts of fakes: 5 manipulated, 0 no manipulation found, 2 cannot tell" in said
    assert "1 of them show no face" in said


def test_calibration_is_said_and_drawn(tmp_path: Path) -> None:
    found = some()
    said = "\n".join(lines_of_calibration(found))
    assert "coverage: 0.833" in said and "error when all are answered: 0.000" in said
    plot_calibration(found, tmp_path / "plot.png")
    import cv2

    picture = cv2.imread(str(tmp_path / "plot.png"))
    assert picture is not None and picture.std() > 5
    unsure = [Judged("a", "a", 1, 0.5, UNSURE), Judged("b", "b", 0, 0.5, UNSURE)]
    assert lines_of_calibration(unsure)[-1] == "nothing was answered"
    plot_calibration(unsure, tmp_path / "unsure.png")
