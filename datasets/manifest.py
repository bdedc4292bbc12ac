"""The manifest of a labelled data set: one row a clip, one row a face, as Parquet and as JSON lines.

::

    dataset.json                   name, where the files are, consent records, splits, checksums of the tables
    clips.parquet  clips.jsonl     :class:`ClipRow`, one for every clip at every compression level
    faces.parquet  faces.jsonl     :class:`LabelledFace`, one for every face in every frame of a clip

A face's row is the same at all levels of its clip, so it stands once. Both forms of a table hold the same rows; the
checksums in ``dataset.json`` tell a manifest that was written by the studio from one that was edited by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from datasets.errors import InputError

VERSION = 1
INDEX, CLIPS, FACES = "dataset.json", "clips", "faces"
TABLES = ("clips.parquet", "clips.jsonl", "faces.parquet", "faces.jsonl")
Label = Literal["real", "fake"]
ORIGINAL_LEVEL = "raw"
REAL, FAKE = "real", "fake"
CROP_SIZE, CROP_COVERAGE = 256, "whole"
BATCH = 4096


@dataclass(frozen=True)
class ClipRow:
    """One clip at one compression level.

    Attributes:
        clip: its name, the same at every level; with ``level`` it is the key of the table.
        level: ``raw``, ``c23``, ``c40``, ... crf: the number behind it, None where it is not known.
        file: below the folder of the files, with forward slashes.
        label: ``real`` or ``fake``: whether a face in it was changed.
        method, settings_sha256, model_sha256, seed: of a fake, how it was made; None in a real one.
        source, target: identity whose face was taken, and identity that is to be seen; of a method that uses the
            target alone both are the target's; a real one has no source.
        original: the ``clip`` that this fake was made from; at the same ``level`` it is its own original.
        footage: name of the footage it was cut from; footage_sha256: of that file; start: seconds into it.
        frames, rate, width, height: of the pictures.
        mask: file of the swap masks (grey, lossless, 0 to 255, frame for frame), the same at all levels, or None.
        swapped: frames in which a face was changed.
        split: ``train``, ``val`` or ``test``.
        consent: ids of the records under which the faces are used. licence: of the footage, as the recipe says.
        watermark: id of the invisible watermark, 8 hex digits, or None in a clip that the studio did not write.
        sha256, mask_sha256: of the packets (``datasets.mediahash``). bytes: of the packets.
        geometry: file of the faces' landmarks, a face table (``datasets.facetable``), or None.
    """

    clip: str
    level: str
    file: str
    label: str
    target: str
    split: str
    crf: int | None = None
    method: str | None = None
    settings_sha256: str | None = None
    model_sha256: str | None = None
    seed: int | None = None
    source: str | None = None
    original: str | None = None
    footage: str | None = None
    footage_sha256: str | None = None
    start: float = 0.0
    frames: int = 0
    rate: float = 0.0
    width: int = 0
    height: int = 0
    mask: str | None = None
    swapped: int = 0
    consent: tuple[str, ...] = ()
    licence: str = "unknown"
    watermark: str | None = None
    sha256: str | None = None
    mask_sha256: str | None = None
    bytes: int = 0
    geometry: str | None = None

    @property
    def is_fake(self) -> bool:
        return self.label == FAKE


@dataclass(frozen=True)
class LabelledFace:
    """One face in one frame of a clip, whatever the level.

    Attributes:
        clip: of which clip. frame: number of the frame, from 0. time: seconds. track: number of the person's track.
        label: of this face: in a fake, other people's faces and frames that were left as they are stay ``real``.
        identity: who is to be seen; None for a bystander. source: whose face was put on, None where none was.
        method, split, settings_sha256, model_sha256, seed, consent, licence, mask, original: as the clip's.
        box: xyxy, pixels. points: five points, x and y in turn, pixels.
        affine: frame pixels to those of a crop of 256 px with coverage ``whole``, row by row (6 numbers).
        changed: share of the box that the swap mask covers, 0 to 1.
    """

    clip: str
    frame: int
    time: float
    track: int
    label: str
    split: str
    box: tuple[float, ...]
    points: tuple[float, ...]
    affine: tuple[float, ...]
    identity: str | None = None
    source: str | None = None
    method: str | None = None
    settings_sha256: str | None = None
    model_sha256: str | None = None
    seed: int | None = None
    original: str | None = None
    mask: str | None = None
    consent: tuple[str, ...] = ()
    licence: str = "unknown"
    changed: float = 0.0


@dataclass(frozen=True)
class Index:
    """What ``dataset.json`` holds.

    Attributes:
        name: of the data set. kind: ``built`` or ``imported``.
        made_by: software and version.
        recipe_sha256: of what it was built from; None of an imported one.
        files_in: folder of the files where it is not the data set's own (an imported one), absolute; else None.
        consent: the records by id, as the user wrote them.
        splits: what was asked for and what came out (``datasets.splits.SplitReport.to_json``).
        about: free values for the card.
        sha256: of each table.
    """

    name: str
    kind: str
    made_by: str
    recipe_sha256: str | None = None
    files_in: str | None = None
    consent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    splits: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)


Row = TypeVar("Row", ClipRow, LabelledFace)
_TYPES = {"str": "string", "int": "int64", "float": "float64"}
_PLAIN: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int)}


def _columns(kind: type) -> Iterator[tuple[str, str, bool, bool]]:
    """Of each column: its name, the type of a value or of each part of a list, whether it is a list, whether None may
    stand there.
    """
    for one in fields(kind):
        said = str(one.type)
        plain = said.removesuffix(" | None")
        listed = plain.startswith("tuple[")
        yield one.name, ("str" if "str" in plain else "float") if listed else plain, listed, said.endswith("None")


def schema(kind: type) -> Any:
    """The Parquet schema of a table of these rows."""
    import pyarrow as pa

    columns = []
    for name, plain, listed, empty in _columns(kind):
        column: Any = getattr(pa, _TYPES[plain])()
        columns.append(pa.field(name, pa.list_(column) if listed else column, nullable=empty))
    return pa.schema(columns, metadata={"counterface.manifest.version": str(VERSION)})


def write_tables(folder: Path, clips: Iterable[ClipRow], faces: Iterable[LabelledFace], index: Index) -> Index:
    """Write all four tables and the index; the index comes last, so that a kill leaves the older set of them or none.

    Rows are written in the order given, in pieces. Returns the index with the checksums.
    """
    folder = Path(folder)
    sums: dict[str, str] = {}
    for name, kind, rows in ((CLIPS, ClipRow, clips), (FACES, LabelledFace, faces)):
        sums |= _write_table(folder, name, kind, rows)
    whole = Index(**{**asdict(index), "sha256": sums})
    from datasets.atomic import write_json

    write_json(folder / INDEX, {"version": VERSION} | asdict(whole))
    return whole


def _write_table(folder: Path, name: str, kind: type, rows: Iterable[Any]) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from datasets.atomic import replacing

    wanted = schema(kind)
    table, lines = folder / f"{name}.parquet", folder / f"{name}.jsonl"
    with replacing(table) as one, replacing(lines) as other:
        with pq.ParquetWriter(one, wanted) as parquet, other.open("w", encoding="utf-8") as text:
            for part in _parts(rows, BATCH):
                tables = [table_of(row) for row in part]
                parquet.write_table(pa.Table.from_pylist(tables, schema=wanted))
                text.writelines(json.dumps(held, ensure_ascii=False) + "\n" for held in tables)
        return {table.name: _sha256(one), lines.name: _sha256(other)}


def _parts(rows: Iterable[Any], count: int) -> Iterator[list[Any]]:
    part: list[Any] = []
    for row in rows:
        part.append(row)
        if len(part) == count:
            yield part
            part = []
    if part:
        yield part


def table_of(row: Any) -> dict[str, Any]:
    """A row as plain values, lists for tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(row).items()}


