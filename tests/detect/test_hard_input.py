"""What is no ordinary clip of a face: each is ``cannot tell`` with its reason, a score with its limits, or an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import counterface, living, write_clip
from portraits import clip, hopper, put, room

from datasets.errors import InputError
from detect.detector import TrainedDetector
from detect.results import ClipScore
from detect.score import score_clip
from detect.source import open_source, plan

Score = Callable[[Path], ClipScore]


@pytest.fixture
def score(general: TrainedDetector) -> Score:
    """Scores a file, and holds what is true of any result."""

    def run(path: Path) -> ClipScore:
        found = score_clip(path, general)
        if found.probability is None or found.interval is None:
            assert found.verdict == "cannot tell" and found.tracks == () and found.interval is None
            assert "No face was found" in found.reasons[0]
        else:
            assert 0 <= found.interval[0] <= found.probability <= found.interval[1] <= 1
            assert found.tracks and all(track.frames for track in found.tracks)
            if "not believed" in " ".join(found.reasons):
                assert found.verdict == "cannot tell" and found.limits
        assert found.frames_without_face <= found.frames_scored and found.reasons
        return found

    return run


def said(score: ClipScore) -> str:
    return " ".join(score.limits)


def drawing(index: int) -> np.ndarray:
    """A face drawn in flat colours with dark outlines, uint8 RGB 480 x 640."""
    image = np.full((480, 640, 3), (120, 180, 230), np.uint8)
    x, ink = 320 + round(20 * np.sin(index / 4)), (50, 30, 20)
    cv2.ellipse(image, (x, 240), (110, 150), 0, 0, 360, (240, 200, 170), -1)
    cv2.ellipse(image, (x, 240), (110, 150), 0, 0, 360, ink, 3)
    cv2.ellipse(image, (x, 130), (115, 70), 0, 180, 360, (70, 40, 20), -1)
    for eye in (x - 45, x + 45):
        cv2.ellipse(image, (eye, 215), (24, 14), 0, 0, 360, (255, 255, 255), -1)
        cv2.circle(image, (eye, 215), 9, (60, 90, 40), -1)
        cv2.ellipse(image, (eye, 190), (28, 10), 0, 190, 350, ink, 4)
    cv2.polylines(image, [np.array([[x, 220], [x - 10, 275], [x + 8, 278]])], False, (190, 140, 110), 3)
    cv2.ellipse(image, (x, 315), (40, 16), 0, 0, 180, (170, 60, 60), -1)
    return image


def hands(index: int) -> np.ndarray:
    """Two waving hands with the colours of skin, uint8 RGB 480 x 640."""
    mask, turn = np.zeros((480, 640), np.uint8), 10 * np.sin(index / 6)
    for x in (200, 440):
        cv2.ellipse(mask, (x, 330), (75, 95), turn, 0, 360, 255, -1)
        for finger in np.radians([-34 + turn, -14 + turn, 4 + turn, 22 + turn, 60 + turn]):
            tip = (round(x + 190 * np.sin(finger)), round(330 - 190 * np.cos(finger)))
            cv2.line(mask, (x, 320), tip, 255, 30)
    soft = cv2.GaussianBlur(mask, (0, 0), 2)[..., None] / 255
    shade = 0.5 + 0.5 * cv2.GaussianBlur(mask, (0, 0), 14)[..., None] / 255
    noise = np.random.default_rng(index).normal(0, 3, (480, 640, 3))
    skin = np.array([224, 172, 145]) * shade
    return (room(640, 480, 1) * (1 - soft) + skin * soft + noise).clip(0, 255).astype(np.uint8)


def test_a_drawn_face_is_not_judged(tmp_path: Path, score: Score) -> None:
    found = score(write_clip(tmp_path / "drawn.mp4", [drawing(i) for i in range(8)]))
    assert found.verdict == "cannot tell"
    assert found.probability is None or "drawing or animation" in said(found)


def test_hands_are_no_face(tmp_path: Path, score: Score) -> None:
    found = score(write_clip(tmp_path / "hands.mp4", [hands(i) for i in range(8)]))
    assert found.probability is None and found.frames_without_face == found.frames_scored == 8


@pytest.mark.slow
def test_ten_people_are_followed_apart(tmp_path: Path, score: Score) -> None:
    def ten(index: int, image: np.ndarray) -> None:
        for k in range(10):
            at = (140 + 250 * (k % 5) + 4 * np.sin(index / 5 + k), 190 + 360 * (k // 5))
            put(image, ("astronaut", "hopper")[k % 2], at, 95)

    found = score(clip(tmp_path / "ten.mp4", 3, ten, (1280, 720)))
    assert len(found.tracks) == 10 and all(len(track.frames) == 3 for track in found.tracks)
    assert found.probability == max(track.probability for track in found.tracks)
    assert "Up to 10 faces were seen at once" in said(found)


@pytest.mark.slow
def test_a_large_face_in_4k(tmp_path: Path, score: Score) -> None:
    def draw(index: int, image: np.ndarray) -> None:
        put(image, "hopper", (1900 + 9 * index, 1100), 620)

    found = score(clip(tmp_path / "4k.mp4", 2, draw, (3840, 2160)))
    (track,) = found.tracks
    assert len(track.frames) == 2 and 450 < track.face_width < 800


def test_faces_of_8_px_are_too_small_or_not_seen(tmp_path: Path, score: Score) -> None:
    def draw(index: int, image: np.ndarray) -> None:
        for k in range(3):
            put(image, "astronaut", (100 + 200 * k, 240), 8)

    found = score(clip(tmp_path / "small.mp4", 6, draw, (640, 480)))
    assert found.verdict == "cannot tell" and (found.probability is None or "px wide, and the detector" in said(found))


def test_a_face_for_half_a_second_is_scored_with_its_limits(tmp_path: Path, score: Score) -> None:
    def draw(index: int, image: np.ndarray) -> None:
        if 100 <= index < 113:
            put(image, "hopper", (160, 120), 90)

    found = score(clip(tmp_path / "half.mp4", 200, draw))
    assert found.frames_scored == 32 and found.frames_without_face >= 29
    (track,) = found.tracks
    assert 4.0 <= track.first <= track.last < 4.52
    assert "seen in only" in said(found) and "--every 1" in said(found) and "No face was found in" in said(found)


def test_a_face_between_the_frames_that_were_looked_at_is_not_denied(tmp_path: Path, general: TrainedDetector) -> None:
    def draw(index: int, image: np.ndarray) -> None:
        if index in (2, 3):
            put(image, "hopper", (160, 120), 90)

    path = clip(tmp_path / "moment.mp4", 20, draw)
    found = score_clip(path, general, frames=2)
    assert found.probability is None and "Not every frame was looked at; --every 1 does that." in found.reasons[0]
    every = score_clip(path, general, every=1)
    assert every.probability is not None and "--every" not in said(every)


def test_a_gif_has_too_few_colours(tmp_path: Path, score: Score) -> None:
    from PIL import Image

    first, *others = (Image.fromarray(image) for image in living("hopper")[:6])
    first.save(tmp_path / "moving.gif", save_all=True, append_images=others, duration=100)
    first.save(tmp_path / "still.gif")
    for name, count in (("moving.gif", 6), ("still.gif", 1)):
        found = score(tmp_path / name)
        assert found.frames_scored == count and found.verdict == "cannot tell" and "256 colours" in said(found)


@pytest.mark.parametrize("name", ["still.jpg", "still.png", "still.webp"])
def test_a_still_picture_is_scored_as_one(tmp_path: Path, score: Score, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), hopper()[..., ::-1])
    found = score(tmp_path / name)
    assert found.frames_scored == 1 and found.probability is not None and "1 frame, which is" in found.reasons[0]
    assert "One picture was looked at" in said(found) and "--every" not in said(found)


def test_black_and_white_is_said(tmp_path: Path, score: Score) -> None:
    grey = [cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for image in living("hopper")[:6]]
    assert "black and white" in said(score(write_clip(tmp_path / "grey.mp4", grey)))
    assert "black and white" not in said(score(write_clip(tmp_path / "colour.mp4", living("hopper")[:6])))


@pytest.mark.slow
def test_a_moving_webp_is_a_clip(tmp_path: Path, general: TrainedDetector) -> None:
    from PIL import Image

    first, *others = (Image.fromarray(image) for image in living("hopper")[:20])
    first.save(tmp_path / "moving.webp", save_all=True, append_images=others, duration=[50, 150] * 10, quality=90)
    found = score_clip(tmp_path / "moving.webp", general, frames=5)
    assert [frame.index for frame in found.tracks[0].frames] == [2, 6, 10, 14, 18]
    assert [frame.time for frame in found.tracks[0].frames] == pytest.approx([0.2, 0.6, 1.0, 1.4, 1.8])
    assert score_clip(tmp_path / "moving.webp", general, every=10).frames_scored == 2


def broken(folder: Path) -> list[Path]:
    """Files that are nothing to look at."""
    whole = write_clip(folder / "whole.mp4", living("hopper")[:20]).read_bytes()
    picture = cv2.imencode(".jpg", hopper())[1].tobytes()
    files = {
        "empty.mp4": b"",
        "empty.jpg": b"",
        "text.mp4": b"this is no video\n",
        "text.png": b"this is no picture\n",
        "text.gif": b"this is no picture either\n",
        "headless.mp4": whole[:400],
        "half.mp4": whole[: len(whole) // 2],
        "half.jpg": picture[:300],
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder.mp4").mkdir()
    return [folder / name for name in (*files, "folder.mp4", "missing.mp4")]


def test_what_cannot_be_read_is_one_clear_sentence(tmp_path: Path, general: TrainedDetector) -> None:
    for path in broken(tmp_path):
        with pytest.raises(InputError) as error:
            score_clip(path, general)
        assert path.name in str(error.value) and "\n" not in str(error.value), path.name


def test_the_command_line_answers_2_and_a_sentence_a_file(tmp_path: Path, general_folder: Path) -> None:
    files = broken(tmp_path)
    answer = counterface("score", *files, "--detector", general_folder, "--device", "cpu", "-q")
    errors = answer.err.splitlines()
    assert answer.code == 2 and answer.out == "" and len(errors) == len(files)
    for path, sentence in zip(files, errors, strict=True):
        assert sentence.startswith("counterface: ") and path.name in sentence


@pytest.mark.parametrize(("count", "frames", "every"), [(300, 32, None), (300, 32, 1), (9, 32, None), (2, 1, None)])
def test_what_is_counted_and_which_runs_there_are(count: int, frames: int, every: int | None) -> None:
    counted, run = plan(count, frames, every, True)
    assert len(counted) == (len(range(0, count, every)) if every else min(frames, count))
    assert list(counted) == sorted(set(counted)) and 0 <= counted[0] <= counted[-1] < count
    for number in set(run.values()):
        own = sorted(index for index, of in run.items() if of == number)
        assert own == list(range(own[0], own[-1] + 1)) and len(own) <= 8 and own[-1] < count
    assert plan(count, frames, every, False) == (counted, {})


def test_a_source_says_whether_there_is_more_than_it_shows(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", living("hopper")[:10])
    for frames, every, total, more in ((4, None, 4, True), (10, None, 10, False), (1, 1, 10, False), (1, 3, 4, True)):
        source = open_source(path, frames, every, False)
        assert (source.total, source.more, source.still) == (total, more, False)
        assert len([looked for looked in source.looked if looked.counted]) == total
