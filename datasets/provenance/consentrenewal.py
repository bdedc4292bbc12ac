"""Consent records over time: a renewal stands beside the record that it renews, a withdrawal is written into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from datasets.errors import InputError, Refused
from datasets.provenance.consent import ROLES, Consent, Role, in_force, why_not


def renewed(held: Sequence[Consent], given: Sequence[Consent], today: dt.date | None = None) -> tuple[Consent, ...]:
    """The records after a renewal: all that were held, as they were, and those of the given that are new.

    A record that is held already is not added again, but a withdrawal that it now says is taken over, unless an earlier
    one is held. A bare word does not take the place of a record with a reference that is in force, nor is it added
    again while it holds; a record that is over and never was held is left out.

    Raises:
        Refused: of a role, none of the given records makes its face usable, now or later.
    """
    today = today or dt.date.today()
    after = list(held)
    for record in given:
        at = next((number for number, other in enumerate(after) if other.id == record.id), None)
        if at is not None:
            earlier = after[at].withdrawn
            if record.withdrawn is not None and (earlier is None or record.withdrawn < earlier):
                after[at] = record
        elif record.state(today) != "expired" and not _said_already(record, after, today):
            after.append(record)
    for role in ROLES:
        own = [record for record in given if record.role == role]
        if not own or any(record.withdrawn for record in own):
            continue
        days = [today, *(day for record in own if (day := dt.date.fromisoformat(record.date)) > today)]
        if not any(role in in_force(after, day) for day in days):
            raise Refused(why_not((*after, *own), role, today) or "")
        if all(record.state(today) == "expired" for record in own) and not {r.id for r in own} & {r.id for r in held}:
            raise Refused(why_not(own, role, today) or "")
    return tuple(after)


def _said_already(record: Consent, held: Sequence[Consent], today: dt.date) -> bool:
    """Whether a bare word adds nothing to what is in force."""
    if record.has_reference:
        return False
    counts = in_force(held, today).get(record.role)
    return counts is not None and (counts.has_reference or counts.basis == record.basis)


def withdrawn(held: Sequence[Consent], role: Role, day: dt.date, today: dt.date | None = None) -> tuple[Consent, ...]:
    """The records after the person of that role took the consent back on that day.

    A withdrawal that was to come later is brought forward. Records that have not begun yet end with it too: they were
    given before it, so that only what the person agrees to afterwards makes the face usable again.

    Raises:
        InputError: there is no record that could be withdrawn, or the day is before all of them.
    """
    said_on, now = day.isoformat(), (today or dt.date.today()).isoformat()
    own = [record for record in held if record.role == role]
    open_records = [record for record in own if record.withdrawn is None or record.withdrawn > said_on]
    if not own:
        raise InputError(f"There is no consent record for the {role} that could be withdrawn.")
    if not open_records:
        raise InputError(f"The consent for the {role} was withdrawn already, on {max(r.withdrawn or '' for r in own)}.")
    ended = [
        record
        for record in open_records
        if record.date > now or (record.date <= said_on and record.state(day) != "expired")
    ]
    if not ended:
        said = ", ".join(f"{record.date} to {record.expires or 'no end'}" for record in open_records)
        raise InputError(f"No consent record for the {role} holds on {day}, so none is withdrawn (they hold {said}).")
    return tuple(replace(record, withdrawn=said_on) if record in ended else record for record in held)
