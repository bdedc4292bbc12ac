"""Commands about consent: is there a ground to use these two faces, a file to fill in, renewal, withdrawal."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from datasets.errors import InputError
from ui.commands.options import Force, Json, WorkspaceArgument, write_json

if TYPE_CHECKING:
    from datasets.workspace import Role, Workspace

consents = typer.Typer(help="The ground on which the two faces may be used.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    for command in (check, template, renew, withdraw):
        consents.command()(command)
    app.add_typer(consents, name="consent")


def check(
    what: Annotated[Path, typer.Argument(metavar="WORKSPACE|FILE", show_default=False)],
    json: Json = None,
) -> None:
    """Whether the consent records hold today, and which of them a result was made under. Exit code 3 when not."""
    from datasets.provenance.consentcheck import check_file, check_workspace
    from datasets.workspace import SETTINGS, open_workspace

    root = what.parent if what.name == SETTINGS and what.is_file() else what
    found = check_workspace(open_workspace(root)) if root.is_dir() else check_file(what)
    write_json(found.to_json(), json)
    if str(json) != "-":
        for sentence in found.words:
            print(sentence)
    found.require()


def template(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; else it is printed.")
    ] = None,
    force: Force = False,
) -> None:
    """A TOML file to fill in, with one record for the source and one for the destination."""
    from datasets.atomic import refuse_overwrite, write_text
    from datasets.provenance.consenttemplate import template as filled

    if output is None:
        print(filled(), end="")
        return
    refuse_overwrite(output, force)
    write_text(output, filled())
    print(f"Fill in {output}, look at it with: counterface consent check {output}")


def renew(
    workspace: WorkspaceArgument,
    consent: Annotated[
        str,
        typer.Option(
            "--consent",
            metavar="FILE|BASIS",
            help="A TOML FILE with the new records, or self, written, public-domain, synthetic or research.",
            show_default=False,
        ),
    ],
) -> None:
    """Add new consent records to a workspace; the older ones stay in it."""
    from datasets.provenance.consent import BASES, read_file, stated
    from datasets.workspace import open_workspace, renew_consent

    opened = open_workspace(workspace)
    if consent in BASES:
        names = [str(opened.settings.get("clips", {}).get(role, {}).get("name", role)) for role in _roles()]
        given: tuple = stated(consent, *names)  # type: ignore[type-arg]
    else:
        given = read_file(Path(consent))
    now = renew_consent(opened, given)
    held = {record.id: record for record in opened.consent}
    changed = [record for record in now.consent if held.get(record.id) != record]
    for record in changed:
        ended = f", withdrawn {record.withdrawn}" if record.withdrawn else ""
        until = f" until {record.expires}" if record.expires else ""
        print(f"{record.role}: {record.basis}, {record.who}, from {record.date}{until}{ended} (id {record.id})")
    if not changed:
        print(f"{workspace} holds these records, or better ones, already; nothing was changed.")
    _say_lacking(now)


def withdraw(
    workspace: WorkspaceArgument,
    role: Annotated[str, typer.Option("--role", help="Whose consent: source or destination.", show_default=False)],
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="From which day; today by default.")
    ] = None,
) -> None:
    """Write down that a person took the consent back: from that day on nothing is made with this face."""
    from datasets.provenance.consent import in_force
    from datasets.workspace import open_workspace, withdraw_consent

    if role not in _roles():
        raise InputError(f'--role is "source" or "destination", not "{role}".')
    try:
        day = dt.date.fromisoformat(date) if date else dt.date.today()
    except ValueError as error:
        raise InputError(f"--date is a date such as 2026-01-31, not {date!r}.") from error
    now = withdraw_consent(open_workspace(workspace), cast("Role", role), day)
    print(f"The consent for the {role} is withdrawn from {day} on.")
    there = _made_from(now, cast("Role", role))
    if there:
        print(f"Still in {workspace}, with this face in it: {', '.join(there)}; delete what may no longer be kept.")
    counts = in_force(now.consent, dt.date.today()).get(cast("Role", role))
    if counts is not None:
        print(f"Today a record for the {role} is in force still: {counts.who}, from {counts.date} (id {counts.id}).")
    _say_lacking(now)


def _roles() -> tuple[str, ...]:
    from datasets.provenance.consent import ROLES

    return ROLES


def _say_lacking(workspace: Workspace) -> None:
    """Say of which role no record is in force; that is what a withdrawal is for, and no error of this command."""
    from datasets.provenance.consent import ROLES, why_not

    for role in ROLES:
        lacking = why_not(workspace.consent, role, dt.date.today(), workspace.root)
        if lacking is not None:
            print(lacking)


def _made_from(workspace: Workspace, role: Role) -> list[str]:
    """What a workspace holds that shows a face or was made from it, as paths inside it."""
    from datasets.workspace import SHORT

    patterns = (f"{SHORT[role]}.*", SHORT[role], "model/*", "detector", "result")
    found = [path for pattern in patterns for path in sorted(workspace.root.glob(pattern))]
    return [str(path.relative_to(workspace.root)) for path in found if not path.name.startswith(".")]
