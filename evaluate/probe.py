"""A few short windows of a clip, decoded once and their faces found once, to be scored under many conditions.

Windows of consecutive frames are what the cues over time need, and what a video codec can be tried on without encoding
the whole clip. Faces keep the places that were found in the clean frames, so that a condition changes the pixels that
are scored and not which pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.errors import InputError
from datasets.faces.align import align_affine
from datasets.faces.finder import Face, FaceFinder
from datasets.video import Frame, frames_at, timestamps
from detect.cues.patch import REACH
from detect.look import Found, Tally, find
from detect.source import Looked, Source
from evaluate.perturb import CLEAN, Condition, Where, changed, through

if TYPE_CHECKING:
    from detect.detector import Detector
    from detect.results import ClipScore

# The region around a face that is perturbed: further than any filter reaches, on the grid of blocks.
MARGIN, GRID = 32, 16


@dataclass(frozen=True)
class Plan:
    """Which frames of a clip are looked at.

    Attributes:
        windows: how many, spread evenly.
        length: frames of each, consecutive.
        every: of every how manieth of them the faces are scored; the others only follow.
        lead: frames before each window that go through an encoder with it, so that it is in its stride.
    """

    windows: int = 4
    length: int = 8
    every: int = 2
    lead: int = 4

    def starts(self, count: int, first: int = 0) -> list[int]:
        """The first frame of each window of a clip of ``count`` frames, ascending, none of them into another."""
        room = count - first
        number = max(1, min(self.windows, room // self.length))
        part = room / number
        return [first + max(0, min(int((i + 0.5) * part - self.length / 2), room - self.length)) for i in range(number)]


@dataclass(frozen=True)
class Window:
    """One window: frames that lead into it, their numbers, and what was found in its own."""

    lead: tuple[np.ndarray, ...]
    led: tuple[int, ...]
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Probe:
    """The windows of a clip with their faces.

    Attributes:
        bits: coded bits a pixel and frame of the clip itself, or None.
        empty: how many of the counted frames have no face.
    """

    windows: tuple[Window, ...]
    bits: float | None
    counted: int
    empty: int

    @property
    def frames(self) -> list[Frame]:
        """The counted frames."""
        return [one.looked.frame for window in self.windows for one in window.found if one.looked.counted]

    @property
    def indices(self) -> list[int]:
        """Numbers of all frames that are held, those that lead in among them, ascending."""
        own = (one.looked.frame.index for window in self.windows for one in window.found)
        return sorted({*own, *(index for window in self.windows for index in window.led)})

    def with_images(self, images: Mapping[int, np.ndarray]) -> Probe:
        """The same faces in other pictures of the same size, by the frame's number."""
        windows = [
            Window(
                tuple(images[index] for index in window.led),
                window.led,
                tuple(_on(one, images[one.looked.frame.index], one.faces) for one in window.found),
            )
            for window in self.windows
        ]
        return replace(self, windows=tuple(windows))

    def with_face(self, boxes: Mapping[int, np.ndarray]) -> Probe:
        """Of every frame the one face that lies nearest to a box (xyxy, by the frame's number); none without a box."""
        windows = [
            replace(window, found=tuple(_only(one, boxes.get(one.looked.frame.index)) for one in window.found))
            for window in self.windows
        ]
        counted = [one for window in windows for one in window.found if one.looked.counted]
        return replace(self, windows=tuple(windows), empty=sum(not one.faces for one in counted))


def look(path: Path, plan: Plan, finder: FaceFinder, first: int = 0) -> Probe:
    """Decode a clip's windows and find their faces.

    Args:
        first: number of the first frame that may be looked at.

    Raises:
        InputError: missing, no video, damaged, or no frame from ``first`` on.
    """
    from datasets.video import probe as describe
    from detect.source import coded_bits

    info, times = describe(path), timestamps(path)
    if first >= len(times):
        raise InputError(f"{path} has {len(times)} frames, and none from number {first} on.")
    starts = plan.starts(len(times), first)
    leads = {s: [i for i in range(max(0, s - plan.lead), s) if i >= first] for s in starts}
    own = {i: number for number, s in enumerate(starts) for i in range(s, min(s + plan.length, len(times)))}
    wanted = sorted({*own, *(i for lead in leads.values() for i in lead)})
    held = {frame.index: frame for frame in frames_at(path, wanted, times)}
    tally = Tally()
    found = list(find(_looked(held, own, starts, plan), finder, tally))
    windows = tuple(
        Window(
            tuple(held[i].image for i in leads[start]),
            tuple(leads[start]),
            tuple(one for one in found if own[one.looked.frame.index] == number),
        )
        for number, start in enumerate(starts)
    )
    bits = coded_bits(path, info.width * info.height, float(info.rate))
    return Probe(windows, bits, tally.frames, tally.empty)


