"""Face sets on disk: a folder of aligned crops with a table that says where each was cut.

::

    aligned/
      000000_0.jpg ...   one crop a face: frame number, track number
      faces.parquet      one row a face, in frame order
      face_set.json      what the set is of
      marks.json, order.json, figures.parquet   what sorting and cleaning wrote down (see ``datasets.curate``)

Deleting a crop's file means: leave that frame as it is. The row is then left out wherever the set is read, also when
the file goes while the set is being read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.facetable import VERSION, FaceRow, read_files, read_rows
from datasets.progress import Progress, silent

__all__ = ["FaceArrays", "FaceRow", "FaceSet", "FaceSetInfo", "TrackInfo", "Tracks", "by_frame", "load_arrays"]

TABLE, INFO = "faces.parquet", "face_set.json"
CHUNK = 1 << 20
# The end marker, and how many bytes some programs put after it.
JPEG_END, JPEG_TAIL = b"\xff\xd9", 4096
# Whose faces: one track, the several tracks of one person, or all there are.
Tracks = int | frozenset[int] | None


class TrackInfo(TypedDict):
    """One person's face over a clip: its number, its faces, first and last frame, median box width in pixels."""

    id: int
    faces: int
    first: int
    last: int
    median_width: float


class ClipFaces(TypedDict):
    """One of a face set's clips or pictures: its name, its size in pixels, the face set's number of its first frame,
    frames looked at, and how many of these show several faces. A picture that could not be read has no frame."""

    name: str
    width: int
    height: int
    first: int
    frames: int
    several: int


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
        clips: what the set is of, one by one; empty in older sets, which are of one clip.
        lost: frames in which a face that was there was lost, or no face found.
        remarks: what else the extraction had to say, a sentence each.
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
    clips: list[ClipFaces] = field(default_factory=list)
    lost: int = 0
    remarks: list[str] = field(default_factory=list)

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
        return said + self.remarks

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

    def rows(self, track: Tracks = None) -> Iterator[FaceRow]:
        """The faces in frame order, those of one person when given; a deleted crop's face is left out."""
        for row in read_rows(self.folder / TABLE):
            if is_of(row.track, track) and (self.folder / row.file).is_file():
                yield row

    def crop(self, row: FaceRow) -> np.ndarray:
        """The stored crop of a face, as ``picture`` reads it."""
        return self.picture(row.file)

    def picture(self, name: str) -> np.ndarray:
        """The crop of that name, uint8 RGB (size, size, 3); one that another tool made larger or smaller is scaled
        back.

        Raises:
            InputError: its file is damaged or gone, or it is not square.
        """
        import cv2

        from datasets.video import read_picture

        file, size = self.folder / name, self.info.size
        image = read_picture(file)
        _refuse_cut_off(file)
        height, width = image.shape[:2]
        if height != width:
            raise InputError(f"{file} is {width} x {height} pixels, and a face's crop is square; delete it.")
        if width != size:
            way = cv2.INTER_AREA if width > size else cv2.INTER_CUBIC
            image = cv2.resize(image, (size, size), interpolation=way)
        return image

    def fingerprint(self) -> str:
        """A hash, hex, that changes with the table and with the crops there are (their names and sizes in bytes).

        Marks, orders and cached figures are no part of it.
        """
        digest = hashlib.sha256()
        with (self.folder / TABLE).open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        known = {name for _, _, name in read_files(self.folder / TABLE)}
        with os.scandir(self.folder) as found:
            there = sorted((entry.name, entry.stat().st_size) for entry in found if entry.name in known)
        digest.update(json.dumps(there).encode())
        return digest.hexdigest()

    def main_track(self) -> int:
        """The track that fills most of the clip: faces times their area."""
        return max(self.info.tracks, key=lambda track: track["faces"] * track["median_width"] ** 2)["id"]

    def removed(self) -> int:
        """How many faces' crops have been deleted."""
        return sum(1 for _ in self.removed_frames())

    def removed_frames(self, track: Tracks = None) -> Iterator[int]:
        """The frame number of each face whose crop has been deleted, in frame order; of one person when given."""
        for frame, own, name in read_files(self.folder / TABLE):
            if is_of(own, track) and not (self.folder / name).is_file():
                yield frame


def is_of(track: int, tracks: Tracks) -> bool:
    """Whether a track is among those that are meant."""
    return tracks is None or track == tracks or (isinstance(tracks, frozenset) and track in tracks)


def by_frame(rows: Iterable[FaceRow]) -> Iterator[tuple[int, list[FaceRow]]]:
    """Join the rows of a frame: (frame number, its faces), in frame order."""
    for frame, faces in groupby(rows, key=lambda row: row.frame):
        yield frame, list(faces)


def _refuse_cut_off(file: Path) -> None:
    """Raise InputError for a JPEG without its end, which decoders fill up with grey."""
    if file.suffix.lower() not in (".jpg", ".jpeg"):
        return
    try:
        with file.open("rb") as held:
            held.seek(0, os.SEEK_END)
            held.seek(max(0, held.tell() - JPEG_TAIL))
            whole = JPEG_END in held.read()
    except OSError as error:
        raise InputError(f"There is no file {file}.") from error
    if not whole:
        raise InputError(f"{file} is cut off; delete it, or extract the faces again.")


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
    track: Tracks = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> FaceArrays:
    """One person's faces of a set as arrays, cut anew from the stored crops at another size and coverage.

    A face without a mesh is left out, and so is one whose crop is deleted or damaged while this reads, or was before;
    damaged ones are counted in the progress' note.

    Args:
        track: which person; all faces when None.
        limit: at most so many, spread evenly over those there are.

    Raises:
        InputError: nothing is left.
    """
    from datasets.faces.align import coverage_value, crop_to_crop, rescale_affine, transform_points, warp_crop
    from datasets.faces.mask import hull_mask

    info = faces.info
    names = [row.file for row in faces.rows(track) if row.landmarks is not None]
    if not names:
        said = "no face" if track is None else f"no face of track {track}"
        raise InputError(f"{faces.folder} holds {said} with a mesh, which training needs.")
    there = len(names)
    count = there if limit is None else min(limit, there)
    wanted = {names[i] for i in ((np.arange(count) + 0.5) * there / count).astype(int).tolist()}
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
    at = damaged = 0
    for row in faces.rows(track):
        if row.landmarks is None or row.file not in wanted:
            continue
        wanted.remove(row.file)
        try:
            image = faces.crop(row)
        except (InputError, OSError):
            damaged += (faces.folder / row.file).exists()
            continue
        affine = rescale_affine(row.affine, info.size, info.coverage, size, coverage)
        points = transform_points(row.landmarks, affine)[:, :2]
        arrays.images[at] = warp_crop(image, change, size)
        arrays.masks[at] = np.round(hull_mask(points, (size, size)) * 255)
        arrays.landmarks[at], arrays.frames[at], arrays.times[at] = points, row.frame, row.time
        arrays.angles[at] = row.yaw, row.pitch, row.roll
        at += 1
        progress("loading faces", at, count, _left_out(damaged))
    if not at:
        raise InputError(f"None of the {there} crops in {faces.folder} can be read; extract the faces again.")
    progress("loading faces", at, at, _left_out(damaged))
    return arrays if at == count else arrays.subset(slice(at))


def _left_out(damaged: int) -> str:
    return f"{damaged} damaged crops left out" if damaged else ""
