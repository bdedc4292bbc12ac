"""Scoring files: the JSON that others script against, and what happens with bad ones."""

from __future__ import annotations

import json
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from datasets.encode import ClipEncoder
from datasets.errors import InputError
from datasets.video import Frame
from detect.detector import TrainedDetector
from detect.results import ClipScore, FailedScore
from detect.score import Marks, score_clip, score_many


@pytest.fixture(scope="module")
def fake_score(material: Any, detector: TrainedDetector) -> ClipScore:
    return score_clip(material.fake, detector, frames=12, keep_heatmaps=3)


def write_clip(path: Path, images: list[np.ndarray]) -> Path:
    with ClipEncoder(path, (images[0].shape[1], images[0].shape[0]), Fraction(10)) as encoder:
        for index, image in enumerate(images):
            encoder.write(Frame(index, index / 10, image))
    return path


def test_the_swap_scores_above_its_original(material: Any, detector: TrainedDetector, fake_score: ClipScore) -> None:
    real = score_clip(material.real, detector, frames=12)
    assert fake_score.probability is not None and real.probability is not None
    assert fake_score.verdict == "manipulated" and real.verdict == "no manipulation found"
    assert fake_score.probability > 0.7 > 0.3 > real.probability
    assert real.segments == () and len(fake_score.segments) >= 1


def test_the_json_has_the_agreed_keys(fake_score: ClipScore, material: Any) -> None:
    said = json.loads(json.dumps(fake_score.to_json()))
    assert said["ok"] is True and said["file"] == str(material.fake)
    assert set(said) >= {"probability", "interval", "verdict", "reasons", "limits", "detector", "frames_scored",
                         "seconds", "tracks", "segments", "provenance"}  # fmt: skip
    assert said["frames_scored"] == 12 and set(said["detector"]) >= {"name", "version", "calibrated_on"}
    track = said["tracks"][0]
    assert set(track) >= {"id", "probability", "first", "last", "frames"}
    assert set(track["frames"][0]) >= {"index", "time", "probability", "box"} and len(track["frames"][0]["box"]) == 4
    assert said["interval"][0] <= said["probability"] <= said["interval"][1]
    assert said["provenance"] == {
        "credentials": "none", "watermark": None, "studio_output": False, "synthetic": None
    }  # fmt: skip


def test_frames_carry_their_true_index_and_time(fake_score: ClipScore) -> None:
    frames = fake_score.tracks[0].frames
    assert [f.index for f in frames] == sorted({f.index for f in frames}) and frames[-1].index > 30
    assert all(f.time == pytest.approx(f.index / 10, abs=1e-3) for f in frames)


def test_heatmaps_are_kept_for_as_many_frames_as_asked(fake_score: ClipScore) -> None:
    assert len(fake_score.heatmaps) == 3
    one = fake_score.heatmaps[0]
    assert one.heat.ndim == 2 and 0 <= one.heat.min() <= one.heat.max() <= 1 and one.affine.shape == (2, 3)


def test_every_nth_frame(material: Any, detector: TrainedDetector) -> None:
    score = score_clip(material.fake, detector, every=8)
    assert [f.index for f in score.tracks[0].frames] == [0, 8, 16, 24, 32]


