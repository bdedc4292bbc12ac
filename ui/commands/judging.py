"""Commands that judge: score, detectability, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.options import DetectorOption, Device, Force, Json, Quiet, write_json
from ui.console import Console


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    for command in (score, detectability, verify):
        app.command()(command)


def score(
    files: Annotated[list[Path], typer.Argument(metavar="CLIP|IMAGE...", show_default=False)],
    detector: DetectorOption = None,
    json: Json = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="Write a page that shows and explains it.")
    ] = None,
    every: Annotated[int | None, typer.Option("--every", min=1, help="Score every N-th frame.")] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Score this many frames, spread evenly.")] = 32,
    finder: Annotated[str, typer.Option("--finder", help="mediapipe, retinaface or mtcnn.")] = "mediapipe",
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> int:
    """Score suspect clips or pictures: probability, interval, verdict, reasons and limits."""
    from detect.onnx import open_detector
    from detect.results import ClipScore
    from detect.score import score_many

    if report is not None:
        from evaluate.scorereport import check_report

        check_report(report, force)
    loaded = open_detector(detector, device)
    with Console(quiet) as console:
        console.say(f"detector: {loaded.card['name']}, trained on {loaded.card.get('trained_on', 'unknown data')}.")
        results = score_many(files, loaded, frames, every, finder, progress=console)
    write_json([result.to_json() for result in results], json)
    if str(json) != "-":
        for result in results:
            if isinstance(result, ClipScore):
                _print_score(result)
    if report is not None:
        from evaluate.scorereport import write_score_report

        with Console(quiet) as console:
            write_score_report(report, results, loaded, finder, force, console)
            console.say(f"report: {report}")
    failed = [result for result in results if not isinstance(result, ClipScore)]
    for result in failed:
        typer.echo(f"counterface: {result.error}", err=True)
    return 2 if failed else 0


def _print_score(result: object) -> None:
    from detect.results import ClipScore

    assert isinstance(result, ClipScore)
    said = f"detector {result.detector['name']}"
    if result.probability is not None and result.interval is not None:
        low, high = result.interval
        said = f"score {result.probability:.2f}, 95 % interval {low:.2f} to {high:.2f}; {said}"
    print(f"{result.file}: {result.verdict} ({said})")
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
    from detect.onnx import open_detector
    from evaluate.detectability import detectability as measure

    loaded = open_detector(detector, device)
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
