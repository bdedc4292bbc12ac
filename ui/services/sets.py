"""Labelled data sets for the page Datasets: those that are there, their rows, their pairs, their last audit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import InputError
from ui.services.access import files_below

if TYPE_CHECKING:
    from datasets.labelledset import LabelledSet
    from datasets.manifest import ClipRow

FRESH_SECONDS = 5.0
MOST_FOUND = 60
LARGEST = 12_000_000  # bytes of a clip that is played inside the page
FORMATS: Mapping[str, tuple[str, bool]] = {
    "ffpp": ("FaceForensics++", False),
    "celebdf": ("Celeb-DF", True),
    "dfdc": ("DFDC", True),
    "deepfakebench": ("DeepfakeBench", False),
    "webdataset": ("WebDataset", False),
    "hf": ("Hugging Face", False),
}
FACETS = ("label", "method", "level", "split", "person")
VERDICTS = {"leak": "a leak", "passed": "passed", "cannot tell": "can't be told"}
PROBES = {
    "metadata": "the container's headers",
    "file sizes": "how large the packets are",
    "background": "all but the face",
    "mark": "the watermark's band",
    "mark as read": "what the key's holder reads of the mark",
}


@dataclass(frozen=True)
class Pair:
    """A clip and the one it belongs to, at a level that browsers play.

    Attributes:
        fake, original: rows. fake_file, original_file: their files.
        level: that is played; another one where the wanted is lossless.
        mask: a JPEG of the swap mask in the middle of the clip, or None.
    """

    fake: ClipRow
    original: ClipRow
    fake_file: Path
    original_file: Path
    level: str
    mask: bytes | None


def found(folders: Iterable[Path]) -> list[Path]:
    """Data sets in some folders and up to three levels below, the latest first.

    Looked for anew every few seconds at most: a page asks with each of its runs.
    """
    return list(_found(tuple(folders), int(time.monotonic() / FRESH_SECONDS)))


@lru_cache(maxsize=2)
def _found(folders: tuple[Path, ...], moment: int) -> tuple[Path, ...]:
    from datasets.manifest import INDEX

    held: dict[Path, float] = {}
    for file in files_below(folders, INDEX):
        if _is_own(file):
            held[file.parent.resolve()] = file.stat().st_mtime
        if len(held) >= MOST_FOUND:
            break
    return tuple(sorted(held, key=lambda path: -held[path]))


def _is_own(file: Path) -> bool:
    """Whether it is the studio's own index; others call a file so, too."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return isinstance(held, dict) and {"version", "sha256", "splits"} <= set(held)
    except (OSError, ValueError):
        return False


