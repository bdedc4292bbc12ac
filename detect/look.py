"""Looking at a clip: find the faces, follow them, cut their crops and measure their cues. No model yet.

A face that was looked at is a crop and a few numbers; the frame itself is let go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datasets.faces.align import align_affine, warp_crop
from datasets.faces.track import Tracker
from detect.competence import colourfulness, flat_share
from detect.recipes.paired import sharpness

if TYPE_CHECKING:
    from datasets.faces.finder import Face, FaceFinder
    from detect.cues.patch import Patch
    from detect.detector import Detector
    from detect.source import Looked

# Overlap from which a face of the next frame of a run is the same person's.
SAME = 0.5
# Faces of a frame that are measured in runs: each patch of a run is kept until its end.
MOST_RUN_FACES = 4


@dataclass(frozen=True)
class Seen:
    """One face in one frame, waiting to be scored.

    Attributes:
        order: which of the counted frames it is in.
        crop: uint8 RGB (S, S, 3), as the detector wants it.
        affine: float32 (2, 3), frame pixels to crop pixels.
        cues: float32 (k,), of the detector's ``cue_names``, NaN where one can't be measured; None where it has none.
        sharpness: see :func:`detect.recipes.paired.sharpness`.
        flat: see :func:`detect.competence.flat_share`.
        colour: see :func:`detect.competence.colourfulness`.
    """

    order: int
    frame_index: int
    time: float
    track: int
    face: Face
    crop: np.ndarray
    affine: np.ndarray
    cues: np.ndarray | None
    sharpness: float
    flat: float
    colour: float


@dataclass(frozen=True)
class SeenRun:
    """One face over a few consecutive frames: (seconds, patch) of each."""

    track: int
    run: tuple[tuple[float, Patch], ...]


@dataclass
class Tally:
    """How many frames were counted, and in how many of them there was no face."""

    frames: int = 0
    empty: int = 0


@dataclass(frozen=True)
class Found:
    """The faces of one frame, and the track of each; None for one that is in no track that is known."""

    looked: Looked
    faces: Sequence[Face]
    tracks: Sequence[int | None]


def face_inputs(
    image: np.ndarray, face: Face, detector: Detector, patch: Patch | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """What a detector needs of one face of a frame (uint8 RGB HxWx3): crop, affine, cues; see :class:`Seen`."""
    side, coverage = int(detector.card["input"]["size"]), detector.card["input"]["coverage"]
    affine = align_affine(face, side, coverage)
    return warp_crop(image, affine, side), affine, face_cues(image, face, detector.cue_names, patch)


def face_cues(image: np.ndarray, face: Face, names: Sequence[str], patch: Patch | None = None) -> np.ndarray | None:
    """The cues of a face, float32 (k,), all NaN for a face without a mesh; None where there are no names.

    Args:
        patch: of that face, where it was cut already.
    """
    if not names:
        return None
    from detect.cues.model import measure_face

    return measure_face(image, face, names, patch)


def find(frames: Iterator[Looked], finder: FaceFinder, tally: Tally) -> Iterator[Found]:
    """The faces of every frame that is looked at, as they come, and whose they are.

    The tracker sees the counted frames alone: of a clip that is sampled sparsely it follows the samples. In a run
    faces hardly move, and what overlaps is the same.
    """
    tracker, boxes, number = Tracker(), dict[int, np.ndarray](), None
    for looked in frames:
        faces = finder.find(looked.frame.image)
        if looked.run != number:
            boxes, number = {}, looked.run
        if looked.counted:
            tally.frames += 1
            tally.empty += not faces
            tracks: list[int | None] = list(tracker.update(looked.order, faces))
        else:
            tracks = [_same(boxes, face.box) for face in faces]
        if number is not None:
            boxes |= {track: face.box for track, face in zip(tracks, faces, strict=True) if track is not None}
        yield Found(looked, faces, tracks)


def measure(found: Iterator[Found], detector: Detector) -> Iterator[Seen | SeenRun]:
    """The faces of the counted frames, cut and measured, and those of each run when it ends."""
    run: dict[int, list[tuple[float, Patch]]] = {}
    number: int | None = None
    for one in found:
        image, time = one.looked.frame.image, one.looked.frame.time
        if one.looked.run != number:
            yield from _ended(run)
            run, number = {}, one.looked.run
        cut = {} if number is None else _keep(run, one)
        if not one.looked.counted:
            continue
        for place, (track, face) in enumerate(zip(one.tracks, one.faces, strict=True)):
            assert track is not None
            crop, affine, cues = face_inputs(image, face, detector, cut.get(place))
            yield Seen(
                one.looked.order,
                one.looked.frame.index,
                time,
                track,
                face,
                crop,
                affine,
                cues,
                sharpness(crop),
                flat_share(image, face.box),
                colourfulness(crop),
            )
    yield from _ended(run)


def _ended(run: dict[int, list[tuple[float, Patch]]]) -> list[SeenRun]:
    return [SeenRun(track, tuple(patches)) for track, patches in run.items() if len(patches) > 1]


def _keep(run: dict[int, list[tuple[float, Patch]]], one: Found) -> dict[int, Patch]:
    """Add the patches of a frame's faces to their runs; they are given back by the faces' places among the found."""
    from detect.cues.patch import cut_patch

    cut: dict[int, Patch] = {}
    for place, (track, face) in enumerate(list(zip(one.tracks, one.faces, strict=True))[:MOST_RUN_FACES]):
        if track is not None and (patch := cut_patch(one.looked.frame.image, face)) is not None:
            cut[place] = patch
            run.setdefault(track, []).append((one.looked.frame.time, patch))
    return cut


def _same(known: dict[int, np.ndarray], box: np.ndarray) -> int | None:
    """Which of the known boxes a box overlaps most; None where it is none of them."""
    best = max(known, key=lambda track: overlap(box, known[track]), default=None)
    return best if best is not None and overlap(box, known[best]) > SAME else None


def overlap(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """Intersection over union of two boxes, xyxy, in [0, 1]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return float(width * height / (areas - width * height))
