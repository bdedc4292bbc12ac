"""The whole loop over one workspace, each step left out when what it makes is there and up to date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.atomic import remove, replacing
from datasets.errors import InputError
from datasets.faceset import FaceSet, FaceSetInfo
from datasets.provenance.writer import Marks
from datasets.workspace import Workspace
from synth.composite.compositor import for_method
from synth.composite.session import Settings
from synth.method import Budget
from synth.pipeline import ROLES
from ui.console import Console

DETECTOR_MINUTES = 0.75
MOST_TRACKS = 24
MEASURED = ("detectability.json", "heatmaps.npz", "report.html")


def faces(
    workspace: Workspace,
    console: Console,
    finder: str | None = None,
    force: bool = False,
    size: int | str | None = None,
    source_every: int | None = None,
) -> None:
    """Extract both face sets, where they are missing, and say who is in them and who is meant.

    Args:
        finder, size: of faces, by default mediapipe and ``auto``.
        source_every: look at each how manieth frame of the source; of the destination every frame is needed.

    Raises:
        InputError: a face set is there that was made otherwise, a clip shows no face, or nobody can tell who is meant.
    """
    from datasets.extract import advice, extract
    from synth.people import person_of

    for role in ROLES:
        every = source_every if role == "source" else None
        if workspace.faces(role).is_dir() and not force:
            held = FaceSet(workspace.faces(role)).info
            asked = (("finder", finder), ("size", None if size == "auto" else size), ("every", every))
            for name, wanted in asked:
                had = getattr(held, name)
                if wanted is not None and had != wanted:
                    raise InputError(
                        f"The {role}'s face set was made with --{name} {had}; --force makes it anew with {wanted}."
                    )
        else:
            info = extract(
                workspace.clips(role),
                workspace.faces(role),
                finder or "mediapipe",
                every or 1,
                "auto" if size is None else size,
                force=force,
                progress=console,
                names=workspace.names(role),
            )
            console.say(f"{role}: {info.faces} faces in {info.frames_with_face} of {info.frames} frames.")
            for note in info.notes() + advice(info):
                console.say(f"  {note}")
            say_tracks(info, console)
        for note in person_of(workspace, role, FaceSet(workspace.faces(role)))[1]:
            console.say(f"  {note}")


def say_tracks(info: FaceSetInfo, console: Console) -> None:
    """List the tracks of clips that show several, so that one can be chosen by its number."""
    from synth.people import track_words, tracks_to_choose

    tracks = tracks_to_choose(info)
    for track in tracks[:MOST_TRACKS]:
        console.say(f"  {track_words(track, info.clips)}")
    if len(tracks) > MOST_TRACKS:
        console.say(f"  and {len(tracks) - MOST_TRACKS} tracks more")


def check(workspace: Workspace, console: Console) -> None:
    """Extract the faces, and say before hours of training what would only come out after them.

    Raises:
        InputError: a clip shows no face, or the destination is too short to be parted for the detector.
    """
    from datasets.video import timestamps
    from evaluate.loop import part_by_time

    part_by_time(timestamps(workspace.clip("destination")))
    faces(workspace, console)


def merged(workspace: Workspace, method: str, settings: Settings, device: str, console: Console) -> None:
    """Render the result and write down how it was made; what was measured on an earlier result is removed."""
    from evaluate.loop import write_result
    from synth.pipeline import merge

    def drop_older() -> None:
        for name in ("result.json", *MEASURED):
            remove(workspace.result / name)

    report = merge(workspace, method, settings, None, device, force=True, progress=console, ready=drop_older)
    write_result(workspace, method, settings, report)
    console.say(f"result: {report.swapped} of {report.total} frames swapped.")
    for note in (*marks_said(report.marks), *report.notes):
        console.say(f"  {note}")


def marks_said(marks: Marks | None) -> tuple[str, ...]:
    """What a result carries, in one sentence."""
    if marks is None:
        return ()
    id = f"the invisible watermark (id {marks.watermark})"
    return (
        f'It carries the visible "AI" badge, {id} and Content Credentials (they read as {marks.credentials} here).',
    )


def whole_loop(
    workspace: Workspace, method: str, budget: Budget, device: str, console: Console, output: Path | None = None
) -> Path:
    """Faces, swap model, result, detector, paired score, report; returns the report's file.

    Run again it goes on from what is done; a model that has trained further, and a face set that was changed, make
    everything after them anew. The result is handed out before it is judged: a swap that can't be scored is still
    one, and the report says so.

    Args:
        output: where a copy of the marked result goes, if anywhere.
    """
    workspace.require_consent()
    check(workspace, console)
    trained(workspace, method, budget, device, console)
    if not _fresh(workspace, method):
        merged(workspace, method, for_method(method), device, console)
    if output is not None:
        hand_out(workspace, output)
    return judged(workspace, method, device, console)


def trained(
    workspace: Workspace,
    method: str,
    budget: Budget,
    device: str,
    console: Console,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Train the swap model up to its budget, or make it ready, unless it has had it; anew where its faces are others.

    Raises:
        Refused: a consent record is missing. InputError: no face sets. Interrupted: asked to stop; it goes on.
    """
    from synth.method import method_class
    from synth.pipeline import faces_now, faces_of, train
    from ui.services.trained import described

    model = workspace.model(method)
    now, then, trains = faces_now(workspace), faces_of(workspace.model(method)), method_class(method).trains
    # Of a model of an earlier version nobody knows the faces; one that trains is taken for what it says.
    others = [role for role in ROLES if then is not None and then.get(role) != now[role]]
    if others:
        made = "it is trained anew" if trains else "it is made anew"
        console.say(f"The faces of the {' and the '.join(others)} are others than the model was made from: {made}.")
    enough = _satisfied(model, budget) if trains else then is not None and (model / "card.json").is_file()
    if others or not enough:
        card = train(workspace, method, budget, device, bool(others), console, options)
        console.say(f"swap model: {described(card, trains)}.")


