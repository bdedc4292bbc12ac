"""The pictures of a score report: the frames that decided, close up, where the detector saw it, and where a cue looks.

A suspect clip is no output of the studio, so its frames are shown as they are. A clip that carries the studio's own
marks of a synthetic output is one: its frames go through the one writer, with the consent records of that output, or
they are not shown.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from datasets.errors import Refused
from datasets.provenance.consent import Consent
from datasets.provenance.writer import Ingredient, Making, picture_bytes
from datasets.video import Frame, frames_at, is_picture, read_picture
from detect.explain import Explainer, heat_in_frame
from detect.results import ClipScore, FrameScore, TrackScore
from evaluate.heatmaps import lay_over
from evaluate.views import plain_picture

if TYPE_CHECKING:
    from datasets.faces.finder import Face
    from detect.cues.patch import Patch
    from detect.detector import Detector

MARGIN, LEAST_SIDE = 1.7, 64
LEAST_CELL, CELL = 176, 264
JPEG_QUALITY = 88
SAME_FACE = 0.3
LOOKS = 3
UNKNOWN_OUTPUT = (
    "This file carries the marks of a synthetic output of a Counterface studio, and the consent records of that output "
    "are not on this machine: no pictures of it are shown."
)


@dataclass(frozen=True)
class Moment:
    """One scored face in one frame, close up.

    Attributes:
        frame: its score.
        close_up: uint8 RGB (s, s, 3).
        overlay: the same in grey with the heatmap on it, or None where there is none.
        patch: what cues are measured on, or None for a face without a mesh or that was not found again.
    """

    frame: FrameScore
    close_up: np.ndarray
    overlay: np.ndarray | None
    patch: Patch | None


class Scored(Protocol):
    """A file that was scored, with what marks it carries: a ``ClipScore``, or what was kept of one."""

    @property
    def file(self) -> str: ...

    @property
    def provenance(self) -> Mapping[str, Any]: ...


class Shown:
    """How pictures of one file go into a page.

    Args:
        making: what the marks of its pictures say, from who made the file; None takes its record on this machine.

    Attributes:
        note: why there are none, or how they are marked; empty for suspect material, which is shown as it is.
        signed: whether they are marked as synthetic.
    """

    def __init__(self, score: Scored, making: Making | None = None) -> None:
        self._making: Making | None = None
        self.note, self._none = "", False
        found = score.provenance
        self.signed = bool(found.get("studio_output")) and found.get("synthetic") is not False
        if not self.signed:
            return
        if making is not None:
            self._making = making
            return
        record = (found.get("watermark") or {}).get("record")
        if record is None:
            self.note, self._none = UNKNOWN_OUTPUT, True
            return
        self._making = _making(Path(score.file), record)
        self.note = "This is a synthetic output of this studio: every picture of it here is marked “AI” and signed."

    def __call__(self, image: np.ndarray, title: str) -> str | None:
        """A uint8 RGB HxWx3 picture as a data address; None where no picture may be shown."""
        content = self.jpeg(image, title)
        return None if content is None else "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")

    def jpeg(self, image: np.ndarray, title: str) -> bytes | None:
        """The same as a file's bytes."""
        if self._none:
            return None
        if self._making is None:
            return plain_picture(image, JPEG_QUALITY)
        try:
            return picture_bytes(image, _titled(self._making, title), quality=JPEG_QUALITY)
        except Refused as refused:
            self.note, self._none = f"No pictures of this file are shown: {refused}", True
            return None


def _making(path: Path, record: Mapping[str, Any]) -> Making:
    return Making(
        title=path.name,
        method=str(record.get("method") or "face swap"),
        consent=tuple(
            Consent.from_table({k: v for k, v in held.items() if k != "id"}) for held in record.get("consent", ())
        ),
        ingredients=(Ingredient(path, "the clip that was scored", "parentOf"),),
        settings={},
        kind="report",
    )


def _titled(making: Making, title: str) -> Making:
    from dataclasses import replace

    return replace(making, title=title)


