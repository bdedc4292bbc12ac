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
from datasets.progress import Progress, silent

__all__ = ["FaceArrays", "FaceRow", "FaceSet", "FaceSetInfo", "TrackInfo", "by_frame", "load_arrays"]

TABLE, INFO = "faces.parquet", "face_set.json"
VERSION = 1
BATCH = 64
# Column: length of its fixed-size list of float32.
VECTORS = {"box": 4, "five_points": 10, "landmarks": 478 * 3, "affine": 6}
SCALARS = {"frame": "int64", "time": "float64", "track": "int32", "score": "float32", "file": "string"}
FIGURES = ("sharpness", "yaw", "pitch", "roll")


@dataclass(frozen=True)
class FaceRow:
    """One face of a face set. Coordinates are pixels of the frame it was found in.

    Attributes:
        frame: number of the frame, from 0.
        time: seconds.
        track: the same number for the same person's face over frames.
        score: the finder's confidence in [0, 1].
        box: float32 (4,), xyxy.
        five_points: float32 (5, 2).
        landmarks: float32 (478, 3), or None when no mesh fits.
        affine: float32 (2, 3), frame pixels to the stored crop's pixels.
        file: name of the crop's file.
        sharpness: variance of the Laplacian of the crop's grey values (0 to 255) in the face's hull.
        yaw, pitch, roll: of the head, degrees (see ``datasets.faces.align.Pose``).
    """

    frame: int
    time: float
    track: int
    score: float
    box: np.ndarray
    five_points: np.ndarray
    landmarks: np.ndarray | None
    affine: np.ndarray
    file: str
    sharpness: float
    yaw: float
    pitch: float
    roll: float

    @property
    def width(self) -> float:
        """Width of the box, pixels."""
        return float(self.box[2] - self.box[0])


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
        table = _open(self.folder / TABLE)
        names = (name for batch in table.iter_batches(columns=["file"]) for name in batch["file"].to_pylist())
        return sum(not (self.folder / name).is_file() for name in names)


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


def schema() -> Any:
    """The Parquet schema of ``faces.parquet``."""
    import pyarrow as pa

    columns = [pa.field(name, getattr(pa, kind)(), nullable=False) for name, kind in SCALARS.items()]
    columns += [pa.field(name, pa.float32(), nullable=False) for name in FIGURES]
    columns += [pa.field(name, pa.list_(pa.float32(), count)) for name, count in VECTORS.items()]
    return pa.schema(columns, metadata={"counterface.faces.version": str(VERSION)})


def to_batch(rows: list[FaceRow]) -> Any:
    """Rows as a ``pyarrow.RecordBatch``."""
    import pyarrow as pa

    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in (*SCALARS, *FIGURES)}
    for name, count in VECTORS.items():
        values = [getattr(row, name) for row in rows]
        flat = [np.zeros(count, np.float32) if v is None else np.asarray(v, np.float32).ravel() for v in values]
        missing = pa.array([v is None for v in values]) if any(v is None for v in values) else None
        flat_array = pa.array(np.concatenate(flat) if flat else np.zeros(0, np.float32))
        columns[name] = pa.FixedSizeListArray.from_arrays(flat_array, count, mask=missing)
    return pa.RecordBatch.from_pydict(columns, schema=schema())


def write_rows(path: Path, rows: list[FaceRow]) -> None:
    """Write rows to a Parquet file of one row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_batches([to_batch(rows)], schema=schema()), path)


def join_tables(parts: Iterable[Path], path: Path) -> None:
    """Write one Parquet file from several, a row group each, without holding more than one."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema()) as writer:
        for part in parts:
            table = pq.read_table(part)
            if table.num_rows:
                writer.write_table(table)


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is damaged; extract the faces again.") from error
    version = (table.schema_arrow.metadata or {}).get(b"counterface.faces.version")
    if version != str(VERSION).encode():
        raise InputError(f"{path} is not a face table of version {VERSION}; extract the faces again.")
    return table


def read_rows(path: Path) -> Iterator[FaceRow]:
    """Stream the rows of a face table. Raises InputError when it is damaged."""
    import pyarrow as pa

    try:
        for batch in _open(path).iter_batches(batch_size=BATCH):
            yield from _from_batch(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is damaged; extract the faces again.") from error


def _from_batch(batch: Any) -> Iterator[FaceRow]:
    plain = {name: batch[name].to_pylist() for name in (*SCALARS, *FIGURES)}
    vectors: dict[str, Any] = {}
    for name, count in VECTORS.items():
        column = batch[name]
        values = column.values.to_numpy(zero_copy_only=False)
        start = column.offset * count
        vectors[name] = values[start : start + len(column) * count].reshape(len(column), count)
    valid = batch["landmarks"].is_valid().to_pylist()
    for i in range(batch.num_rows):
        yield FaceRow(
            **{name: column[i] for name, column in plain.items()},
            box=vectors["box"][i].copy(),
            five_points=vectors["five_points"][i].reshape(5, 2).copy(),
            landmarks=vectors["landmarks"][i].reshape(478, 3).copy() if valid[i] else None,
            affine=vectors["affine"][i].reshape(2, 3).copy(),
        )


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
        track: which person; the main track when None.
        limit: at most so many, spread evenly over those there are.

    Raises:
        InputError: nothing is left.
    """
    from datasets.faces.align import coverage_value, crop_to_crop, rescale_affine, transform_points, warp_crop
    from datasets.faces.mask import hull_mask

    info = faces.info
    track = faces.main_track() if track is None else track
    there = sum(row.landmarks is not None for row in faces.rows(track))
    if not there:
        raise InputError(f"{faces.folder} holds no face of track {track} that can be trained on.")
    count = there if limit is None else min(limit, there)
    wanted = set(((np.arange(count) + 0.5) * there / count).astype(int).tolist())
    change = crop_to_crop(info.size, info.coverage, size, coverage)
    arrays = FaceArrays(
        images=np.empty((count, size, size, 3), np.uint8),
        masks=np.empty((count, size, size), np.uint8),
        landmarks=np.empty((count, 478, 2), np.float32),
        frames=np.empty(count, np.int64),
        times=np.empty(count, np.float64),
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
        at += 1
        progress("loading faces", at, count)
    return arrays
