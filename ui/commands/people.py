"""Options that say which of the people in a clip is meant, and what is checked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datasets.errors import InputError

if TYPE_CHECKING:
    from datasets.workspace import Choice, Role, Workspace

SourceTrack = Annotated[
    int | None, typer.Option("--source-track", min=0, help="Whose face is taken: the track of this number.")
]
SourceReference = Annotated[
    Path | None, typer.Option("--source-reference", help="Whose face is taken: the person most like this picture.")
]
DestinationTrack = Annotated[
    int | None, typer.Option("--destination-track", min=0, help="Whose face is replaced: the track of this number.")
]
DestinationReference = Annotated[
    Path | None,
    typer.Option("--destination-reference", help="Whose face is replaced: the person most like this picture."),
]


def people_of(
    source_track: int | None,
    destination_track: int | None,
    source_reference: Path | None,
    destination_reference: Path | None,
) -> dict[Role, Choice]:
    """Who is meant, as the options say. Raises InputError when they say two things of one role."""
    from datasets.workspace import Choice

    people: dict[Role, Choice] = {}
    given: tuple[tuple[Role, int | None, Path | None], ...] = (
        ("source", source_track, source_reference),
        ("destination", destination_track, destination_reference),
    )
    for role, track, reference in given:
        if track is not None and reference is not None:
            raise InputError(f"Give --{role}-track or --{role}-reference, not both.")
        if track is not None or reference is not None:
            people[role] = Choice(track, reference)
    return people


def check_references(people: Mapping[Role, Choice]) -> None:
    """Raise InputError, before anything is made, when a reference does not show one face."""
    from datasets.faces.likeness import view_in

    for choice in people.values():
        if choice.reference is not None:
            view_in(choice.reference)


def check_tracks(workspace: Workspace, people: Mapping[Role, Choice], force: bool) -> None:
    """Raise InputError, before the choice is written down, when a face set that stays has no such track."""
    from datasets.faceset import FaceSet
    from synth.people import no_such_track

    for role, choice in people.items():
        if choice.track is not None and not force and workspace.faces(role).is_dir():
            no_such_track(FaceSet(workspace.faces(role)), role, choice.track)


def same_people(workspace: Workspace, people: Mapping[Role, Choice]) -> None:
    """Raise InputError when a workspace was begun with another choice of people than these, or a reference is gone."""
    from datasets.workspace import sha256

    for role, choice in people.items():
        held = workspace.settings.get("people", {}).get(role, {})
        if choice.reference is not None and not choice.reference.is_file():
            raise InputError(f"There is no file {choice.reference}.")
        digest = None if choice.reference is None else sha256(choice.reference)
        if (held.get("track"), held.get("sha256")) != (choice.track, digest):
            raise InputError(
                f"{workspace.root} was begun with another choice of the {role}; choose another workspace, or change "
                f"it with: counterface extract {workspace.root} --{role}-track N"
            )