def composited(workspace: Workspace, method: str, settings: Settings, device: str, console: Console) -> None:
    """Render the result with these settings, unless it is there already, made by this very model and in this way."""
    from evaluate.loop import merged_with

    if _fresh(workspace, method) and merged_with(workspace, method).to_table() == settings.to_table():
        return
    merged(workspace, method, settings, device, console)


def judged(
    workspace: Workspace, method: str, device: str, console: Console, detector_minutes: float = DETECTOR_MINUTES
) -> Path:
    """Detector, paired score and report of a result, as far as they are not there yet; returns the report's file."""
    from detect.library import keep
    from evaluate.loop import judged_model, merged_with, score_result, train_detector
    from evaluate.report import write_report

    try:
        known = _json(workspace.detector / "card.json").get("scope", {}).get("model")
        if known != judged_model(workspace, method, merged_with(workspace, method)):
            card = dict(
                train_detector(workspace, method, detector_minutes, device=device, force=True, progress=console)
            )
            console.say(f"detector: {card['step']} steps on {card['trained_on']}.")
            for name in MEASURED:
                remove(workspace.result / name)
            keep(workspace.detector)
        if not (workspace.result / "detectability.json").is_file():
            score = score_result(workspace, device, console)
            low, high = score.interval
            console.say(
                f"detectability: swap {score.fake:.2f} - original {score.original:.2f} = {score.value:.2f} "
                f"(95 % interval {low:.2f} to {high:.2f})"
                + (f", heatmap IoU {score.heatmap_iou:.2f}." if score.heatmap_iou is not None else ".")
            )
    except InputError as error:
        console.say(f"The swap is made, and could not be scored: {error}")
    return write_report(workspace, console)


def _fresh(workspace: Workspace, method: str) -> bool:
    """Whether the result was made by this very model from the face set as it is now."""
    from datasets.checkpoint import read_card

    card = read_card(workspace.model(method))
    made = _json(workspace.result / "result.json")
    there = all((workspace.result / name).is_file() for name in ("result.mp4", "result_mask.mkv"))
    removed = FaceSet(workspace.faces("destination")).removed()
    same = made.get("method", {}).get("weights_sha256") == card.get("weights_sha256")
    stated, person = made.get("destination", {}), workspace.settings.get("people", {}).get("destination")
    return there and same and stated.get("removed") == removed and stated.get("person") == person


def _satisfied(model: Path, budget: Budget) -> bool:
    """Whether a trained model has had its budget."""
    card = _json(model / "card.json")
    if not card:
        return False
    if budget.steps is not None:
        return int(card["step"]) >= budget.steps
    return float(card["seconds"]) >= 60 * (budget.minutes or 0) * 0.98


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}


def hand_out(workspace: Workspace, output: Path) -> None:
    """Copy the finished, marked result and its manifest to where the user wants them."""
    result = workspace.result / "result.mp4"
    for source, target in ((result, output), (result.with_suffix(".c2pa"), output.with_suffix(".c2pa"))):
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