def opened(folder: Path) -> LabelledSet:
    """A data set, read again only when its manifest has changed.

    Raises:
        InputError: there is none, or its manifest was edited.
    """
    from datasets.manifest import INDEX

    file = Path(folder) / INDEX
    if not file.is_file():
        raise InputError(f"{folder} is no data set.")
    state = file.stat()
    return _opened(Path(folder).resolve(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _opened(folder: Path, changed: int, size: int) -> LabelledSet:
    from datasets.labelledset import LabelledSet

    return LabelledSet(folder)


def facets(rows: Sequence[ClipRow]) -> dict[str, list[str]]:
    """What can be filtered by, with the values there are."""
    values: dict[str, list[str]] = {
        "label": sorted({row.label for row in rows}),
        "method": sorted({row.method for row in rows if row.method}),
        "level": list(dict.fromkeys(row.level for row in rows)),
        "split": [name for name in ("train", "val", "test") if any(row.split == name for row in rows)],
        "person": sorted({name for row in rows for name in (row.target, row.source) if name}),
    }
    return values


def filtered(rows: Iterable[ClipRow], wanted: Mapping[str, Sequence[str]]) -> list[ClipRow]:
    """The rows that have one of the wanted values in every facet; a facet without one lets all pass."""

    def has(row: ClipRow, facet: str, values: Sequence[str]) -> bool:
        if facet == "person":
            return row.target in values or (row.source or "") in values
        if facet == "method":
            return (row.method or "") in values
        return getattr(row, facet) in values

    chosen = {facet: values for facet, values in wanted.items() if values}
    return [row for row in rows if all(has(row, facet, values) for facet, values in chosen.items())]


def table(rows: Iterable[ClipRow]) -> list[dict[str, Any]]:
    """Rows for a table."""
    return [
        {
            "clip": row.clip,
            "label": row.label,
            "method": row.method or "",
            "level": row.level,
            "split": row.split,
            "source": row.source or "",
            "target": row.target,
            "seconds": round(row.frames / row.rate, 2) if row.rate else 0.0,
            "size": f"{row.width} × {row.height}",
            "kB": round(row.bytes / 1000),
        }
        for row in rows
    ]


def pair_of(data: LabelledSet, row: ClipRow) -> Pair | None:
    """The pair of a row, at its own level, or, where that is lossless, at the best one that browsers play.

    Of an original it is the first fake that was made from it; None where a clip stands alone, or nothing can be played.

    Raises:
        InputError: a file of the manifest is gone.
    """
    from ui.services.quizclips import playable_level

    level: str | None = row.level
    if row.level == "raw":
        level = playable_level(data.levels)
    if level is None:
        return None
    name = row.clip if row.is_fake else None
    for fake, original in data.pairs(level):
        if fake.clip == name or (name is None and original.clip == row.clip):
            files = data.path(fake.file), data.path(original.file)
            if any(file.is_dir() or file.suffix.lower() != ".mp4" for file in files):
                return None  # an imported set may hold folders of frames
            return Pair(fake, original, *files, level, _mask(data, fake))
    return None


def _mask(data: LabelledSet, row: ClipRow) -> bytes | None:
    """The swap mask in the middle of the clip."""
    from datasets.video import frames_at
    from evaluate.views import plain_picture

    if row.mask is None:
        return None
    try:
        file = data.path(row.mask)
        return plain_picture(next(frames_at(file, [row.frames // 2])).image[..., 0]) if file.is_file() else None
    except (InputError, StopIteration):
        return None


def export_folder(folder: Path, format: str, level: str | None) -> Path:
    """A folder of the studio's for an export, which is not there yet."""
    from ui.settings import studio_home

    name = f"{folder.name}-{format}" + (f"-{level}" if level else "")
    wanted, number = studio_home() / "exports" / name, 2
    while wanted.exists():
        wanted = studio_home() / "exports" / f"{name}-{number}"
        number += 1
    return wanted


def summary(data: LabelledSet) -> dict[str, Any]:
    """The set in a few figures."""
    rows, first = data.clips, data.levels[0] if data.levels else ""
    one = [row for row in rows if row.level == first]
    return {
        "clips": len(one),
        "real": sum(not row.is_fake for row in one),
        "fake": sum(row.is_fake for row in one),
        "levels": list(data.levels),
        "people": len({name for row in rows for name in (row.target, row.source) if name}),
        "minutes": sum(row.frames / row.rate for row in one if row.rate) / 60,
        "bytes": sum(row.bytes for row in rows),
        "splits": str((data.index.splits or {}).get("words") or ""),
    }


def last_audit(folder: Path) -> tuple[Mapping[str, Any] | None, bool]:
    """The last audit of a set, and whether it is of the manifest as it is now."""
    from datasets.card import AUDIT, read_audit

    current = read_audit(Path(folder))
    if current is not None:
        return current, True
    try:
        held = json.loads((Path(folder) / AUDIT).read_text(encoding="utf-8"))
        return (held, False) if isinstance(held, dict) else (None, False)
    except (OSError, ValueError):
        return None, False


def balance(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The counts of an audit as rows: split, level, real, fake."""
    counts = (audit.get("figures") or {}).get("counts") or {}
    rows = []
    for key, held in counts.items():
        split, _, level = str(key).partition("/")
        rows.append({"split": split, "level": level, "real": held.get("real", 0), "fake": held.get("fake", 0)})
    return rows
