"""From a clip to a face set: find the faces of every frame, follow them, cut them out, write them down.

The work is done in parts of ``PART_FRAMES`` frames in a hidden folder beside the wanted one, which is renamed when all
is there. Every part starts the finder afresh, so that a run that was broken off goes on after its last whole part and
ends with the same face set as one that was not.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from datasets.ahead import ahead
from datasets.atomic import disk_error, refuse_overwrite, remove, write_json
from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.faces.align import align_affine, coverage_value, head_pose, transform_points, warp_crop
from datasets.faces.expression import eye_opening, mouth_opening
from datasets.faces.finder import Face, FaceFinder, make_finder
from datasets.faces.mask import five_point_mask, hull_mask
from datasets.faces.track import Tracker
from datasets.faceset import FaceSetInfo, TrackInfo
from datasets.facetable import FaceRow, join_tables, write_rows
from datasets.progress import Progress, silent
from datasets.video import Frame, probe, read_frames

PART_FRAMES = 250
SMALL_FACE = 40.0
JPEG_QUALITY = 95
PENDING_CROPS = 6
TRACK_GAP = 25
SETTINGS = "settings.json"
VERSION = 1


@dataclass
class _Counts:
    """What is known of the clip so far; it is saved with every part."""

    frames: int = 0
    with_face: int = 0
    several: int = 0
    faces: int = 0
    small: int = 0
    without_mesh: int = 0
    # Track: first and last frame, and how many faces of each whole width.
    spans: dict[int, list[int]] = field(default_factory=dict)
    widths: dict[int, Counter[int]] = field(default_factory=dict)

    def add(self, frame: int, faces: list[Face], ids: list[int]) -> None:
        self.frames += 1
        self.with_face += bool(faces)
        self.several += len(faces) > 1
        self.faces += len(faces)
        for face, track in zip(faces, ids, strict=True):
            width = float(face.box[2] - face.box[0])
            self.small += width < SMALL_FACE
            self.without_mesh += face.landmarks is None
            self.spans.setdefault(track, [frame, frame])[1] = frame
            self.widths.setdefault(track, Counter())[round(width)] += 1

    def tracks(self) -> list[TrackInfo]:
        return [
            TrackInfo(
                id=track,
                faces=self.widths[track].total(),
                first=first,
                last=last,
                median_width=float(np.median(list(self.widths[track].elements()))),
            )
            for track, (first, last) in sorted(self.spans.items())
        ]

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in _COUNTED}
        spans = [[track, *span] for track, span in self.spans.items()]
        widths = [[track, sorted(counter.items())] for track, counter in self.widths.items()]
        return plain | {"spans": spans, "widths": widths}

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> _Counts:
        spans = {track: [first, last] for track, first, last in held["spans"]}
        widths = {track: Counter({width: count for width, count in items}) for track, items in held["widths"]}
        plain: dict[str, Any] = {name: held[name] for name in _COUNTED}
        return cls(**plain, spans=spans, widths=widths)


_COUNTED = ("frames", "with_face", "several", "faces", "small", "without_mesh")


def extract(
    clip: Path,
    folder: Path,
    finder: str = "mediapipe",
    every: int = 1,
    size: int = 256,
    coverage: str | float = "whole",
    force: bool = False,
    progress: Progress = silent,
) -> FaceSetInfo:
    """Make the face set of a clip.

    Args:
        clip: the video; it is not touched.
        folder: where the face set goes; it appears when it is whole.
        finder: a backend of ``datasets.faces.finder``.
        every: look at each how manieth frame.
        size: side of the crops, pixels.
        coverage: of the crops, a name of ``datasets.faces.align.COVERAGES`` or a number.
        force: replace a folder that is there.

    Raises:
        InputError: the clip can't be read, holds no face, the folder is there already, or a bad argument.
        Interrupted: stopped by Ctrl-C; the same call goes on from the last whole part.
    """
    clip, folder = Path(clip), Path(folder)
    if every < 1 or not 16 <= size <= 2048:
        raise InputError(f"Every {every} frames at {size} pixels cannot be extracted: at least 1, and 16 to 2048.")
    coverage_value(coverage)
    if not (folder.is_dir() and not any(folder.iterdir())):
        refuse_overwrite(folder, force)
    about = probe(clip)
    partial = folder.with_name(f".{folder.name}.partial")
    settings = _settings(clip, finder, every, size, coverage)
    try:
        done, counts, tracker = _prepare(partial, settings)
        with closing(make_finder(finder)) as found:
            work = _Work(partial, found, tracker, counts, size, coverage)
            _run(work, clip, done, every, -(-about.frames // every), progress)
        if not counts.faces:
            raise InputError(f"No face was found in the {counts.frames} frames of {clip} that were looked at.")
        info = FaceSetInfo(
            clip=clip.name,
            clip_sha256=settings["clip_sha256"],
            width=about.width,
            height=about.height,
            size=size,
            coverage=coverage,
            finder=finder,
            every=every,
            frames=counts.frames,
            frames_with_face=counts.with_face,
            frames_with_several=counts.several,
            faces=counts.faces,
            small_faces=counts.small,
            faces_without_mesh=counts.without_mesh,
            tracks=counts.tracks(),
        )
        _finish(partial, folder, info)
    except KeyboardInterrupt as stop:
        raise Interrupted(f"Stopped while extracting {clip}; the same command goes on from there.") from stop
    except Interrupted:
        raise
    except CounterfaceError:
        remove(partial)
        raise
    except OSError as error:
        said = disk_error(error, folder)
        if said is None:
            raise
        raise said from error
    return info


def _settings(clip: Path, finder: str, every: int, size: int, coverage: str | float) -> dict[str, Any]:
    from datasets.workspace import sha256

    return {
        "version": VERSION,
        "clip_sha256": sha256(clip),
        "finder": finder,
        "every": every,
        "size": size,
        "coverage": coverage,
    }


def _part(partial: Path, number: int, suffix: str) -> Path:
    return partial / f"part-{number:05d}{suffix}"


def _prepare(partial: Path, settings: dict[str, Any]) -> tuple[int, _Counts, Tracker]:
    """How many whole parts are there from a run with the same settings, and where that run stood after them."""
    try:
        same = json.loads((partial / SETTINGS).read_text(encoding="utf-8")) == settings
    except (OSError, ValueError):
        same = False
    if not same:
        remove(partial)
        partial.mkdir(parents=True)
        write_json(partial / SETTINGS, settings)
    done = 0
    while _part(partial, done, ".json").is_file():
        done += 1
    for stale in partial.glob("*.jpg"):
        if int(stale.name.split("_")[0]) >= done * PART_FRAMES * settings["every"]:
            stale.unlink()
    if not done:
        return 0, _Counts(), Tracker(TRACK_GAP * settings["every"])
    held = json.loads(_part(partial, done - 1, ".json").read_text(encoding="utf-8"))
    return done, _Counts.from_json(held["counts"]), Tracker.restored(held["tracker"])


@dataclass
class _Work:
    partial: Path
    finder: FaceFinder
    tracker: Tracker
    counts: _Counts
    size: int
    coverage: str | float

    def faces(self, frame: Frame) -> Iterator[tuple[Frame, Face, int]]:
        faces = self.finder.find(frame.image)
        ids = self.tracker.update(frame.index, faces)
        self.counts.add(frame.index, faces, ids)
        for face, track in zip(faces, ids, strict=True):
            yield frame, face, track

    def cut(self, frame: Frame, face: Face, track: int) -> FaceRow:
        """Cut one face out and write its crop."""
        import cv2

        pose = head_pose(face.five_points if face.landmarks is None else face.landmarks)
        affine = align_affine(pose, self.size, self.coverage)
        crop = warp_crop(frame.image, affine, self.size)
        yaw, pitch, roll = pose.angles
        row = FaceRow(
            frame=frame.index,
            time=frame.time,
            track=track,
            clip=0,
            score=face.score,
            box=face.box,
            five_points=face.five_points,
            landmarks=face.landmarks,
            affine=affine,
            file=f"{frame.index:06d}_{track}.jpg",
            sharpness=_sharpness(crop, face, affine),
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            eyes=float("nan") if face.landmarks is None else eye_opening(face.landmarks),
            mouth=float("nan") if face.landmarks is None else mouth_opening(face.landmarks),
        )
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        blob = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), quality)[1]
        (self.partial / row.file).write_bytes(blob.tobytes())
        return row


def _sharpness(crop: np.ndarray, face: Face, affine: np.ndarray) -> float:
    """Variance of the Laplacian inside the face's hull."""
    import cv2

    if face.landmarks is None:
        inside = five_point_mask(transform_points(face.five_points, affine), crop.shape[:2])
    else:
        inside = hull_mask(transform_points(face.landmarks, affine), crop.shape[:2])
    edges = cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[inside > 0.5]
    return float(edges.var()) if edges.size else 0.0


