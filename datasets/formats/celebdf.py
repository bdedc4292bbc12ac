"""Celeb-DF (Li et al., 2020): three folders and a list of the clips to test on.

::

    Celeb-real/idA_NNNN.mp4              the clip NNNN of the person A
    Celeb-synthesis/idA_idB_NNNN.mp4     the same clip with the face of B
    YouTube-real/NNNNN.mp4               more real clips, of the original alone
    List_of_testing_videos.txt           "1 Celeb-real/..." (real) or "0 Celeb-synthesis/..."

There is one folder of fakes. Of several methods the first keeps the numbers of the clips, and each further one adds a
thousand to them.
"""

from __future__ import annotations

import re
from pathlib import Path

from datasets.atomic import write_text
from datasets.errors import InputError
from datasets.formats.exchange import (
    Loaded,
    Placed,
    copied,
    footage_of,
    label_of,
    nothing,
    numbered,
    picked_level,
    videos,
    with_own,
)
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow
from datasets.progress import Progress, silent

REAL, FAKE, MORE, LIST = "Celeb-real", "Celeb-synthesis", "YouTube-real", "List_of_testing_videos.txt"
HOLDS = ("label", "original", "target", "source")
METHOD_STEP = 1000
LEVEL = "unknown"
NAME = re.compile(r"id(?P<target>\d+)(?:_id(?P<source>\d+))?_(?P<number>\d+)$")


def save(data: LabelledSet, folder: Path, level: str | None = None, progress: Progress = silent) -> list[str]:
    """Write one level of a set in this layout; returns notes for a person.

    Raises:
        InputError: a thousand clips of one person or more, which the numbers have no room for.
    """
    chosen = picked_level(data, level)
    clips = data.select(level=chosen)
    # Some people may only have lent their face.
    people = numbered([*(clip.target for clip in data.clips), *(clip.source for clip in data.clips if clip.source)])
    methods = numbered(clip.method or "" for clip in clips if clip.is_fake)
    own: dict[str, dict[str, int]] = {}
    for clip in clips:
        numbers = own.setdefault(clip.target, {})
        numbers.setdefault(footage_of(clip), len(numbers))
    if any(len(numbers) >= METHOD_STEP for numbers in own.values()):
        raise InputError(f"A person has {METHOD_STEP} clips or more, and Celeb-DF's names have no room for them.")
    placed = []
    for clip in clips:
        number = own[clip.target][footage_of(clip)] + METHOD_STEP * methods.get(clip.method or "", 0)
        target, source = people[clip.target], people[clip.source or clip.target]
        name = f"id{target}_id{source}_{number:04d}" if clip.is_fake else f"id{target}_{number:04d}"
        file = f"{FAKE if clip.is_fake else REAL}/{name}.mp4"
        layout = _layout(file, "test" if clip.split == "test" else "train")
        assert layout is not None
        placed.append(Placed(clip, file, None, layout))
    copied(data, placed, folder, progress)
    lines = [f"{0 if one.row.is_fake else 1} {one.file}\n" for one in placed if one.row.split == "test"]
    write_text(folder / LIST, "".join(lines))
    notes = [f"Celeb-DF has one quality: {chosen} was written."]
    if any(clip.split == "val" for clip in clips):
        notes.append("Celeb-DF has no validation part: those clips are for training there.")
    return notes


def _layout(file: str, split: str) -> ClipRow | None:
    """A row as the layout tells it: the folder says what is real; None of a name that does not fit its folder."""
    folder, stem = file.rsplit("/", 1)[0], Path(file).stem
    fake = folder == FAKE
    named = NAME.match(stem)
    if folder == MORE:
        if not stem.isdecimal():
            return None
        return ClipRow(clip=f"{folder}-{stem}", level=LEVEL, file=file, label="real", target=stem, split=split)
    if named is None or (named["source"] is not None) != fake:
        return None
    target, number, turn = f"id{named['target']}", int(named["number"]), int(named["number"]) // METHOD_STEP
    original = f"{target}_{number % METHOD_STEP:04d}"
    return ClipRow(
        clip=stem if fake else original,
        level=LEVEL,
        file=file,
        label=label_of(fake),
        target=target,
        split=split,
        source=f"id{named['source']}" if fake else None,
        method=(FAKE if not turn else f"{FAKE}-{turn}") if fake else None,
        original=original if fake else None,
        footage=original,
    )


def load(folder: Path, into: Path | None = None, progress: Progress = silent) -> Loaded:
    """Read a folder in this layout.

    Raises:
        InputError: there is nothing of it.
    """
    folder = Path(folder)
    listed = folder / LIST
    tests = set()
    if listed.is_file():
        tests = {
            parts[1] for line in listed.read_text(encoding="utf-8").splitlines() if len(parts := line.split()) == 2
        }
    clips, loose = list[ClipRow](), 0
    for part in (REAL, MORE, FAKE):
        for file in videos(folder / part):
            name = file.relative_to(folder).as_posix()
            row = _layout(name, "test" if name in tests else "train")
            if row is None:
                loose += 1
            else:
                clips.append(row)
    if not clips:
        raise nothing(folder, "Celeb-DF", f"{REAL} or {FAKE}")
    notes = [f"{loose} videos have names that do not fit their folders and were left out."] if loose else []
    if not listed.is_file():
        notes.append(f"There is no {LIST}, so all clips are taken for training.")
    return with_own(Loaded(folder.resolve().name, tuple(clips), folder.resolve(), notes=tuple(notes)), folder)
