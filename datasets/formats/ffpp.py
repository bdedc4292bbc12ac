"""FaceForensics++ (Rossler et al., 2019): folders by class, method and compression.

::

    original_sequences/<set>/{raw,c23,c40}/videos/NNN.mp4
    manipulated_sequences/<Method>/{raw,c23,c40}/videos/<target>_<source>.mp4
    manipulated_sequences/<Method>/masks/videos/<target>_<source>.mp4
    splits/{train,val,test}.json          [["target", "source"], ...]

A pair in ``splits`` stands for both of its clips and all of their swaps; a clip that is in no pair is listed with
itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.formats.exchange import (
    Loaded,
    Placed,
    copied,
    footage_of,
    label_of,
    nothing,
    numbered,
    picked_levels,
    videos,
    with_own,
)
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow
from datasets.progress import Progress, silent
from datasets.splits import SPLITS

REAL_SET = "youtube"
HOLDS = ("label", "level", "split", "method", "original", "mask")
# 000_003 of FaceForensics++, 01_03__name__ABC of Google's part, 01__name of its actors.
FAKE_NAME = re.compile(r"(?P<target>\d+)_(?P<source>\d+)(?:__(?P<scene>.+)__[A-Z0-9]+)?$")
REAL_NAME = re.compile(r"(?P<person>\d+)(?:__(?P<scene>.+))?$")


def save(data: LabelledSet, folder: Path, level: str | None = None, progress: Progress = silent) -> list[str]:
    """Write a set in this layout; returns notes for a person.

    Args:
        level: one level alone; else all.
    """
    numbers = {name: f"{number:03d}" for name, number in numbered(footage_of(clip) for clip in data.clips).items()}
    people: dict[str, str] = {}
    for clip in data.clips:
        people.setdefault(clip.target, numbers[footage_of(clip)])
    for clip in data.clips:
        if clip.source is not None and clip.source not in people:  # who only lent a face has no clip to be numbered by
            people[clip.source] = f"{len(numbers):03d}"
            numbers[f"{clip.source} alone"] = people[clip.source]
    placed = [_placed(clip, numbers, people) for clip in data.clips if clip.level in picked_levels(data, level)]
    copied(data, placed, folder, progress)
    for one in placed:
        if one.mask is not None and not (folder / one.mask).exists():
            assert one.row.mask is not None
            move_mask(data.path(one.row.mask), folder / one.mask)
    pairs = {(one.layout.original or one.layout.clip, one.layout.source or "", one.row.split) for one in placed}
    for split in SPLITS:
        there = sorted((target, source) for target, source, own in pairs if own == split)
        joined = {name for target, source in there if source for name in (target, source)}
        kept = [[t, s] for t, s in there if s] + [[t, t] for t, s in there if not s and t not in joined]
        write_json(folder / "splits" / f"{split}.json", sorted(kept))
    return []


def _placed(clip: ClipRow, numbers: dict[str, str], people: dict[str, str]) -> Placed:
    target = numbers[footage_of(clip)]
    if not clip.is_fake:
        file = f"original_sequences/{REAL_SET}/{clip.level}/videos/{target}.mp4"
        return Placed(clip, file, None, _layout(file, target, None, None, clip.level, clip.split, None))
    source = target if clip.source == clip.target else people[clip.source or clip.target]
    top = f"manipulated_sequences/{clip.method}"
    name = f"{target}_{source}"
    file = f"{top}/{clip.level}/videos/{name}.mp4"
    mask = f"{top}/masks/videos/{name}.mp4" if clip.mask else None
    return Placed(clip, file, mask, _layout(file, target, source, clip.method, clip.level, clip.split, mask))


def _layout(
    file: str, target: str, source: str | None, method: str | None, level: str, split: str, mask: str | None
) -> ClipRow:
    """A row as the layout tells it: identities are numbers of clips."""
    crf = int(level[1:]) if re.fullmatch(r"c\d+", level) else 0 if level == "raw" else None
    clip = target if method is None else f"{target}_{source}-{method}"
    return ClipRow(
        clip=clip,
        level=level,
        file=file,
        label=label_of(method is not None),
        target=target,
        split=split,
        crf=crf,
        method=method,
        source=source,
        original=None if method is None else target,
        footage=target,
        mask=mask,
    )


def move_mask(mask: Path, to: Path) -> None:
    """The same packets in the container that this layout asks for: no picture is encoded."""
    import av

    to.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(mask)) as source, av.open(str(to), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


def load(folder: Path, into: Path | None = None, progress: Progress = silent) -> Loaded:
    """Read a folder in this layout: the original, with its sets ``youtube`` and ``actors``, or an export.

    Raises:
        InputError: there is nothing of it, or a list of splits can't be read.
    """
    folder = Path(folder)
    split = _splits(folder)
    clips, loose = list[ClipRow](), 0
    for file in _found(folder, "original_sequences"):
        named = REAL_NAME.match(file.stem)
        if named is None:
            loose += 1
            continue
        person = named["person"]
        row = _layout(_below(file, folder), person, None, None, file.parts[-3], split.get(person, "train"), None)
        clips.append(replace(row, clip=file.stem, footage=file.stem))
    known = {clip.clip for clip in clips}
    for file in _found(folder, "manipulated_sequences"):
        named = FAKE_NAME.match(file.stem)
        method, level = file.parts[-4], file.parts[-3]
        if named is None:
            loose += 1
            continue
        mask = file.parents[2] / "masks" / "videos" / file.name
        original = named["target"] if named["scene"] is None else f"{named['target']}__{named['scene']}"
        row = _layout(
            _below(file, folder),
            named["target"],
            named["source"],
            method,
            level,
            split.get(named["target"], "train"),
            _below(mask, folder) if mask.is_file() else None,
        )
        held = original if original in known else None
        clips.append(replace(row, clip=f"{file.stem}-{method}", original=held, footage=original))
    if not clips:
        raise nothing(folder, "FaceForensics++", "original_sequences/SET/LEVEL/videos")
    notes = (f"{loose} videos have names that are not of this layout and were left out.",) if loose else ()
    if not split:
        notes = (*notes, "There are no lists in splits/, so all clips are taken for training.")
    return with_own(Loaded(folder.resolve().name, tuple(clips), folder.resolve(), notes=notes), folder)


def _found(folder: Path, top: str) -> list[Path]:
    return [
        file
        for part in sorted((folder / top).glob("*/*/videos"))
        if part.parent.name != "masks"
        for file in videos(part)
    ]


def _below(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _splits(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for split in SPLITS:
        file = folder / "splits" / f"{split}.json"
        if not file.is_file():
            continue
        try:
            for pair in json.loads(file.read_text(encoding="utf-8")):
                for name in pair:
                    if found.setdefault(str(name), split) != split:
                        raise InputError(f"{folder / 'splits'} lists {name} in {found[str(name)]} and in {split}.")
        except (ValueError, TypeError) as error:
            raise InputError(f"{file} is no list of pairs.") from error
    return found
