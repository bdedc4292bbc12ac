"""What the pages of making a swap show: the faces of a set, a training as it runs, one frame of the composite."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.curate.figures import measure
from datasets.curate.marks import apply, mark, read_marks, restore, trash_of, write_marks
from datasets.curate.order import ORDERS, order
from datasets.errors import InputError
from datasets.faceset import FaceSet
from datasets.provenance.writer import picture_bytes
from datasets.video import read_picture, timestamps
from datasets.workspace import Choice, Role, Workspace, choose_people
from evaluate.results import Curve, original_is_synthetic, read_metrics
from evaluate.views import plain_picture
from ui import jobs
from ui.jobs import Job

if TYPE_CHECKING:
    from synth.preview import Preview

BY_HAND = "by hand"
THUMB, THUMB_QUALITY = 128, 84
WIDEST, QUALITY = 760, 88
RECENT = 12
ORDER_NAMES = tuple(ORDERS)


@dataclass(frozen=True)
class FaceCell:
    """One face of a contact sheet: its file's name, a small JPEG, its frame number, its figure in the order."""

    file: str
    jpeg: bytes
    frame: int
    figure: float


@dataclass(frozen=True)
class FaceSheet:
    """A page of a face set in an order.

    Attributes:
        cells: of this page.
        total: faces in the set; removed: in its trash.
        unit: what the figure is.
        notes: sentences on the set and on who is meant in it.
        tracks: number and words of each person that can be chosen; empty where there is no choice.
    """

    cells: tuple[FaceCell, ...]
    total: int
    removed: int
    unit: str
    notes: tuple[str, ...]
    tracks: tuple[tuple[int, str], ...]


def faces_found(workspace: Workspace, role: Role) -> bool:
    """Whether that role's face set is there."""
    return (workspace.faces(role) / "faces.parquet").is_file()


def face_sheet(workspace: Workspace, role: Role, by: str, start: int, count: int) -> FaceSheet:
    """Part of a face set in an order. Raises InputError for an unknown order, or when nobody can tell who is meant."""
    from synth.people import person_of, track_words, tracks_to_choose

    faces = FaceSet(workspace.faces(role))
    info = faces.info
    tracks = tuple((t["id"], track_words(t, info.clips)) for t in tracks_to_choose(info))
    notes = list(info.notes())
    try:
        chosen, said = person_of(workspace, role, faces)
        notes += said
    except InputError as error:
        chosen = None
        notes.append(str(error))
    figures = measure(faces, chosen)
    put = order(figures, by)
    cells = [
        FaceCell(name, _thumb(faces.folder / name, _stamp(faces.folder / name)), int(figures.frame[i]), float(figure))
        for i, figure in zip(put.index[start : start + count].tolist(), put.figure[start : start + count], strict=True)
        if (faces.folder / (name := figures.file[i])).is_file()
    ]
    trash = trash_of(faces.folder)
    removed = len(list(trash.glob("*.jpg"))) if trash.is_dir() else 0
    return FaceSheet(tuple(cells), len(figures), removed, put.unit, tuple(notes), tracks)


def choose_person(workspace: Workspace, role: Role, track: int) -> Workspace:
    """Say which of the people in a clip is meant."""
    return choose_people(workspace, {role: Choice(track=track)})


def remove_faces(workspace: Workspace, role: Role, files: Sequence[str]) -> int:
    """Move faces to the set's trash, from which they can be brought back; returns how many went."""
    faces = FaceSet(workspace.faces(role))
    known = {name for name in files if (faces.folder / Path(name).name).is_file()}
    marks = read_marks(faces.folder)
    write_marks(faces.folder, mark(marks, {name: {BY_HAND: "on the page"} for name in known}, ()))
    return len(apply(faces).files)


def restore_faces(workspace: Workspace, role: Role) -> int:
    """Bring all faces back from the trash; returns how many."""
    return len(restore(FaceSet(workspace.faces(role))).files)


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.is_file() else 0


@lru_cache(maxsize=1500)
def _thumb(file: Path, stamp: int) -> bytes:
    import cv2

    image = read_picture(file)
    return plain_picture(cv2.resize(image, (THUMB, THUMB), interpolation=cv2.INTER_AREA), THUMB_QUALITY)


