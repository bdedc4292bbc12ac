"""``counterface detector``: train one, look at those that are here, calibrate one anew, hand one on as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from datasets.errors import InputError
from ui.commands import detectortraining
from ui.commands.options import Device, Force, Json, Quiet, write_json
from ui.console import Console

detectors = typer.Typer(
    help="Train a detector, look at those that are here, calibrate one, or hand one on.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="A detector's name, its folder, or a workspace.", show_default=False)]
CARD_LINES = (
    *("name", "version", "recipe", "trained_on", "calibrated_on", "parameters", "step", "seconds", "initial_weights"),
    "licence",
)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    detectortraining.register(detectors)
    detectors.command("list")(detector_list)
    detectors.command("card")(detector_card)
    detectors.command("calibrate")(detector_calibrate)
    detectors.command("export-onnx")(detector_export)
    app.add_typer(detectors, name="detector")


def detector_list(json: Json = None) -> None:
    """The detectors on this machine: those shipped, then your own, the one trained last first."""
    from ui.services.detectors import in_words, listed

    found = listed()
    write_json([one.to_json() for one in found], json)
    if str(json) == "-":
        return
    for one in found:
        if one.broken:
            print(f"{one.name} ({one.place}): {one.broken}")
            continue
        known = "one swap and its original" if one.scope == "pair" else "faces in general"
        print(f"{one.name} ({one.place}; {known})")
        print(f"  trained on: {one.trained_on}")
        if said := in_words(one.figures):
            print(f"  measured when made: {said}")
    if not found:
        print("There is none yet; counterface demo makes one.")


def detector_card(
    name: Annotated[
        str | None, typer.Argument(help="A name, a folder or an .onnx file; else the one that score uses.")
    ] = None,
    json: Json = None,
) -> None:
    """What a detector was trained on, and how."""
    from datasets.checkpoint import read_card
    from detect.library import find
    from ui.services.detectors import figures, in_words

    if name is not None and name.lower().endswith(".onnx"):
        from detect.onnx import load_onnx

        card = dict(load_onnx(Path(name)).card)
    else:
        card = read_card(find(name))
    if card.get("kind") != "detector":
        raise InputError(f"{name} is a {card.get('kind')} model, not a detector.")
    write_json(card, json)
    if str(json) == "-":
        return
    for key in CARD_LINES:
        if card.get(key) is not None:
            print(f"{key}: {card[key]}")
    if said := in_words(figures(card)):
        print(f"measured when made: {said}")


def detector_calibrate(
    name: Name,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATASET]",
            help="A folder with folders real and fake, or of clips whose Credentials say what they are.",
            show_default=False,
        ),
    ] = None,
    real: Annotated[
        list[Path] | None, typer.Option("--real", help="A folder of real clips, or a clip; may be given again.")
    ] = None,
    fake: Annotated[
        list[Path] | None, typer.Option("--fake", help="A folder of manipulated clips, or a clip; may be given again.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The new detector's folder, whose name it takes.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames of each clip, spread evenly.")] = 32,
    finder: Annotated[str, typer.Option("--finder", help="mediapipe, retinaface or mtcnn.")] = "mediapipe",
    json: Json = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fit calibration and abstention anew on labelled clips of your own; the weights stay as they are.

    At least 20 real and 20 manipulated clips are needed, of people that the detector was not trained on: that is
    taken as given and said in the card.
    """
    from detect.library import find, keep
    from evaluate.recalibration import calibrate, labelled_clips, media
    from ui.services.detectors import listed

    if output is None:
        raise InputError("Say where the newly calibrated detector goes, with -o FOLDER.")
    if not force and output.name in {one.name for one in listed()}:
        raise InputError(f"There is a detector {output.name} already; choose another name with -o, or use --force.")
    if (folder is None) == (real is None and fake is None):
        raise InputError("Give a folder of labelled clips, or --real and --fake, and not both.")
    if folder is not None:
        clips = labelled_clips(folder)
    else:
        clips = [path for place in real or () for path in media(place)], [p for f in fake or () for p in media(f)]
    with Console(quiet) as console:
        card = calibrate(find(name), *clips, output, frames, finder, device, force, progress=console)
    kept, done = keep(output), card["recalibration"]
    write_json(card, json)
    if str(json) != "-":
        print(f"{kept}: calibrated on {card['calibrated_on']}. AUC {done['auc']:.3f}, Brier score {done['brier']:.3f}.")
        for why, count in done["left_out"].items():
            if count:
                print(f"  - {count} of the clips were left out: {why}.")


def detector_export(
    name: Name,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.onnx", help="The file.", show_default=False)],
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a detector as one ONNX file, with its card; counterface score --detector FILE.onnx scores with it."""
    from detect.library import find
    from detect.onnx import OPSET, export_onnx

    with Console(quiet) as console:
        console.say("writing the network as ONNX")
        export_onnx(find(name), output, force)
    print(f"{output}: opset {OPSET}, {output.stat().st_size / 1e6:.1f} MB")
