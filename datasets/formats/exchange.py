"""What all formats share: what loading gives, copying files, and the studio's own rows that travel beside an export.

A layout of the field holds less than the manifest. Beside it an export therefore has a folder ``counterface/`` with the
rows of the manifest; whoever knows nothing of it loads the layout as it is, and an import that finds it has everything
back. Where the two contradict each other the import stops.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.labelledset import LabelledSet
from datasets.manifest import FAKE, REAL, ClipRow, LabelledFace, foreign_row, read_faces, table_of
from datasets.progress import Progress, silent
from datasets.provenance.manifest import software_version
from datasets.splits import SPLITS

OWN = "counterface"
ROWS, FACES, ABOUT = "clips.jsonl", "faces.parquet", "about.json"
MARKER = "export.json"  # in the exports whose own files are the rows: that the studio made the folder
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
# What a layout and the rows beside it must agree on.
AGREED = ("label", "split", "level", "original", "target", "source", "method")


@dataclass(frozen=True)
class Loaded:
    """What was found in a folder of another layout.

    Attributes:
        name: of the set.
        clips: its rows; ``file`` below ``files_in``.
        files_in: the folder that the files lie in.
        faces: rows of faces, where the export brought them.
        consent, splits, about: as in :class:`datasets.manifest.Index`, where the export brought them.
        notes: sentences for a person.
    """

    name: str
    clips: tuple[ClipRow, ...]
    files_in: Path
    faces: tuple[LabelledFace, ...] = ()
    consent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    splits: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """A clip of the manifest and where an export put it.

    Attributes:
        row: the manifest's.
        file: below the export's folder. mask: likewise, or None where the layout has no place for it.
        layout: the row as the layout alone tells it, for the check on the way back.
    """

    row: ClipRow
    file: str
    mask: str | None
    layout: ClipRow


def copy_clip(data: LabelledSet, name: str, to: Path) -> None:
    """Copy a file of the set as it is, Credentials and all."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(data.path(name), to)


def copied(data: LabelledSet, placed: Sequence[Placed], folder: Path, progress: Progress = silent) -> None:
    """Copy the clips of an export, and write the studio's own rows beside them.

    Raises:
        InputError: two clips come out with one name, of which the layout could hold only one.
    """
    names = dict[str, str]()
    for one in placed:
        if names.setdefault(one.file, one.row.clip) != one.row.clip:
            raise InputError(f"{names[one.file]} and {one.row.clip} would both be {one.file} in this layout.")
    for done, one in enumerate(placed, 1):
        copy_clip(data, one.row.file, folder / one.file)
        progress("exporting clips", done, len(placed), one.row.clip)
    write_own(data, placed, folder)


def write_own(data: LabelledSet, placed: Sequence[Placed], folder: Path) -> None:
    """Write the rows of the manifest beside an export; only clips that are in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from datasets.manifest import schema

    own = folder / OWN
    own.mkdir(parents=True, exist_ok=True)
    with (own / ROWS).open("w", encoding="utf-8") as text:
        for one in placed:
            row = {**vars(one.row), "file": one.file, "mask": one.mask, "geometry": None}
            agreed = {name: getattr(one.layout, name) for name in AGREED}
            text.write(json.dumps({"row": row, "layout": agreed}, ensure_ascii=False) + "\n")
    masks = {one.row.clip: one.mask for one in placed}
    tables = [table_of(face) | {"mask": masks[face.clip]} for face in read_faces(data.folder, masks)]
    pq.write_table(pa.Table.from_pylist(tables, schema=schema(LabelledFace)), own / FACES)
    about = {"name": data.index.name, "consent": data.index.consent, "splits": data.index.splits}
    (own / ABOUT).write_text(json.dumps(about | {"about": data.index.about}, ensure_ascii=False), encoding="utf-8")


def write_marker(folder: Path, layout: str) -> None:
    """Say in a folder that it is an export of this studio's, so that a later one may take its place."""
    write_json(folder / OWN / MARKER, {"made_by": f"counterface {software_version()}", "layout": layout})


def checked(clip: ClipRow, where: Path) -> ClipRow:
    """A row that may be relied on: its names become names of files, its label and split are looked up.

    Raises:
        InputError: a name leads elsewhere, or label or split is none that there is.
    """
    for name in (clip.clip, clip.level, *([] if clip.method is None else [clip.method])):
        check_plain(name, where)
    for file in (clip.file, clip.mask, clip.geometry):
        if file is not None and (not isinstance(file, str) or file.startswith("/") or ".." in Path(file).parts):
            raise InputError(f"{where} names the file {file}, which lies outside it.")
    if clip.label not in (REAL, FAKE):
        raise InputError(f"{where} gives {clip.clip} the label {clip.label}; there are {REAL} and {FAKE}.")
    if clip.split not in SPLITS:
        raise InputError(f"{where} puts {clip.clip} in the split {clip.split}; there are {', '.join(SPLITS)}.")
    return clip


