"""People against machine: their answers are read as they are written, and measured like a detector's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datasets.errors import InputError
from evaluate.people import lines, people_figures, write_report
from evaluate.quizanswers import answer_of, read_answers
from evaluate.study import study


def line(player: str, clip: str, label: str, guess: str, **more: Any) -> dict[str, Any]:
    known = {
        "round": "r", "player": player, "clip": clip, "label": label, "guess": guess, "confidence": 0.8,
        "machine": 0.9 if label == "fake" else 0.1, "verdict": "cannot tell",
        "method": "quick96" if label == "fake" else "", "seconds": 4.5, "at": "2026-01-01T12:00:00+00:00",
    }  # fmt: skip
    return known | more


LINES = [
    line(player, clip, label, guess)
    for player, guesses in (("a", "ffrr"), ("b", "frrf"), ("c", "ffrf"))
    for clip, label, guess in zip("wxyz", ("fake", "fake", "real", "real"), guesses, strict=True)
]
for one in LINES:
    one["guess"] = {"f": "fake", "r": "real"}[one["guess"]]


def write(path: Path, held: list[dict[str, Any]], end: str = "") -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in held) + end)
    return path


def test_a_players_probability_is_how_sure_they_were() -> None:
    sure, other = answer_of(line("a", "x", "fake", "fake", confidence=1.0)), answer_of(line("a", "x", "fake", "real"))
    assert sure.probability == 1 and sure.right and other.probability == pytest.approx(0.2) and not other.right


def test_people_and_detector_stand_side_by_side(tmp_path: Path) -> None:
    found = people_figures(read_answers([write(tmp_path / "a.jsonl", LINES)]), 200)
    assert (found["n_answers"], found["n_players"], found["n_clips"]) == (12, 3, 4)
    assert found["people"]["accuracy"]["value"] == pytest.approx(9 / 12)
    assert found["people"]["fakes caught"]["value"] == pytest.approx(5 / 6)
    assert found["people"]["real taken for fake"]["value"] == pytest.approx(2 / 6)
    assert found["machine"]["auc"]["value"] == 1 and found["machine"]["accuracy"]["value"] == 1
    low, high = found["people"]["accuracy"]["interval"]
    assert low <= 9 / 12 <= high
    assert found["by_method"]["quick96"]["people"]["value"] == pytest.approx(5 / 6)
    assert any(said.startswith("AUC: people") for said in lines(found))
    page = write_report(tmp_path / "p.html", study("people", "x", 0, {}), found).read_text()
    assert "People against machine" in page and "://" not in page


def test_a_clip_that_the_detector_could_not_score_counts_for_people_alone(tmp_path: Path) -> None:
    held = [one | {"machine": None} if one["clip"] == "w" else one for one in LINES]
    found = people_figures(read_answers([write(tmp_path / "a.jsonl", held)]), 100)
    assert found["n_clips_scored"] == 3 and found["people"]["accuracy"]["value"] == pytest.approx(9 / 12)
    nothing = people_figures(
        read_answers([write(tmp_path / "b.jsonl", [one | {"machine": None} for one in LINES])]), 100
    )
    assert nothing["machine"] is None and nothing["agreement"] is None


def test_a_line_cut_off_by_a_kill_is_passed_over_and_none_counts_twice(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", LINES, '{"round": "r", "pla')
    assert len(read_answers([file, file])) == len(LINES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"guess": "maybe"}, "guess is 'maybe'"),
        ({"confidence": 0.3}, "outside 0.5 to 1"),
        ({"machine": 1.5}, "outside 0 to 1"),
        ({"machine": float("nan")}, "no number"),
        ({"seconds": "4"}, "seconds is no number"),
        ({"at": "yesterday"}, "time is 'yesterday'"),
        ({"player": 7}, "player must be text"),
    ],
)
def test_what_is_no_answer_is_said_with_its_line(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [LINES[0], LINES[1] | change, LINES[2]])
    with pytest.raises(InputError, match="Line 2") as error:
        read_answers([file])
    assert said in str(error.value)


def test_files_without_answers_are_said(tmp_path: Path) -> None:
    for file, said in ((tmp_path / "none", "cannot be read"), (write(tmp_path / "empty", []), "no answer in")):
        with pytest.raises(InputError, match=said):
            read_answers([file])
