"""The command that trains a swap model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from datasets.errors import InputError
from ui.commands.options import SWAP_MINUTES, Device, Force, Method, Minutes, Quiet, Steps, WorkspaceArgument, budget
from ui.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(train)


def train(
    workspace: WorkspaceArgument,
    method: Method = "quick96",
    steps: Steps = None,
    minutes: Minutes | None = None,
    base: Annotated[
        str | None,
        typer.Option("--from", metavar="base|none|FOLDER", help="What a new model starts from; the method's own way."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help="A setting of the method; may be given several times."),
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="32|bf16|fp16", help="32 bit, or mixed with 16 bit.")
    ] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Use torch.compile; helps on a GPU.")
    ] = None,
    devices: Annotated[int | None, typer.Option("--devices", min=1, help="How many GPUs train together.")] = None,
    backups: Annotated[
        int | None, typer.Option("--backups", min=0, help="How many backups to keep; 3 by default.")
    ] = None,
    restore: Annotated[
        str | None,
        typer.Option("--restore", metavar="STEP|last", help="Go on from this backup in place of the last state."),
    ] = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a swap model, or go on with it; --steps and --minutes count what it has had already."""
    from datasets.workspace import open_workspace
    from synth.hardware import rank
    from synth.method import method_class
    from synth.pipeline import train as train_model
    from ui.services.trained import described

    given = {"from": base, "precision": precision, "compile": compiled, "devices": devices, "backups": backups}
    options = method_options(option, {name: value for name, value in given.items() if value is not None})
    length = budget(steps, minutes, SWAP_MINUTES)
    opened = open_workspace(workspace)
    trains = method_class(method).trains
    with Console(quiet or rank() > 0) as console:
        if not trains:
            console.say(f"{method} needs no training: it is made ready.")
        card = train_model(opened, method, length, device, force, console, options or None, restore)
    print(f"{described(card, trains)}: {opened.model(method)}")


def method_options(said: list[str] | None, given: dict[str, Any]) -> dict[str, Any]:
    """Options of a method from ``--option KEY=VALUE`` and from the options that have a name of their own.

    Raises:
        InputError: no KEY=VALUE, or the same one twice.
    """
    options = dict(given)
    for one in said or []:
        key, equals, value = one.partition("=")
        key = key.strip()
        if not equals or not key:
            raise InputError(f"--option {one!r} is not KEY=VALUE.")
        if key in options:
            raise InputError(f"{key} was given twice.")
        options[key] = value.strip()
    return options
