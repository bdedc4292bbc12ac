"""The quiz: what is asked, what is kept of an answer, and how the scores are counted."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from datasets.errors import InputError
from ui.services import quiz
from ui.services.quizclips import SECONDS, QuizClip, playable_level, quiz_folder, ready, stretches

KEYS = ["round", "player", "clip", "label", "guess", "confidence", "machine", "verdict", "method", "seconds", "at"]


def clip(group: int, label: str, machine: float | None = 0.9, verdict: str = "manipulated") -> QuizClip:
    name = f"{label}{group}"
    return QuizClip(name, f"{name}.mp4", label, "quick96" if label == "fake" else "", f"g{group}", machine, verdict)


CLIPS = [clip(group, label) for group in range(4) for label in ("fake", "real")]


@pytest.fixture(autouse=True)
def own_rounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "quiz" / "rounds.jsonl"
    monkeypatch.setattr(quiz, "rounds_file", lambda: file)
    return file


def test_of_a_swap_and_its_original_one_alone_is_asked_about() -> None:
    rng, seen = random.Random(1), list[str]()
    while (found := quiz.next_clip(CLIPS, seen, rng)) is not None:
        assert found.group not in seen
        seen.append(found.group)
    assert len(seen) == 4


def test_swaps_and_originals_come_as_often() -> None:
    rng = random.Random(2)
    labels = Counter(found.label for _ in range(400) if (found := quiz.next_clip(CLIPS, (), rng)))
    assert abs(labels["fake"] - 200) < 40


def test_an_answer_is_one_line_in_the_format_that_others_read(own_rounds: Path) -> None:
    quiz.answer(CLIPS[0], "sitting", "player", "real", 0.7, 8.4)
    quiz.answer(clip(9, "real", None, "cannot tell"), "sitting", "player", "real", 1.0, 3.0)
    first, second = (json.loads(line) for line in own_rounds.read_text().splitlines())
    assert list(first) == KEYS
    assert first | {"at": ""} == {
        "round": "sitting", "player": "player", "clip": "fake0", "label": "fake", "guess": "real", "confidence": 0.7,
        "machine": 0.9, "verdict": "manipulated", "method": "quick96", "seconds": 8.4, "at": "",
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first["at"])
    assert second["machine"] is None and second["method"] == ""


def test_an_answer_survives_a_line_that_was_cut_off(own_rounds: Path) -> None:
    quiz.answer(CLIPS[0], "s", "p", "fake", 0.5, 1)
    own_rounds.write_text(own_rounds.read_text() + '{"round": "cut o')
    quiz.answer(CLIPS[1], "s", "p", "fake", 0.5, 1)
    assert [one.label for one in quiz.rounds()] == ["fake", "real"]
    assert all(json.loads(line) for line in own_rounds.read_text().splitlines()), "every line is an answer"


def test_what_can_not_be_answered_is_refused() -> None:
    for guess, confidence in (("fake", 0.49), ("fake", 1.01), ("perhaps", 0.7)):
        with pytest.raises(InputError):
            quiz.answer(CLIPS[0], "s", "p", guess, confidence, 1)  # type: ignore[arg-type]
    assert quiz.rounds() == []


def test_ids_name_nobody_and_are_new_each_time() -> None:
    ids = {quiz.new_id() for _ in range(50)}
    assert len(ids) == 50 and all(re.fullmatch(r"[0-9a-f]{16}", one) for one in ids)


def test_export_is_what_is_kept_and_one_player_can_be_forgotten(own_rounds: Path) -> None:
    for player in ("a", "b", "a"):
        quiz.answer(CLIPS[0], "s", player, "fake", 0.9, 1)
    assert quiz.exported(quiz.rounds()) == own_rounds.read_text()
    quiz.forget("a")
    assert [one.player for one in quiz.rounds()] == ["b"]
    quiz.forget()
    assert quiz.rounds() == []


def test_cannot_tell_is_no_mistake_of_the_machine() -> None:
    for held in (CLIPS[0], clip(5, "fake", 0.2, "no manipulation found"), clip(6, "real", 0.5, "cannot tell")):
        quiz.answer(held, "s", "p", "fake", 0.8, 1)
    people, machine = quiz.of_people(quiz.rounds()), quiz.of_machine(quiz.rounds())
    assert (people.right, people.of) == (2, 3) and people.confidence == pytest.approx(0.8)
    assert (machine.right, machine.of, machine.unsure) == (1, 2, 1)
    assert people.interval is not None and people.interval[0] < 2 / 3 < people.interval[1]
    assert quiz.of_people([]).share is None and quiz.of_machine([]).interval is None


def test_being_right_is_counted_by_how_sure_one_was() -> None:
    for guess, confidence in (("fake", 0.95), ("real", 0.95), ("fake", 0.55)):
        quiz.answer(CLIPS[0], "s", "p", guess, confidence, 1)  # type: ignore[arg-type]
    rows = quiz.by_confidence(quiz.rounds())
    assert [(row["answers"], row["right"]) for row in rows] == [(1, 1.0), (2, 0.5)]


@pytest.mark.parametrize("seconds", [1.0, 2.9, 3.1, 8.0, 9.6, 300.0])
def test_stretches_lie_inside_the_clip_and_apart(seconds: float) -> None:
    parts = stretches(seconds)
    assert 1 <= len(parts) <= 4
    assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(parts))
    if len(parts) > 1:
        assert parts[-1][1] <= seconds and all(abs(b - a - SECONDS) < 1e-9 for a, b in parts)


def test_the_least_compressed_level_that_browsers_play_is_shown() -> None:
    assert playable_level(["raw", "c40", "c23"]) == "c23"
    assert playable_level(["raw"]) is None


def test_clips_of_another_swap_are_not_shown(tmp_path: Path) -> None:
    root = tmp_path / "work"
    (root / "result").mkdir(parents=True)
    (root / "result" / "result.json").write_text("{}")
    folder = quiz_folder(root)
    folder.mkdir(parents=True)
    (folder / "clips.json").write_text(json.dumps({"version": 1, "stamp": "of another swap", "clips": []}))
    assert ready(root) == []
