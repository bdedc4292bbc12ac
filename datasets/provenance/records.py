"""What this machine wrote, by watermark: the table that knows a copy again after its Content Credentials are gone.

Content Credentials do not survive a re-encoding, the invisible watermark does. So the manifest of every output is
kept here too, under the watermark's id ("durable Content Credentials", C2PA 2.1, soft bindings), with what it was
made from, how, and on what ground. It is one SQLite file in the user's data folder, readable by the user alone, and
holds nothing of a person beyond what the user wrote into the consent records.

A rollback journal with full synchronisation, not a write-ahead log: writes are few and small, one file is easier to
keep and to copy, and it also holds on a network disk. A connection lives for one call, so that threads, forked
processes and a kill at any moment have nothing to share and nothing to leave behind.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.errors import InputError, Refused
from datasets.home import home
from datasets.provenance.manifest import Making, bare, file_hash

FILE = "outputs.sqlite"
VERSION = 1
# "CFOP" in the file's header, so that another program's table is never taken for this one.
APPLICATION = 0x43464F50
PATIENCE = 30.0
TRIES = 16
_MAKING = threading.Lock()
ID = re.compile(r"[0-9a-f]{8}")

SCHEMA = """
CREATE TABLE outputs (
    id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 8),
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    method TEXT NOT NULL,
    format TEXT NOT NULL,
    recipe TEXT NOT NULL,
    consent TEXT NOT NULL,
    ingredients TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created TEXT NOT NULL,
    manifest BLOB NOT NULL
)
"""
COLUMNS = "id, kind, title, method, format, recipe, consent, ingredients, sha256, created, manifest"


class IdTaken(Refused):
    """The watermark's id belongs to another output already; the caller draws another one and marks anew."""


@dataclass(frozen=True)
class Record:
    """One output of this machine.

    Attributes:
        id: of its invisible watermark, 8 hex digits.
        kind: as :class:`~datasets.provenance.manifest.Making` has it; ``original`` is no swap.
        title, method: of the output. No title holds a path.
        format: MIME type of the finished file, with which its manifest is read.
        recipe: the settings it was made with.
        consent: the consent records as tables, as the user wrote them.
        ingredients: each ``{"title", "relationship", "sha256"}``.
        sha256: of the finished file, hex.
        created: when, UTC, ISO 8601 to the second.
        manifest: the signed manifest's bytes, as the file carries them.
    """

    id: str
    kind: str
    title: str
    method: str
    format: str
    recipe: Mapping[str, Any]
    consent: tuple[Mapping[str, str], ...]
    ingredients: tuple[Mapping[str, str], ...]
    sha256: str
    created: str
    manifest: bytes


def record_of(making: Making, watermark_id: str, manifest: bytes, sha256: str, format: str) -> Record:
    """The record of an output that was just made.

    Args:
        watermark_id: 8 hex digits.
        manifest: what signing gave back.
        sha256: of the finished, signed file.
        format: its MIME type.

    Raises:
        InputError: an ingredient cannot be read.
    """
    return Record(
        id=watermark_id,
        kind=making.kind,
        title=bare(making.title),
        method=making.method,
        format=format,
        recipe=_without_paths(json.loads(json.dumps(dict(making.settings), default=str))),
        consent=tuple(record.to_table() for record in making.consent),
        ingredients=tuple(
            {"title": bare(i.title), "relationship": i.relationship, "sha256": file_hash(i.path)}
            for i in making.ingredients
        ),
        sha256=sha256,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        manifest=manifest,
    )