def test_a_score_that_is_stopped_ends_its_threads_at_the_next_frame(
    material: Any, detector: TrainedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stopped, shown = set(threading.enumerate()), threading.Event(), []

    def show(self: Marks, luma: np.ndarray, time: float, is_key: bool, look=Marks.__call__) -> None:  # type: ignore[no-untyped-def]
        shown.append(time)
        if len(shown) == 30:
            stopped.wait(30)
        look(self, luma, time, is_key)

    def abandon(self: Marks, stop=Marks.abandon) -> None:  # type: ignore[no-untyped-def]
        stop(self)
        stopped.set()

    def interrupt(step: str, done: float, total: float | None, note: str = "") -> None:
        if done:
            raise KeyboardInterrupt

    monkeypatch.setattr(Marks, "__call__", show)
    monkeypatch.setattr(Marks, "abandon", abandon)
    with pytest.raises(KeyboardInterrupt):
        score_clip(material.fake, detector, frames=12, progress=interrupt)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
    assert len(shown) == 30


def test_a_picture_is_scored(tmp_path: Path, material: Any, detector: TrainedDetector) -> None:
    from datasets.video import read_frames

    image = next(read_frames(material.fake)).image
    cv2.imwrite(str(tmp_path / "one.png"), image[..., ::-1])
    score = score_clip(tmp_path / "one.png", detector)
    assert score.frames_scored == 1 and score.probability is not None
    assert any("One picture" in sentence for sentence in score.limits)


def test_no_face_is_cannot_tell_without_a_number(tmp_path: Path, detector: TrainedDetector) -> None:
    from skimage.data import coffee

    cv2.imwrite(str(tmp_path / "coffee.jpg"), coffee()[..., ::-1])
    for path in (tmp_path / "coffee.jpg", write_clip(tmp_path / "c.mp4", [coffee()[:200, :200]] * 5)):
        score = score_clip(path, detector)
        assert score.verdict == "cannot tell" and score.probability is None and score.interval is None
        assert "No face was found" in score.reasons[0] and score.to_json()["probability"] is None


def test_another_person_is_cannot_tell_with_the_reason(tmp_path: Path, detector: TrainedDetector) -> None:
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg", asfileobj=True) as file:
        blob = np.frombuffer(file.read(), np.uint8)
    image = cv2.cvtColor(cv2.imdecode(blob, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    score = score_clip(write_clip(tmp_path / "hopper.mp4", [image[:600, :512]] * 8), detector)
    assert score.verdict == "cannot tell" and score.probability is not None
    assert any("not like those the detector knows" in sentence for sentence in score.limits)


def test_a_small_face_is_cannot_tell(tmp_path: Path, material: Any, detector: TrainedDetector) -> None:
    from datasets.video import read_frames

    image = next(read_frames(material.real)).image
    small = np.full_like(image, 120)
    small[100:200, 100:200] = cv2.resize(image, (100, 100), interpolation=cv2.INTER_AREA)
    score = score_clip(write_clip(tmp_path / "small.mp4", [small] * 6), detector)
    assert score.verdict == "cannot tell"
    assert any("px wide" in sentence for sentence in score.limits)


def test_bad_files_stay_in_the_list_and_the_others_are_scored(
    tmp_path: Path, material: Any, detector: TrainedDetector
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(material.real.read_bytes()[:2000])
    text_picture = tmp_path / "text.jpg"
    text_picture.write_text("no picture")
    paths = [tmp_path / "missing.mp4", text, cut, text_picture, material.real]
    found = score_many(paths, detector, frames=3)
    assert [isinstance(score, FailedScore) for score in found] == [True, True, True, True, False]
    for score, path in zip(found[:4], paths, strict=False):
        said = score.to_json()
        assert said["ok"] is False and path.name in said["error"] and "\n" not in said["error"]


def test_no_frames_cannot_be_asked_for(material: Any, detector: TrainedDetector) -> None:
    with pytest.raises(InputError, match="1 or more"):
        score_clip(material.real, detector, frames=0)


def test_scoring_leaves_the_file_alone_and_repeats(material: Any, detector: TrainedDetector) -> None:
    before = material.real.read_bytes()
    one, two = (score_clip(material.real, detector, frames=4).to_json() for _ in range(2))
    one.pop("seconds"), two.pop("seconds")
    assert one == two and material.real.read_bytes() == before


@pytest.mark.material
@pytest.mark.slow
def test_other_people_are_cannot_tell(detector: TrainedDetector) -> None:
    folder = Path(__file__).parents[3] / "shared/material/real"
    if not folder.is_dir():
        pytest.skip("the footage is not here")
    clips = sorted(folder.glob("*.mp4"))[:3]
    assert [score.verdict for score in map(lambda c: score_clip(c, detector, frames=8), clips)] == ["cannot tell"] * 3
