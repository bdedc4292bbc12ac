"""Face sets on disk: a folder of aligned crops with a table that says where each was cut.

::

    aligned/
      000000_0.jpg ...   one crop a face: frame number, track number
      faces.parquet      one row a face, in frame order
      face_set.json      what the set is of

Deleting a crop's file means: leave that frame as it is. The row is then left out wherever the set is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.facetable import VERSION, FaceRow, read_files, read_rows
from datasets.progress import Progress, silent

__all__ = ["FaceArrays", "FaceRow", "FaceSet", "FaceSetInfo", "TrackInfo", "by_frame", "load_arrays"]

TABLE, INFO = "faces.parquet", "face_set.json"


class TrackInfo(TypedDict):
    """One person's face over a clip: its number, its faces, first and last frame, median box width in pixels."""

    id: int
    faces: int
    first: int
    last: int
    median_width: float


@dataclass(frozen=True)
class FaceSetInfo:
    """What a face set is of.

    Attributes:
        clip, clip_sha256: name and hash of the clip.
        width, height: of its frames, pixels.
        size, coverage: side of the stored crops in pixels, and their coverage's name or number.
        finder: the backend that found the faces.
        every: each how manieth frame was looked at.
        frames: frames looked at.
        frames_with_face: of these, frames with at least one face.
        frames_with_several: of these, frames with more than one.
        faces: faces in all.
        small_faces: faces narrower than 40 pixels.
        faces_without_mesh: faces with five points only.
        tracks: the people, by number.
    """

    clip: str
    clip_sha256: str
    width: int
    height: int
    size: int
    coverage: str | float
    finder: str
    every: int
    frames: int
    frames_with_face: int
    frames_with_several: int
    faces: int
    small_faces: int
    faces_without_mesh: int
    tracks: list[TrackInfo]

    def notes(self) -> list[str]:
        """What a person should know of this set, a sentence each; empty when all is plain."""
        said = []
        without = self.frames - self.frames_with_face
        if without:
            said.append(f"{without} of {self.frames} frames show no face; they are left as they are.")
        if self.frames_with_several:
            said.append(
                f"{self.frames_with_several} of {self.frames} frames show several faces "
                f"({len(self.tracks)} tracks in all)."
            )
        if self.small_faces:
            said.append(f"{self.small_faces} of {self.faces} faces are narrower than 40 pixels.")
        if self.faces_without_mesh:
            said.append(f"{self.faces_without_mesh} of {self.faces} faces have five points only.")
        return said

    def save(self, folder: Path) -> None:
        """Write to ``face_set.json`` in the folder."""
        write_json(folder / INFO, {"version": VERSION} | asdict(self))


class FaceSet:
    """A face set on disk, read as a stream.

    Args:
        folder: where it is.

    Raises:
        InputError: there is none, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.info = _read_info(self.folder)

    def rows(self, track: int | None = None) -> Iterator[FaceRow]:
        """The faces in frame order, those of one track when it is given; a deleted crop's face is left out."""
        for row in read_rows(self.folder / TABLE):
            if (track is None or row.track == track) and (self.folder / row.file).is_file():
                yield row

    def crop(self, row: FaceRow) -> np.ndarray:
        """The stored crop, uint8 RGB (size, size, 3). Raises InputError when its file is damaged or gone."""
        from datasets.video import read_picture

        return read_picture(self.folder / row.file)

    def main_track(self) -> int:
        """The track that fills most of the clip: faces times their area."""
        return max(self.info.tracks, key=lambda track: track["faces"] * track["median_width"] ** 2)["id"]

    def removed(self) -> int:
        """How many faces' crops have been deleted."""
        return sum(1 for _ in self.removed_frames())

    def removed_frames(self, track: int | None = None) -> Iterator[int]:
        """The frame number of each face whose crop has been deleted, in frame order; of one track when it is given."""
        for frame, own, name in read_files(self.folder / TABLE):
            if (track is None or own == track) and not (self.folder / name).is_file():
                yield frame


def by_frame(rows: Iterable[FaceRow]) -> Iterator[tuple[int, list[FaceRow]]]:
    """Join the rows of a frame: (frame number, its faces), in frame order."""
    for frame, faces in groupby(rows, key=lambda row: row.frame):
        yield frame, list(faces)


def _read_info(folder: Path) -> FaceSetInfo:
    file = folder / INFO
    if not file.is_file() or not (folder / TABLE).is_file():
        raise InputError(f"{folder} holds no face set; make one with: counterface extract")
    try:
        held: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = held.pop("version")
        if version != VERSION:
            raise InputError(f"{folder} is a face set of version {version}, not {VERSION}; extract it again.")
        known = {field.name for field in fields(FaceSetInfo)}
        return FaceSetInfo(**{name: value for name, value in held.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is damaged; extract the faces again.") from error


def load_arrays(
    faces: FaceSet,
    size: int,
    coverage: str | float,
    track: int | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> FaceArrays:
    """One person's faces of a set as arrays, cut anew from the stored crops at another size and coverage.

    A face without a mesh is left out.

    Args:
        track: which person; all faces when None.
        limit: at most so many, spread evenly over those there are.

    Raises:
        InputError: nothing is left.
    """
    from datasets.faces.align import coverage_value, crop_to_crop, rescale_affine, transform_points, warp_crop
    from datasets.faces.mask import hull_mask

    info = faces.info
    there = sum(row.landmarks is not None for row in faces.rows(track))
    if not there:
        said = "no face" if track is None else f"no face of track {track}"
        raise InputError(f"{faces.folder} holds {said} with a mesh, which training needs.")
    count = there if limit is None else min(limit, there)
    wanted = set(((np.arange(count) + 0.5) * there / count).astype(int).tolist())
    change = crop_to_crop(info.size, info.coverage, size, coverage)
    arrays = FaceArrays(
        images=np.empty((count, size, size, 3), np.uint8),
        masks=np.empty((count, size, size), np.uint8),
        landmarks=np.empty((count, 478, 2), np.float32),
        frames=np.empty(count, np.int64),
        times=np.empty(count, np.float64),
        angles=np.empty((count, 3), np.float32),
        coverage=coverage_value(coverage),
    )
    at = 0
    whole = (row for row in faces.rows(track) if row.landmarks is not None)
    for i, row in enumerate(whole):
        if i not in wanted:
            continue
        affine = rescale_affine(row.affine, info.size, info.coverage, size, coverage)
        assert row.landmarks is not None
        points = transform_points(row.landmarks, affine)[:, :2]
        arrays.images[at] = warp_crop(faces.crop(row), change, size)
        arrays.masks[at] = np.round(hull_mask(points, (size, size)) * 255)
        arrays.landmarks[at], arrays.frames[at], arrays.times[at] = points, row.frame, row.time
        arrays.angles[at] = row.yaw, row.pitch, row.roll
        at += 1
        progress("loading faces", at, count)
    return arrays