@dataclass(frozen=True)
class Training:
    """A training as it stands on disk.

    Attributes:
        step: the last one that was written down; 0 before.
        seconds: of training so far.
        pace: seconds a step over the last lines, or None.
        curves: figures by name.
        preview: the last contact sheet of the training, marked, or None.
    """

    step: int
    seconds: float
    pace: float | None
    curves: Mapping[str, Curve]
    preview: Path | None

    def left(self, minutes: float | None, steps: int | None) -> float | None:
        """Seconds that it will still take to its end, or None where that can't be told yet."""
        if minutes is not None:
            return max(0.0, 60 * minutes - self.seconds)
        if steps is not None and self.pace is not None:
            return max(0.0, (steps - self.step) * self.pace)
        return None


def training(workspace: Workspace, method: str) -> Training:
    """How the training of a method stands."""
    folder = workspace.model(method)
    curves = read_metrics(folder / "metrics.jsonl")
    seconds = curves.get("seconds")
    step = int(seconds.step[-1]) if seconds is not None else 0
    pace = None
    if seconds is not None and len(seconds.step) > 1:
        first = max(0, len(seconds.step) - RECENT)
        steps = seconds.step[-1] - seconds.step[first]
        pace = float((seconds.value[-1] - seconds.value[first]) / steps) if steps > 0 else None
    total = float(seconds.value[-1]) if seconds is not None else 0.0
    return Training(step, total, pace, curves, max(folder.glob("previews/step-*.jpg"), default=None))


def latest(kind: str, workspace: Workspace) -> Job | None:
    """The last job of a kind in a workspace."""
    root = str(workspace.root)
    return next((job for job in jobs.listing(kind) if job.payload.get("workspace") == root), None)


@dataclass(frozen=True)
class Previewed:
    """One frame before and after, JPEG, the second marked; ``why`` says so where it is left as it is."""

    before: bytes
    after: bytes
    why: str


class Previews:
    """The one composite preview that is kept open: model, face table and the last frames' faces stay in memory.

    Pages of several people share it, one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Any, ...] = ()
        self._open: Preview | None = None

    def frame(self, workspace: Workspace, method: str, settings: Mapping[str, Any], index: int) -> Previewed:
        """A frame with these settings.

        Raises:
            Refused: a consent record is missing. InputError: no model, no such frame, an impossible setting.
        """
        from synth.composite.settings import for_method
        from synth.pipeline import describe
        from synth.rendering import LEFT

        workspace.require_consent()
        chosen = for_method(method, settings)
        with self._lock:
            swapped = self._preview(workspace, method).frame(index, chosen)
        making = describe(workspace, method, chosen.to_table(), "preview", "Preview of one frame")
        before = swapped.frame.image
        return Previewed(
            _before(workspace, _small(before), making),
            picture_bytes(_small(swapped.image), making, quality=QUALITY),
            f"This frame is one {LEFT[swapped.why]}: it is left as it is." if swapped.why else "",
        )

    def _preview(self, workspace: Workspace, method: str) -> Preview:
        from synth.preview import Preview

        weights = workspace.model(method) / "card.json"
        table = workspace.faces("destination")
        key = (workspace.root, method, _stamp(weights), table.stat().st_mtime_ns)
        if self._open is None or key != self._key:
            self.close()
            self._open, self._key = Preview(workspace, method), key
        return self._open

    def close(self) -> None:
        """Let go of it."""
        if self._open is not None:
            self._open.close()
            self._open = None


PREVIEWS = Previews()


def _before(workspace: Workspace, image: np.ndarray, making: Any) -> bytes:
    """The original's frame; marked too where the original is synthetic itself, as the sample's is."""
    if original_is_synthetic(workspace):
        return picture_bytes(image, making, quality=QUALITY)
    return plain_picture(image, QUALITY)


def _small(image: np.ndarray) -> np.ndarray:
    import cv2

    scale = min(1.0, WIDEST / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) if scale < 1 else image


def frame_times(workspace: Workspace) -> np.ndarray:
    """Seconds of the destination's frames, float64 (N,)."""
    clip = workspace.clip("destination")
    return _times(clip, _stamp(clip))


@lru_cache(maxsize=8)
def _times(clip: Path, stamp: int) -> np.ndarray:
    return timestamps(clip)


def made_with(workspace: Workspace) -> str | None:
    """The method that the result was made with, or None."""
    try:
        return json.loads((workspace.result / "result.json").read_text(encoding="utf-8"))["method"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
