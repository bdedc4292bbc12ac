"""What is measured of one clip and of one pair: plain numbers, so that it can be done in any process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow

LOOKED_AT = 3  # frames of each pair, spread evenly
HASHED = 4  # frames of each clip
CHANGED = 14.0  # difference in 0..255 that counts as changed where there is no mask


@dataclass(frozen=True)
class ClipMeasures:
    """Of one clip at one level.

    Attributes:
        fault: what is wrong with its file, or None.
        headers, packets: see ``datasets.audit.container``.
        hashes: of a few frames, only where asked for.
        marked: whether its Credentials are a studio's and name the manifest's watermark; None of foreign clips.
        kind: what the Credentials say that it is.
    """

    clip: str
    level: str
    fault: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    packets: tuple[float, ...] = ()
    hashes: tuple[int, ...] = ()
    marked: bool | None = None
    kind: str | None = None


@dataclass(frozen=True)
class PairMeasures:
    """Of a fake and its original at one level: (of the fake, of the original), or None where it can't be measured.

    Attributes:
        fit: of the swap mask (``datasets.audit.masks``), the mean over frames.
        fault: why the pair can't be looked at.
    """

    clip: str
    level: str
    background: tuple[np.ndarray, np.ndarray] | None = None
    mark: tuple[np.ndarray, np.ndarray] | None = None
    as_read: tuple[np.ndarray, np.ndarray] | None = None
    fit: float | None = None
    fault: str | None = None


def measure_clip(folder: Path, clip: ClipRow, hashed: bool, check_marks: bool) -> ClipMeasures:
    """Look at a clip's file: is it there, whole, the one of the manifest; what do its headers and packets say."""
    from datasets.audit.container import headers, packet_figures
    from datasets.mediahash import contents

    data = LabelledSet(folder, check=False)
    try:
        path = data.path(clip.file)
        if path.is_dir():
            return ClipMeasures(clip.clip, clip.level)
        if clip.sha256 is not None and contents(path).sha256 != clip.sha256:
            return ClipMeasures(clip.clip, clip.level, f"{path} is not the file that the manifest describes")
        known = clip.mask_sha256
        if clip.mask is not None and known is not None and contents(data.path(clip.mask)).sha256 != known:
            return ClipMeasures(clip.clip, clip.level, f"the mask {clip.mask} is not the one of the manifest")
        marked, kind = None, None
        if check_marks and clip.watermark is not None:
            from datasets.provenance.reading import read_credentials

            held = read_credentials(path)
            marked, kind = held.by_studio and held.soft_binding == clip.watermark, held.kind
        hashes = tuple(_hashes(path)) if hashed else ()
        figures = tuple(packet_figures(path).tolist())
        return ClipMeasures(clip.clip, clip.level, None, headers(path), figures, hashes, marked, kind)
    except InputError as error:
        return ClipMeasures(clip.clip, clip.level, str(error).rstrip("."))


def _hashes(path: Path) -> Iterator[int]:
    from datasets.audit.duplicates import picture_hash
    from datasets.video import spread

    for frame in spread(path, HASHED):
        yield picture_hash(frame.image)


def measure_pair(folder: Path, fake: ClipRow, original: ClipRow, read_key: bool) -> PairMeasures:
    """Decode a few frames of both and measure background, mark and mask."""
    from datasets.audit.background import away_from_face, background_figures
    from datasets.audit.mark import as_read, without_face
    from datasets.provenance.watermarkgrid import coefficients

    data = LabelledSet(folder, check=False)
    reading = None
    if read_key:
        from datasets.provenance.payload import mark_key

        reading = as_read(mark_key())
    backgrounds: list[Any] = []
    marks: list[Any] = []
    reads: list[Any] = []
    fits: list[float] = []
    try:
        for one, other, mask, mesh in _frames(data, fake, original):
            away = away_from_face(mask, mesh)
            pair = [background_figures(image, away) for image in (one, other)]
            if all(figures is not None for figures in pair):
                backgrounds.append(pair)
            bare = [without_face(image, away) for image in (one, other)]
            marks.append([np.asarray(coefficients(image), np.float64) for image in bare])
            if reading is not None:
                reads.append([np.asarray(reading(image), np.float64) for image in bare])
            fit = None if fake.mask is None else _fit(one, other, mask)
            fits += [] if fit is None else [fit]
    except InputError as error:
        return PairMeasures(fake.clip, fake.level, fault=str(error).rstrip("."))
    return PairMeasures(
        fake.clip, fake.level, _mean(backgrounds), _mean(marks), _mean(reads), float(np.mean(fits)) if fits else None
    )


def _mean(found: list[Any]) -> tuple[np.ndarray, np.ndarray] | None:
    if not found:
        return None
    mean = np.mean(np.asarray(found, dtype=np.float64), axis=0)
    return mean[0], mean[1]


def _fit(one: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float | None:
    from datasets.audit.masks import fit_of_mask

    return fit_of_mask(one, other, mask)


def _frames(
    data: LabelledSet, fake: ClipRow, original: ClipRow
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Frames of a fake and of its original, the swap mask and the face's mesh, where something was changed.

    Raises InputError where the two are not frame for frame the same.
    """
    from datasets.facetable import read_rows
    from datasets.video import frames_at, timestamps

    paths = data.path(fake.file), data.path(original.file)
    times = [timestamps(path) for path in paths]
    if len(times[0]) != len(times[1]):
        raise InputError(f"{paths[0]} has {len(times[0])} frames and its original {len(times[1])}.")
    count = len(times[0])
    chosen = np.unique(((np.arange(LOOKED_AT) + 0.5) * count / LOOKED_AT).astype(int)).tolist()
    meshes: dict[int, np.ndarray] = {}
    if fake.geometry is not None:
        rows = read_rows(data.path(fake.geometry))
        meshes = {row.frame: row.landmarks for row in rows if row.frame in chosen and row.landmarks is not None}
    masks: Iterator[Any] = iter([None] * len(chosen))
    if fake.mask is not None:
        file = data.path(fake.mask)
        if len(timestamps(file)) != count:
            raise InputError(f"{file} has another number of frames than {paths[0]}.")
        masks = frames_at(file, chosen)
    both = zip(frames_at(paths[0], chosen, times[0]), frames_at(paths[1], chosen, times[1]), masks, strict=True)
    for one, other, truth in both:
        if one.image.shape != other.image.shape:
            raise InputError(f"{paths[0]} has another size than its original.")
        mask = _measured(one.image, other.image) if truth is None else truth.image[..., 0]
        if mask.shape != one.image.shape[:2]:
            raise InputError(f"The mask of {fake.clip} has another size than its clip.")
        if mask.any():
            yield one.image, other.image, mask, meshes.get(one.index)


def _measured(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where two frames differ, uint8 (H, W) of 0 and 255, for a pair without a mask."""
    import cv2

    difference = np.abs(one.astype(np.int16) - other).mean(2).astype(np.float32)
    changed = (cv2.GaussianBlur(difference, (0, 0), 3.0) > CHANGED).astype(np.uint8) * 255
    return cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((31, 31), np.uint8))
