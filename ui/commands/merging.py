"""The command that puts the swapped face back into the clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.options import Device, Force, Method, Quiet, WorkspaceArgument
from ui.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(merge)


def merge(
    workspace: WorkspaceArgument,
    method: Method = "quick96",
    mode: Annotated[str, typer.Option("--mode", help="overlay or raw.")] = "overlay",
    colour: Annotated[str, typer.Option("--colour", help="reinhard or none.")] = "reinhard",
    erode: Annotated[
        float | None, typer.Option("--erode", help="Draw the mask in, part of the crop's side; 0.03 by default.")
    ] = None,
    blur: Annotated[
        float | None, typer.Option("--blur", help="Soft edge of the mask, part of the crop's side; 0.09 by default.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The result; the workspace's result/result.mp4 by default.")
    ] = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Put the swapped face into every frame of the destination."""
    from datasets.atomic import refuse_overwrite
    from datasets.workspace import open_workspace
    from synth.composite.compositor import CompositeSettings
    from synth.pipeline import merge as merge_frames
    from ui.services.loop import merged

    opened = open_workspace(workspace)
    given = {"erode": erode, "blur": blur}
    settings = CompositeSettings(mode, colour, **{name: value for name, value in given.items() if value is not None})
    target = output or opened.result / "result.mp4"
    refuse_overwrite(target, force)
    with Console(quiet) as console:
        if output is None:
            merged(opened, method, settings, device, console)
        else:
            for note in merge_frames(opened, method, settings, output, device, force, console).notes:
                console.say(note)
    print(f"The result is {target}")
