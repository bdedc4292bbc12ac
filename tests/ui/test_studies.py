"""Studies of detectors on disk, and cards of detectors."""

from __future__ import annotations

import json
from pathlib import Path

from detect.library import shipped
from ui.services import detectorcards, studies
from ui.services.givenaway import part_of

CLIP = {"clip": {"auc": 0.7}}
DETECTOR = {
    "version": 1, "study": "detector", "created": "2026-11-27T10:00:00+00:00", "detector": {"name": "faces-3"},
    "clip": {"auc": 0.72, "eer": 0.31}, "frame": {"auc": 0.58}, "ece": 0.2, "n_clips": 26,
    "intervals": {"clip": {"auc": [0.61, 0.86]}},
    "reliability": {"clip": [{"count": 9, "said": 0.2, "seen": 0.3}, {"count": 9, "said": 0.8, "seen": 0.7}]},
}  # fmt: skip
MATRIX = {
    "version": 1, "study": "matrix", "created": "2026-11-26",
    "matrices": {"methods": {"rows": ["a", "b"], "columns": ["a", "b"], "auc": [[0.9, None], [0.6, 0.95]]}},
}  # fmt: skip
ROBUSTNESS = {
    "version": 1, "study": "robustness", "created": "2026-11-25", "detector": {"name": "faces-3"}, "n_clips": 8,
    "conditions": [
        {"family": "clean", "level": 0} | CLIP,
        {"family": "blur", "level": 1} | CLIP, {"family": "blur", "level": 2, "clip": {}},
        {"family": "noise", "level": 1} | CLIP,
    ],
}  # fmt: skip


def write(folder: Path, **held: object) -> None:
    for name, content in held.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def test_studies_are_found_and_everything_else_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write(tmp_path / "deep" / "er", one=DETECTOR)
    write(tmp_path, two=MATRIX, three=ROBUSTNESS, old=DETECTOR | {"version": 0}, other={"study": "of mice"}, a=[1])
    (tmp_path / "broken.json").write_text('{"study": ')
    held = studies.found([tmp_path])
    assert [one.kind for one in held] == ["detector", "matrix", "robustness"]
    assert [one.kind for one in studies.of(held, "detector", "faces-3")] == ["detector"]
    assert studies.of(held, "detector", "another") == []


def test_a_study_becomes_figures_bins_tables_and_charts(tmp_path: Path) -> None:
    write(tmp_path, d=DETECTOR, m=MATRIX, r=ROBUSTNESS)
    held = {kind: study for kind in ("d", "m", "r") if (study := studies.read(tmp_path / f"{kind}.json"))}
    assert ("Clip AUC", "0.72 (0.61 to 0.86)") in studies.figures(held["d"])
    assert [one["seen"] for one in studies.reliability(held["d"])] == [0.3, 0.7]
    (table,) = studies.tables(held["m"])
    assert table.values == ((0.9, None), (0.6, 0.95))
    charts = studies.robustness(held["r"])
    assert [chart.title for chart in charts] == ["blur", "noise"]
    assert charts[0].series[0].x.tolist() == [0, 1, 2]


def test_every_shipped_detector_has_a_sheet_with_figures() -> None:
    sheets = {sheet.name: sheet for sheet in detectorcards.sheets()}
    for folder in shipped():
        sheet = sheets[folder.name]
        assert not sheet.broken and sheet.figures and sheet.trained_on and sheet.answers
        assert dict(sheet.rows)["Network"]


def test_a_cue_is_called_by_the_part_of_the_face_that_it_is_about() -> None:
    assert part_of("contour_over_skin_0") == "edge of the face"
    assert part_of("jaw_in_over_jaw_out_1") == "cheeks and chin just inside the face's edge"
    assert part_of("outer_edge_over_inner_edge_1") == "rim just outside the face's edge"
    assert part_of("slope_features_over_outer_0") == "eyes and mouth"
    assert part_of("eye_glint") == "face"
