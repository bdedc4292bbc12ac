"""A workspace's two clips to a result: train a model on the face sets, then render and composite every frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import refuse_overwrite, refuse_same, remove, replacing
from datasets.errors import InputError, Interrupted
from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet, load_arrays
from datasets.interrupt import StopRequested
from datasets.progress import Progress, silent
from datasets.provenance.writer import Ingredient, Making, Marks, SyntheticWriter, write_picture
from datasets.video import Frame, probe
from datasets.workspace import Role, Workspace
from synth.composite.compositor import CompositeSettings
from synth.method import Budget, SwapMethod, method_class
from synth.people import one_person
from synth.rendering import LEFT, swapped_frames

MOST_FACES = 3000
ROLES: tuple[Role, Role] = ("source", "destination")


@dataclass
class MergeReport:
    """What a merge did.

    Attributes:
        total, swapped: frames in the clip, and those whose face was swapped.
        left: frames left as they are, by reason.
        marks: what the result carries.
        notes: sentences for a person.
    """

    total: int = 0
    swapped: int = 0
    left: Counter[str] = field(default_factory=Counter)
    marks: Marks | None = None
    notes: list[str] = field(default_factory=list)


def training_faces(workspace: Workspace, role: Role, method: Any, progress: Progress = silent) -> FaceArrays:
    """The faces of one role, cut for a method; of long clips, ``MOST_FACES`` spread over the whole.

    Raises:
        InputError: there is no face set yet, or none of its faces has a mesh.
    """
    folder = workspace.faces(role)
    if not folder.is_dir():
        raise InputError(f"The {role} has no face set yet; run: counterface extract {workspace.root}")
    faces = FaceSet(folder)
    track, _ = one_person(faces)
    arrays = load_arrays(faces, method.size, method.coverage, track, MOST_FACES, progress)
    if not len(arrays):
        raise InputError(f"The face set in {folder} holds no face with a mesh, which swapping needs.")
    return arrays


def train(
    workspace: Workspace,
    method: str,
    budget: Budget,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a swap model in a workspace, or go on with the one that is there; returns its card.

    Raises:
        Refused: a consent record is missing.
        InputError: no face sets, an unknown method, or a model begun on other data.
        Interrupted: Ctrl-C; the same call goes on.
    """
    workspace.require_consent()
    kind = method_class(method)
    folder = workspace.model(method)
    source, destination = (training_faces(workspace, role, kind, progress) for role in ROLES)
    if force:
        remove(folder)
    model: SwapMethod = kind(seed=workspace.seed, device=device)
    return model.fit(source, destination, folder, budget, progress, _preview(workspace, method))


def _preview(workspace: Workspace, method: str) -> Callable[[int, np.ndarray], None]:
    making = describe(workspace, method, {}, "preview", "training preview")

    def show(step: int, sheet: np.ndarray) -> None:
        import cv2

        large = cv2.resize(sheet, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        write_picture(workspace.model(method) / "previews" / f"step-{step:06d}.jpg", large, making)

    return show


def describe(workspace: Workspace, method: str, settings: dict[str, Any], kind: Any, title: str) -> Making:
    """What the manifest of an output of this workspace says."""
    clips = {role: workspace.clip(role) for role in ROLES}
    names = {role: workspace.settings.get("clips", {}).get(role, {}).get("name", clips[role].name) for role in ROLES}
    return Making(
        title=title,
        method=method,
        consent=workspace.require_consent(),
        ingredients=(
            Ingredient(clips["destination"], names["destination"], "parentOf"),
            Ingredient(clips["source"], names["source"], "componentOf"),
        ),
        settings=settings,
        kind=kind,
    )


def load_model(workspace: Workspace, name: str, device: str = "auto") -> SwapMethod:
    """A trained model of the workspace. Raises InputError when there is none of that name."""
    if name not in workspace.models():
        there = ", ".join(workspace.models()) or "none yet"
        raise InputError(f"{workspace.root} has no trained model {name!r} ({there}); run: counterface train")
    return method_class(name).load(workspace.model(name), device)


def merge(
    workspace: Workspace,
    name: str,
    settings: CompositeSettings,
    output: Path | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
    ready: Callable[[], None] | None = None,
) -> MergeReport:
    """Render the whole destination clip: the marked result and, beside it, its lossless swap mask.

    The two appear together when both are whole; Ctrl-C leaves neither.

    Args:
        output: the result's file; by default ``result/result.mp4`` of the workspace. The mask is written beside it as
            ``<name>_mask.mkv`` (FFV1, grey, 0 to 255).
        ready: called when every frame is there, just before an older result is replaced.

    Raises:
        Refused: a consent record is missing. InputError: no model, no face set, the output exists, disk full.
    """
    workspace.require_consent()
    output = Path(output or workspace.result / "result.mp4")
    mask_file = output.with_name(output.stem + "_mask.mkv")
    for file in (output, mask_file):
        refuse_overwrite(file, force)
        for role in ROLES:
            refuse_same(file, workspace.clip(role))
    model = load_model(workspace, name, device)
    faces = FaceSet(workspace.faces("destination"))
    clip = workspace.clip("destination")
    info = probe(clip)
    track, notes = one_person(faces)
    report = MergeReport(notes=notes)
    making = describe(workspace, name, settings.to_table(), "swap", output.name)
    from datasets.encode import encoder_like

    with (
        StopRequested() as stop,
        replacing(mask_file) as temporary,
        SyntheticWriter(output, info, making, force=force) as writer,
        encoder_like(temporary, info, sound=False, codec="ffv1", grey=True, name=mask_file) as masks,
    ):
        for swapped in swapped_frames(clip, faces, model, settings, track):
            if stop.now:
                raise Interrupted("Merging stopped and nothing was written; the same command starts the merge again.")
            frame = swapped.frame
            writer.write(Frame(frame.index, frame.time, swapped.image))
            masks.write(Frame(frame.index, frame.time, swapped.mask))
            report.total += 1
            if swapped.row is None:
                report.left[swapped.why] += 1
            else:
                report.swapped += 1
            progress("merging", report.total, max(info.frames, report.total))
        if not report.swapped:
            said = ", ".join(f"{count} {LEFT[why]}" for why, count in report.left.items())
            raise InputError(f"No face of {clip.name} could be swapped (frames: {said}); nothing was written.")
        if ready is not None:
            ready()
    report.marks = writer.marks
    report.notes += list(writer.marks.notes) if writer.marks else []
    if report.left:
        said = ", ".join(f"{count} {LEFT[why]}" for why, count in report.left.items())
        report.notes.append(f"{sum(report.left.values())} of {report.total} frames were left as they are ({said}).")
    return report
