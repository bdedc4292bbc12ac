"""Cutting a clip into the aligned pictures, masks and landmarks of DeepfakeBench (``datasets.formats.deepfakebench``).

The pictures are outputs of the studio like any other: both classes leave through the one writer, marked and signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.labelledset import FaceCrop, LabelledSet, chosen_frames
from datasets.manifest import ClipRow

SIZE, COVERAGE, MOST = 256, "full", 32
FRAMES = "frames"


@dataclass(frozen=True)
class Job:
    """A clip to be cut into pictures: plain values, so that another process can do it."""

    data: Path
    clip: ClipRow
    top: Path
    video: str


def cut(job: Job) -> tuple[list[int], list[int]]:
    """Cut a clip into pictures; returns the numbers of its frames and those that have a mask."""
    from datasets.provenance.consent import Consent
    from datasets.provenance.writer import Ingredient, Making, write_picture

    data = LabelledSet(job.data, check=False)
    clip = job.clip
    meshes = _meshes(data, clip)
    records = tuple(Consent.from_table(data.index.consent[one]) for one in clip.consent)
    parent = (Ingredient(data.path(clip.file), Path(clip.file).name, "parentOf"),)
    frames, masked = [], []
    for crop in _crops(data, clip):
        name = f"{crop.face.frame:03d}"
        making = Making(
            f"{job.video}-{name}.png",
            clip.method or "original",
            records,
            parent,
            {"frame": crop.face.frame},
            "swap" if clip.is_fake else "original",
        )
        write_picture(job.top / FRAMES / job.video / f"{name}.png", crop.image, making)
        frames.append(crop.face.frame)
        if clip.is_fake and clip.mask:
            _write_mask(job.top / "masks" / job.video / f"{name}.png", crop.mask)
            masked.append(crop.face.frame)
        mesh = meshes.get((crop.face.frame, crop.face.track))
        if mesh is not None:
            _write_points(job.top / "landmarks" / job.video / f"{name}.npy", mesh, crop)
    return frames, masked


def _crops(data: LabelledSet, clip: ClipRow) -> Iterator[FaceCrop]:
    """The crops of the person that a clip is about: of a fake, where the face was changed; one a frame, 32 at most."""
    own = sorted(
        {
            face.frame
            for face in data.faces(clip.clip)
            if (face.label == "fake" if clip.is_fake else face.identity == clip.target)
        }
    )
    seen = set[int]()
    for crop in data.crops(clip, SIZE, COVERAGE, frames=chosen_frames(own, most=MOST)):
        face = crop.face
        meant = face.label == "fake" if clip.is_fake else face.identity == clip.target
        if meant and face.frame not in seen:
            seen.add(face.frame)
            yield crop


def _meshes(data: LabelledSet, clip: ClipRow) -> dict[tuple[int, int], np.ndarray]:
    from datasets.facetable import read_rows

    if clip.geometry is None:
        return {}
    rows = read_rows(data.path(clip.geometry))
    return {(row.frame, row.track): row.landmarks for row in rows if row.landmarks is not None}


def _write_points(path: Path, mesh: np.ndarray, crop: FaceCrop) -> None:
    from datasets.faces.align import rescale_affine, transform_points
    from datasets.faces.points81 import points_81
    from datasets.manifest import CROP_COVERAGE, CROP_SIZE

    affine = rescale_affine(np.array(crop.face.affine).reshape(2, 3), CROP_SIZE, CROP_COVERAGE, SIZE, COVERAGE)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, transform_points(points_81(mesh), affine))


def _write_mask(path: Path, mask: np.ndarray) -> None:
    """0 where a pixel was left, 255 where it was changed by more than half."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    done, encoded = cv2.imencode(".png", np.where(mask > 127, 255, 0).astype(np.uint8))
    if not done:
        raise InputError(f"{path} could not be written.")
    path.write_bytes(encoded.tobytes())
