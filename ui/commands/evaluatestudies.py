"""``counterface evaluate``, the studies that take long: matrix, robustness, the pair over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from datasets.errors import InputError
from ui.commands.evaluateoptions import (
    Cache,
    Dataset,
    DetectorName,
    Draws,
    Picture,
    Report,
    Seed,
    Split,
    Workers,
    check_outputs,
    command_line,
    hand_out,
)
from ui.commands.options import Device, Force, Json, Minutes, Quiet, Steps, WorkspaceArgument, write_json
from ui.console import Console


def register(evaluating: typer.Typer) -> None:
    """Add these commands to ``counterface evaluate``."""
    evaluating.command("matrix")(evaluate_matrix)
    evaluating.command("robustness")(evaluate_robustness)
    evaluating.command("trajectory")(evaluate_trajectory)


def evaluate_matrix(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET...", help="Fakes with their own originals.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where all of it goes; again, it goes on.")
    ],
    kinds: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="methods|leave-one-out|compression", help="Only this one; else all there are."),
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", help="At which methods are compared; else the middle.")
    ] = None,
    clips: Annotated[int, typer.Option("--clips", min=1, help="Pairs of a method, level and part, at most.")] = 8,
    frames: Annotated[int, typer.Option("--frames", min=2, help="Frames of each clip.")] = 8,
    model: Annotated[str, typer.Option("--model", help="The network, by name.")] = "timm_heatmap",
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="Of a timm network: a name that timm knows.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="imagenet|scratch", help="Where it starts; scratch by default.")
    ] = "scratch",
    size: Annotated[int, typer.Option("--size", min=32, help="Side of the network's input, pixels.")] = 128,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Pairs a step.")] = 8,
    steps: Steps = None,
    minutes: Minutes | None = None,
    seed: Seed = 0,
    consent: Annotated[
        str | None,
        typer.Option("--consent", metavar="FILE|BASIS", help="The ground to use faces that bring no record."),
    ] = None,
    json: Json = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train on one method, test on each; leave one out; across compression. Cells are kept: again, it goes on."""
    from dataclasses import replace

    from datasets.atomic import write_json as write_file
    from evaluate import matrixreport
    from evaluate.matrix import KINDS, Matrix, MatrixSettings, described, pairs_of, tables
    from evaluate.study import study
    from ui.commands.detectortraining import network_settings

    if steps is not None and minutes is not None:
        raise InputError("Give --steps or --minutes, not both.")
    training = replace(
        network_settings(model, backbone, weights, "adamw", "32"),
        steps=None if minutes else steps or 150,
        minutes=minutes,
        batch=batch,
        seed=seed,
        device=device,
    )
    settings = MatrixSettings(training, size=size, frames=frames, clips=clips)
    pairs = pairs_of(datasets, seed, consent)
    wanted = tables(pairs, [kind.replace("-", " ") for kind in kinds or KINDS], level, clips)
    with Console(quiet) as console:
        matrix = Matrix(output, settings, console)
        found = {}
        for kind, rows in wanted.items():
            console.say(f"{kind}: {len(rows)} detectors, each tried on {len(rows[0].columns)} kinds of swaps")
            found[kind] = matrix.table(rows)
    head = study("matrix", command_line(), seed, described(settings), {})
    levels = list(dict.fromkeys(pair.level for pair in pairs))
    whole = head | {
        "data": [str(folder) for folder in datasets],
        "pairs": len(pairs),
        "level": level or levels[len(levels) // 2],
        "matrices": found,
    }
    write_file(output / "matrix.json", whole)
    hand_out(head, whole, matrixreport, json, output / "report.html", output / "matrix.png")
    if str(json) != "-":
        for line in matrixreport.lines(whole):
            print(line)
        print(f"report: {output / 'report.html'}")


def evaluate_robustness(
    name: DetectorName,
    dataset: Dataset,
    split: Split = None,
    clips: Annotated[
        int | None, typer.Option("--clips", min=2, help="At most this many clips, in pairs, spread over the set.")
    ] = 20,
    families: Annotated[
        list[str] | None,
        typer.Option("--family", help="Only this perturbation, by name; may be given several times."),
    ] = None,
    draws: Draws = 1000,
    workers: Workers = 2,
    seed: Seed = 0,
    cache: Cache = None,
    json: Json = None,
    report: Report = None,
    picture: Picture = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Forty perturbations: DeeperForensics' seven at five levels, resizing, platforms; where a detector gives way."""
    from detect.library import find
    from evaluate import robustnessreport
    from evaluate.clipset import labelled_clips, some
    from evaluate.perturb import CLEAN
    from evaluate.robustness import Plan, all_conditions, robustness, score_all
    from evaluate.scorecache import usual_cache
    from evaluate.study import described, study

    check_outputs(force, report, picture)
    wanted = [c for c in all_conditions() if not families or c.family in (CLEAN, *families)]
    if families and (unknown := set(families) - {c.family for c in wanted}):
        known = ", ".join(dict.fromkeys(c.family for c in all_conditions() if c.family != CLEAN))
        raise InputError(f"There is no perturbation {', '.join(sorted(unknown))}; there are: {known}.")
    folder = find(name)
    chosen = some([clip for clip in labelled_clips(dataset, split) if clip.split != "val"], clips)
    detector = described(folder)
    kept = cache or usual_cache(f"{detector['sha256'][:16]}-robustness")
    plan = Plan()
    with Console(quiet) as console:
        console.say(f"{len(chosen)} clips, {len(wanted)} conditions; scores are kept in {kept}")
        scores, failed = score_all(folder, chosen, wanted, kept, plan, device, workers, seed, console)
        console.say("working out the figures and their intervals")
        found = robustness(chosen, scores, wanted, draws)
    settings = {"clips": len(chosen), "draws": draws} | {f"plan: {key}": value for key, value in vars(plan).items()}
    head = study("robustness", command_line(), seed, settings, {"the detector": detector["sha256"]})
    whole = head | {"detector": detector, "data": {"folder": str(dataset)}, "failed": failed} | found
    hand_out(head, whole, robustnessreport, json, report, picture)
    if str(json) != "-":
        for line in robustnessreport.lines(whole):
            print(line)


def evaluate_trajectory(
    workspace: WorkspaceArgument,
    method: Annotated[str | None, typer.Option("--method", help="The swap model; else the one that is there.")] = None,
    detectors: Annotated[
        list[str] | None,
        typer.Option("--detector", help="Who scores; may be given several times. Else the general one and its own."),
    ] = None,
    json: Json = None,
    report: Report = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """The pair over time: how detectable a swap is at steps of its training, with the frames beside the curve."""
    from datasets.workspace import open_workspace
    from evaluate import trajectoryreport
    from ui.services.trajectory import measure

    check_outputs(force, report)
    with Console(quiet) as console:
        head, whole, picture = measure(
            open_workspace(workspace), method, detectors or (), command_line(), device, console
        )
    if report is not None:
        trajectoryreport.write_report(report, head, whole, picture)
    write_json(whole, json)
    if str(json) != "-":
        for line in trajectoryreport.lines(whole):
            print(line)
        print(f"picture: {picture}")
