"""Commands that make a swap or begin one: demo, swap, new, extract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datasets.errors import InputError
from ui.commands.options import (
    SWAP_MINUTES,
    ConsentOption,
    Device,
    Force,
    Method,
    Minutes,
    Quiet,
    Steps,
    WorkspaceArgument,
    budget,
    check_model_options,
)
from ui.commands.people import (
    DestinationReference,
    DestinationTrack,
    SourceReference,
    SourceTrack,
    check_references,
    check_tracks,
    people_of,
    same_people,
)
from ui.console import Console

if TYPE_CHECKING:
    pass

DEMO_MINUTES = 2.0


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    for command in (demo, swap, new, extract):
        app.command()(command)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="The workspace to make.")] = Path("demo"),
    minutes: Minutes = DEMO_MINUTES,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """The whole loop on the shipped sample; ends by printing where the report is. Run again, it goes on."""
    from ui.services.sample import make_sample

    with Console(quiet) as console:
        report = make_sample(output, budget(None, minutes, DEMO_MINUTES), device, console, force)
    print(f"The result is {report.with_name('result.mp4')}")
    print(f"The report is {report}")


def swap(
    source: Annotated[
        Path,
        typer.Argument(
            help="The person whose face is taken: a clip, a picture, or a folder of clips or pictures.",
            show_default=False,
        ),
    ],
    destination: Annotated[Path, typer.Argument(help="The clip whose face is replaced.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The result, an .mp4 file.", show_default=False)],
    consent: ConsentOption = "",
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Where the work is kept; OUTPUT_workspace by default.")
    ] = None,
    method: Method = "quick96",
    steps: Steps = None,
    minutes: Minutes | None = None,
    source_track: SourceTrack = None,
    destination_track: DestinationTrack = None,
    source_reference: SourceReference = None,
    destination_reference: DestinationReference = None,
    seed: Annotated[int, typer.Option("--seed", help="Everything random comes from it.")] = 0,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """The whole loop on two clips of your own: workspace, faces, training, result, paired score, report."""
    from datasets.atomic import refuse_overwrite, refuse_same, remove
    from datasets.workspace import create, open_workspace, renew_consent
    from ui.services.loop import check, whole_loop
    from ui.services.sample import same_clips

    if output.suffix.lower() not in (".mp4", ".m4v"):
        raise InputError(f"{output} must end in .mp4.")
    for file in (output, output.with_suffix(".c2pa")):
        refuse_overwrite(file, force)
    for clip in (source, destination):
        refuse_same(output, clip)
    people = people_of(source_track, destination_track, source_reference, destination_reference)
    length = budget(steps, minutes, SWAP_MINUTES)
    check_model_options(method, device)
    work = workspace or output.with_name(f"{output.stem}_workspace")
    with Console(quiet) as console:
        if (work / "workspace.toml").is_file():
            opened = open_workspace(work)
            same_clips(opened, source, destination)
            same_people(opened, people)
            if opened.seed != seed:
                raise InputError(f"{work} was begun with seed {opened.seed}; give --seed {opened.seed} to go on.")
            if consent:
                opened = renew_consent(opened, _consent(consent, source, destination))
            console.say(f"Going on in {work}.")
        else:
            records = _consent(consent, source, destination)
            check_references(people)
            opened = create(work, source, destination, records, seed, people=people)
            try:
                check(opened, console)
            except InputError:
                remove(work)  # made a moment ago, of clips that can't be swapped
                raise
        report = whole_loop(opened, method, length, device, console, output)
    print(f"The result is {output}")
    print(f"The report is {report}")


def new(
    workspace: WorkspaceArgument,
    source: Annotated[
        list[Path],
        typer.Option(
            "--source",
            help="The person whose face is taken: a clip, a picture, or a folder of them; give it again for more.",
            show_default=False,
        ),
    ],
    destination: Annotated[
        Path, typer.Option("--destination", help="The clip whose face is replaced.", show_default=False)
    ],
    consent: ConsentOption = "",
    source_track: SourceTrack = None,
    destination_track: DestinationTrack = None,
    source_reference: SourceReference = None,
    destination_reference: DestinationReference = None,
    seed: Annotated[int, typer.Option("--seed", help="Everything random comes from it.")] = 0,
    force: Force = False,
) -> None:
    """Make a workspace: from clips or pictures of one person, and a clip of another."""
    from datasets.workspace import create

    people = people_of(source_track, destination_track, source_reference, destination_reference)
    records = _consent(consent, source, destination)
    check_references(people)
    made = create(workspace, source, destination, records, seed, force, people)
    print(f"The workspace is {made.root}; next: counterface extract {made.root}")


def extract(
    what: Annotated[Path, typer.Argument(metavar="WORKSPACE|CLIP", show_default=False)],
    finder: Annotated[
        str | None, typer.Option("--finder", help="mediapipe (the default), retinaface or mtcnn.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", help="Side of the crops, pixels; auto (the default): 256, 384 or 512, as the faces are large."
        ),
    ] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Look at every N-th frame (of a CLIP).")] = 1,
    source_every: Annotated[
        int | None,
        typer.Option("--source-every", min=1, help="Look at every N-th frame of a workspace's source."),
    ] = None,
    source_track: SourceTrack = None,
    destination_track: DestinationTrack = None,
    source_reference: SourceReference = None,
    destination_reference: DestinationReference = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where the face set of a CLIP goes.")] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Find, track and align the faces of a workspace's clips, or of one clip, and list the people in them."""
    from datasets.cropsize import parse_size
    from datasets.extract import advice
    from datasets.extract import extract as extract_clip
    from datasets.workspace import choose_people, open_workspace
    from ui.services.loop import faces, say_tracks

    people = people_of(source_track, destination_track, source_reference, destination_reference)
    side = None if size is None else parse_size(size)
    with Console(quiet) as console:
        if what.is_dir():
            if every != 1 or output is not None:
                raise InputError(
                    "--every and -o are for a single clip; of a workspace's source, not of its destination, frames "
                    "can be left out, with --source-every."
                )
            workspace = open_workspace(what)
            check_references(people)
            check_tracks(workspace, people, force)
            if people:
                workspace = choose_people(workspace, people)
            faces(workspace, console, finder, force, side, source_every)
            print(f"The face sets are in {workspace.root}; next: counterface train {workspace.root}")
            return
        if people or source_every is not None:
            raise InputError(
                f"{what} is no workspace: who is meant, and --source-every, are said of a workspace's clips."
            )
        folder = output or what.with_name(f"{what.stem}_faces")
        info = extract_clip(what, folder, finder or "mediapipe", every, side or "auto", force=force, progress=console)
        for note in info.notes() + advice(info):
            console.say(note)
        say_tracks(info, console)
    print(f"{info.faces} faces in {info.frames_with_face} of {info.frames} frames: {folder}")


def _consent(value: str, source: Path | list[Path], destination: Path) -> tuple:  # type: ignore[type-arg]
    from datasets.footage import label
    from datasets.provenance.consent import from_option, require

    if not value:
        return require(())
    given = source if isinstance(source, list) else [source]
    return from_option(value, label(given), destination.name)
