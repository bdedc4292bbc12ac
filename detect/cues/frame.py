"""The cues of a single frame, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detect.cues.measured import Measured
from detect.cues.patch import Patch
from detect.cues.registry import FrameCue, frame_cues

_CUES = frame_cues()
# The order of the columns. It only ever grows at its end: the cards of detectors name their columns.
FRAME_CUES: tuple[str, ...] = tuple(cue.name for cue in _CUES)
_BY_NAME = {cue.name: cue for cue in _CUES}


def frame_cue(name: str) -> FrameCue:
    """A cue by name. Raises KeyError for an unknown one."""
    return _BY_NAME[name]


def measure_frame(patch: Patch, names: Sequence[str] = FRAME_CUES) -> np.ndarray:
    """Measure a face in a single frame.

    Args:
        patch: from :func:`detect.cues.patch.cut_patch`.
        names: which cues; all of :data:`FRAME_CUES` where nothing is said. Raises KeyError for an unknown one.

    Returns:
        float32, one a name: NaN for what can't be measured here (a face too small, a part outside the frame).
    """
    measured = Measured(patch)
    return np.array([_BY_NAME[name].measure(measured) for name in names], dtype=np.float32)
