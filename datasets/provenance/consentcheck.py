"""What the consent records of a workspace or of a file are worth today: in plain words, and as data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import InputError, Refused
from datasets.provenance.consent import ROLES, Consent, Role, in_force, why_not, withdrawal

if TYPE_CHECKING:
    from datasets.workspace import Workspace

SOON_DAYS = 30
RESULT = Path("result") / "result.mp4"


@dataclass(frozen=True)
class RoleCheck:
    """How one of the two faces stands.

    Attributes:
        role: ``source`` or ``destination``.
        files: names of its clips and pictures; empty where only a file of records was looked at.
        counts: the record in force, or None.
        records: all of the role in the order of the file, each with how it stands ("in force", "renewed", "not yet",
            "expired", "withdrawn" or "ended", that is by the withdrawal of another record).
        lacking: why the face may not be used, or None.
        warnings: what will soon, or may, be wrong.
        notes: what a reader should know.
    """

    role: Role
    files: tuple[str, ...]
    counts: Consent | None
    records: tuple[tuple[Consent, str], ...]
    lacking: str | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self, today: dt.date) -> dict[str, Any]:
        return {
            "holds": self.counts is not None,
            "files": list(self.files),
            "in_force": None if self.counts is None else _table(self.counts, today),
            "records": [_table(record, today) | {"state": state} for record, state in self.records],
            "lacking": self.lacking,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def words(self, today: dt.date) -> list[str]:
        files = f" ({_few(self.files)})" if self.files else ""
        said = [f"{self.role}{files}: {'a record is in force' if self.counts else 'NO RECORD IN FORCE'}"]
        for record, state in self.records:
            said.append(f"  {state}: {record.basis}, {record.who}")
            said.append(f"    reference: {record.reference}")
            said.append(f"    {_span(record, today)}; id {record.id}")
        said += [f"  {self.lacking}"] if self.lacking else []
        said += [f"  warning: {sentence}" for sentence in self.warnings]
        return said + [f"  note: {sentence}" for sentence in self.notes]


@dataclass(frozen=True)
class ResultCheck:
    """Under which records the workspace's result says that it was made, and how these stand now.

    Attributes:
        credentials: state of its Content Credentials (``reading.State``).
        records: each with how it stands now ("in force", "renewed", "expired", "withdrawn", "ended", "unknown": it is
            not among the workspace's, or "not yet").
        warnings: one sentence for each that no longer stands, and for what cannot be told.
    """

    credentials: str
    records: tuple[tuple[Consent, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every record that it was made under could still be relied on."""
        return bool(self.records) and not self.warnings

    def to_json(self) -> dict[str, Any]:
        records = [record.to_table() | {"state": state} for record, state in self.records]
        return {
            "file": str(RESULT),
            "credentials": self.credentials,
            "holds": self.holds,
            "records": records,
            "warnings": list(self.warnings),
        }

    def words(self) -> list[str]:
        said = [f"  {record.id} ({record.role}, {record.who}): {state}" for record, state in self.records]
        head = [f"{RESULT} says that it was made under"] if said else [f"{RESULT}"]
        return head + said + [f"  warning: {sentence}" for sentence in self.warnings]


@dataclass(frozen=True)
class ConsentCheck:
    """What ``counterface consent check`` found.

    Attributes:
        file: where the records are.
        today: the day for which it was looked.
        roles: source and destination.
        result: of a workspace that has a result.
    """

    file: Path
    today: dt.date
    roles: tuple[RoleCheck, ...]
    result: ResultCheck | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether both faces may be used today."""
        return all(role.counts is not None for role in self.roles)

    def require(self) -> None:
        """Raise Refused, with the gate's own sentence, when one of the two faces may not be used today."""
        for role in self.roles:
            if role.lacking is not None:
                raise Refused(role.lacking)

    def to_json(self) -> dict[str, Any]:
        return {
            "file": str(self.file),
            "today": self.today.isoformat(),
            "holds": self.holds,
            "roles": {role.role: role.to_json(self.today) for role in self.roles},
            "result": None if self.result is None else self.result.to_json(),
            "notes": list(self.notes),
        }

    @property
    def words(self) -> tuple[str, ...]:
        said = [f"{self.file}, on {self.today}"]
        for role in self.roles:
            said += role.words(self.today)
        said += [] if self.result is None else self.result.words()
        said += [f"note: {sentence}" for sentence in self.notes]
        wanting = " and of the ".join(role.role for role in self.roles if role.counts is None)
        return (
            *said,
            f"The face of the {wanting} may not be used today." if wanting else "All records that are needed hold.",
        )


def check_file(path: Path, today: dt.date | None = None) -> ConsentCheck:
    """Check a TOML file of records, as it would be given with ``--consent``. Raises InputError when it is none."""
    from datasets.provenance.consent import read_file

    if not path.is_file():
        raise InputError(f"{path} is neither a workspace nor a TOML file with consent records.")
    records, day = read_file(path), today or dt.date.today()
    return ConsentCheck(path, day, tuple(_role(records, role, day) for role in ROLES), None, _edited(path, records))


def check_workspace(workspace: Workspace, today: dt.date | None = None) -> ConsentCheck:
    """Check the records of a workspace, and under which of them its result was made."""
    from datasets.workspace import SETTINGS

    records, day, file = workspace.consent, today or dt.date.today(), workspace.root / SETTINGS
    roles = tuple(_role(records, role, day, _names(workspace, role), workspace.root) for role in ROLES)
    result = workspace.root / RESULT
    made = check_result(result, records, day) if result.is_file() else None
    return ConsentCheck(file, day, roles, made, _edited(file, records))


def check_result(path: Path, records: Sequence[Consent], today: dt.date) -> ResultCheck:
    """How the records in a result's signed manifest stand now.

    Args:
        path: the result.
        records: those of its workspace.
    """
    from datasets.provenance.reading import read_credentials

    found = read_credentials(path)
    if not found.by_studio:
        why = {
            "none": "It carries no Content Credentials",
            "invalid": "Its Content Credentials do not hold: the file was changed after they were signed",
        }.get(found.state, "Its Content Credentials are not this studio's")
        return ResultCheck(found.state, (), (f"{why}, so it cannot be told under which records it was made.",))
    made, warnings = list[tuple[Consent, str]](), list[str]()
    for table in found.making.get("consent") or []:
        try:
            record = Consent.from_table(table)
        except InputError as error:
            warnings.append(f"A record in it is not understood: {error}")
            continue
        own = next((other for other in records if other.id == record.id), None)
        state = _state(own or record, records, today)
        ended = withdrawal(records, record.role, today)
        if state in ("withdrawn", "ended"):
            warnings.append(
                f"It was made under {record.id}, and the {record.role} ({record.who}) withdrew the consent on "
                f"{ended or record.withdrawn}: ask whether it may still be shown, or delete it."
            )
        elif state == "expired":
            warnings.append(f"It was made under {record.id} ({record.role}, {record.who}), expired {record.expires}.")
        elif own is None:
            state = "unknown"
            warnings.append(
                f"It was made under {record.id} ({record.role}, {record.who}), which is not among the workspace's "
                "records: that was changed or removed since."
            )
        made.append((record, state))
    for role in ROLES:
        if not any(record.role == role for record, _ in made):
            warnings.append(f"It names no record for the {role}.")
    return ResultCheck(found.state, tuple(made), tuple(warnings))


def _role(
    records: Sequence[Consent], role: Role, today: dt.date, files: tuple[str, ...] = (), root: Path | None = None
) -> RoleCheck:
    own = tuple(record for record in records if record.role == role)
    counts = in_force(records, today).get(role)
    warnings, notes = list[str](), list[str]()
    if counts is not None:
        later = [record for record in own if record.state(today) == "not yet" and not _over_before(record, counts)]
        if counts.until is not None and (left := (counts.until - today).days) <= SOON_DAYS:
            follow = in_force(records, counts.until + dt.timedelta(days=1)).get(role)
            if follow is None:
                warnings.append(f"It holds for {_days(left)} more, until {counts.until}; nothing follows it.")
        notes += [f"{record.id} follows on {record.date}." for record in later]
        if not counts.has_reference:
            warnings.append("It holds no proof: stated on the command line, no reference.")
        others = {r.who for r in own if r.has_reference and r.state(today) in ("in force", "not yet")} - {counts.who}
        if others and counts.has_reference:
            warnings.append(
                f"The records name several people ({', '.join(sorted({counts.who, *others}))}), and the {role} is "
                "one person: remove those of anybody else."
            )
    if len(files) > 1:
        notes.append(f"{len(files)} clips or pictures, taken to show one and the same person: one record covers them.")
    stands = tuple((record, _state(record, records, today)) for record in own)
    return RoleCheck(role, files, counts, stands, why_not(records, role, today, root), tuple(warnings), tuple(notes))


def _state(record: Consent, records: Sequence[Consent], today: dt.date) -> str:
    """How a record stands beside the others of its role."""
    state, counts = record.state(today), in_force(records, today).get(record.role)
    if state != "in force" or (counts is not None and counts.id == record.id):
        return state
    if counts is not None and counts.date >= record.date:
        return "renewed"
    return "ended" if withdrawal(records, record.role, today) is not None else state


def _over_before(record: Consent, other: Consent) -> bool:
    return record.until is not None and other.until is not None and record.until <= other.until


def _table(record: Consent, today: dt.date) -> dict[str, Any]:
    until = record.until
    return record.to_table() | {
        "until": None if until is None else until.isoformat(),
        "days_left": None if until is None else (until - today).days,
        "has_reference": record.has_reference,
    }


def _span(record: Consent, today: dt.date) -> str:
    said = f"from {record.date} " + (f"until {record.expires}" if record.expires else "without an end")
    if record.withdrawn:
        said += f", withdrawn {record.withdrawn}"
    elif record.until is not None and record.until >= today:
        said += f" ({_days((record.until - today).days)} left)"
    return said


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _few(files: tuple[str, ...]) -> str:
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")


def _names(workspace: Workspace, role: Role) -> tuple[str, ...]:
    try:
        return workspace.names(role)
    except InputError:
        return ()  # no clip of that name is there: what the records say can be told all the same


def _edited(path: Path, records: Sequence[Consent]) -> tuple[str, ...]:
    """A note for each record whose written ``id`` is not that of what it says: it was edited by hand."""
    import tomllib

    tables: Sequence[Mapping[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get("consent", [])
    return tuple(
        f"The record of {record.who} ({record.role}) was edited after it was written: its id was {table['id']} and is "
        f"{record.id} now, so outputs made before name the older one."
        for table, record in zip(tables, records, strict=True)
        if table.get("id") not in (None, record.id)
    )
