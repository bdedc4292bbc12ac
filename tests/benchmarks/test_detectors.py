"""The commands on a small trained workspace: own swaps are made, scored against their originals, and told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from footage import Looped

from benchmarks.detectors import main
from benchmarks.judging import own_swaps
from benchmarks.ownset import make_set
from datasets.errors import Refused
from datasets.video import timestamps
from evaluate.clipset import method_of


@pytest.mark.slow
def test_own_swaps_are_judged_and_their_scores_are_kept(
    looped: Looped, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, scores = looped.workspace.root, tmp_path / "said.jsonl"
    asked = ["own", str(root), "--detector", str(root), "--frames", "3", "--workers", "1"]
    asked += ["--cache", str(tmp_path / "cache.jsonl"), "--scores", str(scores)]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "1 fakes and 1 originals" in said and "method quick96" in said and "heatmap IoU" in said
    kept = (tmp_path / "cache.jsonl").read_text()
    assert main(asked) == 0 and capsys.readouterr().out == said
    assert (tmp_path / "cache.jsonl").read_text() == kept
    assert main(["calibration", str(scores), "--plot", str(tmp_path / "plot.png")]) == 0
    assert "clip ECE" in capsys.readouterr().out and (tmp_path / "plot.png").is_file()


@pytest.mark.slow
def test_pairs_and_ordinary_video(looped: Looped, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = looped.workspace.root
    for name, clip in (("real", looped.workspace.clip("destination")), ("fake", root / "result" / "result.mp4")):
        (tmp_path / name).mkdir()
        shutil.copyfile(clip, tmp_path / name / "Ann_0.mp4")
    common = ["--detector", str(root), "--frames", "2", "--workers", "1", "--cache", str(tmp_path / "cache.jsonl")]
    assert main(["pairs", str(tmp_path / "real"), str(tmp_path / "fake"), *common]) == 0
    said = capsys.readouterr().out
    assert "target Ann:" in said and "tried on these fakes so far, by the scores kept here: 1" in said
    assert main(["false-alarms", str(tmp_path / "real"), "--crf", "35", *common]) == 0
    said = capsys.readouterr().out
    assert "may have been trained on these people" in said and "CRF 35, 1 clips" in said


@pytest.mark.slow
def test_a_set_of_own_swaps_is_made_once(looped: Looped, tmp_path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in looped.workspace.root.rglob("*") if file.is_file()}
    folder, said = tmp_path / "own", list[str]()
    pairs = [(looped.source, looped.destination)]
    methods, trained = ["graphics", "reenact"], [looped.workspace.root]
    made = make_set(folder, pairs, methods, trained, "public-domain", 1.5, say=said.append)
    assert [root.name for root in made] == ["hopper-astronaut-graphics", "hopper-astronaut-quick96"]
    assert "reenact has to be trained" in said[1]
    for workspace in own_swaps([folder]):
        times = timestamps(workspace.result / "result.mp4")
        assert len(times) == len(timestamps(workspace.clip("destination"))) < 30
        assert workspace.root.name.endswith(method_of(workspace))
        assert [record.basis for record in workspace.require_consent()] == ["public-domain"] * 2
    when = {root: (root / "result" / "result.mp4").stat().st_mtime_ns for root in made}
    assert make_set(folder, pairs, ["graphics"], trained, "public-domain", 1.5, say=said.append) == made
    assert when == {root: (root / "result" / "result.mp4").stat().st_mtime_ns for root in made}
    assert before == {file: file.stat().st_mtime_ns for file in looped.workspace.root.rglob("*") if file.is_file()}


def test_no_swap_is_made_without_consent(looped: Looped, tmp_path: Path) -> None:
    records = tmp_path / "records.toml"
    records.write_text(
        '[[consent]]\nrole = "source"\nbasis = "self"\nwho = "A"\nreference = "here"\ndate = "2026-01-02"\n'
    )
    with pytest.raises(Refused, match="destination"):
        make_set(tmp_path / "own", [(looped.source, looped.destination)], ["graphics"], [], str(records), 1.5)
    assert not (tmp_path / "own").exists()


def test_errors_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, part in (
        (["pairs", str(tmp_path), str(tmp_path)], "holds no clip"),
        (["own", str(tmp_path), "--detector", "x"], "No workspace with a result"),
        (["ownset", "one.mp4", "-o", str(tmp_path / "o"), "--consent", "self"], "come in pairs"),
        (["calibration", str(tmp_path / "none.jsonl")], "cannot be read"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks.detectors: ") and part in error and "Traceback" not in error
