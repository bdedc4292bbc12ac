"""The paired score, on a short clip with a stand-in for its swap, by a detector with a known answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from datasets.encode import ClipEncoder
from datasets.errors import InputError
from datasets.video import Frame
from detect.calibration import Platt, sigmoid
from detect.competence import Competence
from detect.detector import FaceScores
from evaluate.detectability import detectability

SIDE, FRAMES, RATE = 256, 30, 10


class Redness:
    """A detector whose answer can be foretold: the redder a pixel, the more manipulated."""

    def __init__(self) -> None:
        self.card: dict[str, Any] = {"name": "redness", "version": "1", "calibrated_on": "nothing",
                                     "input": {"size": 64, "coverage": "full"}}  # fmt: skip
        self.calibration = Platt()
        self.competence = Competence(np.zeros(1), np.eye(1), 1.0, (0.0, 1e9), (0.0, None))
        self.cue_names: tuple[str, ...] = ()
        self.clip_calibration = self.conformal = None
        self.seen: list[np.ndarray] = []

    def clip_logit(self, network: np.ndarray, cues: Any = None, track: Any = None) -> float | None:
        return None

    def score(self, crops: np.ndarray, cues: np.ndarray | None = None) -> FaceScores:
        self.seen.append(crops)
        red = crops[..., 0].astype(np.float32) - crops[..., 1:].mean(-1)
        heat = sigmoid((red - 90) / 10).astype(np.float32)
        logit = (heat.mean((1, 2)) - 0.1) * 60
        return FaceScores(sigmoid(logit), heat, np.zeros((len(crops), 1), np.float32), logit, logit)


@dataclass(frozen=True)
class Clips:
    real: Path
    fake: Path
    mask: Path
    folder: Path


def write(path: Path, images: list[np.ndarray], times: list[float] | None = None, **options: Any) -> Path:
    with ClipEncoder(path, images[0].shape[1::-1], Fraction(RATE), Fraction(1, 1000), **options) as encoder:
        for index, image in enumerate(images):
            encoder.write(Frame(index, times[index] if times else index / RATE, image))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    from skimage.data import astronaut

    folder = tmp_path_factory.mktemp("clips")
    portrait = cv2.resize(astronaut()[:400, 40:440], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(mask, (128, 80), (22, 28), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2)
    reals, fakes, masks = [], [], []
    for index in range(FRAMES):
        shift = np.array([[1, 0, 3 * np.sin(index / 3)], [0, 1, 2 * np.cos(index / 4)]], np.float32)
        real = cv2.warpAffine(portrait, shift, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
        changed = cv2.warpAffine(mask, shift, (SIDE, SIDE)) if index >= 10 else np.zeros_like(mask)
        reals.append(real)
        fakes.append((real * (1 - changed[..., None]) + np.array([220, 40, 40]) * changed[..., None]).astype(np.uint8))
        masks.append((changed * 255).round().astype(np.uint8))
    return Clips(
        write(folder / "real.mp4", reals),
        write(folder / "fake.mp4", fakes),
        write(folder / "mask.mkv", masks, codec="ffv1", grey=True),
        folder,
    )


def test_a_swap_scores_above_its_original_where_it_was_swapped(clips: Clips) -> None:
    found = detectability(clips.fake, clips.real, Redness(), clips.mask, frames=12, start=1.0)
    assert found.value > 0.5 and found.interval[0] <= found.value <= found.interval[1]
    assert found.value == pytest.approx(found.fake - found.original)
    assert found.heatmap_iou is not None and found.heatmap_iou > 0.7 and found.pointing == 1
    assert found.heatmap_iou_soft is not None and found.heatmap_iou_soft > 0.6
    assert len(found.frames) == 12 == len(found.heatmaps) and found.frames[0].time >= 1.0


def test_a_clip_against_itself_is_not_detectable(clips: Clips) -> None:
    found = detectability(clips.real, clips.real, Redness(), frames=8, equalise=False)
    assert found.value == 0 and found.interval == (0, 0)
    assert found.heatmap_iou is None and found.pointing is None


def test_both_are_cut_with_one_affine(clips: Clips) -> None:
    detector = Redness()
    detectability(clips.real, clips.real, detector, frames=4, equalise=False)
    fakes, originals = np.split(detector.seen[0], 2)
    assert np.array_equal(fakes, originals)


def test_equalising_sends_the_original_through_the_encoder(clips: Clips) -> None:
    plain, equal = Redness(), Redness()
    detectability(clips.real, clips.real, plain, frames=4, equalise=False)
    found = detectability(clips.real, clips.real, equal, frames=4, start=1.5, crf=35)
    assert found.equalised == {"codec": "libx264", "crf": 35, "preset": "veryfast"}
    fakes, originals = (part.astype(float) for part in np.split(equal.seen[0], 2))
    # The same frames, and not the same pixels: the second generation is a little off, another frame is far off.
    near = np.abs(fakes - originals).mean()
    assert 0 < near < np.abs(fakes[[1, 2, 3, 0]] - originals).mean() / 1.2


def test_frames_outside_the_swap_do_not_count_for_the_heatmap(clips: Clips) -> None:
    found = detectability(clips.fake, clips.real, Redness(), clips.mask, frames=30)
    assert [frame.heatmap_iou is None for frame in found.frames] == [True] * 10 + [False] * 20
    assert found.heatmap_iou is not None and found.heatmap_iou > 0.7


def test_the_json(clips: Clips) -> None:
    said = json.loads(json.dumps(detectability(clips.fake, clips.real, Redness(), clips.mask, frames=5).to_json()))
    assert set(said) >= {"fake", "original", "detectability", "interval", "frames", "heatmap_iou", "equalised"}
    assert said["heatmap_iou_threshold"] == 0.5 and len(said["frames"]) == 5 and len(said["interval"]) == 2
    assert set(said["frames"][0]) >= {"index", "time", "fake", "original"}


def test_clips_that_do_not_match_are_refused(clips: Clips, tmp_path: Path) -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    short = write(tmp_path / "short.mp4", [image] * 5)
    small = write(tmp_path / "small.mp4", [image[:128, :128]] * FRAMES)
    slow = write(tmp_path / "slow.mp4", [image] * FRAMES, times=[index / 5 for index in range(FRAMES)])
    for other, said in (
        (short, "5 frames"),
        (small, "128 x 128"),
        (slow, "timestamps"),
        (tmp_path / "no.mp4", "no file"),
    ):
        with pytest.raises(InputError, match=said):
            detectability(other, clips.real, Redness())
    with pytest.raises(InputError, match="5 frames"):
        detectability(clips.fake, clips.real, Redness(), short)


def test_an_empty_part_and_a_clip_without_a_face_are_refused(clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames between"):
        detectability(clips.fake, clips.real, Redness(), start=50.0)
    blank = write(tmp_path / "blank.mp4", [np.full((SIDE, SIDE, 3), 90, np.uint8)] * 6)
    with pytest.raises(InputError, match="No face was found"):
        detectability(blank, blank, Redness(), frames=3)
