"""The cues of one face over time, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detect.cues.patch import Patch
from detect.cues.registry import TrackCue, track_cues
from detect.cues.run import Runs

_CUES = track_cues()
# The order of the columns. It only ever grows at its end: the cards of detectors name their columns.
TRACK_CUES: tuple[str, ...] = tuple(cue.name for cue in _CUES)
_BY_NAME = {cue.name: cue for cue in _CUES}


def track_cue(name: str) -> TrackCue:
    """A cue by name. Raises KeyError for an unknown one."""
    return _BY_NAME[name]


def measure_track(runs: Sequence[Sequence[tuple[float, Patch]]], names: Sequence[str] = TRACK_CUES) -> np.ndarray:
    """Measure one face over time.

    Args:
        runs: short runs of consecutive frames of the same face, each (time in seconds, patch) in the order of time.
            They may lie anywhere in the clip; frames more than 0.15 s apart do not count as consecutive, and a run of
            a single frame still counts for the statistics of eyes and mouth. Eight frames a run and three runs are
            enough; two frames in a run are the least that flicker is measured on, three for jitter.
        names: which cues; all of :data:`TRACK_CUES` where nothing is said. Raises KeyError for an unknown one.

    Returns:
        float32, one a name: NaN for what can't be measured here.
    """
    seen = Runs(runs)
    return np.array([_BY_NAME[name].measure(seen) for name in names], dtype=np.float32)
