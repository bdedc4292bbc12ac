"""What scoring a file gives: a few nouns that the report, the page and the command line all take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Verdict = Literal["manipulated", "no manipulation found", "cannot tell"]


@dataclass(frozen=True)
class FrameScore:
    """One face in one frame.

    Attributes:
        index, time: of the frame; time in seconds.
        probability: calibrated, in [0, 1].
        box: xyxy, pixels of the frame.
    """

    index: int
    time: float
    probability: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class TrackScore:
    """One person's face over the clip.

    Attributes:
        probability: mean over its frames.
        interval: 95 %, or None where the track is too short to count.
        face_width: median, pixels of the frame.
        distance: median feature distance, 1 is the edge of what the detector knows.
        frames: ascending in time.
    """

    id: int
    probability: float
    interval: tuple[float, float]
    face_width: float
    distance: float
    frames: tuple[FrameScore, ...]

    @property
    def first(self) -> float:
        return self.frames[0].time

    @property
    def last(self) -> float:
        return self.frames[-1].time


@dataclass(frozen=True)
class Segment:
    """A stretch of a clip in which every frame scored stands over the threshold; seconds."""

    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Heatmap:
    """Where the detector sees a change, in one frame.

    Attributes:
        heat: float32 (h, w) in [0, 1], over the whole crop.
        affine: float32 (2, 3), frame pixels to crop pixels.
        size: side of the crop, pixels.
    """

    index: int
    time: float
    track: int
    heat: np.ndarray
    affine: np.ndarray
    size: int


@dataclass(frozen=True)
class CueFinding:
    """One measurement of the face that decides, beside what real faces show.

    Attributes:
        name: of the cue, see ``detect.cues``.
        value: the median over the track's frames, or that of its short runs.
        usual: (low, high), 5 to 95 % of real faces.
        sentence: what that says, for a lay reader.
        odd: whether the value lies outside what is usual.
    """

    name: str
    value: float
    usual: tuple[float, float]
    sentence: str
    odd: bool


@dataclass(frozen=True)
class ClipScore:
    """The score of one clip or picture.

    Attributes:
        probability, interval: of the most suspicious face, 95 %; both None when no face was found.
        verdict: what that means; see :func:`detect.score.judge`.
        reasons: sentences from the evidence.
        limits: sentences on what the score can't be trusted for.
        detector: ``name``, ``version``, ``calibrated_on``, and ``kind``: ``pair`` or ``general``.
        seconds: how long scoring took.
        provenance: what marks the file carries; not part of the score.
        heatmaps: of the frames that were asked for.
        deciding: numbers of the frames that speak most clearly for the verdict, the clearest first.
        cues: measurements of the face that decides, the oddest first; empty for a detector that has none.
        heatmap_by: what the heatmaps are, in words.
    """

    file: str
    probability: float | None
    interval: tuple[float, float] | None
    verdict: Verdict
    reasons: tuple[str, ...]
    limits: tuple[str, ...]
    detector: Mapping[str, Any]
    frames_scored: int
    frames_without_face: int
    seconds: float
    tracks: tuple[TrackScore, ...]
    segments: tuple[Segment, ...]
    provenance: Mapping[str, Any]
    heatmaps: tuple[Heatmap, ...] = field(default=(), repr=False)
    deciding: tuple[int, ...] = ()
    cues: tuple[CueFinding, ...] = ()
    heatmap_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that ``counterface score --json`` writes for a file."""
        return {
            "file": self.file,
            "ok": True,
            "probability": _rounded(self.probability),
            "interval": None if self.interval is None else [_rounded(v) for v in self.interval],
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "limits": list(self.limits),
            "detector": dict(self.detector),
            "frames_scored": self.frames_scored,
            "frames_without_face": self.frames_without_face,
            "seconds": round(self.seconds, 2),
            "tracks": [_track(track) for track in self.tracks],
            "segments": [
                {"start": round(s.start, 3), "end": round(s.end, 3), "probability": _rounded(s.probability)}
                for s in self.segments
            ],
            "provenance": dict(self.provenance),
            "deciding": list(self.deciding),
            "cues": [_cue(cue) for cue in self.cues],
            "heatmap_by": self.heatmap_by,
        }


@dataclass(frozen=True)
class FailedScore:
    """A file that could not be scored, and why."""

    file: str
    error: str

    def to_json(self) -> dict[str, Any]:
        return {"file": self.file, "ok": False, "error": self.error}


def _cue(cue: CueFinding) -> dict[str, Any]:
    return {
        "name": cue.name,
        "value": float(f"{cue.value:.5g}"),
        "usual": [float(f"{v:.5g}") for v in cue.usual],
        "odd": cue.odd,
        "sentence": cue.sentence,
    }


def _track(track: TrackScore) -> dict[str, Any]:
    return {
        "id": track.id,
        "probability": _rounded(track.probability),
        "interval": [_rounded(v) for v in track.interval],
        "first": round(track.first, 3),
        "last": round(track.last, 3),
        "face_width": round(track.face_width, 1),
        "feature_distance": round(track.distance, 3),
        "frames": [
            {
                "index": f.index,
                "time": round(f.time, 4),
                "probability": _rounded(f.probability),
                "box": [round(v, 1) for v in f.box],
            }
            for f in track.frames
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
