"""The people that a base is pretrained on: many faces each, with the person's own neutral texture.

A person is a clip, a folder of pictures, or those pictures of a flat folder whose names differ only in their number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faces.align import align_affine, head_pose, transform_points, warp_crop
from datasets.faces.finder import make_finder
from datasets.faces.mask import eye_mouth_mask, hull_mask
from datasets.faceset import FaceSet, load_arrays
from datasets.progress import Progress, silent
from datasets.video import read_picture
from synth.composite.colour import reinhard
from synth.texture import Texture, halved, halved_points, likeness, neutral_texture

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
FEWEST = 4
SMALLEST_FACE = 40


@dataclass(frozen=True)
class Person:
    """One person's faces, ready to be drawn from.

    Attributes:
        kind: "clip" or "pictures".
        pictures, alike: uint8 (N, S, S, 4), face and its likeness, each with the hull.
        details: uint8 (N, S, S), eyes and mouth.
    """

    kind: str
    pictures: np.ndarray
    details: np.ndarray
    alike: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)


def clip_faces(clip: Path, cache: Path, size: int, coverage: float, most: int, progress: Progress) -> FaceArrays:
    """Faces spread over a clip; its face set is kept in ``cache``."""
    from datasets.extract import extract

    folder = cache / clip.stem
    if not folder.is_dir():
        extract(clip, folder, progress=progress)
    faces = FaceSet(folder)
    track = None if faces.info.frames_with_several == 0 else faces.main_track()
    return load_arrays(faces, size, coverage, track, most)


def picture_faces(pictures: list[Path], size: int, coverage: float) -> FaceArrays | None:
    """The largest face of each picture; None when fewer than ``FEWEST`` have one. A picture without one is left out."""
    finder = make_finder("mediapipe")
    crops, masks, points, angles = [], [], [], []
    for picture in pictures:
        try:
            image = read_picture(picture)
        except InputError:
            continue
        finder.reset()
        found = [face for face in finder.find(image) if face.landmarks is not None]
        if not found:
            continue
        face = max(found, key=lambda f: float(f.box[2] - f.box[0]))
        if face.box[2] - face.box[0] < SMALLEST_FACE or face.landmarks is None:
            continue
        affine = align_affine(face.landmarks, size, coverage)
        points.append(transform_points(face.landmarks, affine)[:, :2])
        crops.append(warp_crop(image, affine, size))
        masks.append(np.rint(hull_mask(points[-1], (size, size)) * 255).astype(np.uint8))
        angles.append(head_pose(face.landmarks).angles)
    finder.close()
    if len(crops) < FEWEST:
        return None
    count = np.arange(len(crops))
    return FaceArrays(
        np.stack(crops),
        np.stack(masks),
        np.stack(points),
        count,
        count.astype(np.float64),
        np.asarray(angles, np.float32),
        coverage,
    )


def prepared(faces: FaceArrays, kind: str) -> Person:
    """One person's faces at half the crop's size, each beside its likeness.

    In pictures the light differs from one to the next, so each likeness is given its picture's colours first.
    """
    count, side = len(faces), faces.size // 2
    texture = neutral_texture(faces).halved()
    pictures, alike = (np.empty((count, side, side, 4), np.uint8) for _ in range(2))
    details = np.empty((count, side, side), np.uint8)
    for i in range(count):
        points = halved_points(faces.landmarks[i])
        pictures[i] = np.dstack([halved(faces.images[i]), halved(faces.masks[i])])
        details[i] = np.rint(eye_mouth_mask(points, (side, side)) * 255)
        alike[i] = likeness(texture, points, Texture(pictures[i, ..., :3], points))
        if kind == "pictures":
            hull = pictures[i, ..., 3].astype(np.float32) / 255
            both = (alike[i, ..., :3].astype(np.float32) / 255, pictures[i, ..., :3].astype(np.float32) / 255)
            alike[i, ..., :3] = np.rint(reinhard(*both, hull) * 255)
    return Person(kind, pictures, details, alike)


def grouped(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """(name, pictures) of each person of a folder, in order of their names."""
    people: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in PICTURES):
        own = path.parent.name if path.parent != Path(folder) else re.sub(r"[_\-]*\d+$", "", path.stem)
        people[own].append(path)
    yield from sorted(people.items())


def people(
    clips: list[Path],
    folders: list[Path],
    cache: Path,
    size: int,
    coverage: float,
    most: int,
    progress: Progress = silent,
) -> tuple[list[Person], dict[str, int]]:
    """Everyone in these clips and picture folders, and a count of what they are.

    Args:
        cache: where face sets and packed pictures are kept between runs.
        size, coverage: of the crops, twice the size that the network works at.
        most: faces a person, at most.

    Raises:
        InputError: nobody was found.
    """
    found: list[Person] = []
    for clip in clips:
        found.append(prepared(clip_faces(clip, cache, size, coverage, most, progress), "clip"))
        progress("preparing people", len(found), None, clip.name)
    for folder in folders:
        for name, pictures in grouped(folder):
            packed = cache / f"{folder.name}-{name}.npz"
            if len(pictures) < FEWEST:
                continue
            faces = FaceArrays.load(packed) if packed.is_file() else picture_faces(pictures[:most], size, coverage)
            if faces is None:
                continue
            if not packed.is_file():
                faces.save(packed)
            found.append(prepared(faces, "pictures"))
            progress("preparing people", len(found), None, f"{folder.name}, {len(faces)} faces")
    if not found:
        raise InputError("No person with enough faces was found to pretrain on.")
    kinds = {kind: [person for person in found if person.kind == kind] for kind in ("clip", "pictures")}
    counts = {f"{kind}: people": len(those) for kind, those in kinds.items()}
    return found, counts | {f"{kind}: faces": sum(len(p) for p in those) for kind, those in kinds.items()}
