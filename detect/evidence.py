"""What is known of each face while a clip is gone through: numbers, so that memory hardly grows with its length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from detect.explain import REGIONS
from detect.intervals import clip_interval
from detect.results import CueFinding, FrameScore, TrackScore

if TYPE_CHECKING:
    from detect.detector import Detector
    from detect.look import Seen

MOST_KEPT = 2048
POOLED_DRAWS = 200
# Of a row of measurements, before its cues.
COLUMNS = 8


@dataclass
class Evidence:
    """One face over a clip: a result a frame, and the measurements of at most ``MOST_KEPT`` frames.

    Where there are more, every second, fourth... frame's are kept: medians and intervals hardly change by it.

    Attributes:
        frames: of every frame scored.
        measured: a row a kept frame: time, logit, network's logit, face width, feature distance, sharpness, flat
            share, colourfulness; its cues follow.
        track_cues: what the runs showed, by name.
        regions, hot_frames: heat summed over the frames over the threshold, and how many they are.
    """

    frames: list[FrameScore] = field(default_factory=list)
    measured: list[np.ndarray] = field(default_factory=list)
    track_cues: dict[str, float] = field(default_factory=dict)
    regions: np.ndarray = field(default_factory=lambda: np.zeros(len(REGIONS)))
    hot_frames: int = 0
    _stride: int = 1

    def add(self, seen: Seen, probability: float, logit: float, network: float, distance: float) -> None:
        """Take one scored frame."""
        x0, y0, x1, y1 = (float(v) for v in seen.face.box)
        if len(self.frames) % self._stride == 0:
            row = [seen.time, logit, network, x1 - x0, distance, seen.sharpness, seen.flat, seen.colour]
            cues = np.empty(0) if seen.cues is None else seen.cues
            self.measured.append(np.concatenate([row, cues]))
            if len(self.measured) > MOST_KEPT:
                self.measured, self._stride = self.measured[::2], self._stride * 2
        self.frames.append(FrameScore(seen.frame_index, seen.time, probability, (x0, y0, x1, y1)))

    def table(self) -> Measured:
        """The measurements as arrays."""
        rows = np.stack(self.measured)
        time, logit, network, width, distance, sharp, flat, colour = rows[:, :COLUMNS].T
        cues = rows[:, COLUMNS:].astype(np.float32)
        return Measured(time, logit, network, width, distance, sharp, flat, colour, cues)


@dataclass(frozen=True)
class Measured:
    """Measurements of one face, float64 (N,) each, and its cues, float32 (N, k)."""

    time: np.ndarray
    logit: np.ndarray
    network: np.ndarray
    width: np.ndarray
    distance: np.ndarray
    sharpness: np.ndarray
    flat: np.ndarray
    colour: np.ndarray
    cues: np.ndarray


def median(values: np.ndarray) -> float:
    """The median of what is known, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def track_score(number: int, own: Evidence, detector: Detector) -> TrackScore:
    """The probability of one face, with its interval: the clip's own where the detector calibrates clips."""
    table = own.table()
    pooled = pooled_logit(own, table, detector)
    if pooled is None:
        probability = float(np.mean([frame.probability for frame in own.frames]))
        interval = clip_interval(table.logit, table.time, detector.calibration)
    else:
        assert detector.clip_calibration is not None
        every = np.arange(len(table.time))
        probability = float(detector.clip_calibration.probability(np.array([pooled(every)]))[0])
        interval = clip_interval(table.logit, table.time, detector.clip_calibration, draws=POOLED_DRAWS, pooled=pooled)
    return TrackScore(
        id=number,
        probability=probability,
        # The interval is of the kept frames, the mean of all.
        interval=(min(interval[0], probability), max(interval[1], probability)),
        face_width=median(table.width),
        distance=median(table.distance),
        frames=tuple(own.frames),
    )


def pooled_logit(own: Evidence, table: Measured, detector: Detector) -> Callable[[np.ndarray], float] | None:
    """The clip's raw score from the numbers of the frames that are drawn; None where the detector scores frames."""
    if detector.clip_calibration is None:
        return None
    some = np.arange(len(table.network))
    if detector.clip_logit(table.network[some], _cues(table, some), own.track_cues) is None:
        return None

    def pooled(rows: np.ndarray) -> float:
        found = detector.clip_logit(table.network[rows], _cues(table, rows), own.track_cues)
        assert found is not None
        return found

    return pooled


def _cues(table: Measured, rows: np.ndarray) -> np.ndarray | None:
    return table.cues[rows] if table.cues.shape[1] else None


def cue_findings(own: Evidence, table: Measured, detector: Detector) -> tuple[CueFinding, ...]:
    """What the cues of one face say beside the ranges of real faces in the detector's card, the oddest first.

    Of a large face, what was measured finely stands in place of the same cue at the usual scale.
    """
    ranges: Mapping[str, list[float]] = detector.card.get("cue_ranges", {})
    if not ranges:
        return ()
    from detect.cues.frame import FRAME_CUES, frame_cue
    from detect.cues.model import FINE, is_fine
    from detect.cues.track import TRACK_CUES, track_cue

    values = {name: median(table.cues[:, i]) for i, name in enumerate(detector.cue_names)} | own.track_cues
    rare = {
        name for i, name in enumerate(detector.cue_names) if 2 * np.isfinite(table.cues[:, i]).sum() < len(table.time)
    }
    # Fine cues come last, and take the place of the others.
    counted = {
        name.removesuffix(FINE): (value, ranges[name])
        for name, value in values.items()
        if name in ranges and np.isfinite(value) and not (is_fine(name) and name in rare)
    }
    found: list[tuple[float, CueFinding]] = []
    for name, (value, usual) in counted.items():
        if name not in (*FRAME_CUES, *TRACK_CUES):
            continue
        low, high = (float(v) for v in usual)
        away = max(low - value, value - high, 0.0) / max(high - low, 1e-9)
        cue = frame_cue(name) if name in FRAME_CUES else track_cue(name)
        found.append((away, CueFinding(name, value, (low, high), cue.sentence(value, (low, high)), away > 0)))
    found.sort(key=lambda one: -one[0])
    return tuple(cue for _, cue in found)
