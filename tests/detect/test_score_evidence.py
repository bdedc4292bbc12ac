"""From what each frame gave to what is said of a face: numbers kept within bounds, cues beside what is usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.faces.finder import Face
from detect.calibration import Platt, sigmoid
from detect.competence import Competence
from detect.cues import FRAME_CUES, TRACK_CUES
from detect.cues.model import FINE
from detect.evidence import MOST_KEPT, Evidence, cue_findings, median, track_score
from detect.look import Seen, overlap
from detect.results import FrameScore, TrackScore
from detect.summary import most_at_once

FRAME_CUE, TRACK_CUE = FRAME_CUES[0], TRACK_CUES[0]


class Plain:
    """A detector of which only the numbers count: frames through one calibration, clips through another, if any."""

    def __init__(self, clips: Platt | None = None) -> None:
        self.card: dict[str, Any] = {"cue_ranges": {FRAME_CUE: [0.0, 1.0], TRACK_CUE: [0.0, 2.0], "gone": [0.0, 1.0]}}
        self.calibration, self.clip_calibration, self.conformal = Platt(), clips, None
        self.competence = Competence(np.zeros(1), np.eye(1), 1.0, (0.0, 1e9), (0.0, None))
        self.cue_names = (FRAME_CUE,)

    def score(self, crops: np.ndarray, cues: np.ndarray | None = None) -> Any:
        raise AssertionError("nothing is scored here")

    def clip_logit(self, network: np.ndarray, cues: np.ndarray | None = None, track: Any = None) -> float | None:
        assert cues is None or len(cues) == len(network)
        return float(network.mean()) + 1.0


def seen(index: int, width: float = 100.0, cue: float = 0.5) -> Seen:
    face = Face(np.array([10, 20, 10 + width, 140], np.float32), 1.0, None, np.zeros((5, 2), np.float32))
    crop, affine = np.zeros((4, 4, 3), np.uint8), np.eye(2, 3, dtype=np.float32)
    cues = np.array([cue], np.float32)
    return Seen(index, index, index / 10, 0, face, crop, affine, cues, 50.0, 0.2, 40.0)


def evidence(count: int, cue: float = 0.5, logit: float = 0.0) -> Evidence:
    own = Evidence()
    for index in range(count):
        own.add(seen(index, cue=cue), float(sigmoid(np.array(logit))), logit, logit, 0.7)
    return own


def test_measurements_stay_bounded_and_every_frame_is_kept() -> None:
    count = 3 * MOST_KEPT
    own = evidence(count)
    table = own.table()
    assert len(own.frames) == count and MOST_KEPT / 2 <= len(own.measured) <= MOST_KEPT
    assert table.time[0] == 0 and np.ptp(np.diff(table.time)) < 1e-9, "thinned evenly over the whole clip"
    assert table.time[-1] > count / 10 * 0.99


def test_a_row_is_what_was_seen() -> None:
    table = evidence(3, cue=0.25, logit=1.5).table()
    assert table.width.tolist() == [100.0] * 3 and table.cues.tolist() == [[0.25]] * 3
    columns = (table.logit, table.network, table.distance, table.sharpness, table.flat, table.colour)
    assert [float(column[0]) for column in columns] == [1.5, 1.5, 0.7, 50.0, 0.2, 40.0]


def test_a_detector_of_frames_gives_their_mean_and_one_of_clips_the_clips() -> None:
    own = evidence(20, logit=2.0)
    frames, clips = (track_score(7, own, Plain(clip)) for clip in (None, Platt()))
    assert frames.id == clips.id == 7 and frames.probability == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert clips.probability == pytest.approx(1 / (1 + np.exp(-3.0)))
    for score in (frames, clips):
        assert score.interval[0] <= score.probability <= score.interval[1]


def test_cues_are_held_against_real_faces_the_oddest_first() -> None:
    own = evidence(4, cue=1.5)
    own.track_cues = {TRACK_CUE: 5.0}
    odd_track, odd_frame = cue_findings(own, own.table(), Plain())
    assert (odd_track.name, odd_frame.name) == (TRACK_CUE, FRAME_CUE) and odd_track.odd and odd_frame.odd
    assert odd_frame.value == 1.5 and odd_frame.usual == (0.0, 1.0) and odd_frame.sentence.endswith(".")
    usual = evidence(4, cue=0.5)
    (found,) = cue_findings(usual, usual.table(), Plain())
    assert not found.odd


def test_of_a_large_face_the_finer_measurement_is_told() -> None:
    detector = Plain()
    detector.cue_names = (FRAME_CUE, FRAME_CUE + FINE)
    detector.card = {"cue_ranges": {FRAME_CUE: [0.0, 1.0], FRAME_CUE + FINE: [2.0, 3.0]}}
    own = evidence(8, cue=0.5)
    table = own.table()

    def told(finely: list[float]) -> list[tuple[str, float, bool]]:
        cues = np.column_stack([table.cues[:, 0], np.array(finely, np.float32)])
        return [(one.name, one.value, one.odd) for one in cue_findings(own, replace(table, cues=cues), detector)]

    assert told([4.0] * 8) == [(FRAME_CUE, 4.0, True)]
    # A face that is large in a few frames alone is told of as it mostly is.
    assert told([4.0] * 3 + [np.nan] * 5) == [(FRAME_CUE, 0.5, False)]


def test_what_could_not_be_measured_is_no_finding() -> None:
    own = evidence(4, cue=float("nan"))
    own.track_cues = {TRACK_CUE: float("nan"), "gone": 7.0}
    assert cue_findings(own, own.table(), Plain()) == ()
    assert np.isnan(median(np.array([np.nan]))) and median(np.array([np.nan, 2.0, 4.0])) == 3.0


def test_people_are_counted_by_frame_and_not_by_track() -> None:
    def track(number: int, *indices: int) -> TrackScore:
        frames = tuple(FrameScore(index, float(index), 0.5, (0, 0, 1, 1)) for index in indices)
        return TrackScore(number, 0.5, (0.0, 1.0), 90.0, 0.5, frames)

    assert most_at_once([track(0, 0, 1), track(1, 2, 3)]) == 1
    assert most_at_once([track(0, 0, 1, 2), track(1, 2, 3)]) == 2 and most_at_once([]) == 0


def test_overlap_of_boxes() -> None:
    assert overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1 and overlap((0, 0, 1, 1), (1, 1, 2, 2)) == 0
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3) == overlap((1, 0, 3, 2), (0, 0, 2, 2))
