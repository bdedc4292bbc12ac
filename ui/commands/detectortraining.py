"""The command that trains a detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datasets.errors import InputError
from ui.commands.options import Device, Force, Minutes, Quiet, Steps
from ui.console import Console

if TYPE_CHECKING:
    from datasets.workspace import Workspace
    from detect.training import TrainSettings

PAIR_MINUTES, GENERAL_MINUTES = 1.0, 20.0
GENERAL_EMA = 0.998
DEFAULT_MODEL = "timm_heatmap"


def register(detectors: typer.Typer) -> None:
    """Add this command to ``counterface detector``."""
    detectors.command("train")(detector_train)


def detector_train(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATASET|WORKSPACE|CLIP...",
            help="One workspace: a detector of its swap. Several, a folder of labelled clips, or real clips and "
            "folders of pictures: one for clips from anywhere.",
            show_default=False,
        ),
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="self-blend|paired|mixed",
            help="From real faces alone, from swaps with their originals, or both; else what was given decides.",
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", help="The network, by name.")] = DEFAULT_MODEL,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="Of a timm network: a name that timm knows.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="imagenet|scratch", help="Where it starts; imagenet if it can be had."),
    ] = None,
    size: Annotated[int, typer.Option("--size", min=32, help="Side of the network's input, pixels.")] = 128,
    coverage: Annotated[
        float, typer.Option("--coverage", help="Side of the input over that of the face, above 1; drawn about that.")
    ] = 1.25,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Pairs of real and fake a step.")] = 16,
    optimizer: Annotated[
        str, typer.Option("--optimizer", metavar="adamw|sgd|sam|sam-adamw", help="sam: SAM over SGD, twice the time.")
    ] = "adamw",
    precision: Annotated[
        str, typer.Option("--precision", metavar="32|bf16|fp16", help="32 bit, or mixed with 16 bit.")
    ] = "32",
    devices: Annotated[int, typer.Option("--devices", min=1, help="How many GPUs train together.")] = 1,
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent",
            metavar="FILE|BASIS",
            help="The ground to use the faces of clips and pictures: self, written, public-domain, synthetic or "
            "research, or a TOML FILE; workspaces have their own.",
        ),
    ] = None,
    method: Annotated[str, typer.Option("--method", help="The swap model of a workspace.")] = "quick96",
    name: Annotated[str | None, typer.Option("--name", help="What the detector is called.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Everything random comes from it.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where it goes; else the workspace, or detector-RECIPE here.")
    ] = None,
    steps: Steps = None,
    minutes: Minutes | None = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a detector: of a workspace's swap, or for clips from anywhere."""
    from datasets.hardware import rank
    from detect.library import keep
    from evaluate.detectortraining import given_kinds, train_general

    if steps is not None and minutes is not None:
        raise InputError("Give --steps or --minutes, not both.")
    given = given_kinds(inputs)
    alone = len(given.workspaces) == 1 and not given.footage and not given.labelled
    with Console(quiet or rank() > 0) as console:
        if alone and recipe in (None, "paired"):
            if backbone or precision != "32" or devices > 1 or optimizer != "adamw" or model != DEFAULT_MODEL:
                raise InputError(
                    "A detector of one workspace has its own network and optimiser; those options are for a detector "
                    "of several workspaces or of real clips."
                )
            length = minutes or PAIR_MINUTES
            card, folder = _of_workspace(given.workspaces[0], method, length, steps, output, device, force, console)
        else:
            from detect.recipe import RecipeSettings

            drawn = RecipeSettings(size=size, coverage=coverage, batch=batch, seed=seed)
            settings = network_settings(model, backbone, weights, optimizer, precision)
            settings = replace(
                settings,
                steps=steps,
                minutes=None if steps else minutes or GENERAL_MINUTES,
                devices=devices,
                device=device,
                name=name or settings.name,
            )
            folder = output or Path(f"detector-{recipe or given.usual_recipe()}")
            card = train_general(given, recipe, drawn, settings, folder, consent, method, force, console)
            console.say(f"network: {card['architecture']['name']}, started from {card['initial_weights']}.")
    print(f"{keep(folder)}: {card['step']} steps, {folder}")


def _of_workspace(
    workspace: Workspace,
    method: str,
    minutes: float,
    steps: int | None,
    output: Path | None,
    device: str,
    force: bool,
    console: Console,
) -> tuple[Mapping[str, Any], Path]:
    """The detector of one swap, and, where it stays in the workspace, the report anew."""
    from evaluate.loop import score_result, train_detector

    folder = output or workspace.detector
    card = train_detector(workspace, method, minutes, steps, None, folder, device, force, console)
    if output is None and (workspace.result / "result.mp4").is_file():
        from evaluate.report import write_report

        score_result(workspace, device, console)
        write_report(workspace, console)
    return card, folder


def network_settings(
    model: str, backbone: str | None, weights: str | None, optimizer: str, precision: str
) -> TrainSettings:
    """Network and optimiser as the options say; the learning rate is that of what the network starts from."""
    from datasets.device import usable_cores
    from datasets.hardware import precision_name
    from detect.detector import build_model
    from detect.optimisers import check_optimiser, usual_rate
    from detect.training import TrainSettings

    check_optimiser(optimizer)
    options = {} if backbone is None else {"backbone": backbone}
    try:
        built = build_model(model, "scratch", **options)
    except TypeError as error:
        raise InputError(f"The network {model} has no --backbone to choose.") from error
    wanted = weights or ("imagenet" if "backbone" in built.options else "scratch")
    start = build_model(model, wanted, **options).initial_weights
    return TrainSettings(
        model=model,
        options=options,
        weights=wanted,
        learning_rate=usual_rate(optimizer, not start.startswith("scratch")),
        optimizer=optimizer,
        ema=GENERAL_EMA,
        precision=precision_name(precision),
        workers=max(1, min(8, usable_cores() - 1)),
    )
