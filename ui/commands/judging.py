"""Commands that judge: score, detectability, detector, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from datasets.errors import InputError
from ui.commands.options import Device, Force, Json, Minutes, Quiet, Steps, write_json
from ui.console import Console

DetectorOption = Annotated[
    str | None,
    typer.Option("--detector", help="A detector's name, its folder, or a workspace; else the one trained last."),
]
detectors = typer.Typer(help="Train a detector, or look at those that are here.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    for command in (score, detectability, verify):
        app.command()(command)
    detectors.command("train")(detector_train)
    detectors.command("list")(detector_list)
    detectors.command("card")(detector_card)
    app.add_typer(detectors, name="detector")


def score(
    files: Annotated[list[Path], typer.Argument(metavar="CLIP|IMAGE...", show_default=False)],
    detector: DetectorOption = None,
    json: Json = None,
    every: Annotated[int | None, typer.Option("--every", min=1, help="Score every N-th frame.")] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Score this many frames, spread evenly.")] = 32,
    finder: Annotated[str, typer.Option("--finder", help="mediapipe, retinaface or mtcnn.")] = "mediapipe",
    device: Device = "auto",
    quiet: Quiet = False,
) -> int:
    """Score suspect clips or pictures: probability, interval, verdict, reasons and limits."""
    from detect.detector import load_detector
    from detect.library import find
    from detect.results import ClipScore
    from detect.score import score_many

    folder = find(detector)
    loaded = load_detector(folder, device)
    with Console(quiet) as console:
        console.say(f"detector: {loaded.card['name']}, trained on {loaded.card.get('trained_on', 'unknown data')}.")
        results = score_many(files, loaded, frames, every, finder, progress=console)
    write_json([result.to_json() for result in results], json)
    if str(json) != "-":
        for result in results:
            if isinstance(result, ClipScore):
                _print_score(result)
    failed = [result for result in results if not isinstance(result, ClipScore)]
    for result in failed:
        typer.echo(f"counterface: {result.error}", err=True)
    return 2 if failed else 0


def _print_score(result: object) -> None:
    from detect.results import ClipScore

    assert isinstance(result, ClipScore)
    line = f"{result.file}: {result.verdict}"
    if result.probability is not None and result.interval is not None:
        low, high = result.interval
        line += f" (score {result.probability:.2f}, 95 % interval {low:.2f} to {high:.2f})"
    print(line)
    for sentence in (*result.reasons, *result.limits):
        print(f"  - {sentence}")


def detectability(
    fake: Annotated[Path, typer.Argument(help="The swap.", show_default=False)],
    original: Annotated[Path, typer.Option("--original", help="The clip it was made from.", show_default=False)],
    mask: Annotated[Path | None, typer.Option("--mask", help="Its swap mask (lossless, grey).")] = None,
    detector: DetectorOption = None,
    json: Json = None,
    frames: Annotated[int, typer.Option("--frames", min=2, help="How many frames, spread evenly.")] = 64,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """How detectable a swap is: its score minus the score of its own original, with an interval."""
    from datasets.workspace import sha256
    from detect.detector import load_detector
    from detect.library import find
    from evaluate.detectability import detectability as measure

    loaded = load_detector(find(detector), device)
    scope = loaded.card.get("scope", {})
    start = None
    if original.is_file() and scope.get("clips", {}).get("destination") == sha256(original):
        start = float(scope["scored_from"])
    with Console(quiet) as console:
        console.say(f"detector: {loaded.card['name']}, trained on {loaded.card.get('trained_on', 'unknown data')}.")
        if start is not None:
            console.say(f"It was trained on the first part of this very clip; scored from {start:.1f} s on.")
        result = measure(fake, original, loaded, mask, frames, start=start, progress=console)
    write_json(result.to_json(), json)
    if str(json) != "-":
        low, high = result.interval
        print(
            f"swap {result.fake:.3f}, original {result.original:.3f}, detectability {result.value:.3f} "
            f"(95 % interval {low:.3f} to {high:.3f})"
        )
        if result.heatmap_iou is not None:
            print(f"heatmap against the true swap mask: IoU {result.heatmap_iou:.3f}")
        for note in result.notes:
            print(f"  - {note}")


def verify(
    file: Annotated[Path, typer.Argument(help="A video or a picture.", show_default=False)],
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """What marks a file carries: Content Credentials, watermark, badge. Exit code 0 whatever is found."""
    from datasets.provenance.verify import verify as look
    from ui.findings import show

    with Console(quiet) as console:
        found = look(file, console)
    write_json(found.to_json(), json)
    if str(json) != "-":
        show(found)


def detector_train(
    workspace: Annotated[Path, typer.Argument(help="A workspace with a trained swap model.", show_default=False)],
    method: Annotated[str, typer.Option("--method", help="The swap model to learn from.")] = "quick96",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where it goes; else the workspace.")] = None,
    steps: Steps = None,
    minutes: Minutes = 1.0,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a detector on a workspace's swap and its own original, and score the result with it."""
    from datasets.workspace import open_workspace
    from detect.library import keep
    from evaluate.loop import score_result, train_detector

    opened = open_workspace(workspace)
    folder = output or opened.detector
    with Console(quiet) as console:
        card = train_detector(opened, method, minutes, steps, None, folder, device, force, console)
        if output is None and (opened.result / "result.mp4").is_file():
            from evaluate.report import write_report

            score_result(opened, device, console)
            write_report(opened, console)
    print(f"{keep(folder)}: {card['step']} steps, {folder}")


def detector_list() -> None:
    """The detectors on this machine, the one trained last first."""
    from detect.library import names

    held = names()
    for name in held:
        print(name)
    if not held:
        print("There is none yet; counterface demo makes one.")


def detector_card(
    name: Annotated[str | None, typer.Argument(help="A name or a folder; else the one trained last.")] = None,
    json: Json = None,
) -> None:
    """What a detector was trained on, and how."""
    from datasets.checkpoint import read_card
    from detect.library import find

    card = read_card(find(name))
    if card.get("kind") != "detector":
        raise InputError(f"{name} is a {card.get('kind')} model, not a detector.")
    write_json(card, json)
    if str(json) != "-":
        for key in ("name", "trained_on", "calibrated_on", "parameters", "step", "seconds", "initial_weights"):
            print(f"{key}: {card.get(key)}")