def _run(work: _Work, clip: Path, done: int, every: int, total: int, progress: Progress) -> None:
    """Make the parts that are missing."""
    number = done
    step = "extracting faces"
    progress(step, work.counts.frames, max(total, work.counts.frames))
    frames = ahead(read_frames(clip, every, start=done * PART_FRAMES * every))
    with closing(frames), ThreadPoolExecutor(1) as pool:  # type: ignore[type-var]
        while True:
            work.finder.reset()
            rows: list[FaceRow] = []
            pending: deque[Future[FaceRow]] = deque()
            before = work.counts.frames
            for frame in islice(frames, PART_FRAMES):
                for found in work.faces(frame):
                    pending.append(pool.submit(work.cut, *found))
                while len(pending) > PENDING_CROPS:
                    rows.append(pending.popleft().result())
                seen = work.counts.frames
                progress(step, seen, max(total, seen), f"{work.counts.faces} faces")
            rows += [future.result() for future in pending]
            if work.counts.frames == before:
                break
            write_rows(_part(work.partial, number, ".parquet"), rows)
            state = {"counts": work.counts.to_json(), "tracker": work.tracker.state()}
            write_json(_part(work.partial, number, ".json"), state)
            number += 1


def _finish(partial: Path, folder: Path, info: FaceSetInfo) -> None:
    """Join the parts and put the face set in its place."""
    parts = sorted(partial.glob("part-*.parquet"))
    join_tables(parts, partial / "faces.parquet")
    info.save(partial)
    for leftover in [*partial.glob("part-*"), partial / SETTINGS]:
        leftover.unlink()
    old = folder.with_name(f".{folder.name}.old")
    remove(old)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    remove(old)
