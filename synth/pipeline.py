"""A workspace's two clips to a result: train a model on the face sets, then render and composite every frame."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.ahead import ahead
from datasets.atomic import aside, refuse_overwrite, refuse_same, remove, replacing, write_json
from datasets.checkpoint import CARD
from datasets.errors import InputError, Interrupted
from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet, load_arrays
from datasets.interrupt import StopRequested
from datasets.progress import Progress, silent, tell
from datasets.provenance.writer import Ingredient, Making, Marks, SyntheticWriter, write_picture
from datasets.trainingstate import STATE, step_on_disk
from datasets.trainingstate import restore as restore_backup
from datasets.video import Frame, is_picture, probe
from datasets.workspace import Role, Workspace
from synth.composite.compositor import for_method
from synth.composite.session import Settings
from synth.method import USES_BOTH, Budget, SwapMethod, method_class, methods
from synth.people import person_of
from synth.rendering import LEFT, swapped_frames

MOST_FACES = 3000
COMPOSED_AHEAD = 6
MOST_PICTURES = 4
ROLES: tuple[Role, Role] = ("source", "destination")
TRAINED_ON = "trained_on.json"


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
    track, _ = person_of(workspace, role, faces)
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
    options: Mapping[str, Any] | None = None,
    restore: str | None = None,
) -> dict[str, Any]:
    """Train a swap model in a workspace, or go on with the one that is there; returns its card.

    Args:
        options: the method's own settings by name, as text or as values.
        restore: the step of a backup to go on from, or ``last`` for the newest good one.

    Raises:
        Refused: a consent record is missing.
        InputError: no face sets, an unknown method or option, a model begun with other options, a damaged state, no
            such backup, too little memory. With ``force`` the old model is there still unless a new state was saved.
        Interrupted: Ctrl-C; the same call goes on.
    """
    from synth.hardware import enough_memory, own_device, rank

    workspace.require_consent()
    if force and restore is not None:
        raise InputError("--force trains anew and --restore goes on from a backup; give one of them.")
    kind = method_class(method)
    folder = workspace.model(method)
    own_device()
    # Of several processes that train together, the first alone may change what is on disk.
    first = rank() == 0
    start = str((options or {}).get("from") or "none")
    if force and start not in ("base", "none") and Path(start).resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{folder} is what --force replaces; copy it elsewhere, and give the copy to --from.")
    if first:
        _put_back(folder)
    with enough_memory("What was saved before is kept."):
        model: SwapMethod = kind(seed=workspace.seed, device=device, options=options)
        source, destination = (training_faces(workspace, role, model, progress) for role in ROLES)
        given = faces_now(workspace)
        with _replaced(folder) if first and force else nullcontext():
            if first and restore is not None:
                step = restore_backup(folder, restore)
                tell(progress, f"Going on from the backup of step {step}.")
            before = step_on_disk(folder)
            done = False
            try:
                card = model.fit(source, destination, folder, budget, progress, _preview(workspace, method))
                done = not kind.trains
                return card
            finally:
                if first and (done or step_on_disk(folder) != before):
                    write_json(folder / TRAINED_ON, given)


def faces_now(workspace: Workspace) -> dict[str, Any]:
    """What tells the faces that a training would take from others: of each role the face set and its person's tracks.

    Raises InputError when a face set is missing, or nobody can tell who is meant.
    """
    found: dict[str, Any] = {}
    for role in ROLES:
        faces = FaceSet(workspace.faces(role))
        tracks, _ = person_of(workspace, role, faces)
        chosen = sorted(tracks) if isinstance(tracks, frozenset) else tracks
        found[role] = {"faces": faces.fingerprint(), "tracks": chosen}
    return found


def faces_of(folder: Path) -> dict[str, Any] | None:
    """``faces_now`` of when the model in a folder was last trained; None where that was not written down."""
    try:
        held = json.loads((folder / TRAINED_ON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None


@contextmanager
def _replaced(folder: Path) -> Iterator[None]:
    """Set a model aside while another is made in its place; it comes back unless something was saved there."""
    if folder.exists():
        folder.rename(aside(folder))
    try:
        yield
    finally:
        _put_back(folder)


def _put_back(folder: Path) -> None:
    """Remove a model that was set aside if there is another, else put it back: also after a kill."""
    older = aside(folder)
    if not older.exists():
        return
    if (folder / STATE).is_file() or (folder / CARD).is_file():
        remove(older)
    else:
        remove(folder)
        older.rename(folder)


def _preview(workspace: Workspace, method: str) -> Callable[[int, np.ndarray], None]:
    making = describe(workspace, method, {}, "preview", "training preview")

    def show(step: int, sheet: np.ndarray) -> None:
        import cv2

        large = cv2.resize(sheet, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        write_picture(workspace.model(method) / "previews" / f"step-{step:06d}.jpg", large, making)

    return show


def describe(workspace: Workspace, method: str, settings: dict[str, Any], kind: Any, title: str) -> Making:
    """What the manifest of an output of this workspace says.

    All clips of the source are named as ingredients; of many pictures, ``MOST_PICTURES``, whose titles say of how many,
    and the hash of them all goes into the settings. Of a method that uses nothing of the source, the source is none.
    """
    sources: list[tuple[Path, str]] = []
    if "source" in getattr(methods().get(method), "uses", USES_BOTH):
        sources = list(zip(workspace.clips("source"), workspace.names("source"), strict=True))
    pictures = sum(is_picture(file) for file, _ in sources)
    if pictures > MOST_PICTURES:
        named = [(file, name) for file, name in sources if is_picture(file)][:MOST_PICTURES]
        sources = [(file, name) for file, name in sources if not is_picture(file)]
        sources += [(file, f"{name} (one of {pictures} pictures)") for file, name in named]
        whole = workspace.settings["clips"]["source"]["sha256"]
        settings = settings | {"source_pictures": pictures, "source_sha256": whole}
    return Making(
        title=title,
        method=method,
        consent=workspace.require_consent(),
        ingredients=(
            Ingredient(workspace.clip("destination"), workspace.names("destination")[0], "parentOf"),
            *(Ingredient(file, name, "componentOf") for file, name in sources),
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
    settings: Settings | None = None,
    output: Path | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
    ready: Callable[[], None] | None = None,
) -> MergeReport:
    """Render the whole destination clip: the marked result and, beside it, its lossless swap mask.

    The two appear together when both are whole; Ctrl-C leaves neither.

    Args:
        settings: how faces are put back, for all frames or a session; by default the method's own.
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
            for own in workspace.clips(role):
                refuse_same(file, own)
    model = load_model(workspace, name, device)
    settings = settings or for_method(model)
    faces = FaceSet(workspace.faces("destination"))
    clip = workspace.clip("destination")
    info = probe(clip)
    track, notes = person_of(workspace, "destination", faces)
    report = MergeReport(notes=notes)
    making = describe(workspace, name, settings.to_table(), "swap", output.name)
    from datasets.encode import encoder_like

    with (
        StopRequested() as stop,
        replacing(mask_file) as temporary,
        SyntheticWriter(output, info, making, force=force) as writer,
        encoder_like(temporary, info, sound=False, codec="ffv1", grey=True, name=mask_file) as masks,
    ):
        # Composing runs ahead in a thread of its own while this one encodes.
        for swapped in ahead(swapped_frames(clip, faces, model, settings, track), COMPOSED_AHEAD):
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
