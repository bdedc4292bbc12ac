"""Reading a workspace never fails for what is missing or damaged: it says so, with the command that helps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.workspace import Workspace
from evaluate import wording
from evaluate.heatmaps import Heatmaps, lay_over
from evaluate.report import score_chart
from evaluate.results import Detectability, parse_detectability, read_metrics, read_results
from evaluate.views import chosen, close_ups, views


def test_a_whole_workspace_lacks_nothing(made_workspace: Workspace) -> None:
    results = read_results(made_workspace)
    assert results.missing == ()
    assert results.scores is not None and results.heatmaps is not None and results.preview is not None
    assert results.swap_card["step"] == 1500 and "ssim_source" in results.swap_curves


@pytest.mark.parametrize(
    ("without", "parts"),
    [
        (("data_src/aligned", "model", "result", "detector"), ["faces", "model", "result", "scores"]),
        (("model", "result", "detector"), ["model", "result", "scores"]),
        (("result", "detector"), ["result", "scores"]),
        (("result/detectability.json",), ["scores"]),
        (("result/heatmaps.npz",), ["heatmaps"]),
    ],
)
def test_what_is_missing_comes_with_a_command(
    own_workspace: Callable[..., Workspace], without: tuple[str, ...], parts: list[str]
) -> None:
    missing = read_results(own_workspace(*without)).missing
    assert [m.part for m in missing] == parts
    assert all(m.command.startswith("counterface ") and m.sentence.endswith(".") for m in missing)


@pytest.mark.parametrize(
    ("file", "part"),
    [("result.json", "result"), ("detectability.json", "scores"), ("heatmaps.npz", "heatmaps")],
)
@pytest.mark.parametrize("content", [b"", b'{"half', b"[]", b"\xff\xfe\x00", b'{"interval": 3}'])
def test_damage_is_said(own_workspace: Callable[..., Workspace], file: str, part: str, content: bytes) -> None:
    workspace = own_workspace()
    (workspace.result / file).write_bytes(content)
    missing = read_results(workspace).missing
    if file == "result.json" and content == b'{"interval": 3}':
        assert missing == ()  # a result that says little is still a result
    else:
        assert [m.part for m in missing] == [part]


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1, "loss": 2.0, "note": "x"}\n\nnonsense\n[1]\n{"step": 2, "loss": 1.5}\n{"step": 3, "lo')
    curves = read_metrics(file)
    assert list(curves) == ["loss"]
    assert curves["loss"].step.tolist() == [1, 2] and curves["loss"].value.tolist() == [2.0, 1.5]
    assert read_metrics(tmp_path / "none.jsonl") == {}


def scored(fake: float, original: float, low: float, high: float) -> Detectability:
    content = {"fake": fake, "original": original, "detectability": fake - original, "interval": [low, high]}
    return parse_detectability(content | {"heatmap_iou": None, "frames": []})


def test_the_headline_follows_the_interval() -> None:
    assert "clearly tells" in wording.headline(scored(0.9, 0.1, 0.7, 0.9))
    assert "not by much" in wording.headline(scored(0.6, 0.4, 0.1, 0.3))
    assert "cannot tell" in wording.headline(scored(0.9, 0.1, -0.1, 0.9))
    assert "takes the original" in wording.headline(scored(0.2, 0.6, -0.5, -0.3))
    assert "not scored" in wording.headline(None)


def test_frames_without_a_score_and_without_a_box_are_kept() -> None:
    content = {"fake": 0.9, "original": 0.1, "detectability": 0.8, "interval": [0.7, 0.9]}
    frames = [
        {"index": 5, "time": 0.2, "fake": None, "original": 0.1},
        {"index": 1, "time": 0.04, "fake": 1, "original": 0},
    ]
    scores = parse_detectability(content | {"frames": frames})
    assert scores.times.tolist() == [0.04, 0.2]
    assert np.isnan(scores.curve("fake")[1]) and scores.frames[1].box is None


def test_frames_that_the_detector_had_seen_are_shown_but_not_picked(made_workspace: Workspace) -> None:
    results = read_results(made_workspace)
    assert results.scores is not None
    seen = {f.index for f in results.scores.frames if f.seen}
    assert seen and not seen & {f.index for f in results.scores.counted}
    assert not seen & set(chosen(results, 6, 40))
    lines = score_chart(results.scores, 1.6).series
    assert {line.faint for line in lines} == {True, False}
    assert all(line.x.max() < 0.8 for line in lines if line.faint)


def a_heatmap() -> Heatmaps:
    heat = np.zeros((3, 8, 8), np.float16)
    heat[0, 2, 2], heat[1, 2, 2], heat[2] = 1.0, 0.5, 1.0
    affine = np.repeat(np.array([[[1, 0, -20], [0, 1, -10]]], np.float32), 3, 0)
    affine[1, 0, 2] = -24
    return Heatmaps(np.array([10, 15, 90]), np.array([0.4, 0.6, 3.6]), heat, affine, 64)


def test_heat_between_explained_frames_is_interpolated_and_nothing_is_made_up_elsewhere() -> None:
    maps = a_heatmap()
    own, between = maps.near(0.4), maps.near(0.5)
    assert own is not None and between is not None
    assert own[0][2, 2] == 1.0 and between[0][2, 2] == pytest.approx(0.75)
    assert between[1][0, 2] == pytest.approx(-22)
    assert maps.near(0.1) is None and maps.near(2.0) is None and maps.near(5.0) is None


def test_heat_lies_where_the_crop_was() -> None:
    heat = a_heatmap().on_frame(0.4, 160, 120)
    assert heat is not None and heat.shape == (120, 160)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    # Cell (2, 2) of 8 in a crop of 64 px is centred on (20, 20), and the crop begins at (20, 10).
    assert abs(x - 40) <= 4 and abs(y - 30) <= 4
    assert heat[:9].max() == 0 and heat[:, :19].max() == 0


def test_the_overlay_colours_only_where_there_is_heat() -> None:
    image = np.full((4, 6, 3), (200, 60, 90), np.uint8)
    heat = np.zeros((4, 6), np.float32)
    heat[1, 1] = 1
    shown = lay_over(image, heat)
    spread = shown.max(-1).astype(int) - shown.min(-1)
    assert spread[1, 1] > 60 and (np.delete(spread.ravel(), 7) == 0).all()
    assert (lay_over(image, None) == lay_over(image, np.zeros_like(heat))).all()


def test_the_four_pictures_of_a_moment_belong_together(made_workspace: Workspace) -> None:
    results = read_results(made_workspace)
    picked = list(views(results, [1, 20, 39]))
    assert [v.index for v in picked] == [1, 20, 39]
    unswapped, swapped = picked[0], picked[1]
    assert swapped.mask is not None and unswapped.mask is not None
    assert unswapped.mask.max() == 0 and swapped.mask.max() == 255
    change = np.abs(swapped.swap.astype(int) - swapped.original).mean(-1)
    assert change[swapped.mask > 200].mean() > 5 * change[60:, :40].mean()
    assert swapped.heat is not None and unswapped.heat is None and unswapped.scores is None
    for view, (x0, y0, x1, y1) in zip(picked, close_ups(picked), strict=True):
        assert 0 <= x0 < x1 <= view.swap.shape[1] and 0 <= y0 < y1 <= view.swap.shape[0] and x1 - x0 == y1 - y0


def test_results_survive_json_with_nothing_but_braces(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    (workspace.result / "result.json").write_text(json.dumps({"version": 1}))
    results = read_results(workspace)
    assert wording.made_rows(results) and wording.limits(results) and wording.consent_rows(results)
    assert wording.counts(results)["total"] == 0
