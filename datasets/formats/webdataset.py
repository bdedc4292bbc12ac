"""WebDataset: tar archives read from front to end, the files of a sample one after the other under one key.

::

    train-c23-000000.tar     KEY.mp4  KEY.json  KEY.mask.mkv  KEY.faces.json
    ...

A sample is a clip at one level. ``KEY.json`` is its row in the manifest, ``KEY.faces.json`` are those of its faces. The
archives are plain tar files, the same bytes whenever the same set is exported.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from datasets.errors import InputError
from datasets.formats.exchange import Loaded, checked, nothing, picked_levels, read_about, write_marker
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow, LabelledFace, foreign_row, table_of
from datasets.progress import Progress, silent

HOLDS = tuple(name for name in vars(ClipRow("", "", "", "", "", "")) if name not in ("file", "mask", "geometry"))
SHARD_BYTES, SHARD_CLIPS = 512_000_000, 1000
ABOUT = "about.json"
VIDEO, ROW, MASK, FACES = "mp4", "json", "mask.mkv", "faces.json"


def save(
    data: LabelledSet,
    folder: Path,
    level: str | None = None,
    progress: Progress = silent,
    shard_clips: int = SHARD_CLIPS,
) -> list[str]:
    """Write a set in this layout; returns notes for a person.

    Args:
        level: one level alone; else all.
        shard_clips: clips an archive at most; one also ends at half a gigabyte.
    """
    groups: dict[tuple[str, str], list[ClipRow]] = defaultdict(list)
    for clip in data.clips:
        if clip.level in picked_levels(data, level):
            groups[clip.split, clip.level].append(clip)
    folder.mkdir(parents=True, exist_ok=True)
    total, done, shards = sum(map(len, groups.values())), 0, 0
    for (split, own), clips in groups.items():
        for number, part in enumerate(_shards(clips, shard_clips)):
            shards += 1
            with tarfile.open(folder / f"{split}-{own}-{number:06d}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
                for clip in part:
                    for name, content in _sample(data, clip):
                        _add(tar, name, content)
                    done += 1
                    progress("exporting clips", done, total, clip.clip)
    about = {"name": data.index.name, "consent": data.index.consent, "splits": data.index.splits}
    (folder / ABOUT).write_text(json.dumps(about | {"about": data.index.about}, ensure_ascii=False), encoding="utf-8")
    write_marker(folder, "webdataset")
    return [f"{shards} archives, {total} samples."]


def _shards(clips: list[ClipRow], most: int) -> Iterator[list[ClipRow]]:
    part, size = list[ClipRow](), 0
    for clip in clips:
        if part and (len(part) >= most or size + clip.bytes > SHARD_BYTES):
            yield part
            part, size = [], 0
        part.append(clip)
        size += clip.bytes
    if part:
        yield part


def _sample(data: LabelledSet, clip: ClipRow) -> Iterator[tuple[str, bytes | Path]]:
    """The names of a sample's files, and what is in them: the clip and its mask as the files that they are."""
    key = f"{clip.clip}__{clip.level}"
    yield f"{key}.{VIDEO}", data.path(clip.file)
    row = {**vars(clip), "file": f"{key}.{VIDEO}", "mask": f"{key}.{MASK}" if clip.mask else None, "geometry": None}
    yield f"{key}.{ROW}", json.dumps(row, ensure_ascii=False).encode()
    if clip.mask is not None:
        yield f"{key}.{MASK}", data.path(clip.mask)
    faces = [table_of(face) for face in data.faces(clip.clip)]
    if faces:
        yield f"{key}.{FACES}", json.dumps(faces, ensure_ascii=False).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o644, 0
    if isinstance(content, Path):
        info.size = content.stat().st_size
        with content.open("rb") as file:
            tar.addfile(info, file)
    else:
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))


def load(folder: Path, into: Path | None = None, progress: Progress = silent) -> Loaded:
    """Read a folder of archives that an export made; a manifest can't point into one, so they are unpacked.

    Args:
        into: where to; ``videos/`` and ``masks/`` are made in it. Without it nothing is unpacked, and the files of the
            rows are the names inside the archives.

    Raises:
        InputError: there is no archive, one is damaged, or holds samples that are not this studio's.
    """
    folder = Path(folder)
    shards = sorted(folder.glob("*.tar"))
    if not shards:
        raise nothing(folder, "WebDataset", "a .tar archive")
    clips, faces = list[ClipRow](), dict[str, list[LabelledFace]]()
    for done, shard in enumerate(shards, 1):
        try:
            for held in _samples(shard, into):
                clips.append(_unpacked(held, shard, into, faces))
        except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{shard} is damaged, or no archive that this studio exported.") from error
        finally:
            for suffix in (VIDEO, MASK):
                if into is not None:
                    (into / f".unpacked.{suffix}").unlink(missing_ok=True)
        progress("reading archives", done, len(shards))
    about: dict[str, Any] = {}
    if (folder / ABOUT).is_file():
        about = read_about(folder / ABOUT)
    return Loaded(
        about.get("name", folder.resolve().name),
        tuple(clips),
        Path(into or folder).resolve(),
        tuple(face for own in faces.values() for face in own),
        about.get("consent", {}),
        about.get("splits", {}),
        about.get("about", {}),
    )


def _samples(shard: Path, into: Path | None) -> Iterator[dict[str, bytes | Path]]:
    """The files of each sample by their suffix: tables as bytes, clips and masks under a temporary name in ``into``."""
    held: dict[str, bytes | Path] = {}
    key = ""
    with tarfile.open(shard) as tar:
        for member in tar:
            own, _, suffix = Path(member.name).name.partition(".")
            if own != key and held:
                yield held
                held = {}
            key = own
            file = tar.extractfile(member)
            if file is None:
                continue
            if suffix in (VIDEO, MASK):
                held[suffix] = Path() if into is None else _copied(file, into / f".unpacked.{suffix}")
            elif suffix in (ROW, FACES):
                held[suffix] = file.read()
    if held:
        yield held


def _copied(file: IO[bytes], to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as out:
        shutil.copyfileobj(file, out)
    return to


def _unpacked(
    held: dict[str, bytes | Path], shard: Path, into: Path | None, faces: dict[str, list[LabelledFace]]
) -> ClipRow:
    row = checked(foreign_row(ClipRow, json.loads(held[ROW])), shard)  # type: ignore[arg-type]
    file = f"videos/{row.level}/{row.clip}.mp4"
    mask = f"masks/{row.clip}.mkv" if MASK in held else None
    if into is not None:
        files = {file: held[VIDEO]} | ({} if mask is None else {mask: held[MASK]})
        for name, content in files.items():
            assert isinstance(content, Path)
            if (into / name).exists():
                content.unlink()
            else:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                content.rename(into / name)
    if FACES in held and row.clip not in faces:
        own = json.loads(held[FACES])  # type: ignore[arg-type]
        faces[row.clip] = [foreign_row(LabelledFace, {**one, "mask": mask}) for one in own]
    return replace(row, file=file, mask=mask)
