"""Marks on faces that are to go, and the trash beside the set that they go to. Nothing is ever deleted.

::

    data_dst/aligned/            the face set
      marks.json                 crop: reason: what was found; marks alone change nothing
    data_dst/aligned_trash/      what ``apply`` took out, with a marks.json of its own; ``restore`` brings it back

A crop is moved by one rename, so that a kill at any moment leaves a face set that works; the same call goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.atomic import disk_error, remove, write_json
from datasets.errors import InputError
from datasets.faceset import TABLE, FaceSet
from datasets.facetable import read_files

MARKS, VERSION = "marks.json", 1
Marks = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Moved:
    """What ``apply`` or ``restore`` did.

    Attributes:
        files: names of the crops that were moved.
        left: names of those that could not be, because a crop of that name is there already.
        trash: where the trash is, or was.
    """

    files: tuple[str, ...]
    left: tuple[str, ...]
    trash: Path


def read_marks(folder: Path) -> Marks:
    """The marks of a face set, crop's name to reason to what was found. Raises InputError when they are damaged."""
    return _read(Path(folder) / MARKS)[0]


def write_marks(folder: Path, marks: Mapping[str, Mapping[str, str]]) -> None:
    """Put these marks in place of the ones that a face set has; none at all removes the file."""
    _write(Path(folder) / MARKS, marks)


def mark(
    marks: Mapping[str, Mapping[str, str]],
    found: Mapping[str, Mapping[str, str]],
    renew: Iterable[str],
    among: Collection[str] | None = None,
) -> Marks:
    """Marks with new ones joined in.

    Args:
        found: the new marks.
        renew: reasons whose old marks are forgotten first.
        among: crops of which they are forgotten; of all when None.
    """
    gone = set(renew)
    joined = {
        file: {r: said for r, said in why.items() if r not in gone or (among is not None and file not in among)}
        for file, why in marks.items()
    }
    for file, why in found.items():
        joined.setdefault(file, {}).update(why)
    return {file: why for file, why in sorted(joined.items()) if why}


def counts(marks: Mapping[str, Mapping[str, str]]) -> Counter[str]:
    """How many faces each reason marks."""
    return Counter(reason for why in marks.values() for reason in why)


def trash_of(folder: Path) -> Path:
    """Where the crops of a face set go that are taken out of it."""
    folder = Path(folder).resolve()
    return folder.with_name(f"{folder.name}_trash")


def apply(faces: FaceSet) -> Moved:
    """Move the marked crops of a face set to its trash.

    Raises:
        InputError: nothing would be left, the trash holds crops of another extraction, or the disk refuses.
    """
    marks = read_marks(faces.folder)
    there = {name for _, _, name in read_files(faces.folder / TABLE) if (faces.folder / name).is_file()}
    going = sorted(there & set(marks))
    if going and len(going) == len(there):
        raise InputError(
            f"All {len(there)} faces of {faces.folder} are marked, and none would be left; clean with fewer reasons, "
            "or forget the marks with: counterface faces clean --forget"
        )
    trash, own = trash_of(faces.folder), _table_hash(faces.folder)
    held, of = _read(trash / MARKS)
    if held and of != own:
        raise InputError(
            f"{trash} holds faces of an earlier extraction of this clip; put that folder elsewhere or delete it first."
        )
    left = []
    try:
        if going:
            trash.mkdir(exist_ok=True)
            _write(trash / MARKS, held | {name: dict(marks[name]) for name in going}, own)
        for name in going:
            if (trash / name).exists():
                left.append(name)
            else:
                (faces.folder / name).rename(trash / name)
    except OSError as error:
        raise disk_error(error, trash) or error from error
    write_marks(faces.folder, {name: why for name, why in marks.items() if name in left})
    return Moved(tuple(name for name in going if name not in left), tuple(left), trash)


def restore(faces: FaceSet) -> Moved:
    """Bring every crop in the trash of a face set back into it, unmarked.

    Raises:
        InputError: there is no trash, it holds crops of another extraction, or the disk refuses.
    """
    trash = trash_of(faces.folder)
    held, of = _read(trash / MARKS)
    known = {name for _, _, name in read_files(faces.folder / TABLE)}
    inside = sorted(p.name for p in trash.iterdir() if p.name in known) if trash.is_dir() else []
    if not inside:
        raise InputError(f"There is nothing to bring back: {trash} holds no face of this set.")
    if held and of != _table_hash(faces.folder):
        raise InputError(f"{trash} holds faces of an earlier extraction, which do not fit this face set.")
    # Forgotten before they come back, so that a kill between leaves none that the next --apply takes out again.
    write_marks(faces.folder, {name: why for name, why in read_marks(faces.folder).items() if name not in inside})
    left = []
    try:
        for name in inside:
            if (faces.folder / name).exists():
                left.append(name)
            else:
                (trash / name).rename(faces.folder / name)
        if left:
            _write(trash / MARKS, {name: held.get(name, {}) for name in left}, of)
        else:
            remove(trash / MARKS)
            if not any(trash.iterdir()):
                trash.rmdir()
    except OSError as error:
        raise disk_error(error, faces.folder) or error from error
    return Moved(tuple(name for name in inside if name not in left), tuple(left), trash)


def _table_hash(folder: Path) -> str:
    with (folder / TABLE).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(file: Path) -> tuple[Marks, str]:
    if not file.is_file():
        return {}, ""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        if held["version"] != VERSION:
            raise InputError(f"{file} holds marks of version {held['version']}, not {VERSION}; remove it.")
        marks = {str(name): {str(r): str(said) for r, said in why.items()} for name, why in held["marks"].items()}
        return marks, str(held.get("table", ""))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(f"{file} is damaged; remove it, and clean the faces again.") from error


def _write(file: Path, marks: Mapping[str, Mapping[str, str]], table: str = "") -> None:
    if not marks:
        remove(file)
        return
    value = {"version": VERSION, "marks": {name: dict(why) for name, why in sorted(marks.items())}}
    write_json(file, value | ({"table": table} if table else {}))
