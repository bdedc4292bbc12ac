"""A trained method over the frames of a clip: every frame, in order, swapped or left as it is, with the reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from datasets.ahead import ahead
from datasets.device import half_the_cores, torch_threads
from datasets.faces.align import rescale_affine, transform_points, warp_crop
from datasets.faces.mask import hull_mask
from datasets.faces.smooth import smoothed
from datasets.faceset import FaceRow, FaceSet, FaceSetInfo, Tracks
from datasets.video import Frame, frames_at, read_frames
from synth.composite.compositor import Moment, composite
from synth.composite.occlusion import Occlusion
from synth.composite.session import Settings
from synth.method import Rendered, SwapMethod

RENDERED_TOGETHER = 8
# Why a frame is left as it is: the reason as results name it, and in a sentence.
LEFT = {"no face": "without a face", "no mesh": "with a face but no mesh", "removed": "whose crop was removed"}


class Faces(Protocol):
    """What rendering asks of a face set."""

    @property
    def info(self) -> FaceSetInfo: ...

    def rows(self, track: Tracks = None) -> Iterator[FaceRow]: ...

    def removed_frames(self, track: Tracks = None) -> Iterator[int]: ...


@dataclass(frozen=True)
class Swapped:
    """One destination frame and what became of it.

    Attributes:
        frame: the destination's frame, untouched.
        image: uint8 RGB HxWx3, the same with the face swapped, before any mark; equal to it where ``mask`` is 0.
        mask: uint8 (H, W), the swap mask times 255: the alpha that the face was blended with.
        row: the face that was swapped, smoothed over time; None when the frame was left as it is.
        why: when it was left as it is, the reason, a key of :data:`LEFT`, else "".
    """

    frame: Frame
    image: np.ndarray
    mask: np.ndarray
    row: FaceRow | None
    why: str


@dataclass(frozen=True)
class Prepared:
    """One destination frame with the model's face for it, before compositing; no face when ``why`` says so.

    Attributes:
        crop: uint8 RGB (S, S, 3), the destination's aligned crop that was rendered.
        points: float32 (478, 2), the landmarks in it.
        hull: float32 (S, S) in [0, 1], the hull of the face in it.
        affine: frame pixels to crop pixels (2, 3).
        motion: how far the face moves in one frame's interval, frame pixels (x, y).
    """

    frame: Frame
    row: FaceRow | None = None
    why: str = ""
    rendered: Rendered | None = None
    crop: np.ndarray | None = None
    points: np.ndarray | None = None
    hull: np.ndarray | None = None
    affine: np.ndarray | None = None
    motion: tuple[float, float] = (0.0, 0.0)


def swapped_frames(
    clip: Path,
    faces: FaceSet,
    model: SwapMethod,
    settings: Settings,
    track: Tracks = None,
    wanted: list[int] | None = None,
) -> Iterator[Swapped]:
    """Swap the frames of a clip, in order, all or the ``wanted`` ones; memory does not grow with the clip.

    A frame without a row in the face set is left as it is, and so is one whose crop the user has deleted.

    Args:
        clip: the destination.
        faces: its face set.
        settings: for all frames, or a session with others for some.
        track: the person's track or tracks, None when there is only one.
        wanted: ascending frame numbers, None for all.
    """
    occlusion = Occlusion(faces, track, model.size, model.coverage)
    try:
        frames = ahead(read_frames(clip) if wanted is None else frames_at(clip, wanted))
        for prepared in prepared_frames(frames, faces, model, track):
            yield composed(prepared, settings, occlusion)
    finally:
        occlusion.close()


def prepared_frames(
    frames: Iterable[Frame], faces: Faces, model: SwapMethod, track: Tracks = None
) -> Iterator[Prepared]:
    """The model's faces for frames in ascending order, a few rendered together."""
    rows, removed = _moving(smoothed(faces.rows(track))), faces.removed_frames(track)
    pending: list[Prepared] = []
    (row, motion), gone = next(rows, _NO_ROW), next(removed, None)
    with torch_threads(half_the_cores()):
        for frame in frames:
            while row is not None and row.frame < frame.index:
                row, motion = next(rows, _NO_ROW)
            while gone is not None and gone < frame.index:
                gone = next(removed, None)
            here = row if row is not None and row.frame == frame.index else None
            if here is None:
                pending.append(Prepared(frame, why="removed" if gone == frame.index else "no face"))
            elif here.landmarks is None:
                pending.append(Prepared(frame, why="no mesh"))
            else:
                pending.append(Prepared(frame, here, motion=motion))
            if len(pending) == RENDERED_TOGETHER:
                yield from _render(pending, faces, model)
                pending = []
        yield from _render(pending, faces, model)


