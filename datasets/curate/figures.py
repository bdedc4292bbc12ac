"""What a face set measures, face by face: from its table, and from its crops, which are read once and remembered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import replacing
from datasets.errors import InputError
from datasets.faces.align import head_pose, transform_points
from datasets.faces.mask import eye_mouth_mask, five_point_mask, hull_mask
from datasets.faces.quality import FaceFigures, face_figures, motion_blur
from datasets.faces.template import RIGID_POINTS
from datasets.faceset import FaceSet, Tracks
from datasets.facetable import FaceRow
from datasets.progress import Progress, silent

CACHE, VERSION = "figures.parquet", "1"
# How far beyond the eyes and the mouth their folds reach, over their size.
MOVING_MARGIN = 0.6


@dataclass(frozen=True)
class Figures:
    """The faces of a set, in frame order, as columns of N values.

    Attributes:
        file: names of the crops.
        frame, track: int64.
        time: seconds.
        score, sharpness, yaw, pitch, eyes, mouth, width: float64, as in ``FaceRow``.
        inside: part of the face's points (of its box, without a mesh) that lies in the frame, 0 to 1.
        shape: float32 (N, P, 3), the points that no expression moves, in the mean face's place and size; nan without
            a mesh.
        five_points: float32 (N, 5, 2), crop pixels.
        brightness, hue, motion_blur: float64 (see ``datasets.faces.quality``).
        detail: float64, strength of fine detail beside the eyes and the mouth, grey values a pixel.
        hash: uint64.
        thumb: uint8 (N, 192).
        damaged: names of crops that can't be read; they are in no column.
    """

    file: list[str]
    frame: np.ndarray
    track: np.ndarray
    time: np.ndarray
    score: np.ndarray
    sharpness: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray
    width: np.ndarray
    inside: np.ndarray
    shape: np.ndarray
    five_points: np.ndarray
    brightness: np.ndarray
    hue: np.ndarray
    motion_blur: np.ndarray
    detail: np.ndarray
    hash: np.ndarray
    thumb: np.ndarray
    damaged: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.file)

    def subset(self, index: np.ndarray) -> Figures:
        """The faces that ``index`` (integers) picks."""
        held: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            held[field.name] = value[index] if isinstance(value, np.ndarray) else value
        return Figures(**held | {"file": [self.file[i] for i in index]})


def measure(faces: FaceSet, track: Tracks = None, progress: Progress = silent) -> Figures:
    """Measure a face set; crops that were measured before, and are as they were then, are not read again.

    Args:
        track: whose faces; all when None.

    Raises:
        InputError: not one crop can be read.
    """
    known = _load(faces.folder)
    total = sum(1 for _ in faces.rows(track))
    plain: dict[str, list[Any]] = {name: [] for name in PLAIN}
    from_crops: list[FaceFigures] = []
    fresh: dict[str, tuple[tuple[int, int], FaceFigures]] = {}
    damaged: list[str] = []
    try:
        for done, row in enumerate(faces.rows(track), 1):
            stamp = _stamp(faces.folder / row.file)
            held = known.get(row.file)
            if held is None or held[0] != stamp:
                try:
                    held = stamp, _measure(faces, row)
                except InputError:
                    damaged.append(row.file)
                    continue
                fresh[row.file] = held
            from_crops.append(held[1])
            for name, value in _plain(row, faces).items():
                plain[name].append(value)
            progress("measuring faces", done, total)
    finally:
        # Also after Ctrl-C: what was measured need not be measured again.
        if fresh:
            _save(faces.folder, known | fresh)
    if not from_crops:
        said = "no face" if track is None else f"no face of track {track}"
        raise InputError(f"{faces.folder} holds {said} whose crop can be read.")
    details = np.stack([found.detail for found in from_crops]).astype(np.float64)
    columns = {name: np.array(values) for name, values in plain.items() if name != "file"}
    return Figures(
        file=plain["file"],
        **columns,
        brightness=np.array([found.brightness for found in from_crops]),
        hue=np.array([found.hue for found in from_crops]),
        motion_blur=motion_blur(details),
        detail=np.sqrt(details[:, 0] + details[:, 2]),
        hash=np.array([found.hash for found in from_crops], np.uint64),
        thumb=np.stack([found.thumb for found in from_crops]),
        damaged=tuple(damaged),
    )


PLAIN = (
    *("file", "frame", "track", "time", "score", "sharpness", "yaw", "pitch", "eyes", "mouth", "width"),
    *("inside", "shape", "five_points"),
)


def _plain(row: FaceRow, faces: FaceSet) -> dict[str, Any]:
    """What the table alone says of a face."""
    return {name: getattr(row, name) for name in PLAIN[:11]} | {
        "inside": inside_frame(row, *frame_size(faces, row)),
        "shape": rigid_shape(row.landmarks),
        "five_points": transform_points(row.five_points, row.affine),
    }


def _measure(faces: FaceSet, row: FaceRow) -> FaceFigures:
    crop = faces.crop(row)
    moving = None
    if row.landmarks is None:
        mask = five_point_mask(transform_points(row.five_points, row.affine), crop.shape[:2])
    else:
        points = transform_points(row.landmarks, row.affine)
        mask, moving = hull_mask(points, crop.shape[:2]), eye_mouth_mask(points, crop.shape[:2], MOVING_MARGIN)
    return face_figures(crop, mask, moving)


def frame_size(faces: FaceSet, row: FaceRow) -> tuple[int, int]:
    """Width and height of the frames that a face was found in, pixels."""
    clips = faces.info.clips
    if row.clip < len(clips):
        return clips[row.clip]["width"], clips[row.clip]["height"]
    return faces.info.width, faces.info.height


def inside_frame(row: FaceRow, width: int, height: int) -> float:
    """Which part of a face lies in its frame of ``width`` x ``height`` pixels, 0 to 1: points of the mesh, or area."""
    if row.landmarks is not None:
        x, y = row.landmarks[:468, 0], row.landmarks[:468, 1]
        return float(((x >= 0) & (y >= 0) & (x < width) & (y < height)).mean())
    low, high = row.box[:2].astype(float), row.box[2:].astype(float)
    cut = np.clip(high, 0, (width, height)) - np.clip(low, 0, (width, height))
    return float(np.prod(cut) / max(float(np.prod(high - low)), 1e-6))


def rigid_shape(landmarks: np.ndarray | None) -> np.ndarray:
    """A mesh's points that no expression moves, in the mean face's axes and unit: float32 (P, 3); nan without one."""
    if landmarks is None:
        return np.full((len(RIGID_POINTS), 3), np.nan, np.float32)
    pose = head_pose(landmarks)
    points = landmarks[RIGID_POINTS].astype(np.float64)
    return ((points - points.mean(axis=0)) @ pose.rotation / pose.scale).astype(np.float32)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        about = file.stat()
    except OSError:
        return 0, 0
    return about.st_size, about.st_mtime_ns


def _load(folder: Path) -> dict[str, tuple[tuple[int, int], FaceFigures]]:
    """What was measured before; nothing when that can't be read, for it can be measured again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(folder / CACHE)
        if (table.schema.metadata or {}).get(b"version") != VERSION.encode():
            return {}
        found = {}
        for item in table.to_pylist():
            figures = FaceFigures(
                item["brightness"],
                item["hue"],
                np.array(item["detail"], np.float32),
                item["hash"],
                np.frombuffer(item["thumb"], np.uint8),
            )
            found[item["file"]] = ((item["bytes"], item["changed"]), figures)
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException):
        return {}
    return found


def _save(folder: Path, known: dict[str, tuple[tuple[int, int], FaceFigures]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    items = list(known.items())
    table = pa.table(
        {
            "file": pa.array([name for name, _ in items], pa.string()),
            "bytes": pa.array([stamp[0] for _, (stamp, _) in items], pa.int64()),
            "changed": pa.array([stamp[1] for _, (stamp, _) in items], pa.int64()),
            "brightness": pa.array([held.brightness for _, (_, held) in items], pa.float64()),
            "hue": pa.array([held.hue for _, (_, held) in items], pa.float64()),
            "detail": pa.array([held.detail.tolist() for _, (_, held) in items], pa.list_(pa.float32())),
            "hash": pa.array([held.hash for _, (_, held) in items], pa.uint64()),
            "thumb": pa.array([held.thumb.tobytes() for _, (_, held) in items], pa.binary()),
        }
    ).replace_schema_metadata({"version": VERSION})
    with replacing(folder / CACHE) as temporary:
        pq.write_table(table, temporary)