def _without_paths(value: Any) -> Any:
    """The same JSON value with the folders of every path in it left out: they would tell the user's name."""
    if isinstance(value, dict):
        return {key: _without_paths(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_without_paths(held) for held in value]
    return bare(value) if isinstance(value, str) else value


def table_path() -> Path:
    """Where the table lies, whether it is there yet or not."""
    return home("data") / FILE


def remember(record: Record, again: bool = False) -> None:
    """Store what was written, durably, before the output gets its name.

    Args:
        again: the id was derived, so that the very same making may have been recorded before, by a run that was killed
            or by another folder's: then this record takes its place.

    Raises:
        IdTaken: the id belongs to another output.
        Refused: the table cannot be written, is damaged, or was made by a newer version.
        ValueError: the id is not 8 hex digits.
    """
    if not ID.fullmatch(record.id):
        raise ValueError(f"not a watermark's id: {record.id!r}")
    path = table_path()
    try:
        _make(path)
        with _transaction(path) as table:
            if again:
                held = table.execute(f"SELECT {COLUMNS} FROM outputs WHERE id = ?", (record.id,)).fetchone()
                if held is not None and _same_making(_record(held), record):
                    table.execute("DELETE FROM outputs WHERE id = ?", (record.id,))
            table.execute(f"INSERT INTO outputs ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", _row(record))
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            raise
        raise IdTaken(
            f"{record.title} was not written: the watermark id {record.id} belongs to another output already; "
            "run the command again and another id is drawn."
        ) from error
    except (_Unusable, sqlite3.Error, OSError) as error:
        raise Refused(
            f"{record.title} was not written, because a copy of it could not be matched again: {_why(path, error)}"
        ) from error


def _same_making(held: Record, other: Record) -> bool:
    """Whether two records are of one making: of the same files, in the same way."""
    names = ("kind", "title", "method", "format", "recipe", "ingredients")
    return all(_text(getattr(held, name)) == _text(getattr(other, name)) for name in names)


def find(id: str) -> Record | None:
    """The output whose watermark has this id (8 hex digits), or None. Makes nothing.

    Raises:
        InputError: the table is damaged, cannot be read, or was made by a newer version.
    """
    found = _read(lambda table: table.execute(f"SELECT {COLUMNS} FROM outputs WHERE id = ?", (id,)).fetchall())
    return found[0] if found else None


def recent(limit: int = 20) -> list[Record]:
    """The outputs written last, the newest first. Raises as :func:`find` does."""
    ordered = f"SELECT {COLUMNS} FROM outputs ORDER BY rowid DESC LIMIT ?"
    return _read(lambda table: table.execute(ordered, (max(0, limit),)).fetchall())


def unused_id(draw: Callable[[], str]) -> str:
    """An id that no output of this machine has.

    It is drawn before the first frame is marked; should another process come first with the same one, which 32 random
    bits make unlikely, :func:`remember` says so.

    Args:
        draw: gives a random id, 8 hex digits.

    Raises:
        Refused: the table cannot be read or written, or ``draw`` gives nothing new.
    """
    try:
        for _ in range(TRIES):
            if find(drawn := draw()) is None:
                _try_to_write()
                return drawn
    except InputError as error:
        raise Refused(f"Nothing was written, because its copies could not be matched again: {error}") from error
    raise Refused(f"No unused watermark id was found in {TRIES} tries; nothing was written.")


def _try_to_write() -> None:
    """Learn before hours of work, not after them, that the table cannot be written. Raises InputError."""
    path = table_path()
    try:
        _make(path)
        with closing(_connect(path)) as table:
            table.execute("BEGIN IMMEDIATE")
            table.execute(f"PRAGMA user_version = {VERSION}")
            table.execute("ROLLBACK")
    except (_Unusable, sqlite3.Error, OSError) as error:
        raise InputError(_why(path, error)) from error


class _Unusable(Exception):
    """The file is no table of this program, or a newer one."""


def _make(path: Path) -> None:
    """An empty file that only the user may read; SQLite gives its journal the same permissions."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A table that is there is never opened here: closing it would drop every POSIX lock that another thread of this
    # process holds on it through SQLite, and let a second process write into a transaction.
    with _MAKING, suppress(FileExistsError):
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    # "rw" never makes a file; on a file that may only be read SQLite falls back to reading.
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None)


@contextmanager
def _transaction(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(_connect(path)) as table:
        table.execute("PRAGMA synchronous = EXTRA")
        # Taken for writing from the start: two writers then wait for each other and neither has to begin anew.
        table.execute("BEGIN IMMEDIATE")
        try:
            if _is_new(table):
                table.execute(SCHEMA)
                table.execute(f"PRAGMA application_id = {APPLICATION}")
                table.execute(f"PRAGMA user_version = {VERSION}")
            yield table
            table.execute("COMMIT")
        except BaseException:
            if table.in_transaction:
                table.execute("ROLLBACK")
            raise


def _is_new(table: sqlite3.Connection) -> bool:
    """Whether the table is still to be made. Raises _Unusable for a file of another program or a newer version."""
    application, version, tables = (
        table.execute(asked).fetchone()[0]
        for asked in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if not tables and not application and not version:
        return True
    if application != APPLICATION:
        raise _Unusable("it is a file of another program; move it away and a new one is made.")
    if version > VERSION:
        raise _Unusable("a newer version of counterface made it; update this one.")
    return False


def _read(ask: Callable[[sqlite3.Connection], list[tuple[Any, ...]]]) -> list[Record]:
    path = table_path()
    try:
        if not path.exists():
            return []
        with closing(_connect(path)) as table:
            return [] if _is_new(table) else [_record(row) for row in ask(table)]
    except (_Unusable, sqlite3.Error, zlib.error, ValueError, TypeError, OSError) as error:
        raise InputError(f"The record of earlier outputs cannot be used: {_why(path, error)}") from error


def _why(path: Path, error: Exception) -> str:
    """What is wrong with the table, and what to do."""
    if isinstance(error, _Unusable):
        return f"{path} is not usable: {error}"
    if isinstance(error, sqlite3.OperationalError):
        said = str(error)
        if "locked" in said:
            return f"{path} was in use by another program for over {PATIENCE:.0f} s; try again."
        if "full" in said:
            return f"there is no room left on the disk for {path}; free some space and try again."
        return f"{path} cannot be opened or written ({said}); make it and its folder writable for you."
    if isinstance(error, OSError):
        return f"{path} cannot be opened or written ({error.strerror or error}); make its folder writable for you."
    return f"{path} is damaged ({error}); put a copy of it back, or move it away and a new one is made."


def _row(record: Record) -> tuple[Any, ...]:
    title = record.title.encode("utf-8", "replace").decode()  # names of files may hold bytes that are no text
    texts = (_text(record.recipe), _text(record.consent), _text(record.ingredients))
    packed = zlib.compress(record.manifest, 6)
    return (
        *(record.id, record.kind, title, record.method, record.format),
        *(*texts, record.sha256, record.created, packed),
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _record(row: tuple[Any, ...]) -> Record:
    fields = dict(zip(COLUMNS.split(", "), row, strict=True))
    for name in ("recipe", "consent", "ingredients"):
        fields[name] = json.loads(fields[name])
    fields["consent"], fields["ingredients"] = tuple(fields["consent"]), tuple(fields["ingredients"])
    return Record(**fields | {"manifest": zlib.decompress(fields["manifest"])})
