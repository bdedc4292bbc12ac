"""Settings that change from frame to frame: a session file, in which a person tunes parts of a clip.

TOML, or the same as JSON::

    [[frames]]
    frames = [0, 99]        # first and last, both meant
    colour = "mkl"

    [[frames]]
    frame = 40              # one frame; a later entry wins
    erode = 0.05
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.errors import InputError
from synth.composite.settings import CompositeSettings, check_names

KEY = "frames"


@dataclass(frozen=True)
class Entry:
    """What is set for some frames.

    Attributes:
        first, last: frame numbers, both meant.
        changes: names and values of ``CompositeSettings``.
    """

    first: int
    last: int
    changes: tuple[tuple[str, Any], ...]

    def to_table(self) -> dict[str, Any]:
        return {KEY: [self.first, self.last], **dict(self.changes)}


@dataclass(frozen=True)
class Session:
    """Settings for a whole clip and entries that change them for some frames; a later entry wins.

    It stands wherever ``CompositeSettings`` do, and has ``settings_at`` and ``to_table`` like them.
    """

    base: CompositeSettings
    entries: tuple[Entry, ...]

    def settings_at(self, frame: int) -> CompositeSettings:
        """The settings for a frame number."""
        return _merged(self, tuple(i for i, entry in enumerate(self.entries) if entry.first <= frame <= entry.last))

    def to_table(self) -> dict[str, Any]:
        """The base's table with the entries under ``frames``."""
        return {**self.base.to_table(), KEY: [entry.to_table() for entry in self.entries]}


Settings = CompositeSettings | Session


@lru_cache(maxsize=64)
def _merged(session: Session, chosen: tuple[int, ...]) -> CompositeSettings:
    changes: dict[str, Any] = {}
    for index in chosen:
        changes |= dict(session.entries[index].changes)
    return replace(session.base, **changes)


def load_session(path: Path, base: CompositeSettings | None = None) -> Session:
    """Read a session file.

    Args:
        path: ``.toml`` or ``.json``: a list of entries under ``frames`` (in JSON it may stand alone).
        base: the settings of frames that no entry names.

    Raises:
        InputError: missing, not readable, or an entry makes no sense; the sentence names the entry.
    """
    path = Path(path)
    if path.suffix.lower() not in (".toml", ".json"):
        raise InputError(f"{path} must end in .toml or .json to be a session file.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The session file {path} cannot be read.") from error
    try:
        held: Any = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is no valid {path.suffix[1:].upper()}: {error}.") from error
    if isinstance(held, Mapping) and set(held) == {KEY}:
        held = held[KEY]
    if not isinstance(held, list):
        raise InputError(f"{path} must hold a list of entries named {KEY}, and nothing beside it.")
    return make_session(base or CompositeSettings(), held, str(path))


def make_session(base: CompositeSettings, tables: Sequence[Any], name: str = "the session") -> Session:
    """A session from plain tables, each with ``frames = [first, last]`` or ``frame`` and settings by name.

    Raises:
        InputError: see :func:`load_session`.
    """
    entries = tuple(_entry(table, f"{name}, entry {number}") for number, table in enumerate(tables, 1))
    session = Session(base, entries)
    for number, entry in enumerate(entries, 1):
        try:
            replace(base, **dict(entry.changes))
        except InputError as error:
            raise InputError(f"{name}, entry {number}: {error}") from error
    return session


def _entry(table: Any, where: str) -> Entry:
    if not isinstance(table, Mapping):
        raise InputError(f"{where} is no table of settings.")
    table = dict(table)
    if ("frame" in table) == (KEY in table):
        raise InputError(f"{where} needs frames = [first, last] or frame = number, one of the two.")
    if "frame" in table:
        first = last = table.pop("frame")
    else:
        span = table.pop(KEY)
        if not isinstance(span, list) or len(span) != 2:
            raise InputError(f"{where}: frames must be two numbers, the first and the last.")
        first, last = span
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in (first, last)) or not 0 <= first <= last:
        raise InputError(f"{where}: frame numbers are whole, from 0, and the first is not after the last.")
    check_names(table, where)
    if not table:
        raise InputError(f"{where} sets nothing.")
    return Entry(first, last, tuple(table.items()))


def from_table(table: Mapping[str, Any]) -> Settings:
    """What ``to_table`` gave, as settings or a session again. Raises InputError, or TypeError for an unknown name."""
    plain = dict(table)
    entries = plain.pop(KEY, None)
    base = CompositeSettings(**plain)
    return base if entries is None else make_session(base, entries)
