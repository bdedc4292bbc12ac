"""``counterface evaluate``: how good a swap is, how good a detector is, and how the two move against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from datasets.errors import InputError
from ui.commands import evaluatestudies
from ui.commands.evaluateoptions import (
    Cache,
    Dataset,
    DetectorName,
    Draws,
    Picture,
    Report,
    Split,
    Workers,
    check_outputs,
    command_line,
    hand_out,
)
from ui.commands.options import Device, Force, Json, Quiet
from ui.console import Console

evaluating = typer.Typer(
    help="How good is a swap, how good is a detector, and how do the two move against each other.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    evaluating.command("swap")(evaluate_swap)
    evaluating.command("detector")(evaluate_detector)
    evaluating.command("people")(evaluate_people)
    evaluatestudies.register(evaluating)
    app.add_typer(evaluating, name="evaluate")


def evaluate_detector(
    name: DetectorName,
    dataset: Dataset,
    split: Split = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames of each clip, spread evenly.")] = 32,
    draws: Draws = 1000,
    workers: Workers = 2,
    cache: Cache = None,
    json: Json = None,
    report: Report = None,
    picture: Picture = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """AUC, AP, EER, TPR at fixed FPR, calibration and abstention, with intervals; by method, compression, face size."""
    from detect.library import find
    from evaluate import detectorreport
    from evaluate.clipset import labelled_clips
    from evaluate.detectorquality import detector_quality, gather
    from evaluate.scorecache import usual_cache
    from evaluate.study import described, study

    check_outputs(force, report, picture)
    folder = find(name)
    clips = labelled_clips(dataset, split)
    detector = described(folder)
    kept = cache or usual_cache(detector["sha256"][:16])
    with Console(quiet) as console:
        gathered = gather(folder, clips, frames, kept, device, workers, console)
        console.say("working out the figures and their intervals")
        found: dict[str, Any] = detector_quality(gathered, draws)
    settings = {"frames": frames, "draws": draws, "split": split or "test where there is one, else all"}
    head = study(
        "detector", command_line(), 0, settings, {"the detector": detector["sha256"], "the clips": gathered.digest}
    )
    data = {"folder": str(dataset), "clips": len(clips), "sha256": gathered.digest}
    found = head | {"detector": detector, "data": data} | found
    hand_out(head, found, detectorreport, json, report, picture)
    if str(json) == "-":
        return
    print(f"{detector['name']} on {dataset}")
    for line in detectorreport.lines(found):
        print(f"  {line}")
    if report is not None:
        print(f"report: {report}")


def evaluate_swap(
    swap: Annotated[
        Path, typer.Argument(metavar="WORKSPACE|FAKE", help="A workspace with a result, or a swap.", show_default=False)
    ],
    original: Annotated[Path | None, typer.Option("--original", help="Of a swap: the clip it was made from.")] = None,
    mask: Annotated[Path | None, typer.Option("--mask", help="Of a swap: its swap mask (lossless, grey).")] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option("--source", help="Of a swap: clips or pictures of the person whose face was taken."),
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=4, help="How many, in four stretches.")] = 120,
    json: Json = None,
    report: Report = None,
    picture: Picture = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """How good a swap is: identity, pose, gaze, expression, seam, sharpness, flicker, and what is outside the mask."""
    from datasets.workspace import SETTINGS, open_workspace, sha256
    from evaluate import swapreport
    from evaluate.likeness import identity_network
    from evaluate.results import VIDEO
    from evaluate.study import study
    from evaluate.swapquality import faces_of_clips, swap_figures, workspace_figures

    check_outputs(force, report, picture)
    missing = ""
    with Console(quiet) as console:
        embedding = identity_network(console)
        if embedding is None:
            missing = "Identity was not measured: MobileFaceNet is not on this machine (counterface weights fetch)."
        if (swap / SETTINGS).is_file():
            if original or mask or source:
                raise InputError("A workspace knows its original, mask and source; they are given for a swap alone.")
            workspace = open_workspace(swap)
            fake, original = workspace.result / VIDEO, workspace.clip("destination")
            if not fake.is_file():
                raise InputError(f"{swap} has no result yet; run: counterface merge {swap}")
            found = workspace_figures(workspace, frames, embedding, console)
        else:
            fake, vectors = swap, None
            if original is None:
                raise InputError("Say with --original which clip the swap was made from.")
            if embedding and source:
                vectors = faces_of_clips(source, embedding)
            elif embedding:
                missing = "Identity was not measured: say with --source whose face was taken."
            found = swap_figures(fake, original, mask, frames, vectors, embedding, console)
    hashes = {"the swap": sha256(fake), "the original": sha256(original)}
    head = study("swap", command_line(), 0, {"frames": frames}, hashes)
    data = {"fake": str(fake), "original": str(original), "identity_missing": missing}
    whole = head | {"data": data} | found
    hand_out(head, whole, swapreport, json, report, picture)
    if str(json) != "-":
        print(f"{fake} against {original}, {found['frames']} frames, {found['mask']}")
        for line in [*swapreport.lines(whole), *([missing] if missing else [])]:
            print(f"  {line}")


def evaluate_people(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Answers of the quiz.", show_default=False)],
    draws: Draws = 1000,
    json: Json = None,
    report: Report = None,
    picture: Picture = None,
    force: Force = False,
) -> None:
    """People against machine: answers of the dashboard's quiz in the same figures as the detector's."""
    from datasets.workspace import sha256
    from evaluate import people
    from evaluate.quizanswers import read_answers
    from evaluate.study import study

    check_outputs(force, report, picture)
    answers = read_answers(files)
    head = study("people", command_line(), 0, {"draws": draws}, {str(file): sha256(file) for file in files})
    whole = head | people.people_figures(answers, draws)
    hand_out(head, whole, people, json, report, picture)
    if str(json) != "-":
        for line in people.lines(whole):
            print(line)