def check_plain(name: str, where: Path) -> None:
    """Raise InputError for a name that can't be one of a file or a folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise InputError(f"{where} has the name {name!r} in it, which is no plain name.")


def read_about(file: Path) -> dict[str, Any]:
    """What an export says of its whole: ``name``, ``consent``, ``splits`` and ``about``, as far as they are there.

    Raises:
        InputError: it can't be read.
    """
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        tables = [held.get(name, {}) for name in ("consent", "splits", "about")]
        if not all(isinstance(table, dict) for table in (*tables, *tables[0].values())):
            raise ValueError("a part of it is no table")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{file} is damaged; export the set again.") from error
    return dict(held)


def with_own(found: Loaded, folder: Path) -> Loaded:
    """What a layout says, completed by the studio's own rows where they lie beside it.

    Raises:
        InputError: the rows can't be read, or a file's layout says something else than they do.
    """
    import pyarrow.parquet as pq

    own = folder / OWN
    if not (own / ROWS).is_file():
        return found
    try:
        lines = [json.loads(line) for line in (own / ROWS).read_text(encoding="utf-8").splitlines()]
        about = read_about(own / ABOUT)
        faces = tuple(foreign_row(LabelledFace, row) for row in pq.read_table(own / FACES).to_pylist())
        rows = {
            line["row"]["file"]: (foreign_row(ClipRow, line["row"]), {name: line["layout"][name] for name in AGREED})
            for line in lines
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{own} is damaged; delete that folder to load the layout without it, or export again."
        ) from error
    there = {clip.file: clip for clip in found.clips}
    for file, clip in there.items():
        if file not in rows:
            raise InputError(f"{folder / file} is not among the rows in {own}: it was added after the export.")
        for name in AGREED:
            if rows[file][1][name] != getattr(clip, name):
                raise InputError(
                    f"{folder / file} lies there as {name} {getattr(clip, name)}, and was exported as "
                    f"{rows[file][1][name]}; undo that, or delete {own} to load the layout as it is."
                )
    kept = tuple(row for file, (row, _) in rows.items() if file in there)
    names = {row.clip for row in kept}
    notes = found.notes
    if len(kept) < len(rows):
        notes = (*notes, f"{len(rows) - len(kept)} of {len(rows)} exported clips are no longer there.")
    return replace(
        found,
        name=about.get("name", found.name),
        clips=kept,
        faces=tuple(face for face in faces if face.clip in names),
        consent=about.get("consent", {}),
        splits=about.get("splits", {}),
        about=about.get("about", {}),
        notes=notes,
    )


def picked_level(data: LabelledSet, level: str | None) -> str:
    """The one level for a layout that has room for one: the one asked for, else c23, else the least compressed.

    Raises:
        InputError: the set has no such level.
    """
    if level is None:
        return "c23" if "c23" in data.levels else data.levels[0]
    if level not in data.levels:
        raise InputError(f"{data.folder} has no level {level}; it has: {', '.join(data.levels)}.")
    return level


def picked_levels(data: LabelledSet, level: str | None) -> tuple[str, ...]:
    """The levels for a layout that holds several: all, or the one asked for."""
    return data.levels if level is None else (picked_level(data, level),)


def numbered(names: Iterable[str]) -> dict[str, int]:
    """A number for each name, from 0, in the order in which they first come."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def footage_of(clip: ClipRow) -> str:
    """The name of the footage a clip was made from: its own original's, or its own."""
    return clip.original or clip.clip


def described(clip: ClipRow, path: Path) -> ClipRow:
    """A row with what the file itself says: frames, rate, size. Raises InputError when it can't be read."""
    from datasets.video import probe

    info = probe(path)
    return replace(clip, frames=info.frames, rate=round(float(info.rate), 6), width=info.width, height=info.height)


def videos(folder: Path) -> list[Path]:
    """The videos in a folder, by name; none where it is not there."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEOS and not p.name.startswith("."))


def nothing(folder: Path, what: str, wanted: str) -> InputError:
    """The sentence for a folder that holds nothing of a layout."""
    return InputError(f"{folder} holds nothing of the layout of {what}: {wanted} is needed.")


def label_of(is_fake: bool) -> str:
    return FAKE if is_fake else REAL
