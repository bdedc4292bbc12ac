"""Scores are made once: kept while they are made, and asked for by what they were made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.errors import InputError, Interrupted
from evaluate.scored import Job, Scored, clips_in, detectors_tried, key_of, score_jobs


class Scorer:
    """Says what it was told to say of a clip, and remembers what it was asked."""

    def __init__(self, failing: str = "", stopped: str = "") -> None:
        self.failing, self.stopped, self.asked = failing, stopped, list[str]()

    def __call__(self, job: Job, frames: int, device: str) -> Scored:
        self.asked.append(job.path.stem)
        if job.path.stem == self.stopped:
            raise KeyboardInterrupt
        if job.path.stem == self.failing:
            raise InputError("It is damaged.")
        return Scored(len(self.asked) / 10, "cannot tell", (0.1,) * frames, 50.0, ("a limit",), (0.5,), 1.0)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    detector = tmp_path / "detector"
    detector.mkdir()
    for name in ("card.json", "weights.safetensors"):
        (detector / name).write_bytes(name.encode())
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    return [Job(tmp_path / f"{name}.mp4", detector) for name in "abc"]


def test_nothing_is_scored_twice(jobs: list[Job], tmp_path: Path) -> None:
    cache, scorer = tmp_path / "kept" / "scores.jsonl", Scorer()
    first = score_jobs(jobs, 4, cache, workers=1, scorer=scorer)
    assert scorer.asked == ["a", "b", "c"]
    assert score_jobs(jobs[::-1], 4, cache, workers=1, scorer=scorer) == first[::-1] and len(scorer.asked) == 3
    # The same bytes under another name are the same clip.
    same = tmp_path / "copy.mp4"
    same.write_bytes(b"a")
    assert score_jobs([Job(same, jobs[0].detector)], 4, cache, workers=1, scorer=scorer) == first[:1]
    assert len(scorer.asked) == 3


def test_whatever_changes_a_score_asks_for_a_new_one(jobs: list[Job], tmp_path: Path) -> None:
    job = jobs[0]
    keys = [key_of(job, 4), key_of(job, 5), key_of(Job(job.path, job.detector, crf=28), 4)]
    keys += [key_of(Job(job.path, job.detector, like=jobs[1].path), 4)]
    keys += [key_of(Job(job.path, job.detector, mask=jobs[1].path), 4)]
    (job.detector / "card.json").write_text("calibrated anew")
    keys.append(key_of(job, 4))
    assert len({str(sorted(key.items(), key=str)) for key in keys}) == len(keys)


def test_a_stopped_run_goes_on(jobs: list[Job], tmp_path: Path) -> None:
    cache = tmp_path / "scores.jsonl"
    with pytest.raises(Interrupted, match="goes on"):
        score_jobs(jobs, 4, cache, workers=1, scorer=Scorer(stopped="c"))
    with cache.open("a") as file:
        file.write('{"key": {"clip"')  # what a kill leaves
    scorer = Scorer()
    assert all(isinstance(found, Scored) for found in score_jobs(jobs, 4, cache, workers=1, scorer=scorer))
    assert scorer.asked == ["c"]
    again = Scorer()
    score_jobs(jobs, 4, cache, workers=1, scorer=again)
    assert again.asked == []


def test_a_clip_that_cannot_be_scored_is_said_and_asked_again(jobs: list[Job], tmp_path: Path) -> None:
    cache = tmp_path / "scores.jsonl"
    found = score_jobs(jobs, 4, cache, workers=1, scorer=Scorer(failing="b"))
    assert found[1] == "It is damaged." and isinstance(found[0], Scored) and isinstance(found[2], Scored)
    scorer = Scorer()
    assert isinstance(score_jobs(jobs, 4, cache, workers=1, scorer=scorer)[1], Scored) and scorer.asked == ["b"]


def test_looks_are_counted_by_detector(jobs: list[Job], tmp_path: Path) -> None:
    cache = tmp_path / "scores.jsonl"
    clips = [job.path for job in jobs]
    assert detectors_tried(cache, clips) == 0
    score_jobs(jobs, 4, cache, workers=1, scorer=Scorer())
    score_jobs(jobs, 8, cache, workers=1, scorer=Scorer())
    assert detectors_tried(cache, clips) == 1
    (jobs[0].detector / "weights.safetensors").write_text("other weights")
    score_jobs(jobs[:1], 4, cache, workers=1, scorer=Scorer())
    assert detectors_tried(cache, clips) == 2 and detectors_tried(cache, clips[1:]) == 1


def test_a_folder_of_clips(jobs: list[Job], tmp_path: Path) -> None:
    assert [clip.stem for clip in clips_in(tmp_path)] == ["a", "b", "c"]
    for folder, said in ((tmp_path / "detector", "holds no clip"), (tmp_path / "none", "not a folder")):
        with pytest.raises(InputError, match=said):
            clips_in(folder)
