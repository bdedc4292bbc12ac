"""A trained method over the frames of a clip: every frame, in order, swapped or left as it is, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.ahead import ahead
from datasets.device import half_the_cores, torch_threads
from datasets.faces.align import rescale_affine, transform_points, warp_crop
from datasets.faces.mask import hull_mask
from datasets.faces.smooth import smoothed
from datasets.faceset import FaceRow, FaceSet
from datasets.video import Frame, frames_at, read_frames
from synth.composite.compositor import CompositeSettings, composite
from synth.method import Rendered, SwapMethod

RENDERED_TOGETHER = 8
# Why a frame is left as it is: the reason as results name it, and in a sentence.
LEFT = {"no face": "without a face", "no mesh": "with a face but no mesh", "removed": "whose crop was removed"}


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


def swapped_frames(
    clip: Path,
    faces: FaceSet,
    model: SwapMethod,
    settings: CompositeSettings,
    track: int | None = None,
    wanted: list[int] | None = None,
) -> Iterator[Swapped]:
    """Swap the frames of a clip, in order, all or the ``wanted`` ones; memory does not grow with the clip.

    A frame without a row in the face set is left as it is, and so is one whose crop the user has deleted.

    Args:
        clip: the destination.
        faces: its face set.
        track: the person, None when there is only one.
        wanted: ascending frame numbers, None for all.
    """
    frames = read_frames(clip) if wanted is None else frames_at(clip, wanted)
    with torch_threads(half_the_cores()):
        yield from _in_batches(ahead(frames), faces, model, settings, track)


def _in_batches(
    frames: Iterator[Frame], faces: FaceSet, model: SwapMethod, settings: CompositeSettings, track: int | None
) -> Iterator[Swapped]:
    rows, removed = smoothed(faces.rows(track)), faces.removed_frames(track)
    pending: list[tuple[Frame, FaceRow | None, str]] = []
    row, gone = next(rows, None), next(removed, None)
    for frame in frames:
        while row is not None and row.frame < frame.index:
            row = next(rows, None)
        while gone is not None and gone < frame.index:
            gone = next(removed, None)
        here = row if row is not None and row.frame == frame.index else None
        if here is None:
            why = "removed" if gone == frame.index else "no face"
        else:
            why = "" if here.landmarks is not None else "no mesh"
        pending.append((frame, None if why else here, why))
        if len(pending) == RENDERED_TOGETHER:
            yield from _render(pending, faces, model, settings)
            pending = []
    yield from _render(pending, faces, model, settings)


def _render(
    pending: list[tuple[Frame, FaceRow | None, str]], faces: FaceSet, model: SwapMethod, settings: CompositeSettings
) -> Iterator[Swapped]:
    size, shape = model.size, (model.size, model.size)
    info = faces.info
    ready = [(frame, row) for frame, row, _ in pending if row is not None]
    affines = [rescale_affine(row.affine, info.size, info.coverage, size, model.coverage) for _, row in ready]
    made: Iterator[tuple[Rendered, np.ndarray, np.ndarray]] = iter(())
    if ready:
        points = np.stack(
            [transform_points(row.landmarks[:, :2], a) for (_, row), a in zip(ready, affines, strict=True)]  # type: ignore[index]
        )
        hulls = [hull_mask(p, shape) for p in points]
        crops = np.stack([warp_crop(frame.image, a, size) for (frame, _), a in zip(ready, affines, strict=True)])
        masks = np.stack([np.rint(hull * 255).astype(np.uint8) for hull in hulls])
        times = np.array([frame.time for frame, _ in ready])
        made = zip(model.render(crops, masks, points, times), hulls, affines, strict=True)
    for frame, row, why in pending:
        if row is None:
            yield Swapped(frame, frame.image, np.zeros(frame.image.shape[:2], np.uint8), None, why)
            continue
        rendered, hull, affine = next(made)
        image, mask = composite(frame.image, rendered.face, rendered.mask, hull, affine, settings)
        yield Swapped(frame, image, mask, row, "")
