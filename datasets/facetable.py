"""The table of a face set: ``faces.parquet``, one row a face, in frame order, written and read in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError

VERSION = 2
BATCH = 64
# Column: length of its fixed-size list of float32.
VECTORS = {"box": 4, "five_points": 10, "landmarks": 478 * 3, "affine": 6}
SCALARS = {"frame": "int64", "time": "float64", "track": "int32", "clip": "int32", "score": "float32", "file": "string"}
FIGURES = ("sharpness", "yaw", "pitch", "roll", "eyes", "mouth")


@dataclass(frozen=True)
class FaceRow:
    """One face of a face set. Coordinates are pixels of the frame it was found in.

    Attributes:
        frame: number of the frame, from 0; over all clips, one after the other, where a face set is of several.
        time: seconds, in its own clip.
        track: the same number for the same person's face over frames.
        clip: which of the face set's clips or pictures, from 0.
        score: the finder's confidence in [0, 1].
        box: float32 (4,), xyxy.
        five_points: float32 (5, 2).
        landmarks: float32 (478, 3), or None when no mesh fits.
        affine: float32 (2, 3), frame pixels to the stored crop's pixels.
        file: name of the crop's file.
        sharpness: variance of the Laplacian of the crop's grey values (0 to 255) in the face's hull.
        yaw, pitch, roll: of the head, degrees (see ``datasets.faces.align.Pose``).
        eyes, mouth: how far they are open (see ``datasets.faces.expression``); nan without a mesh.
    """

    frame: int
    time: float
    track: int
    clip: int
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
    eyes: float
    mouth: float

    @property
    def width(self) -> float:
        """Width of the box, pixels."""
        return float(self.box[2] - self.box[0])


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
        table = _open(path)
        # One row group at a time, each let go of before the next: a batch iterator over the file keeps more and more.
        for group in range(table.num_row_groups):
            for batch in table.read_row_group(group).to_batches(max_chunksize=BATCH):
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


def read_files(path: Path) -> Iterator[tuple[int, int, str]]:
    """Stream (frame, track, name of the crop's file). Raises InputError when the table is damaged."""
    names = ["frame", "track", "file"]
    for batch in _open(path).iter_batches(columns=names):
        yield from zip(*(batch[name].to_pylist() for name in names), strict=True)
