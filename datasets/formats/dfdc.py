"""The Deepfake Detection Challenge (Dolhansky et al., 2020): folders of clips, each with a ``metadata.json``.

::

    metadata.json    {"x.mp4": {"label": "FAKE", "split": "train", "original": "y.mp4"}, ...}

The full set comes in parts (``dfdc_train_part_0`` ...), each with its own table; a real clip has no ``original``. Whose
face is in a clip is not said: an identity is taken to be an original and all that was made of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.formats.exchange import Loaded, Placed, copied, nothing, picked_level, with_own
from datasets.labelledset import LabelledSet
from datasets.manifest import FAKE, ClipRow
from datasets.progress import Progress, silent

TABLE = "metadata.json"
HOLDS = ("label", "split", "original")
LEVEL = "unknown"
SPLITS = {"train": "train", "val": "val", "validation": "val", "validate": "val", "test": "test"}
METHOD = "DFDC"


def save(data: LabelledSet, folder: Path, level: str | None = None, progress: Progress = silent) -> list[str]:
    """Write one level of a set in this layout; returns notes for a person."""
    chosen = picked_level(data, level)
    clips = data.select(level=chosen)
    known = {clip.clip for clip in clips}
    table: dict[str, dict[str, str]] = {}
    placed = []
    for clip in clips:
        file = f"{clip.clip}.mp4"
        held = {"label": "FAKE" if clip.is_fake else "REAL", "split": clip.split}
        if clip.is_fake and clip.original in known:
            held["original"] = f"{clip.original}.mp4"
        table[file] = held
        placed.append(Placed(clip, file, None, _layout(file, held, "")))
    copied(data, placed, folder, progress)
    write_json(folder / TABLE, table)
    return [f"DFDC has one quality: {chosen} was written."]


def _layout(file: str, held: Mapping[str, Any], part: str) -> ClipRow:
    """A row as the layout tells it; ``part`` is the folder of its table, with a slash at its end, or empty."""
    stem, label = Path(file).stem, str(held["label"]).lower()
    fake = label == FAKE
    original = Path(str(held["original"])).stem if fake and held.get("original") else None
    split = str(held.get("split", "train"))
    return ClipRow(
        clip=stem,
        level=LEVEL,
        file=part + file,
        label=label,
        target=original or stem,
        split=SPLITS.get(split.lower(), split),
        method=METHOD if fake else None,
        original=original,
        footage=original or stem,
    )


def load(folder: Path, into: Path | None = None, progress: Progress = silent) -> Loaded:
    """Read a folder in this layout, or a folder of its parts; clips that the table names and that are not there are
    left out.

    Raises:
        InputError: there is no table, or it can't be understood.
    """
    folder = Path(folder)
    tables = [folder / TABLE] if (folder / TABLE).is_file() else sorted(folder.glob(f"*/{TABLE}"))
    if not tables:
        raise nothing(folder, "DFDC", f"a {TABLE}, here or in each part,")
    clips, missing = list[ClipRow](), 0
    for table in tables:
        part = "" if table.parent == folder else f"{table.parent.name}/"
        for file, held in _read(table).items():
            if (table.parent / file).is_file():
                clips.append(_layout(file, held, part))
            else:
                missing += 1
    if not clips:
        raise InputError(f"Of the {missing} clips that {tables[0]} names not one is there.")
    there = {clip.clip for clip in clips}
    lost = sum(clip.original is not None and clip.original not in there for clip in clips)
    notes = [f"{missing} clips that the table names are not there and were left out."] if missing else []
    notes += [f"{lost} fakes are there without their original."] if lost else []
    return with_own(Loaded(folder.resolve().name, tuple(clips), folder.resolve(), notes=tuple(notes)), folder)


def _read(table: Path) -> dict[str, Mapping[str, Any]]:
    try:
        held = json.loads(table.read_text(encoding="utf-8"))
        if not all(isinstance(one, dict) and "label" in one for one in held.values()):
            raise ValueError("a clip has no label")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{table} is no table of DFDC: {error}.") from error
    if any(Path(name).name != name for name in held):
        raise InputError(f"{table} names a file in another folder; DFDC's clips lie beside their table.")
    return dict(held)
