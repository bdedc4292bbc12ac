"""Real faces as aligned pictures in one small file: what pairs are made of on a GPU.

A face stands in a square canvas at a fixed coverage, no larger than it was in its picture, so that a thousand of them
travel to a machine without footage in some ten megabytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from datasets.atomic import replacing
from datasets.errors import InputError
from datasets.faces.align import CENTRE_UP, COVERAGES, align_affine, head_pose, transform_points, warp_crop

if TYPE_CHECKING:
    from evaluate.general.portraits import Portrait

# Side of the largest canvas, pixels, and what of the face's surroundings it shows, in sides of the landmark box.
CANVAS, COVERAGE = 320, 1.95
# How far below the middle of a canvas a face's centre lies, in units of the canvas' side.
BELOW = CENTRE_UP * (COVERAGE - COVERAGES["full"]) / (COVERAGES["whole"] - COVERAGES["full"])
QUALITY = 92
# Of the 478 points of the mesh those that a face is bent by, and that its outlines are drawn from.
MESH = 468


@dataclass(frozen=True)
class FaceCanvases:
    """N aligned faces.

    Attributes:
        pictures: N encoded pictures (WebP), square.
        native: int (N,), side of each picture, pixels: as large as the face was found, ``CANVAS`` at most.
        landmarks: float32 (N, 468, 2), in units of the canvas' side.
        person, clip: str (N,), see :class:`evaluate.general.portraits.Portrait`.
        angles: float32 (N, 3), yaw, pitch, roll, degrees.
        grey: bool (N,), without colours.
    """

    pictures: list[np.ndarray]
    native: np.ndarray
    landmarks: np.ndarray
    person: np.ndarray
    clip: np.ndarray
    angles: np.ndarray
    grey: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    def fingerprint(self) -> str:
        """SHA-256 of all that is in it, hex."""
        total = hashlib.sha256()
        for picture in self.pictures:
            total.update(picture.tobytes())
        for part in (self.native, self.landmarks, self.person, self.clip, self.angles, self.grey):
            total.update(np.ascontiguousarray(part).tobytes())
        return total.hexdigest()

    def decoded(self, number: int) -> np.ndarray:
        """One canvas, uint8 RGB (S, S, 3)."""
        found = cv2.imdecode(self.pictures[number], cv2.IMREAD_COLOR)
        if found is None:
            raise InputError("A picture of the face bank is damaged; make the bank again.")
        return cv2.cvtColor(found, cv2.COLOR_BGR2RGB)

    def canvases(self, side: int = CANVAS) -> np.ndarray:
        """All canvases at one side, uint8 RGB (N, side, side, 3)."""
        found = np.zeros((len(self), side, side, 3), np.uint8)
        for number in range(len(self)):
            picture = self.decoded(number)
            if picture.shape[0] != side:
                way = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_CUBIC
                picture = cv2.resize(picture, (side, side), interpolation=way)
            found[number] = picture
        return found


def canvases_of(portraits: Sequence[Portrait], canvas: int = CANVAS) -> FaceCanvases:
    """Bring portraits into canvases."""
    pictures, native, landmarks, grey = [], [], [], []
    for one in portraits:
        pose = head_pose(one.landmarks)
        side = int(min(canvas, round(COVERAGE * pose.scale))) // 2 * 2
        affine = align_affine(pose, side, COVERAGE)
        picture = warp_crop(one.image, affine, side)
        _, blob = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        pictures.append(np.asarray(blob).ravel())
        native.append(side)
        landmarks.append((transform_points(one.landmarks[:MESH, :2], affine) + 0.5) / side)
        grey.append(float(np.ptp(picture.astype(np.int16), axis=2).mean()) < 2.0)
    return FaceCanvases(
        pictures,
        np.array(native),
        np.stack(landmarks).astype(np.float32),
        np.array([one.person for one in portraits]),
        np.array([one.clip for one in portraits]),
        np.stack([one.angles for one in portraits]).astype(np.float32),
        np.array(grey),
    )


def save_canvases(file: Path, bank: FaceCanvases) -> None:
    """Write a bank to a NumPy archive."""
    with replacing(file) as temporary, temporary.open("wb") as out:
        np.savez(
            out,
            pixels=np.concatenate(bank.pictures),
            ends=np.cumsum([len(picture) for picture in bank.pictures]),
            native=bank.native.astype(np.uint16),
            landmarks=bank.landmarks.astype(np.float16),
            person=bank.person,
            clip=bank.clip,
            angles=bank.angles,
            grey=bank.grey,
        )


def load_canvases(file: Path) -> FaceCanvases:
    """What :func:`save_canvases` wrote. Raises InputError."""
    if not Path(file).is_file():
        raise InputError(f"There is no face bank {file}; make one with python -m evaluate.general.bank.")
    with np.load(file) as held:
        pictures = np.split(held["pixels"], held["ends"][:-1])
        return FaceCanvases(
            [np.ascontiguousarray(picture) for picture in pictures],
            held["native"].astype(int),
            held["landmarks"].astype(np.float32),
            held["person"],
            held["clip"],
            held["angles"],
            held["grey"],
        )


def folds_of(people: np.ndarray, count: int) -> np.ndarray:
    """Which fold holds each row's person out, int (N,): people are dealt out by how many rows they have."""
    names, own, rows = np.unique(people, return_inverse=True, return_counts=True)
    fold = np.zeros(len(names), dtype=np.int64)
    total = np.zeros(count)
    for person in np.argsort(-rows, kind="stable"):
        fold[person] = int(total.argmin())
        total[fold[person]] += rows[person]
    return fold[own]
