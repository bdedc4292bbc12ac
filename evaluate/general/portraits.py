"""Real faces with their surroundings, of many people: what the general detector's training pairs are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.atomic import replacing
from datasets.errors import InputError
from datasets.faces.align import head_pose
from datasets.faces.finder import FaceFinder, make_finder
from datasets.progress import Progress, silent
from datasets.video import read_picture, spread

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
# How far around the face, in sides of its box; faces larger than LARGEST are brought down to it.
AROUND, LARGEST, SMALLEST, LONGEST_PICTURE = 0.8, 300, 56, 900


@dataclass(frozen=True)
class Portrait:
    """One real face and what is around it.

    Attributes:
        image: uint8 RGB (H, W, 3).
        landmarks: float32 (478, 3), pixels of the image.
        person: who, any word; for pictures without names, the picture's group.
        clip: the clip it is a frame of, empty for a picture.
        side: longest side of the landmarks' box, pixels.
        angles: float32 (3,), yaw, pitch, roll of the head, degrees.
    """

    image: np.ndarray
    landmarks: np.ndarray
    person: str
    clip: str
    side: float
    angles: np.ndarray


def portrait_of(image: np.ndarray, finder: FaceFinder, person: str, clip: str = "") -> Portrait | None:
    """The largest face of a picture uint8 RGB (H, W, 3), None when there is none of ``SMALLEST`` px or more."""
    longest = max(image.shape[:2])
    if not clip and longest > LONGEST_PICTURE:
        image = cv2.resize(
            image, None, fx=LONGEST_PICTURE / longest, fy=LONGEST_PICTURE / longest, interpolation=cv2.INTER_AREA
        )
    finder.reset()
    faces = [face for face in finder.find(image) if face.landmarks is not None]
    if not faces:
        return None
    marks = max(faces, key=lambda face: float(face.box[2] - face.box[0])).landmarks
    assert marks is not None
    low, high = marks[:, :2].min(0), marks[:, :2].max(0)
    side = float((high - low).max())
    if side < SMALLEST:
        return None
    x0, y0 = np.maximum(low - AROUND * side, 0).astype(int)
    x1, y1 = np.minimum(high + AROUND * side, [image.shape[1], image.shape[0]]).astype(int)
    cut, moved = np.ascontiguousarray(image[y0:y1, x0:x1]), marks - np.array([x0, y0, 0], marks.dtype)
    if side > LARGEST:
        scale = LARGEST / side
        cut = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        moved, side = moved * scale, float(LARGEST)
    return Portrait(cut, moved.astype(np.float32), person, clip, side, np.array(head_pose(moved).angles, np.float32))


def of_clips(clips: Iterable[Path], each: int, progress: Progress = silent) -> list[Portrait]:
    """Faces of ``each`` frames spread over each clip; a clip is one person, named by its file up to the first ``_``."""
    finder = make_finder("mediapipe")
    found: list[Portrait] = []
    for done, clip in enumerate(clips, 1):
        person = clip.stem.split("_")[0]
        for frame in spread(clip, each):
            portrait = portrait_of(frame.image, finder, person, clip.name)
            if portrait is not None:
                found.append(portrait)
        progress("finding people", done, None, clip.name)
    finder.close()
    return found


def of_pictures(folders: Iterable[Path], progress: Progress = silent) -> list[Portrait]:
    """The largest face of each picture of some folders.

    A person is a sub-folder; the pictures of a flat folder have no names and are parted at random by theirs, into
    groups of a few dozen, so that copies of one picture (whose names differ) may fall apart: what must be disjoint by
    person is not to be taken from a flat folder.
    """
    finder = make_finder("mediapipe")
    found: list[Portrait] = []
    for folder in folders:
        for path in sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in PICTURES):
            inside = path.parent != Path(folder)
            person = (
                f"{folder.name}/{path.parent.name}" if inside else f"{folder.name}/{re.sub(r'_.*', '', path.stem)[:2]}"
            )
            try:
                portrait = portrait_of(read_picture(path), finder, person)
            except InputError:
                continue
            if portrait is not None:
                found.append(portrait)
            progress("finding people", len(found), None, path.name)
    finder.close()
    return found


def save_portraits(file: Path, portraits: Iterable[Portrait]) -> None:
    """Keep portraits in a file (PNG pictures in a NumPy archive), so that faces are looked for once."""
    rows = list(portraits)
    pictures = [cv2.imencode(".png", np.ascontiguousarray(one.image[..., ::-1]))[1].ravel() for one in rows]
    with replacing(file) as temporary, temporary.open("wb") as out:
        np.savez(
            out,
            pixels=np.concatenate(pictures),
            ends=np.cumsum([len(picture) for picture in pictures]),
            landmarks=np.stack([one.landmarks for one in rows]),
            person=np.array([one.person for one in rows]),
            clip=np.array([one.clip for one in rows]),
            side=np.array([one.side for one in rows]),
            angles=np.stack([one.angles for one in rows]),
        )


def load_portraits(file: Path) -> list[Portrait]:
    """What :func:`save_portraits` kept."""
    with np.load(file) as held:
        pictures = np.split(held["pixels"], held["ends"][:-1])
        others = [held[name] for name in ("landmarks", "person", "clip", "side", "angles")]
    return [
        Portrait(
            cv2.cvtColor(cv2.imdecode(picture, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB),  # type: ignore[arg-type]
            marks,
            str(person),
            str(clip),
            float(side),
            angles,
        )
        for picture, marks, person, clip, side, angles in zip(pictures, *others, strict=True)
    ]
