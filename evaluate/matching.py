"""A swap and its own original, frame for frame: made sure of, encoded alike, and cut with one affine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.errors import InputError
from datasets.progress import Progress, counted, silent

if TYPE_CHECKING:
    from datasets.faces.finder import Face, FaceFinder
    from datasets.video import ClipInfo, Frame
    from detect.detector import Detector

LEAD_IN = 1.0


@dataclass(frozen=True)
class MatchedCrops:
    """One frame's crops, cut alike.

    Attributes:
        fake, original: uint8 RGB (S, S, 3).
        mask: float32 (S, S) in [0, 1], the swap mask, or None.
        affine: float32 (2, 3), frame pixels to crop pixels.
        fake_cues, original_cues: float32 (k,), of the detector's ``cue_names``; None where it has none.
    """

    index: int
    time: float
    fake: np.ndarray
    original: np.ndarray
    mask: np.ndarray | None
    affine: np.ndarray
    fake_cues: np.ndarray | None = None
    original_cues: np.ndarray | None = None


def matched(fake: Path, original: Path, mask: Path | None) -> tuple[ClipInfo, np.ndarray]:
    """Make sure that the clips are frame for frame the same; the original's info and timestamps."""
    from datasets.video import probe, timestamps

    info, times = probe(original), timestamps(original)
    tolerance = 0.5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.5
    for other in [fake] if mask is None else [fake, mask]:
        seen, at = probe(other), timestamps(other)
        if (seen.width, seen.height) != (info.width, info.height):
            raise InputError(
                f"{other} is {seen.width} x {seen.height} and {original} is {info.width} x {info.height}: "
                "a swap and its own original have one size."
            )
        if len(at) != len(times):
            raise InputError(
                f"{other} has {len(at)} frames and {original} has {len(times)}: they are not the same clip."
            )
        if np.abs((at - at[0]) - (times - times[0])).max() > tolerance:
            raise InputError(f"The timestamps of {other} and {original} differ: they are not frame for frame the same.")
    return info, times


def carries_marks(fake: Path, progress: Progress = silent) -> bool:
    """Whether this studio's marks are in a swap's pixels: by its Credentials, or, where it lost them, its watermark."""
    from datasets.provenance.reading import read_credentials
    from datasets.provenance.watermarkreading import read_watermark

    return read_credentials(fake).by_studio or read_watermark(fake, progress).present


def encode_part(
    original: Path,
    info: ClipInfo,
    times: np.ndarray,
    chosen: list[int],
    path: Path,
    crf: int,
    progress: Progress,
    mark: bool = False,
) -> None:
    """Encode the original from a second before the first chosen frame to the last one, as the studio encodes a swap.

    With ``mark`` it gets the same kind of marks in its pixels too, under an id of their own that nobody keeps, so that
    no crop is told by its mark. What is written is a real clip, and its caller throws it away after scoring.

    The index of a frame there is its index in the original less that of the first frame written, see :func:`_first`.
    """
    from datasets.ahead import ahead
    from datasets.encode import encoder_like
    from datasets.provenance.payload import id_text, new_id
    from datasets.provenance.writer import PixelMarker
    from datasets.video import read_frames

    first, last = _first(times, chosen), chosen[-1]
    apply = PixelMarker(id_text(new_id())).apply if mark else None
    with encoder_like(path, info, sound=False, crf=crf) as encoder:
        part = _until(ahead(read_frames(original, start=first)), last)
        for frame in counted(part, "encoding the original as the swap was", last - first + 1, progress):
            encoder.write(frame if apply is None else replace(frame, image=apply(frame.image)))


def _until(frames: Iterator[Frame], last: int) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        if frame.index >= last:
            return


def _first(times: np.ndarray, chosen: list[int]) -> int:
    """Index of the first frame that is encoded: a second before, so that the encoder is in its stride."""
    return int(np.searchsorted(times, times[chosen[0]] - LEAD_IN))


def matched_crops(
    fake: Path,
    original: Path,
    scored: Path,
    mask: Path | None,
    chosen: list[int],
    times: np.ndarray,
    backend: FaceFinder,
    detector: Detector,
) -> Iterator[MatchedCrops]:
    """Cut the crops of all clips with the affine of the face in the original."""
    from datasets.faces.align import warp_crop
    from datasets.video import frames_at
    from detect.look import face_cues, face_inputs

    shift = 0 if scored == original else _first(times, chosen)
    streams: list[Iterator[Any]] = [
        frames_at(original, chosen),
        frames_at(fake, chosen),
        frames_at(scored, [i - shift for i in chosen]),
        iter([None] * len(chosen)) if mask is None else _mask_frames(mask, chosen),
    ]
    side = int(detector.card["input"]["size"])
    for found, swapped, alike, changed in zip(*streams, strict=True):
        faces = backend.find(found.image)
        if not faces:
            continue
        face = _swapped_face(faces, found.image, swapped.image, changed)
        crop, affine, cues = face_inputs(swapped.image, face, detector)
        yield MatchedCrops(
            found.index,
            found.time,
            crop,
            warp_crop(alike.image, affine, side),
            None if changed is None else warp_crop(changed, affine, side),
            affine,
            cues,
            face_cues(alike.image, face, detector.cue_names),
        )


def _swapped_face(faces: list[Face], original: np.ndarray, fake: np.ndarray, mask: np.ndarray | None) -> Face:
    """Which of several faces was swapped: where the mask is, or without one, where the two pictures differ most."""
    if len(faces) == 1:
        return faces[0]
    change = np.abs(original.astype(np.int16) - fake).mean(2) if mask is None else mask

    def inside(face: Face) -> float:
        x0, y0, x1, y1 = np.clip(np.round(face.box).astype(int), 0, None)
        part = change[y0:y1, x0:x1]
        return float(part.mean()) if part.size else 0.0

    return max(faces, key=inside)


def _mask_frames(mask: Path, chosen: list[int]) -> Iterator[np.ndarray]:
    """Float32 (H, W) in [0, 1] of each chosen frame of a swap mask."""
    from datasets.video import frames_at

    for frame in frames_at(mask, chosen):
        yield frame.image[..., 0].astype(np.float32) / 255
