"""What faces are taken from: one clip, several, pictures, or folders of them, read as one run of frames."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.errors import InputError
from datasets.video import PICTURES, Frame, is_picture, probe, read_frames, read_picture

CLIPS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp"}
)


@dataclass(frozen=True)
class Place:
    """A place in several clips and pictures read one after the other.

    Attributes:
        clip: number of the clip or picture, from 0.
        start: number of the frame in it.
        offset: number, over all of them, of its frame 0.
    """

    clip: int = 0
    start: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Look:
    """One frame of several clips and pictures.

    Attributes:
        place: where it stands.
        frame: the frame, its index counted over all clips, its time in its own; None where a picture can't be read.
        after: where to go on from.
    """

    place: Place
    frame: Frame | None
    after: Place


def gather(given: Sequence[Path]) -> tuple[Path, ...]:
    """The clips and pictures that are meant: a file as it is, a folder as what is in it, by name.

    Folders inside a folder, hidden files and files of other kinds are passed over.

    Raises:
        InputError: nothing is given, or a folder holds no picture and no clip.
    """
    if not given:
        raise InputError("A source is needed: a clip, a picture, or a folder of them.")
    files: list[Path] = []
    for path in map(Path, given):
        files += _inside(path) if path.is_dir() else [path]
    return tuple(files)


def _inside(folder: Path) -> list[Path]:
    try:
        entries = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name.casefold())
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from error
    if not entries:
        raise InputError(f"{folder} is an empty folder; put the clips or pictures of one person into it.")
    found = [p for p in entries if p.is_file() and p.suffix.lower() in PICTURES | CLIPS]
    if not found:
        raise InputError(f"{folder} holds no picture and no clip, only other things ({entries[0].name} ...).")
    return found


def check(given: Sequence[Path]) -> None:
    """Raise InputError when a clip among these, or a picture that is named by itself, can't be read.

    A picture in a folder that can't be read is left out later, with a note.
    """
    for path in map(Path, given):
        for file in _inside(path) if path.is_dir() else [path]:
            if not is_picture(file):
                probe(file)
            elif file == path:
                read_picture(file)


def label(given: Sequence[Path]) -> str:
    """A name for what is given: that of the clip or the folder, and how much it holds."""
    files = gather(given)
    if len(files) == 1:
        return files[0].name
    if len(given) == 1:
        return f"{Path(given[0]).resolve().name} ({count(files)})"
    return f"{files[0].name} and {len(files) - 1} more"


def count(files: Sequence[Path]) -> str:
    """``3 clips``, ``12 pictures``, or both."""
    pictures = sum(is_picture(file) for file in files)
    numbers = ((len(files) - pictures, "clip"), (pictures, "picture"))
    return " and ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in numbers if n)


def footage_hash(hashes: Sequence[str]) -> str:
    """One hash for files with these SHA-256, hex: of one file its own, of several that of the list of theirs."""
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in hashes).encode()).hexdigest()


def looks(files: Sequence[Path], every: int = 1, begin: Place | None = None) -> Iterator[Look]:
    """Every ``every``-th frame of each clip, and each picture once, from a place on.

    Raises:
        InputError: a clip can't be read to its end.
    """
    place = begin or Place()
    for number in range(place.clip, len(files)):
        after = place
        for frame in _read(files[number], every, place.start):
            if frame is None:
                after = Place(number, 1, place.offset)
                yield Look(replace(place, start=0), None, after)
                continue
            after = Place(number, frame.index + (1 if is_picture(files[number]) else every), place.offset)
            whole = replace(frame, index=place.offset + frame.index)
            yield Look(replace(place, start=frame.index), whole, after)
        place = Place(number + 1, 0, after.offset + after.start)


def _read(file: Path, every: int, start: int) -> Iterator[Frame | None]:
    if not is_picture(file):
        yield from read_frames(file, every, start)
    elif start == 0:
        try:
            yield Frame(0, 0.0, read_picture(file))
        except InputError:
            yield None
