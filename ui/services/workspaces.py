"""Opening a workspace for the dashboard, and its frames as marked pictures; nothing of Streamlit in here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datasets.errors import CounterfaceError, InputError
from datasets.provenance.writer import picture_bytes
from datasets.workspace import SETTINGS, open_workspace
from evaluate.cueviews import cue_views
from evaluate.marking import MarkRow, mark_rows
from evaluate.results import FrameScore, Missing, Results, read_results
from evaluate.views import Reel, View, making, moments, original_picture, outline, plain_picture

ENVIRONMENT = "COUNTERFACE_WORKSPACE"
WIDEST = 860
QUALITY = 88
KEPT_FRAMES, KEPT_CUES = 48, 12


@dataclass(frozen=True)
class Opened:
    """A workspace that the dashboard shows.

    Attributes:
        results: what it holds.
        times: seconds of the swap's frames, float64 (N,); empty when there is no swap that can be read.
        marks: the marks found in the swap's file; empty when there is none.
        missing: what is not there, with the command that makes it.
        stamp: changes when a file of the workspace does.
    """

    results: Results
    times: np.ndarray
    marks: tuple[MarkRow, ...]
    missing: tuple[Missing, ...]
    stamp: tuple[tuple[str, int, int], ...]

    @property
    def ready(self) -> bool:
        """Whether there is a swap to show."""
        return bool(len(self.times)) and self.results.lacks("result") is None


@dataclass(frozen=True)
class Pictures:
    """One moment as files' bytes (JPEG), each at most ``WIDEST`` pixels wide and all of one size.

    Attributes:
        original: the destination's frame.
        swap: with badge and Credentials.
        heat: the swap in grey with the heat on it, with badge and Credentials, or None.
        mask: the true swap mask, or None.
        outline: its border as a PNG to lay over the others, or None.
        replaced: share of the frame that the mask covers, 0 to 1, or None.
        time: seconds.
        scores: of this frame, or None where it was not scored.
    """

    original: bytes
    swap: bytes
    heat: bytes | None
    mask: bytes | None
    outline: bytes | None
    replaced: float | None
    time: float
    scores: FrameScore | None


def wanted(arguments: Sequence[str]) -> str:
    """The workspace that was asked for: the environment variable, else the first argument, else nothing."""
    named = [a for a in arguments if not a.startswith("-")]
    return os.environ.get(ENVIRONMENT, "") or (named[0] if named else "")


def found(folder: Path) -> list[Path]:
    """Workspaces in a folder and in the folders directly inside it, the latest first."""
    files = [*folder.glob(SETTINGS), *folder.glob(f"*/{SETTINGS}"), *folder.glob(f"*/*/{SETTINGS}")]
    held = [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    return [file.parent for file in sorted(held, key=lambda file: -file.stat().st_mtime)]


def opened(root: Path) -> Opened:
    """What a workspace holds now; read again only when one of its files has changed.

    Raises:
        InputError: the folder is no workspace, or its settings can't be read.
    """
    root = Path(root).expanduser()
    if not root.exists():
        raise InputError(f"There is no folder {root}.")
    return _opened(root.resolve(), _stamp(root.resolve()))


def _stamp(root: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of what the dashboard reads."""
    patterns = (SETTINGS, "data_*.*", "data_*/aligned/faces.parquet", "model/*/*.json*", "model/*/previews")
    files = [file for p in (*patterns, "detector/*.json*", "result/*") for file in root.glob(p)]
    held = []
    for file in sorted(files):
        # The page writes nothing; a temporary of a step that runs beside it may be gone by now.
        if not file.name.startswith(".") and file.exists():
            state = file.stat()
            held.append((str(file.relative_to(root)), state.st_mtime_ns, state.st_size))
    return tuple(held)


