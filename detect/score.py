"""Scoring a clip or a picture: find the faces, follow them, score their crops, and say what that means.

Frames stream: what is kept of each is a few numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.errors import CounterfaceError, InputError
from datasets.progress import Progress, counted, silent
from detect.calibration import clip_interval
from detect.explain import REGIONS, region_heat, region_masks, where
from detect.judge import FEW_FRAMES, THRESHOLD, Limit, judge, limits_of_face, reasons, segments, widen
from detect.recipes.paired import sharpness
from detect.results import ClipScore, FailedScore, FrameScore, Heatmap, TrackScore

if TYPE_CHECKING:
    from datasets.faces.finder import Face
    from datasets.video import Frame
    from detect.detector import Detector

DEFAULT_FRAMES = 32
BATCH = 16
SHORT_TRACK = 0.1


@dataclass
class _Seen:
    """One face in one frame, waiting to be scored."""

    frame_index: int
    time: float
    track: int
    face: Face
    crop: np.ndarray
    affine: np.ndarray
    keep: bool


@dataclass
class _Evidence:
    """What is known of one track so far: parallel lists, an entry a frame."""

    frames: list[FrameScore] = field(default_factory=list)
    logit: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    sharp: list[float] = field(default_factory=list)
    regions: np.ndarray = field(default_factory=lambda: np.zeros(len(REGIONS)))
    hot_frames: int = 0


def score_clip(
    path: Path,
    detector: Detector,
    frames: int = DEFAULT_FRAMES,
    every: int | None = None,
    finder: str = "mediapipe",
    keep_heatmaps: int = 0,
    progress: Progress = silent,
) -> ClipScore:
    """Score one clip or picture.

    Args:
        frames: how many frames, spread evenly over the clip.
        every: score every n-th frame instead; the whole clip is decoded then.
        finder: the face backend.
        keep_heatmaps: for how many of the frames (spread evenly) the heatmaps are kept in the result.

    Raises:
        InputError: no such file, not a video or picture, damaged. A clip without a face is not an error.
    """
    from datasets.faces.finder import make_finder

    began = time.monotonic()
    path = Path(path)
    if frames < 1 or (every is not None and every < 1):
        raise InputError("At least one frame has to be scored: --frames and --every are 1 or more.")
    source, total = _source(path, frames, every)
    provenance = _provenance(path, progress)
    backend = make_finder(finder)
    wanted = set(np.linspace(0, total - 1, min(keep_heatmaps, total)).round().astype(int).tolist())
    evidence: dict[int, _Evidence] = {}
    heatmaps: list[Heatmap] = []
    tally = {"frames": 0, "empty": 0}
    try:
        shown = counted(source, f"scoring {path.name}", total, progress)
        for batch in _batches(_faces(shown, backend, detector, wanted, tally)):
            _take(batch, detector, evidence, heatmaps)
    finally:
        backend.close()
    judged = _judge(evidence, detector, tally)
    return ClipScore(
        file=str(path),
        **judged,
        detector={key: detector.card[key] for key in ("name", "version", "calibrated_on")},
        frames_scored=tally["frames"],
        frames_without_face=tally["empty"],
        seconds=time.monotonic() - began,
        provenance=provenance,
        heatmaps=tuple(heatmaps),
    )


def score_many(
    paths: Sequence[Path],
    detector: Detector,
    frames: int = DEFAULT_FRAMES,
    every: int | None = None,
    finder: str = "mediapipe",
    keep_heatmaps: int = 0,
    progress: Progress = silent,
) -> list[ClipScore | FailedScore]:
    """Score several files; one that can't be scored stays in the list with its error. See :func:`score_clip`."""
    found: list[ClipScore | FailedScore] = []
    for path in paths:
        try:
            found.append(score_clip(path, detector, frames, every, finder, keep_heatmaps, progress))
        except CounterfaceError as error:
            found.append(FailedScore(str(path), str(error)))
    return found


