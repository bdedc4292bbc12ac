"""What real clips show of the cues that only runs of frames have, as they are and encoded again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from datasets.atomic import write_json
from datasets.degrade import h264_round_trip
from datasets.faces.finder import make_finder
from datasets.progress import Progress
from datasets.video import read_frames, timestamps
from detect.cues.patch import Patch, cut_patch
from detect.cues.track import TRACK_CUES, measure_track

RUNS, LENGTH = 3, 8
CRFS: tuple[int | None, ...] = (None, 23, 28, 35)
USUAL = (0.05, 0.95)


def track_ranges(clips: Sequence[Path], file: Path, progress: Progress) -> dict[str, list[float]]:
    """5 to 95 % of the values over all clips and encodings; kept in ``file``, and read from there if it is whole."""
    if file.is_file():
        return dict(json.loads(file.read_text(encoding="utf-8")))
    rows = []
    for done, clip in enumerate(clips, 1):
        runs = _runs(clip)
        for crf in CRFS:
            rows.append(measure_track([_patches(run, crf) for run in runs]))
        progress("measuring tracks", done, len(clips), clip.name)
    table = np.stack(rows)
    known = np.isfinite(table).mean(0) > 0.5
    found = {
        name: [float(f"{v:.6g}") for v in np.nanquantile(table[:, i], USUAL)]
        for i, name in enumerate(TRACK_CUES)
        if known[i]
    }
    write_json(file, found)
    return found


def _runs(clip: Path) -> list[list[tuple[float, np.ndarray]]]:
    """A few short runs of consecutive frames, spread over the clip: (seconds, uint8 RGB) each."""
    times = timestamps(clip)
    starts = np.linspace(0, max(0, len(times) - LENGTH), RUNS + 2).astype(int)[1:-1].tolist()
    wanted = {start + step: run for run, start in enumerate(starts) for step in range(LENGTH)}
    found: list[list[tuple[float, np.ndarray]]] = [[] for _ in starts]
    for frame in read_frames(clip):
        if frame.index in wanted:
            found[wanted[frame.index]].append((frame.time, frame.image))
    return found


def _patches(run: Sequence[tuple[float, np.ndarray]], crf: int | None) -> list[tuple[float, Patch]]:
    pictures = [image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2] for _, image in run]
    if crf is not None:
        pictures = h264_round_trip([np.ascontiguousarray(picture) for picture in pictures], crf, "veryfast")
    found = []
    with closing(make_finder("mediapipe")) as finder:
        for (time, _), picture in zip(run, pictures, strict=True):
            faces = finder.find(np.ascontiguousarray(picture))
            patch = cut_patch(picture, faces[0]) if faces else None
            if patch is not None:
                found.append((time, patch))
    return found