@lru_cache(maxsize=4)
def _opened(root: Path, stamp: tuple[tuple[str, int, int], ...]) -> Opened:
    results = read_results(open_workspace(root))
    missing = list(results.missing)
    times, marks = np.empty(0), list[MarkRow]()
    if results.lacks("result") is None:
        try:
            times, marks = moments(results), mark_rows(results)
        except CounterfaceError as error:
            missing.append(Missing("result", str(error), f"counterface merge {root} --force"))
    return Opened(results, times, tuple(marks), tuple(missing), stamp)


def pictures(held: Opened, index: int) -> Pictures:
    """The pictures of one frame.

    Raises:
        InputError: a clip is damaged or shorter than the swap.
        Refused: a consent record no longer holds, so that no picture of the swap may be made.
    """
    # Kept pictures too: a record can run out while the dashboard stands open.
    held.results.workspace.require_consent()
    return _pictures(held.results.workspace.root, held.stamp, index)


@lru_cache(maxsize=KEPT_FRAMES)
def _pictures(root: Path, stamp: tuple[tuple[str, int, int], ...], index: int) -> Pictures:
    held = _opened(root, stamp)
    view = _view(held, index)

    def signed(image: np.ndarray, title: str) -> bytes:
        return picture_bytes(_small(image), making(held.results, title), quality=QUALITY)

    mask = None if view.mask is None else _small(view.mask)
    # Marking and signing is most of the work, and done outside of Python's lock.
    with ThreadPoolExecutor(2) as beside:
        original = beside.submit(original_picture, held.results, _small(view.original), QUALITY)
        heat = None
        if view.heat is not None:
            heat = beside.submit(signed, view.overlay, "Heatmap on a frame of a face swap")
        swap = signed(view.swap, "Frame of a face swap")
    return Pictures(
        original=original.result(),
        swap=swap,
        heat=None if heat is None else heat.result(),
        mask=None if mask is None else plain_picture(mask, QUALITY),
        outline=None if mask is None else outline(mask),
        replaced=None if view.mask is None else float(view.mask.mean() / 255),
        time=view.time,
        scores=view.scores,
    )


def _view(held: Opened, index: int) -> View:
    if not 0 <= index < len(held.times):
        raise InputError(f"{held.results.video} has no frame {index}.")
    return _reel(held.results.workspace.root, held.stamp).at(index)


@lru_cache(maxsize=2)
def _reel(root: Path, stamp: tuple[tuple[str, int, int], ...]) -> Reel:
    held = _opened(root, stamp)
    return Reel(held.results, held.times)


@dataclass(frozen=True)
class Cue:
    """One cue on one frame: its sentence, a marked picture of where it looks, and places on a strip in [0, 1].

    Attributes:
        low, high: ends of what is usual in real faces.
        original, swap: where the two frames lie.
        odd: whether the swap lies outside.
    """

    sentence: str
    picture: bytes
    low: float
    high: float
    original: float
    swap: float
    odd: bool


def cues(held: Opened, index: int) -> tuple[Cue, ...]:
    """What the forensic cues see in one frame, the most telling first. Raises as :func:`pictures` does."""
    held.results.workspace.require_consent()
    return _cues(held.results.workspace.root, held.stamp, index)


@lru_cache(maxsize=KEPT_CUES)
def _cues(root: Path, stamp: tuple[tuple[str, int, int], ...], index: int) -> tuple[Cue, ...]:
    held = _opened(root, stamp)
    view = _view(held, index)
    found = []
    for cue in cue_views(view.original, view.swap):
        ends = [*cue.usual, cue.original, cue.swap]
        room = 0.06 * max(max(ends) - min(ends), 1e-9)
        start, width = min(ends) - room, max(ends) - min(ends) + 2 * room
        low, high, original, swap = ((value - start) / width for value in ends)
        said = making(held.results, "Where a measurement looks, on a frame of a face swap")
        picture = picture_bytes(cue.picture, said, quality=QUALITY)
        found.append(Cue(cue.sentence, picture, low, high, original, swap, cue.odd))
    return tuple(found)


def _small(image: np.ndarray) -> np.ndarray:
    import cv2

    scale = min(1.0, WIDEST / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
