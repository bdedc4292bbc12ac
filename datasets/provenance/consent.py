"""The ground on which a face may be used: one record for the source, one for the destination.

Without a record that holds for both, nothing is trained, merged or built. The records in force go into the manifest of
a data set and into the Content Credentials of every output, as the user wrote them.

Of several records of one role the latest that holds counts, so that a renewal stands beside the record that it renews.
A withdrawal is the person's own word, and the source and the destination are one person each: from that day on it ends
every record of the role but those of a later date that say where the proof is.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from datasets.errors import InputError, Refused
from datasets.provenance.consentlines import line_of
from datasets.provenance.consenttemplate import NAME_TO_FILL_IN, PROOF_TO_FILL_IN

Role = Literal["source", "destination"]
State = Literal["in force", "not yet", "expired", "withdrawn"]
ROLES: tuple[Role, ...] = ("source", "destination")
BASES = ("self", "written", "public-domain", "synthetic", "research")
ON_THE_COMMAND_LINE = "stated on the command line"
FIELDS = frozenset({"role", "basis", "who", "reference", "date", "expires", "withdrawn", "id"})
ID_DIGITS = 12


class RecordError(InputError):
    """A consent record is not well formed; ``field`` is where, or None where it is no record at all."""

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Consent:
    """One record: on what ground the face of one role may be used.

    Attributes:
        role: ``source`` (the face is taken) or ``destination`` (the face is replaced).
        basis: one of :data:`BASES`.
        who: the person, or the name of the clip where only the basis was stated.
        reference: where the proof is.
        date: ISO date from which it holds.
        expires: ISO date of the last day on which it holds, or None.
        withdrawn: ISO date from which the person no longer agrees, or None.
    """

    role: Role
    basis: str
    who: str
    reference: str
    date: str
    expires: str | None = None
    withdrawn: str | None = None

    @property
    def id(self) -> str:
        """A short hash of the content (12 hex digits): the same record has the same id everywhere.

        A withdrawal is no part of it, so that what was made under a record can still be found after one.
        """
        content = {key: value for key, value in asdict(self).items() if key != "withdrawn"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]

    @property
    def has_reference(self) -> bool:
        """Whether it says where the proof is; a bare word on the command line does not."""
        return self.reference != ON_THE_COMMAND_LINE

    @property
    def until(self) -> dt.date | None:
        """The last day on which it holds; None where there is no end."""
        ends = [dt.date.fromisoformat(self.expires)] if self.expires else []
        if self.withdrawn:
            ends.append(dt.date.fromisoformat(self.withdrawn) - dt.timedelta(days=1))
        return min(ends, default=None)

    def to_table(self) -> dict[str, str]:
        """The record as a TOML or JSON table, without what is not set, with its id."""
        table = {key: value for key, value in asdict(self).items() if value is not None}
        return table | {"id": self.id}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Consent:
        """A record from a table of the FILE or of a workspace; an ``id`` in it is not read but made anew.

        Raises:
            RecordError: a field is missing, unknown, empty, still as in the template, or not understood.
        """
        if not isinstance(table, Mapping):
            raise RecordError("A consent record must be a table that begins with [[consent]].")
        unknown = sorted(set(table) - FIELDS)
        if unknown:
            said = f"A consent record has a field that is not known: {', '.join(unknown)}."
            raise RecordError(said, unknown[0])
        role, basis = _text(table, "role"), _text(table, "basis")
        if role not in ROLES:
            said = f'The role of a consent record must be "source" or "destination", not "{role}".'
            raise RecordError(said, "role")
        if basis not in BASES:
            said = f'The basis of a consent record must be one of {", ".join(BASES)}, not "{basis}".'
            raise RecordError(said, "basis")
        who, reference = _text(table, "who"), _text(table, "reference")
        for field, value, unfilled in (("who", who, NAME_TO_FILL_IN), ("reference", reference, PROOF_TO_FILL_IN)):
            if value == unfilled:
                said = f'The {field} of the consent record for the {role} still says "{value}", as the template does.'
                raise RecordError(said, field)
        begins = _day(table, "date")
        expires, withdrawn = _day_or_none(table, "expires"), _day_or_none(table, "withdrawn")
        if expires is not None and expires < begins:
            said = f"The consent record for the {role} expires ({expires}) before it begins ({begins})."
            raise RecordError(said, "expires")
        return cls(cast(Role, role), basis, who, reference, begins, expires, withdrawn)

    def state(self, today: dt.date) -> State:
        """How this record stands on that day, whatever other records say."""
        if self.withdrawn is not None and today >= dt.date.fromisoformat(self.withdrawn):
            return "withdrawn"
        if self.expires is not None and today > dt.date.fromisoformat(self.expires):
            return "expired"
        # One day of grace at the beginning: "today" is not the same day in every time zone.
        begun = dt.date.fromisoformat(self.date) <= today + dt.timedelta(days=1)
        return "in force" if begun else "not yet"

    def holds(self, today: dt.date) -> bool:
        """Whether this record, taken alone, is in force on that day."""
        return self.state(today) == "in force"


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RecordError(f'A consent record needs {key} = "...", and it is missing or empty.', key)
    return value.strip()


def _day(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        return value.isoformat()
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise RecordError(f"A consent record needs {key} as a date such as 2026-01-31, not {value!r}.", key) from error


def _day_or_none(table: Mapping[str, Any], key: str) -> str | None:
    return None if table.get(key) in (None, "") else _day(table, key)


def from_option(value: str, source_name: str, destination_name: str) -> tuple[Consent, Consent]:
    """The two records behind ``--consent``.

    Args:
        value: a word of :data:`BASES`, said of both clips, or the path of a TOML file with ``[[consent]]`` records
            (``consenttemplate.template`` makes one).
        source_name, destination_name: names of the two clips, recorded as ``who`` where only a word was given.

    Raises:
        InputError: neither a word nor a file, or a file that is not understood.
        Refused: the file has no record that holds today for one of the two.
    """
    if value in BASES:
        return stated(value, source_name, destination_name)
    source, destination = require(read_file(Path(value)))
    return source, destination


def stated(basis: str, source_name: str, destination_name: str) -> tuple[Consent, Consent]:
    """The two records of a bare word: they hold from today and have no reference."""
    today = dt.date.today().isoformat()
    return (
        Consent("source", basis, Path(source_name).name, ON_THE_COMMAND_LINE, today),
        Consent("destination", basis, Path(destination_name).name, ON_THE_COMMAND_LINE, today),
    )


def read_file(path: Path) -> tuple[Consent, ...]:
    """All records of a TOML file, in force or not. Raises InputError with what is wrong in it, and where."""
    if not path.is_file():
        raise InputError(f"--consent {path} is neither a basis ({', '.join(BASES)}) nor a TOML file with the records.")
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text).get("consent", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The consent file {path} is not readable TOML: {error}.") from error
    except OSError as error:
        raise InputError(f"The consent file {path} cannot be read: {error.strerror}.") from error
    if not isinstance(tables, list) or not tables:
        raise InputError(f"The consent file {path} has no [[consent]] table; one for each role is needed.")
    return from_tables(tables, path, text)


def from_tables(tables: Sequence[Any], path: Path, text: str) -> tuple[Consent, ...]:
    """The records in a parsed TOML file.

    Args:
        tables: its ``consent``.
        path, text: the file and what it holds, to say where something is wrong.

    Raises:
        InputError: records are not well formed; of each the line, or else which of the records it is.
    """
    records, wrong = list[Consent](), list[str]()
    for number, table in enumerate(tables):
        try:
            records.append(Consent.from_table(table))
        except RecordError as error:
            line = line_of(text, "consent", number, len(tables), error.field)
            wrong.append(f"line {line}: {error}" if line else f"record {number + 1}: {error}")
    if wrong:
        raise InputError(f"{path}, {' Also '.join(wrong)}")
    return tuple(records)


def in_force(records: Iterable[Consent], today: dt.date) -> dict[Role, Consent]:
    """Of each role the record that counts on that day; a role without one is not in it."""
    records, found = tuple(records), dict[Role, Consent]()
    for role in ROLES:
        ended = withdrawal(records, role, today)
        for record in records:
            if record.role != role or not record.holds(today) or (ended and not _reopens(record, ended)):
                continue
            if role not in found or record.date >= found[role].date:
                found[role] = record
    return found


def withdrawal(records: Iterable[Consent], role: Role, today: dt.date) -> str | None:
    """ISO date of the latest withdrawal by the person of that role, up to that day; None where there is none."""
    days = [record.withdrawn for record in records if record.role == role and record.withdrawn]
    return max((day for day in days if day <= today.isoformat()), default=None)


def _reopens(record: Consent, ended: str) -> bool:
    return record.date > ended and record.has_reference


def require(
    records: Iterable[Consent], today: dt.date | None = None, workspace: Path | None = None
) -> tuple[Consent, Consent]:
    """The gate before every use of a face: the record in force of the source, and that of the destination.

    Args:
        today: by default the local date.
        workspace: the folder that the records are kept in, to say how they are renewed there.

    Raises:
        Refused: the source or the destination has no record, or none that is in force.
    """
    records, today = tuple(records), today or dt.date.today()
    for role in ROLES:
        lacking = why_not(records, role, today, workspace)
        if lacking is not None:
            raise Refused(lacking)
    found = in_force(records, today)
    return found["source"], found["destination"]


def why_not(records: Sequence[Consent], role: Role, today: dt.date, workspace: Path | None = None) -> str | None:
    """One sentence on why the face of that role may not be used on that day, and what to do; None where it may."""
    if role in in_force(records, today):
        return None
    command = f"counterface consent renew {shlex.quote(str(workspace))} --consent" if workspace is not None else ""
    own = [record for record in records if record.role == role]
    if not own:
        said = f"There is no consent record for the {role}: say on what ground this face may be used, with"
        if command:
            return f"{said}: {command} {'|'.join(BASES)}|FILE"
        return f"{said} --consent {'|'.join(BASES)} or a TOML file with both records."
    ended = withdrawal(own, role, today)
    if ended is not None:
        last = max((record for record in own if record.withdrawn == ended), key=lambda record: record.date)
        said = f"The consent record for the {role} ({last.who}) was withdrawn on {ended}; only a record of a later date"
        said += " that says where the proof is makes this face usable again"
        return f"{said}: {command} FILE" if command else f"{said}, in a TOML file for --consent."
    last = max(own, key=lambda record: record.expires or "9999")
    if last.state(today) == "expired":
        said = f"The consent record for the {role} ({last.who}) expired on {last.expires}"
    else:
        said = f"The consent record for the {role} ({last.who}) holds only from {last.date}"
    return f"{said}; renew it with: {command} FILE" if command else f"{said}; give one that holds with --consent."
