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