_NO_ROW: tuple[FaceRow | None, tuple[float, float]] = (None, (0.0, 0.0))


def _moving(rows: Iterable[FaceRow]) -> Iterator[tuple[FaceRow | None, tuple[float, float]]]:
    """Each row with its face's motion from the frame before to the frame after; none beside a gap."""
    around: deque[FaceRow | None] = deque([None, None, None], maxlen=3)
    for row in chain(rows, [None]):
        around.append(row)
        here = around[1]
        if here is not None:
            yield here, _motion([r for r in around if r is not None], here)


def _motion(near: list[FaceRow], here: FaceRow) -> tuple[float, float]:
    joined = [r for r in near if abs(r.frame - here.frame) <= 1 and r.track == here.track and r.clip == here.clip]
    steps = joined[-1].frame - joined[0].frame
    if not steps:
        return 0.0, 0.0
    x, y = (joined[-1].five_points.mean(0) - joined[0].five_points.mean(0)) / steps
    return float(x), float(y)


def _render(pending: list[Prepared], faces: Faces, model: SwapMethod) -> Iterator[Prepared]:
    size, info = model.size, faces.info
    ready = []
    for item in pending:
        if item.row is None:
            continue
        assert item.row.landmarks is not None
        affine = rescale_affine(item.row.affine, info.size, info.coverage, size, model.coverage)
        points = transform_points(item.row.landmarks[:, :2], affine)
        hull = hull_mask(points, (size, size))
        ready.append((affine, points, hull, warp_crop(item.frame.image, affine, size)))
    made: Iterator[Rendered] = iter(())
    if ready:
        points, hulls, crops = (np.stack([r[i] for r in ready]) for i in (1, 2, 3))
        times = np.array([item.frame.time for item in pending if item.row is not None])
        made = iter(model.render(crops, np.rint(hulls * 255).astype(np.uint8), points, times))
    parts = iter(ready)
    for item in pending:
        if item.row is None:
            yield item
            continue
        affine, points, hull, crop = next(parts)
        yield Prepared(item.frame, item.row, "", next(made), crop, points, hull, affine, item.motion)


def composed(prepared: Prepared, settings: Settings, occlusion: Occlusion) -> Swapped:
    """Put a rendered face into its frame, with the settings for that frame."""
    frame = prepared.frame
    if prepared.rendered is None:
        return Swapped(frame, frame.image, np.zeros(frame.image.shape[:2], np.uint8), None, prepared.why)
    rendered, crop, points, hull, affine = (
        prepared.rendered,
        prepared.crop,
        prepared.points,
        prepared.hull,
        prepared.affine,
    )
    assert crop is not None and points is not None and hull is not None and affine is not None
    here = settings.settings_at(frame.index)
    kept = occlusion.kept(here.occlusion, frame.image, affine, crop, points, rendered.mask)
    moment = Moment(frame.index, prepared.motion)
    image, mask = composite(frame.image, rendered.face, rendered.mask, hull, affine, here, kept, moment)
    return Swapped(frame, image, mask, prepared.row, "")
