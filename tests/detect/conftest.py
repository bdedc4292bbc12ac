"""A short clip of a real face, a stand-in for its swap, and a detector trained on the two for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.encode import ClipEncoder
from datasets.faces.align import align_affine, warp_crop
from datasets.faces.finder import make_finder
from datasets.faces.mask import hull_mask
from datasets.video import Frame
from detect.detector import TrainedDetector, load_detector
from detect.recipes.paired import PairSample
from detect.training import TrainSettings, train

SIDE, FRAMES, RATE, CROP = 320, 40, 10, 64


@dataclass(frozen=True)
class Material:
    real: Path
    fake: Path
    pairs: list[PairSample]


def moved(portrait: np.ndarray, index: int) -> np.ndarray:
    """The portrait a little shifted, turned and lit, another way for each index."""
    affine = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 4 * np.sin(index / 5), 1.15 + 0.05 * np.sin(index / 9))
    affine[:, 2] += 6 * np.sin(index / 4), 6 * np.cos(index / 6)
    lit = cv2.convertScaleAbs(portrait, alpha=1 + 0.08 * np.sin(index / 3), beta=4 * np.cos(index / 7))
    return cv2.warpAffine(lit, affine, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)


def swapped(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face softened and tinted inside a soft mask, and that mask: what a swap leaves behind, without a swap."""
    mask = cv2.GaussianBlur(cv2.erode(hull_mask(landmarks, image.shape[:2]), np.ones((9, 9))), (0, 0), 3)
    soft = (cv2.GaussianBlur(image, (0, 0), 2.5) * 0.95 + np.array([8, 0, -6])).clip(0, 255)
    return (image * (1 - mask[..., None]) + soft * mask[..., None]).round().astype(np.uint8), mask


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    from skimage.data import astronaut

    folder = tmp_path_factory.mktemp("material")
    portrait = cv2.resize(astronaut()[:400, 40:440], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    finder = make_finder("mediapipe")
    pairs = []
    with (
        ClipEncoder(folder / "real.mp4", (SIDE, SIDE), Fraction(RATE)) as real_out,
        ClipEncoder(folder / "fake.mp4", (SIDE, SIDE), Fraction(RATE)) as fake_out,
    ):
        for index in range(FRAMES):
            image = moved(portrait, index)
            face = finder.find(image)[0]
            assert face.landmarks is not None
            fake, mask = swapped(image, face.landmarks)
            real_out.write(Frame(index, index / RATE, image))
            fake_out.write(Frame(index, index / RATE, fake))
            affine = align_affine(face, CROP, "full")
            crops = (warp_crop(picture, affine, CROP) for picture in (fake, image, mask))
            width = float(face.box[2] - face.box[0])
            pairs.append(PairSample(*crops, time=index / RATE, clip="astronaut", width=width))
    finder.close()
    return Material(folder / "real.mp4", folder / "fake.mp4", pairs)


SETTINGS = TrainSettings(steps=90, batch=8, device="cpu", seed=3, name="test", trained_on="the astronaut's portrait")


@pytest.fixture(scope="session")
def detector_folder(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector") / "trained"
    train(material.pairs[:24], material.pairs[24:32], SETTINGS, folder)
    return folder


@pytest.fixture(scope="session")
def detector(detector_folder: Path) -> TrainedDetector:
    return load_detector(detector_folder, "cpu")


@pytest.fixture(scope="session")
def general_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector with every part that one for faces in general has; untrained, it knows nothing and finds all usual."""
    from detect.calibration import fit_calibration
    from detect.cliphead import ClipHead
    from detect.competence import Competence
    from detect.conformal import fit_conformal
    from detect.cues import FRAME_CUES, TRACK_CUES
    from detect.cues.forest import fit_forest
    from detect.cues.model import CueModel
    from detect.detector import build_model, forward, save_detector

    random = np.random.default_rng(0)
    built = build_model("residual", widths=[8, 8, 8, 8], neck=8)
    features = forward(built.module, np.zeros((1, CROP, CROP, 3), np.uint8), built.normalisation)[2].shape[1]
    rows = random.normal(size=(60, len(FRAME_CUES))).astype(np.float32)
    logit = random.normal(0, 2, 80)
    label = (logit + random.normal(0, 1, 80) > 0).astype(int)
    clips = fit_calibration("isotonic", logit, label)
    card = {
        "name": "general",
        "version": "0",
        "scope": {"kind": "general"},
        "calibrated_on": "nothing",
        "trained_on": "nothing",
        "input": {"size": CROP, "coverage": "full", "normalisation": dict(built.normalisation)},
        "architecture": {"name": "residual", "options": dict(built.options)},
        "calibration": fit_calibration("platt", logit, label).to_card(),
        "cues": {"names": list(FRAME_CUES), "fusion": {"network": 1.0, "cues": 1.0, "offset": 0.0}},
        "cue_ranges": {name: [-1e9, 1e9] for name in (*FRAME_CUES, *TRACK_CUES)},
        "clip": ClipHead(("network", "cues"), np.ones(2), 0.0, np.zeros(2)).to_card(),
        "clip_calibration": clips.to_card(),
        "conformal": fit_conformal(clips.probability(logit), label).to_card(),
    }
    competence = Competence(
        np.zeros(features, np.float32), np.eye(features, dtype=np.float32) * 1e-3, 1.0, (0.0, 1e9), (48.0, None)
    )
    folder = tmp_path_factory.mktemp("general")
    forest = fit_forest(rows, random.integers(0, 2, 60), trees=5)
    save_detector(folder, built.module, card, competence, CueModel(forest, FRAME_CUES))
    return folder


@pytest.fixture(scope="session")
def general(general_folder: Path) -> TrainedDetector:
    return load_detector(general_folder, "cpu")
