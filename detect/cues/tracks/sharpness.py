"""Whether the face gets sharp and soft together with what surrounds it, as one lens and one coder would have it."""

from __future__ import annotations

import numpy as np

from detect.cues.looks import departure_look
from detect.cues.measured import BANDS, NAN
from detect.cues.names import BAND_WORDS, REGION_WORDS
from detect.cues.registry import TrackCue, register_track_cues
from detect.cues.run import Runs
from detect.cues.words import Words

FEWEST_FRAMES = 8
FLOOR = 0.03
INSIDE = ("features", "skin")


def _columns(runs: Runs, region: str, band: int) -> tuple[np.ndarray, np.ndarray] | None:
    face, outer = runs.details[:, INSIDE.index(region), band], runs.details[:, 2, band]
    known = np.isfinite(face) & np.isfinite(outer)
    return (face[known], outer[known]) if known.sum() >= FEWEST_FRAMES else None


def together(runs: Runs, region: str, band: int) -> float:
    """Correlation over the frames of the region's detail with that of the surroundings, shrunk where neither varies."""
    found = _columns(runs, region, band)
    if found is None:
        return NAN
    face, outer = (part - part.mean() for part in found)
    return float((face * outer).mean() / ((face.std() + FLOOR) * (outer.std() + FLOOR)))


def varies(runs: Runs, region: str, band: int) -> float:
    """log of the standard deviation over the frames of the region's detail over the surroundings'."""
    found = _columns(runs, region, band)
    if found is None:
        return NAN
    return float(np.log(found[0].std() + FLOOR) - np.log(found[1].std() + FLOOR))


def _cues(region: str, band: int) -> list[TrackCue]:
    what, look = f"the {BAND_WORDS[band]} of {REGION_WORDS[region]}", departure_look(region, "outer", BANDS[band])
    return [
        TrackCue(
            f"sharpness_together_{region}_{band}",
            lambda runs: together(runs, region, band),
            look,
            Words(
                f"The agreement over time of {what} with that of {REGION_WORDS['outer']}",
                "",
                "weaker",
                "stronger",
                "none",
            ),
        ),
        TrackCue(
            f"sharpness_varies_{region}_{band}",
            lambda runs: varies(runs, region, band),
            look,
            Words(
                f"The change over time of {what}",
                f"against {REGION_WORDS['outer']}",
                "smaller",
                "larger",
                "log amount",
            ),
        ),
    ]


register_track_cues(40, [cue for band in (0, 1) for region in INSIDE for cue in _cues(region, band)])