def moments(
    score: ClipScore, frames: Sequence[FrameScore], detector: Detector, explainer: Explainer, finder: str
) -> Iterator[Moment]:
    """The close-ups of one person's frames, in the order of time.

    The faces are looked for again, since scoring keeps no pictures. One that is not found again in its frame alone is
    shown without a heatmap.

    Raises:
        InputError: the file cannot be read any more.
    """
    from datasets.faces.finder import make_finder

    wanted = {frame.index: frame for frame in frames}
    backend = make_finder(finder)
    try:
        for picture in _pictures(Path(score.file), sorted(wanted)):
            frame = wanted[picture.index]
            face = _again(backend, picture.image, frame.box)
            yield _moment(picture.image, frame, face, detector, explainer)
    finally:
        backend.close()


def _pictures(path: Path, indices: list[int]) -> Iterator[Frame]:
    if is_picture(path):
        return iter([Frame(0, 0.0, read_picture(path))])
    return frames_at(path, indices)


def _again(backend: Any, image: np.ndarray, box: Sequence[float]) -> Face | None:
    """The face that was scored, or None. A small face may need several looks, since a look covers a few tiles."""
    from detect.look import overlap

    if hasattr(backend, "reset"):
        backend.reset()
    for _ in range(LOOKS):
        found = max(backend.find(image), key=lambda face: overlap(face.box, box), default=None)
        if found is not None and overlap(found.box, box) >= SAME_FACE:
            return found
    return None


def _moment(
    image: np.ndarray, frame: FrameScore, face: Face | None, detector: Detector, explainer: Explainer
) -> Moment:
    from detect.cues.patch import cut_patch
    from detect.look import face_inputs

    x0, y0, x1, y1 = square(frame.box, image.shape[1], image.shape[0])
    close_up = _cell(image[y0:y1, x0:x1])
    if face is None:
        return Moment(frame, close_up, None, None)
    crop, affine, cues = face_inputs(image, face, detector)
    patch = cut_patch(image, face)
    heat = explainer.heat(crop[None], detector.score(crop[None], None if cues is None else cues[None]))
    if heat is None:
        return Moment(frame, close_up, None, patch)
    laid = heat_in_frame(heat[0], affine, len(crop), (image.shape[1], image.shape[0]))
    return Moment(frame, close_up, _cell(lay_over(image[y0:y1, x0:x1], laid[y0:y1, x0:x1])), patch)


def square(box: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """A square around a box with a margin, xyxy whole pixels inside a frame of this size."""
    side = round(min(max(MARGIN * max(box[2] - box[0], box[3] - box[1]), LEAST_SIDE), width, height))
    x0 = round(float(np.clip((box[0] + box[2]) / 2 - side / 2, 0, width - side)))
    y0 = round(float(np.clip((box[1] + box[3]) / 2 - side / 2, 0, height - side)))
    return x0, y0, x0 + side, y0 + side


def _cell(image: np.ndarray) -> np.ndarray:
    """The picture with its longer side between ``LEAST_CELL`` and ``CELL`` pixels."""
    import cv2

    longest = max(image.shape[:2])
    scale = min(max(longest, LEAST_CELL), CELL) / longest
    if scale == 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def cue_picture(name: str, patch: Patch) -> np.ndarray | None:
    """Where a cue looks, laid over the face's close-up, uint8 RGB; None for a cue that this version does not know."""
    from detect.cues.registry import Cue, frame_cues, track_cues

    cues: list[Cue] = [*frame_cues(), *track_cues()]
    known = {cue.name: cue for cue in cues}
    if name not in known:
        return None
    middle = (patch.landmarks.min(0) + patch.landmarks.max(0)) / 2
    box = (*(middle - patch.side / 2), *(middle + patch.side / 2))
    x0, y0, x1, y1 = square(box, patch.image.shape[1], patch.image.shape[0])
    return _cell(lay_over(patch.image, known[name].where(patch))[y0:y1, x0:x1])


def telling(score: ClipScore, track: TrackScore, most: int) -> list[FrameScore]:
    """The frames of one person to show, in the order of time: those that decided, else those with most evidence."""
    own = {frame.index: frame for frame in track.frames}
    named = [own[index] for index in score.deciding if index in own][:most] if track is deciding_track(score) else []
    if not named:
        down = score.verdict == "no manipulation found"
        named = sorted(track.frames, key=lambda f: f.probability if down else -f.probability)[:most]
    return sorted(named, key=lambda frame: frame.index)


def deciding_track(score: ClipScore) -> TrackScore | None:
    """The person whose score is the clip's, or None without a face."""
    if not score.tracks or score.probability is None:
        return None
    return min(score.tracks, key=lambda track: (abs(track.probability - float(score.probability or 0)), track.id))
