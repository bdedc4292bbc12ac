"""Commands that make a swap or begin one: demo, swap, new, extract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from ui.console import Console

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
    from datasets.samples import sample_clips
    from datasets.workspace import create, open_workspace, refuse_root
    from ui.services.loop import whole_loop

    going_on = (output / "workspace.toml").is_file() and not force
    if not going_on:
        refuse_root(output, force)
    with Console(quiet) as console:
        source, destination = sample_clips(progress=console)
        if going_on:
            workspace = open_workspace(output)
            _same_clips(workspace, source, destination)
        else:
            workspace = create(output, source, destination, _sample_consent(), force=force)
        report = whole_loop(workspace, "quick96", budget(None, minutes, DEMO_MINUTES), device, console)
    print(f"The result is {workspace.result / 'result.mp4'}")
    print(f"The report is {report}")


def swap(
    source: Annotated[Path, typer.Argument(help="The clip of the person whose face is taken.", show_default=False)],
    destination: Annotated[Path, typer.Argument(help="The clip whose face is replaced.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The result, an .mp4 file.", show_default=False)],
    consent: ConsentOption = "",
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Where the work is kept; OUTPUT_workspace by default.")
    ] = None,
    method: Method = "quick96",
    steps: Steps = None,
    minutes: Minutes | None = None,
    seed: Annotated[int, typer.Option("--seed", help="Everything random comes from it.")] = 0,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """The whole loop on two clips of your own: workspace, faces, training, result, paired score, report."""
    from datasets.atomic import refuse_overwrite, refuse_same, remove
    from datasets.workspace import create, open_workspace, renew_consent
    from ui.services.loop import check, whole_loop

    if output.suffix.lower() not in (".mp4", ".m4v"):
        raise InputError(f"{output} must end in .mp4.")
    for file in (output, output.with_suffix(".c2pa")):
        refuse_overwrite(file, force)
    for clip in (source, destination):
        refuse_same(output, clip)
    length = budget(steps, minutes, SWAP_MINUTES)
    check_model_options(method, device)
    work = workspace or output.with_name(f"{output.stem}_workspace")
    with Console(quiet) as console:
        if (work / "workspace.toml").is_file():
            opened = open_workspace(work)
            _same_clips(opened, source, destination)
            if opened.seed != seed:
                raise InputError(f"{work} was begun with seed {opened.seed}; give --seed {opened.seed} to go on.")
            if consent:
                opened = renew_consent(opened, _consent(consent, source, destination))
            console.say(f"Going on in {work}.")
        else:
            opened = create(work, source, destination, _consent(consent, source, destination), seed)
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
    source: Annotated[Path, typer.Option("--source", help="The clip whose face is taken.", show_default=False)],
    destination: Annotated[
        Path, typer.Option("--destination", help="The clip whose face is replaced.", show_default=False)
    ],
    consent: ConsentOption = "",
    seed: Annotated[int, typer.Option("--seed", help="Everything random comes from it.")] = 0,
    force: Force = False,
) -> None:
    """Make a workspace from two clips."""
    from datasets.workspace import create

    made = create(workspace, source, destination, _consent(consent, source, destination), seed, force)
    print(f"The workspace is {made.root}; next: counterface extract {made.root}")


def extract(
    what: Annotated[Path, typer.Argument(metavar="WORKSPACE|CLIP", show_default=False)],
    finder: Annotated[
        str | None, typer.Option("--finder", help="mediapipe (the default), retinaface or mtcnn.")
    ] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Look at every N-th frame (of a CLIP).")] = 1,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where the face set of a CLIP goes.")] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Find, track and align the faces of a workspace's two clips, or of one clip."""
    from datasets.extract import extract as extract_clip
    from datasets.workspace import open_workspace
    from ui.services.loop import faces

    with Console(quiet) as console:
        if what.is_dir():
            if every != 1 or output is not None:
                raise InputError("--every and -o are for a single clip; a workspace needs every frame.")
            workspace = open_workspace(what)
            faces(workspace, console, finder, force)
            print(f"The face sets are in {workspace.root}; next: counterface train {workspace.root}")
            return
        folder = output or what.with_name(f"{what.stem}_faces")
        info = extract_clip(what, folder, finder or "mediapipe", every, force=force, progress=console)
        for note in info.notes():
            console.say(note)
    print(f"{info.faces} faces in {info.frames_with_face} of {info.frames} frames: {folder}")


def _consent(value: str, source: Path, destination: Path) -> tuple:  # type: ignore[type-arg]
    from datasets.provenance.consent import from_option, require

    if not value:
        return require(())
    return from_option(value, source.name, destination.name)


def _sample_consent() -> tuple:  # type: ignore[type-arg]
    from datasets.provenance.consent import Consent
    from datasets.samples import CREDITS
    from datasets.samples.clips import RECORDED, citation

    source, destination = CREDITS["hopper"], CREDITS["astronaut"]
    return (
        Consent("source", "public-domain", source.person, citation(source), RECORDED),
        Consent("destination", "public-domain", destination.person, citation(destination), RECORDED),
    )


def _same_clips(workspace: object, source: Path, destination: Path) -> None:
    """Raise InputError when a workspace was made from other clips than these."""
    from datasets.video import probe
    from datasets.workspace import Workspace, sha256

    assert isinstance(workspace, Workspace)
    for role, clip in (("source", source), ("destination", destination)):
        probe(clip)
        known = workspace.settings.get("clips", {}).get(role, {})
        if known.get("sha256") != sha256(clip):
            raise InputError(
                f"{workspace.root} was made from another {role} ({known.get('name', 'unknown')}); "
                "choose another workspace."
            )
