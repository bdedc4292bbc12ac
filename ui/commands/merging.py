"""The command that puts the swapped face back into the clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.options import Device, Force, Method, Quiet, WorkspaceArgument
from ui.console import Console

SIDE = "part of the crop's side"


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(merge)


def merge(
    workspace: WorkspaceArgument,
    method: Method = "quick96",
    mode: Annotated[
        str | None, typer.Option("--mode", help="overlay, histogram, seamless, seamless-histogram or raw.")
    ] = None,
    colour: Annotated[
        str | None,
        typer.Option(
            "--colour",
            help="Colour transfer from the destination: rct (Reinhard), lct (linear), mkl (Monge-Kantorovitch), idt "
            "(iterative distribution), sot (sliced optimal transport) or none.",
        ),
    ] = None,
    mask: Annotated[
        str | None, typer.Option("--mask", help="The model's own mask (learned), the face outline (hull), or both.")
    ] = None,
    erode: Annotated[float | None, typer.Option("--erode", help=f"Draw the mask in, {SIDE}; below 0 it grows.")] = None,
    blur: Annotated[float | None, typer.Option("--blur", help=f"Soft edge of the mask, {SIDE}.")] = None,
    occlusion: Annotated[
        str | None,
        typer.Option(
            "--occlusion",
            help="What is in front of the face and stays: off, learned (by the model's mask), segment (hands) or auto "
            "(both, and what this face does not usually look like).",
        ),
    ] = None,
    motion_blur: Annotated[
        float | None, typer.Option("--motion-blur", help="Part of a frame's time that the shutter is open, 0 to 1.")
    ] = None,
    sharpen: Annotated[float | None, typer.Option("--sharpen", help="Sharpen the face, 0 to 2.")] = None,
    grain: Annotated[
        float | None, typer.Option("--grain", help="Give the face the clip's own noise; 1 as much as the clip has.")
    ] = None,
    compression: Annotated[
        float | None,
        typer.Option("--compression", help="Bring the face's fine detail to the clip's, from 0 (not) to 1 (fully)."),
    ] = None,
    session: Annotated[
        Path | None,
        typer.Option("--session", help="A TOML or JSON FILE with other settings for some frames."),
    ] = None,
    preview: Annotated[
        int | None,
        typer.Option("--preview", metavar="FRAME", help="Only this frame, from 0, as a picture; needs -o PICTURE.jpg."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The result; the workspace's result/result.mp4 by default.")
    ] = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Put the swapped face into every frame of the destination.

    What is not said is the method's own default.
    """
    from datasets.atomic import refuse_overwrite
    from datasets.errors import InputError
    from datasets.workspace import open_workspace
    from synth.composite.compositor import for_method
    from synth.composite.session import Settings, load_session
    from synth.pipeline import merge as merge_frames
    from ui.services.loop import marks_said, merged

    given = {
        "mode": mode,
        "colour": colour,
        "mask": mask,
        "erode": erode,
        "blur": blur,
        "occlusion": occlusion,
        "motion_blur": motion_blur,
        "sharpen": sharpen,
        "grain": grain,
        "compression": compression,
    }
    opened = open_workspace(workspace)
    settings: Settings = for_method(method, given)
    if session is not None:
        settings = load_session(session, for_method(method, given))
    if preview is not None:
        if output is None:
            raise InputError("--preview writes a picture; say where with -o PICTURE.jpg.")
        from synth.preview import write_frame

        write_frame(opened, method, settings, preview, output, device, force)
        print(f"Frame {preview} is {output}")
        return
    target = output or opened.result / "result.mp4"
    refuse_overwrite(target, force)
    with Console(quiet) as console:
        if output is None:
            merged(opened, method, settings, device, console)
        else:
            report = merge_frames(opened, method, settings, output, device, force, console)
            for note in (*marks_said(report.marks), *report.notes):
                console.say(note)
    print(f"The result is {target}")
