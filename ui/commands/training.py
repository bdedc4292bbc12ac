"""The command that trains a swap model."""

from __future__ import annotations

import typer

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
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a swap model, or go on with it; --steps and --minutes count what it has had already."""
    from datasets.workspace import open_workspace
    from synth.pipeline import train as train_model

    opened = open_workspace(workspace)
    with Console(quiet) as console:
        card = train_model(opened, method, budget(steps, minutes, SWAP_MINUTES), device, force, console)
    ssim = card["heldout"]
    print(
        f"{card['step']} steps in {card['seconds']:.0f} s on {card['device']}; held-out SSIM "
        f"{ssim['source']['ssim']:.3f} (source), {ssim['destination']['ssim']:.3f} (destination): "
        f"{opened.model(method)}"
    )
