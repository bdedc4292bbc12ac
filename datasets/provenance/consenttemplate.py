"""A consent file to fill in."""

from __future__ import annotations

import datetime as dt

NAME_TO_FILL_IN = "Name of the person"
PROOF_TO_FILL_IN = "Where the proof is kept"

TEMPLATE = f"""\
# Consent records for counterface: one for the person whose face is taken (source),
# one for the person whose face is replaced (destination).
#
# basis is one of
#   self            you are this person
#   written         this person agreed in writing; the reference says where the paper is
#   public-domain   a portrait whose use is free; the reference says which one
#   synthetic       this person does not exist; the reference says how the face was made
#   research        a licensed research set; the reference names the set and its licence
#
# who and reference are free text, such as "contract 2026-14, page 3", and both are needed.
# They go into the Content Credentials of every output as they stand here: write no more than may be read there.
# date is the day from which the record holds, expires the last day (without it there is no end),
# withdrawn = 2026-06-30 would say that the person took the consent back on that day.

[[consent]]
role = "source"
basis = "written"
who = "{NAME_TO_FILL_IN}"
reference = "{PROOF_TO_FILL_IN}"
date = 2026-01-31
# expires = 2027-01-31

[[consent]]
role = "destination"
basis = "self"
who = "{NAME_TO_FILL_IN}"
reference = "{PROOF_TO_FILL_IN}"
date = 2026-01-31
"""


def template(today: dt.date | None = None) -> str:
    """A TOML file with both records to fill in, dated today; it is refused until names and references are."""
    day = today or dt.date.today()
    dated = TEMPLATE.replace("date = 2026-01-31", f"date = {day.isoformat()}")
    return dated.replace("expires = 2027-01-31", f"expires = {(day + dt.timedelta(days=364)).isoformat()}")