def _source(path: Path, frames: int, every: int | None) -> tuple[Iterable[Frame], int]:
    """The frames to score, and how many they are."""
    from datasets.ahead import ahead
    from datasets.video import Frame, is_picture, probe, read_frames, read_picture, spread, timestamps

    if is_picture(path):
        return [Frame(0, 0.0, read_picture(path))], 1
    probe(path)
    count = len(timestamps(path))
    if every is not None:
        return ahead(read_frames(path, every)), -(-count // every)
    return ahead(spread(path, frames)), min(frames, count)


def _provenance(path: Path, progress: Progress) -> dict[str, Any]:
    """What marks the file carries, as ``score --json`` reports it beside the score; they never enter into it.

    ``watermark`` is the object that ``verify --json`` has, or None where there is no watermark.
    """
    from datasets.provenance.verify import verify

    found = verify(path, progress)
    said = found.to_json()
    return {
        "credentials": found.credentials.state,
        "watermark": said["watermark"] if found.watermark.present else None,
        "studio_output": found.studio_output,
        "synthetic": found.synthetic,
    }


def _faces(
    frames: Iterable[Frame], backend: Any, detector: Detector, wanted: set[int], tally: dict[str, int]
) -> Iterator[_Seen]:
    """Find, follow and crop the faces of the frames."""
    from datasets.faces.align import align_affine, warp_crop
    from datasets.faces.track import Tracker

    tracker = Tracker()
    side, coverage = int(detector.card["input"]["size"]), detector.card["input"]["coverage"]
    for order, frame in enumerate(frames):
        tally["frames"] += 1
        faces = backend.find(frame.image)
        tally["empty"] += not faces
        # The tracker counts frames: of a clip that is sampled sparsely it sees the samples.
        for track, face in zip(tracker.update(order, faces), faces, strict=True):
            affine = align_affine(face, side, coverage)
            crop = warp_crop(frame.image, affine, side)
            yield _Seen(frame.index, frame.time, track, face, crop, affine, order in wanted)


def _batches(items: Iterator[_Seen]) -> Iterator[list[_Seen]]:
    batch: list[_Seen] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _take(batch: list[_Seen], detector: Detector, evidence: dict[int, _Evidence], heatmaps: list[Heatmap]) -> None:
    """Score a batch of crops and add what they say to the tracks."""
    scores = detector.score(np.stack([seen.crop for seen in batch]))
    distance = detector.competence.distance(scores.features)
    for i, seen in enumerate(batch):
        x0, y0, x1, y1 = (float(v) for v in seen.face.box)
        probability = float(scores.probability[i])
        track = evidence.setdefault(seen.track, _Evidence())
        track.frames.append(FrameScore(seen.frame_index, seen.time, probability, (x0, y0, x1, y1)))
        track.logit.append(float(scores.logit[i]))
        track.width.append(x1 - x0)
        track.distance.append(float(distance[i]))
        track.sharp.append(sharpness(seen.crop))
        side = len(seen.crop)
        if probability >= THRESHOLD and (masks := region_masks(seen.face, seen.affine, side)) is not None:
            track.regions += np.nan_to_num(region_heat(scores.heatmap[i], masks))
            track.hot_frames += 1
        if seen.keep:
            heatmaps.append(
                Heatmap(seen.frame_index, seen.time, seen.track, scores.heatmap[i].copy(), seen.affine, side)
            )


def _judge(evidence: Mapping[int, _Evidence], detector: Detector, tally: Mapping[str, int]) -> dict[str, Any]:
    """Everything of a ClipScore that follows from the evidence."""
    if not evidence:
        looked = tally["frames"]
        said = "No face was found in the picture." if looked == 1 else f"No face was found in {looked} frames."
        return {
            "probability": None,
            "interval": None,
            "verdict": "cannot tell",
            "reasons": (said,),
            "limits": ("The detector judges faces, and nothing else in a picture.",),
            "tracks": (),
            "segments": (),
        }
    tracks = tuple(_track(number, evidence[number], detector) for number in sorted(evidence))
    # What is seen in a few frames only is often no face at all; it must not speak for the clip.
    longest = max(len(track.frames) for track in tracks)
    lasting = [track for track in tracks if len(track.frames) >= max(1.0, SHORT_TRACK * longest)]
    main = max(lasting, key=lambda track: track.probability)
    own = evidence[main.id]
    limits = limits_of_face(
        detector.competence,
        main.distance,
        main.face_width,
        float(np.median(own.sharp)),
        str(detector.card.get("trained_on", "other material")),
    )
    interval = widen(main.interval, limits)
    verdict = judge(interval, limits)
    place = where(own.regions / own.hot_frames) if own.hot_frames else None
    return {
        "probability": main.probability,
        "interval": interval,
        "verdict": verdict,
        "reasons": tuple(reasons(verdict, main.probability, interval, limits, main.frames, place)),
        "limits": tuple(limit.sentence for limit in limits + _limits_of_clip(detector, tally, tracks, len(lasting))),
        "tracks": tracks,
        "segments": segments(main.frames),
    }


def _track(number: int, own: _Evidence, detector: Detector) -> TrackScore:
    logit, times = np.array(own.logit), np.array([frame.time for frame in own.frames])
    return TrackScore(
        id=number,
        probability=float(np.mean([frame.probability for frame in own.frames])),
        interval=clip_interval(logit, times, detector.calibration),
        face_width=float(np.median(own.width)),
        distance=float(np.median(own.distance)),
        frames=tuple(own.frames),
    )


def _limits_of_clip(
    detector: Detector, tally: Mapping[str, int], tracks: Sequence[TrackScore], lasting: int
) -> list[Limit]:
    """What else a reader should know; none of it changes the verdict by itself."""
    found = []
    if tally["frames"] < FEW_FRAMES:
        looked = "One picture was" if tally["frames"] == 1 else f"Only {tally['frames']} frames were"
        found.append(Limit(f"{looked} looked at: there is nothing to average over.", False))
    if tally["empty"]:
        found.append(Limit(f"No face was found in {tally['empty']} of {tally['frames']} frames.", False))
    if lasting > 1:
        found.append(Limit(f"{lasting} faces were followed; the score is that of the most suspicious one.", False))
    if len(tracks) > lasting:
        found.append(Limit(f"{len(tracks) - lasting} faces were seen too briefly to count.", False))
    if detector.card.get("scope", {}).get("kind") == "pair":
        found.append(
            Limit(
                "The detector was trained on one swap and its own original: it knows that clip, and is no general "
                "detector of manipulated faces.",
                False,
            )
        )
    return found
