"""The ground on which a face may be used: one record for the source, one for the destination.

Without a record that holds for both, nothing is trained, merged or built. The records go into the workspace, into
the manifest of a data set and into the Content Credentials of every output, as the user wrote them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from datasets.errors import InputError, Refused

Role = Literal["source", "destination"]
ROLES: tuple[Role, ...] = ("source", "destination")
BASES = ("self", "written", "public-domain", "synthetic", "research")
ON_THE_COMMAND_LINE = "stated on the command line"
ID_DIGITS = 12

TEMPLATE = """\
# Consent records for counterface: one for the person whose face is taken (source),
# one for the person whose face is replaced (destination).
#
# basis is one of
#   self            you are this person
#   written         this person agreed in writing; the reference says where the paper is
#   public-domain   a portrait whose use is free; the reference says which one
#   synthetic       this person does not exist; the reference says how the face was made
#   research        a licensed research set; the reference names the set and its licence

[[consent]]
role = "source"
basis = "written"
who = "Name of the person"
reference = "Where the proof is kept, e.g. contract 2026-14, page 3"
date = 2026-01-31
# expires = 2027-01-31

[[consent]]
role = "destination"
basis = "self"
who = "Name of the person"
reference = "Where the proof is kept"
date = 2026-01-31
"""


@dataclass(frozen=True)
class Consent:
    """One record: on what ground the face of one clip may be used.

    Attributes:
        role: ``source`` (the face is taken) or ``destination`` (the face is replaced).
        basis: one of :data:`BASES`.
        who: the person, or the name of the clip where only the basis was stated.
        reference: where the proof is.
        date: ISO date from which it holds.
        expires: ISO date of the last day on which it holds, or None.
    """

    role: Role
    basis: str
    who: str
    reference: str
    date: str
    expires: str | None = None

    @property
    def id(self) -> str:
        """A short hash of the content (12 hex digits): the same record has the same id everywhere."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:ID_DIGITS]

    def to_table(self) -> dict[str, str]:
        """The record as a TOML or JSON table, without what is not set, with its id."""
        table = {key: value for key, value in asdict(self).items() if value is not None}
        return table | {"id": self.id}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Consent:
        """A record from a table of the FILE or of a workspace; an ``id`` in it is not read but made anew.

        Raises:
            InputError: a field is missing, unknown, empty or not understood.
        """
        if not isinstance(table, Mapping):
            raise InputError("A consent record must be a table that begins with [[consent]].")
        unknown = sorted(set(table) - {"role", "basis", "who", "reference", "date", "expires", "id"})
        if unknown:
            raise InputError(f"A consent record has a field that is not known: {', '.join(unknown)}.")
        role, basis = _text(table, "role"), _text(table, "basis")
        if role not in ROLES:
            raise InputError(f'The role of a consent record must be "source" or "destination", not "{role}".')
        if basis not in BASES:
            raise InputError(f'The basis of a consent record must be one of {", ".join(BASES)}, not "{basis}".')
        expires = None if table.get("expires") in (None, "") else _day(table, "expires")
        begins = _day(table, "date")
        if expires is not None and expires < begins:
            raise InputError(f"The consent record for the {role} expires ({expires}) before it begins ({begins}).")
        return cls(cast(Role, role), basis, _text(table, "who"), _text(table, "reference"), begins, expires)

    def holds(self, today: dt.date) -> bool:
        """Whether the record is in force on that day."""
        # One day of grace at the beginning: "today" is not the same day in every time zone.
        begun = dt.date.fromisoformat(self.date) <= today + dt.timedelta(days=1)
        return begun and (self.expires is None or today <= dt.date.fromisoformat(self.expires))


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'A consent record needs {key} = "...", and it is missing or empty.')
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
        raise InputError(f"A consent record needs {key} as a date such as 2026-01-31, not {value!r}.") from error


def from_option(value: str, source_name: str, destination_name: str) -> tuple[Consent, Consent]:
    """The two records behind ``--consent``.

    Args:
        value: a word of :data:`BASES`, said of both clips, or the path of a TOML file with ``[[consent]]`` records
            (:data:`TEMPLATE` shows one).
        source_name, destination_name: names of the two clips, recorded as ``who`` where only a word was given.

    Raises:
        InputError: neither a word nor a file, or a file that is not understood.
        Refused: the file has no record that holds today for one of the two.
    """
    if value in BASES:
        today = dt.date.today().isoformat()
        return (
            Consent("source", value, Path(source_name).name, ON_THE_COMMAND_LINE, today),
            Consent("destination", value, Path(destination_name).name, ON_THE_COMMAND_LINE, today),
        )
    records = require(read_file(Path(value)))
    # Several may hold, an old one and its renewal: the latest counts.
    latest = {record.role: record for record in sorted(records, key=lambda record: record.date)}
    return latest["source"], latest["destination"]


def read_file(path: Path) -> tuple[Consent, ...]:
    """All records of a TOML file, in force or not. Raises InputError with what is wrong in it."""
    if not path.is_file():
        raise InputError(f"--consent {path} is neither a basis ({', '.join(BASES)}) nor a TOML file with the records.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The consent file {path} is not readable TOML: {error}.") from error
    except OSError as error:
        raise InputError(f"The consent file {path} cannot be read: {error.strerror}.") from error
    tables = content.get("consent", [])
    if not isinstance(tables, list) or not tables:
        raise InputError(f"The consent file {path} has no [[consent]] table; one for each role is needed.")
    try:
        return tuple(Consent.from_table(table) for table in tables)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def require(records: Iterable[Consent], today: dt.date | None = None) -> tuple[Consent, ...]:
    """The records that hold today; the gate before every use of a face.

    Raises:
        Refused: the source or the destination has no record, or none that is in force.
    """
    records, today = tuple(records), today or dt.date.today()
    valid = tuple(record for record in records if record.holds(today))
    for role in ROLES:
        if any(record.role == role for record in valid):
            continue
        own = [record for record in records if record.role == role]
        if own:
            last = max(own, key=lambda record: record.expires or "9999")
            if last.expires and last.expires < today.isoformat():
                why = f"The consent record for the {role} ({last.who}) expired on {last.expires}"
            else:
                why = f"The consent record for the {role} ({last.who}) holds only from {last.date}"
            raise Refused(f"{why}; renew it and give the new record with --consent.")
        raise Refused(
            f"There is no consent record for the {role}: say on what ground this face may be used, with "
            f"--consent {'|'.join(BASES)} or a TOML file with both records."
        )
    return valid
