"""How the eyes blink and the mouth moves over all frames that were looked at.

People shut their eyes for a tenth to a third of a second, some 15 to 20 times a minute, all the way (Li, Chang and
Lyu, "In ictu oculi", 2018). From frames that are spread over a clip the share of frames with shut eyes can be had, and
how far the eyes shut; how many blinks there were cannot.
"""

from __future__ import annotations

import numpy as np

from datasets.faces.expression import eye_opening, mouth_opening
from detect.cues.looks import region_look
from detect.cues.measured import NAN
from detect.cues.registry import TrackCue, register_track_cues
from detect.cues.run import Runs
from detect.cues.words import Words

FEWEST_FRAMES = 8
# Of the eyes' usual opening: below it they count as shut.
SHUT = 0.6


def openings(runs: Runs) -> np.ndarray:
    """Opening of the eyes and of the mouth, float64 (frames, 2)."""

    def work() -> np.ndarray:
        rows = [(eye_opening(patch.landmarks), mouth_opening(patch.landmarks)) for patch in runs.patches]
        return np.array(rows, dtype=np.float64).reshape(-1, 2)

    return runs.once("openings", work)


def _eyes(runs: Runs) -> np.ndarray:
    """The eyes' openings over their usual one; empty with fewer than eight frames."""
    eyes = openings(runs)[:, 0]
    return eyes / max(float(np.median(eyes)), 1e-3) if len(eyes) >= FEWEST_FRAMES else eyes[:0]


def shut_share(runs: Runs) -> float:
    """Share of frames with the eyes shut."""
    eyes = _eyes(runs)
    return float((eyes < SHUT).mean()) if eyes.size else NAN


def blink_depth(runs: Runs) -> float:
    """How far the eyes shut at most: 0 never, 1 all the way."""
    eyes = _eyes(runs)
    return float(1 - np.clip(eyes.min(), 0, 1)) if eyes.size else NAN


def eye_spread(runs: Runs) -> float:
    """Standard deviation of the eyes' opening over its median."""
    eyes = _eyes(runs)
    return float(eyes.std()) if eyes.size else NAN


def mouth_range(runs: Runs) -> float:
    """The 95th less the 5th percentile of the mouth's opening."""
    mouth = openings(runs)[:, 1]
    return float(np.ptp(np.quantile(mouth, [0.05, 0.95]))) if len(mouth) >= FEWEST_FRAMES else NAN


def mouth_spread(runs: Runs) -> float:
    """Standard deviation of the mouth's opening."""
    mouth = openings(runs)[:, 1]
    return float(mouth.std()) if len(mouth) >= FEWEST_FRAMES else NAN


_EYES, _MOUTH = region_look("left_eye", "right_eye"), region_look("teeth")
register_track_cues(
    30,
    [
        TrackCue(
            "eyes_shut_share",
            shut_share,
            _EYES,
            Words("The share of moments with shut eyes", "", "smaller", "larger", "none"),
        ),
        TrackCue(
            "blink_depth",
            blink_depth,
            _EYES,
            Words("The closing of the eyes", "", "less complete", "more complete", "none"),
        ),
        TrackCue(
            "eye_opening_spread",
            eye_spread,
            _EYES,
            Words("The movement of the eyelids", "", "smaller", "larger", "none"),
        ),
        TrackCue(
            "mouth_opening_range",
            mouth_range,
            _MOUTH,
            Words("The range of the mouth's opening", "", "smaller", "larger", "none"),
        ),
        TrackCue(
            "mouth_opening_spread",
            mouth_spread,
            _MOUTH,
            Words("The movement of the mouth", "", "smaller", "larger", "none"),
        ),
    ],
)