def row_of(kind: type[Row], table: Mapping[str, Any]) -> Row:
    """A row from plain values; names that it does not know are passed over. Raises TypeError where one is missing."""
    known = {one.name for one in fields(kind)}
    values: dict[str, Any] = {name: value for name, value in table.items() if name in known}
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return kind(**values)


def foreign_row(kind: type[Row], table: Mapping[str, Any]) -> Row:
    """As :func:`row_of`, of a table that holds to no schema of ours.

    Raises:
        TypeError: one is missing, or a value is of another type than its column.
    """
    row = row_of(kind, table)
    for name, plain, listed, empty in _columns(kind):
        value = getattr(row, name)
        if value is None and empty:
            continue
        parts = value if isinstance(value, tuple) else (value,)
        odd = any(isinstance(one, bool) or not isinstance(one, _PLAIN[plain]) for one in parts)
        if odd or isinstance(value, tuple) != listed:
            raise TypeError(f"{name} of a row is {value!r}")
    return row


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_dataset(folder: Path) -> bool:
    """Whether a folder holds a manifest."""
    return (Path(folder) / INDEX).is_file()


def read_index(folder: Path, check: bool = True) -> Index:
    """The index of a data set.

    Args:
        check: that the tables are the ones that were written with it.

    Raises:
        InputError: there is none, it is of another version or damaged, or a table was edited or is missing.
    """
    folder = Path(folder)
    file = folder / INDEX
    if not file.is_file():
        raise InputError(f"{folder} is no data set: it has no {INDEX}. Make one with: counterface dataset build")
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        version = held.pop("version")
        if version != VERSION:
            raise InputError(f"{folder} is a data set of version {version}, not {VERSION}; build it again.")
        known = {one.name for one in fields(Index)}
        index = Index(**{name: value for name, value in held.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is damaged; run the same counterface dataset build again.") from error
    if check:
        for name in TABLES:
            table = folder / name
            if not table.is_file():
                raise InputError(f"{table} is gone; the same counterface dataset build writes it anew.")
            if _sha256(table) != index.sha256.get(name):
                raise InputError(
                    f"{table} was changed since the manifest was written, so its labels cannot be relied on; the same "
                    "counterface dataset build writes it anew."
                )
    return index


def read_clips(folder: Path) -> Iterator[ClipRow]:
    """Stream the rows of the clips. Raises InputError when the table is damaged."""
    return _read(Path(folder) / f"{CLIPS}.parquet", ClipRow)


def read_faces(folder: Path, clips: Iterable[str] | None = None) -> Iterator[LabelledFace]:
    """Stream the rows of the faces, those of some clips where given. Raises InputError when the table is damaged."""
    wanted = None if clips is None else frozenset(clips)
    return _read(Path(folder) / f"{FACES}.parquet", LabelledFace, wanted)


def _read(file: Path, kind: type[Row], clips: frozenset[str] | None = None) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            if table.schema_arrow != schema(kind):
                raise InputError(f"{file} is not a table of version {VERSION} of the manifest; build the set again.")
            for batch in table.iter_batches(batch_size=BATCH):
                for row in batch.to_pylist():
                    if clips is None or row["clip"] in clips:
                        yield row_of(kind, row)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file} is damaged; the same counterface dataset build writes it anew.") from error
