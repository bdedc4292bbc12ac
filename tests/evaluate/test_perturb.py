"""Perturbations: forty of them, worse with every level, and the same around a face as on the whole frame."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from footage import Looped

from datasets.faces.finder import make_finder
from datasets.video import read_frames
from detect.detector import load_detector
from evaluate.perturb import CLEAN, PIXELS, Condition, Encoding, Where, changed, conditions, through
from evaluate.probe import Plan, look, moved, region, score

ALL = conditions()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:256, 100:420])


def test_there_are_forty_and_each_has_a_name_of_its_own() -> None:
    assert len(ALL) == 40 == len({one.name for one in ALL})
    seven = {"saturation", "contrast", "blocks", "noise", "blur", "JPEG", "H.264"}
    for family in seven:
        assert [one.level for one in ALL if one.family == family] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("family", PIXELS)
def test_every_level_is_worse_than_the_one_before(family: str, image: np.ndarray) -> None:
    where = Where((image.shape[1], image.shape[0]))
    off = [np.abs(changed(image, one, where, (0, 1)).astype(int) - image).mean() for one in ALL if one.family == family]
    assert off == sorted(off) and 0 < off[0] < off[-1]


def test_what_is_random_comes_from_the_seed(image: np.ndarray) -> None:
    where = Where((image.shape[1], image.shape[0]))
    for one in (c for c in ALL if c.name in ("noise 3", "blocks 3")):
        first, same, other = (changed(image, one, where, seed) for seed in ((1, 5), (1, 5), (1, 6)))
        assert (first == same).all() and (first != other).any()


def test_encodings_keep_the_number_of_frames_and_shrink_what_is_too_large(image: np.ndarray) -> None:
    frames = [np.roll(image, i, 1) for i in range(5)]
    made, scale, bits = through(frames, (Encoding(28, 128),))
    assert len(made) == 5 and made[0].shape == (128, 160, 3) and scale == pytest.approx(0.5) and bits > 0
    rough, same, fewer = through(frames, (Encoding(40),))
    assert same == 1 and rough[0].shape == image.shape and fewer < bits
    assert through([f[:255, :317] for f in frames], (Encoding(30),))[0][0].shape == (254, 316, 3)


def test_a_part_of_a_frame_is_perturbed_as_the_frame_is(looped: Looped) -> None:
    detector = load_detector(looped.workspace.detector, "cpu")
    frame = next(read_frames(looped.workspace.clip("destination"), start=4)).image
    finder = make_finder("mediapipe")
    faces = finder.find(frame)
    finder.close()
    x0, y0, x1, y1 = region(faces, frame.shape[1::-1], detector)
    assert x0 % 16 == 0 and y0 % 16 == 0
    fx0, fy0, fx1, fy1 = (int(v) for v in faces[0].box)
    for one in (c for c in ALL if c.family in ("saturation", "contrast", "blur", "JPEG", "blocks") and c.level == 2):
        size = (frame.shape[1], frame.shape[0])
        whole = changed(frame, one, Where(size), (0, 0))[fy0:fy1, fx0:fx1]
        part = changed(np.ascontiguousarray(frame[y0:y1, x0:x1]), one, Where(size, (x0, y0)), (0, 0))
        assert np.abs(part[fy0 - y0 : fy1 - y0, fx0 - x0 : fx1 - x0].astype(int) - whole).max() <= 1, one.name
    there = moved(faces[0], 0.5, (0.0, 0.0))
    assert there.box == pytest.approx((faces[0].box + 0.5) / 2 - 0.5, abs=1e-3)


def test_windows_lie_apart_and_inside_the_clip() -> None:
    plan = Plan()
    for count, first in ((300, 0), (300, 225), (33, 0), (9, 0), (3, 0)):
        starts = plan.starts(count, first)
        assert starts[0] >= first and all(b - a >= plan.length for a, b in pairwise(starts))
        assert count < plan.length or starts[-1] + plan.length <= count


def test_a_condition_that_changes_nothing_leaves_the_score(looped: Looped, tmp_path: Path) -> None:
    detector, finder = load_detector(looped.workspace.detector, "cpu"), make_finder("mediapipe")
    clip = looped.workspace.result / "result.mp4"
    probe = look(clip, Plan(2, 6, 3, 2), finder)
    finder.close()
    clean = score(probe, detector, "clip")
    same = score(probe, detector, "clip", Condition("contrast", 1, "x 1", 1.0))
    assert clean.probability == pytest.approx(same.probability, abs=1e-6) and probe.counted == 4
    assert clean.probability == score(probe, detector, "clip", Condition(CLEAN, 0, "as it is")).probability
    other = score(probe, detector, "clip", Condition("blur", 5, "21 px", 21))
    assert other.probability != clean.probability
    assert probe.with_images({f: np.zeros((4, 4, 3), np.uint8) for f in probe.indices}).frames[0].image.shape == (
        4,
        4,
        3,
    )
