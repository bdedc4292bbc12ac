"""Scores under perturbations are kept one by one, and a detector gives way where half of its lead is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from footage import Looped, counterface

from datasets.errors import InputError, Interrupted
from detect.detector import load_detector
from detect.look import Tally, find
from detect.score import score_clip, score_found
from detect.source import open_source
from evaluate import robustness as module
from evaluate.clipset import labelled_clips
from evaluate.perturb import CLEAN
from evaluate.probe import Plan
from evaluate.robustness import all_conditions, gives_way, robustness, score_all
from evaluate.scorecache import ScoreCache

SMALL = Plan(1, 4, 2, 2)


def test_scoring_what_was_found_is_what_scoring_the_clip_does_after_finding(looped: Looped) -> None:
    from datasets.faces.finder import make_finder

    detector, clip = load_detector(looped.workspace.detector, "cpu"), looped.workspace.result / "result.mp4"
    whole, source, tally, finder = (
        score_clip(clip, detector, 4), open_source(clip, 4, None, False), Tally(), make_finder("mediapipe"),
    )  # fmt: skip
    found = list(find(source.looked, finder, tally))
    finder.close()
    again = score_found(found, detector, source, tally, "clip")
    assert again.probability == pytest.approx(whole.probability) and again.verdict == whole.verdict
    assert [t.frames for t in again.tracks] == [t.frames for t in whole.tracks]


def test_a_run_that_is_killed_loses_one_score_and_goes_on(
    looped: Looped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = labelled_clips(looped.workspace.root)
    wanted = [c for c in all_conditions() if c.name in (CLEAN, "blur 5", "H.264 5")]
    cache, asked = tmp_path / "scores.jsonl", list[str]()
    real = module.score

    def counting(*arguments: Any, **more: Any) -> Any:
        asked.append(arguments[3].name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(module, "score", counting)
    folder = looped.workspace.detector
    with pytest.raises(Interrupted, match="goes on"):
        score_all(folder, clips, wanted, cache, SMALL, "cpu", workers=1)
    assert len(ScoreCache(cache).known()) == 2
    scores, failed = score_all(folder, clips, wanted, cache, SMALL, "cpu", workers=1)
    assert len(asked) == 3 + 4 and not failed
    again, _ = score_all(folder, clips, wanted, cache, SMALL, "cpu", workers=1)
    assert again == scores and len(asked) == 7
    found = robustness(clips, scores, wanted, 100)
    assert [row["condition"] for row in found["conditions"]] == ["clean", "blur 5", "H.264 5"]
    assert set(found["gives_way"]) == {"blur", "H.264"} and found["n_clips"] == 2


def rows(*values: float) -> list[dict[str, Any]]:
    return [{"level": n, "setting": f"s{n}", "clip": {"auc": v}} for n, v in enumerate(values, 1)]


def test_it_gives_way_from_where_half_of_the_lead_stays_lost() -> None:
    assert gives_way(0.9, rows(0.9, 0.69, 0.8, 0.6, 0.5)) == {"level": 4, "setting": "s4", "auc": 0.6}
    assert gives_way(0.9, rows(0.9, 0.8, 0.75)) is None
    assert gives_way(0.52, rows(0.5, 0.3)) is None and gives_way(None, rows(0.1)) is None


def test_the_command_says_what_it_knows_and_what_not(looped: Looped, tmp_path: Path) -> None:
    root = looped.workspace.root
    said = counterface("evaluate", "robustness", root, root, "--family", "fog")
    assert said.code == 2 and "no perturbation fog" in said.error and "saturation" in said.error
    with pytest.raises(InputError, match="under every condition"):
        robustness(labelled_clips(root), [{}, {}], all_conditions())