def _looked(held: dict[int, Frame], own: dict[int, int], starts: list[int], plan: Plan) -> Iterator[Looked]:
    order = -1
    for index in sorted(own):
        counted = (index - starts[own[index]]) % plan.every == 0
        order += counted
        yield Looked(held[index], order, counted, own[index])


def score(probe: Probe, detector: Detector, name: str, condition: Condition | None = None, seed: int = 0) -> ClipScore:
    """Score a probe, clean or under a condition.

    Args:
        name: of the clip, for the result.
        seed: what is random comes from it and the frames' numbers.
    """
    from detect.score import score_found

    bits, found, coded = probe.bits, list[Found](), list[float]()
    for window in probe.windows:
        if condition is None or condition.family == CLEAN:
            found += window.found
        elif condition.encodings:
            made, own = _encoded(window, condition)
            found += made
            coded.append(own)
        else:
            found += [_perturbed(one, condition, detector, seed) for one in window.found]
    source = Source(iter(()), probe.counted, True, False, float(np.mean(coded)) if coded else bits, False)
    return score_found(found, detector, source, Tally(probe.counted, probe.empty), name)


def _on(one: Found, image: np.ndarray, faces: Sequence[Face]) -> Found:
    return replace(one, looked=replace(one.looked, frame=replace(one.looked.frame, image=image)), faces=faces)


def _only(one: Found, box: np.ndarray | None) -> Found:
    """The face of a frame that is nearest to a box, as the one and first track."""
    if box is None or not one.faces:
        return replace(one, faces=[], tracks=[])
    face = min(one.faces, key=lambda face: float(np.abs(face.box - box).sum()))
    return replace(one, faces=[face], tracks=[0])


def _encoded(window: Window, condition: Condition) -> tuple[list[Found], float]:
    images = [*window.lead, *(one.looked.frame.image for one in window.found)]
    made, scale, bits = through(images, condition.encodings)
    own = made[len(window.lead) :]
    return [
        _on(one, image, [moved(face, scale, (0.0, 0.0)) for face in one.faces])
        for one, image in zip(window.found, own, strict=True)
    ], bits


def _perturbed(one: Found, condition: Condition, detector: Detector, seed: int) -> Found:
    image = one.looked.frame.image
    if not one.faces:
        return one
    x0, y0, x1, y1 = region(one.faces, image.shape[1::-1], detector)
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    where = Where((image.shape[1], image.shape[0]), (x0, y0))
    made = changed(part, condition, where, (seed, one.looked.frame.index))
    return _on(one, made, [moved(face, 1.0, (x0, y0)) for face in one.faces])


def region(faces: Sequence[Face], size: Any, detector: Detector) -> tuple[int, int, int, int]:
    """What of a frame is looked at when these faces are scored, xyxy, with room to spare, on a grid of 16 px.

    Args:
        size: (width, height) of the frame.
    """
    corners = []
    side, coverage = int(detector.card["input"]["size"]), detector.card["input"]["coverage"]
    square = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64)
    for face in faces:
        affine = np.asarray(align_affine(face, side, coverage), np.float64)
        corners.append((square - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T)
        points = face.box.reshape(2, 2) if face.landmarks is None else face.landmarks[:, :2]
        low, high = points.min(0), points.max(0)
        reach = REACH * float((high - low).max())
        corners.append(np.stack([low - reach, high + reach]))
    points = np.concatenate(corners)
    low = np.maximum((points.min(0) - MARGIN) // GRID * GRID, 0).astype(int)
    high = np.minimum(np.ceil((points.max(0) + MARGIN) / GRID) * GRID, size).astype(int)
    return int(low[0]), int(low[1]), int(max(high[0], low[0] + 1)), int(max(high[1], low[1] + 1))


def moved(face: Face, scale: float, origin: tuple[float, float]) -> Face:
    """A face in a picture whose first pixel lies at ``origin`` of the frame, or that was brought to ``scale``."""
    shift = np.array(origin, np.float32)

    def plane(points: np.ndarray) -> np.ndarray:
        return ((points - shift + 0.5) * scale - 0.5 if scale != 1 else points - shift).astype(np.float32)

    landmarks = None
    if face.landmarks is not None:
        landmarks = face.landmarks.copy()
        landmarks[:, :2] = plane(face.landmarks[:, :2])
        landmarks[:, 2] *= scale
    return replace(
        face,
        box=plane(face.box.reshape(2, 2)).ravel(),
        landmarks=landmarks,
        five_points=plane(face.five_points),
    )
