"""``counterface evaluate``: how good a swap is, how good a detector is, and how the two move against each other."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from datasets.errors import InputError
from ui.commands.options import Device, Force, Json, Minutes, Quiet, Steps, WorkspaceArgument, write_json
from ui.console import Console

evaluating = typer.Typer(
    help="How good is a swap, how good is a detector, and how do the two move against each other.",
    no_args_is_help=True,
)
DetectorName = Annotated[
    str, typer.Argument(metavar="NAME", help="A detector's name, its folder, or a workspace.", show_default=False)
]
Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="A labelled data set; a folder with folders real and fake; or a folder of workspaces with results.",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", help="Write a page with pictures and tables.")
]
Picture = Annotated[Path | None, typer.Option("--picture", metavar="FILE.png", help="Write the picture here.")]
Cache = Annotated[Path | None, typer.Option("--cache", metavar="FILE", help="Where scores are kept; else the usual.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes, one thread each.")]
Draws = Annotated[int, typer.Option("--draws", min=100, help="Draws of the bootstrap.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Everything random comes from it.")]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="train|val|test|all",
        help="Of a data set, the part to measure on; test where there is one. val fixes the threshold.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    evaluating.command("swap")(evaluate_swap)
    evaluating.command("detector")(evaluate_detector)
    evaluating.command("matrix")(evaluate_matrix)
    evaluating.command("robustness")(evaluate_robustness)
    evaluating.command("trajectory")(evaluate_trajectory)
    evaluating.command("people")(evaluate_people)
    app.add_typer(evaluating, name="evaluate")


def command_line() -> str:
    """The command as it was typed, for whoever wants to make a study again."""
    return shlex.join(["counterface", *sys.argv[1:]])


def check_outputs(force: bool, report: Path | None = None, picture: Path | None = None) -> None:
    """Raise InputError when an output can't be written, before any work is done."""
    from datasets.atomic import refuse_overwrite

    for path, endings in ((report, (".html", ".htm")), (picture, (".png",))):
        if path is not None:
            if path.suffix.lower() not in endings:
                raise InputError(f"{path} must end in {endings[0]}.")
            refuse_overwrite(path, force)


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
    show_detector(found, head, json, report, picture)


def show_detector(
    found: dict[str, Any], head: dict[str, Any], json: Path | None, report: Path | None, picture: Path | None
) -> None:
    """Write and print what was found of a detector."""
    from evaluate import detectorreport
    from evaluate.pictures import png, write_chart

    write_json(found, json)
    if picture is not None:
        write_chart(picture, png(detectorreport.picture(found, found["detector"]["name"])))
    if report is not None:
        detectorreport.write_report(report, head, found)
    if str(json) == "-":
        return
    print(f"{found['detector']['name']} on {found['data']['folder']}")
    for line in detectorreport.lines(found):
        print(f"  {line}")
    if report is not None:
        print(f"report: {report}")


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
    from evaluate.pictures import png, write_chart
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
    write_json(whole, json)
    if picture is not None:
        write_chart(picture, png(robustnessreport.picture(whole)))
    if report is not None:
        robustnessreport.write_report(report, head, whole)
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
    from datasets.atomic import write_json as write_file
    from datasets.checkpoint import CARD
    from datasets.workspace import open_workspace
    from detect.library import find
    from evaluate import trajectoryreport
    from evaluate.likeness import identity_network
    from evaluate.study import study
    from evaluate.trajectory import FILE, trajectory

    check_outputs(force, report)
    opened = open_workspace(workspace)
    method = method or next(iter(sorted(opened.models(), key=lambda name: name != "quick96")), "quick96")
    folders = [find(name) for name in detectors or ()]
    if not folders:
        own = [opened.detector] if (opened.detector / CARD).is_file() else []
        folders = [find(None), *own]
    with Console(quiet) as console:
        found = trajectory(
            opened, method, folders, embedding=identity_network(console), device=device, progress=console
        )
    hashes = {f"the detector {one['name']}": one["sha256"] for one in found["detectors"]}
    head = study("trajectory", command_line(), opened.seed, {"method": method}, hashes)
    whole = head | found | {"picture": trajectoryreport.PICTURE}
    picture = trajectoryreport.write(opened, whole)
    write_file(opened.result / FILE, whole)
    if report is not None:
        trajectoryreport.write_report(report, head, whole, picture)
    write_json(whole, json)
    if str(json) != "-":
        for line in trajectoryreport.lines(whole):
            print(line)
        print(f"picture: {picture}")


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
    from evaluate.likeness import identity_network, source_faces
    from evaluate.pictures import png, write_chart
    from evaluate.study import study
    from evaluate.swapquality import faces_of_clips, swap_figures

    check_outputs(force, report, picture)
    vectors, missing = None, ""
    with Console(quiet) as console:
        embedding = identity_network(console)
        if embedding is None:
            missing = "Identity was not measured: MobileFaceNet is not on this machine (counterface weights fetch)."
        if (swap / SETTINGS).is_file():
            if original or mask or source:
                raise InputError("A workspace knows its original, mask and source; they are given for a swap alone.")
            workspace = open_workspace(swap)
            fake, mask = workspace.result / "result.mp4", workspace.result / "result_mask.mkv"
            if not fake.is_file():
                raise InputError(f"{swap} has no result yet; run: counterface merge {swap}")
            original = workspace.clip("destination")
            vectors = embedding.embed(source_faces(workspace)) if embedding else None
        else:
            fake = swap
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
    write_json(whole, json)
    if picture is not None:
        write_chart(picture, png(swapreport.picture(whole)))
    if report is not None:
        swapreport.write_report(report, head, whole)
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
    from evaluate.pictures import write_chart
    from evaluate.study import study

    check_outputs(force, report, picture)
    answers = people.read_answers(files)
    head = study("people", command_line(), 0, {"draws": draws}, {str(file): sha256(file) for file in files})
    whole = head | people.people_figures(answers, draws)
    write_json(whole, json)
    if picture is not None:
        write_chart(picture, people.png_of(whole))
    if report is not None:
        people.write_report(report, head, whole)
    if str(json) != "-":
        for line in people.lines(whole):
            print(line)


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
    from evaluate.pictures import png, write_chart
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
    write_chart(output / "matrix.png", png(matrixreport.picture(whole)))
    matrixreport.write_report(output / "report.html", head, whole)
    write_json(whole, json)
    if str(json) != "-":
        for line in matrixreport.lines(whole):
            print(line)
        print(f"report: {output / 'report.html'}")
