"""How fast detail fades from octave to octave: what was enlarged, softened or compressed again fades faster.

The slope of a region is E(band) - E(next coarser band). By itself it says how the clip was compressed; the face's
slope over that of its surroundings says whether the face went another way than the rest of the frame.
"""

from __future__ import annotations

from detect.cues.looks import departure_look, energy_look
from detect.cues.measured import BANDS, Measured
from detect.cues.names import BAND_WORDS, REGION_WORDS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words


def slope(m: Measured, region: str, band: int) -> float:
    """E(band) - E(next coarser band) of a region."""
    return m.detail(region, band) - m.detail(region, band + 1)


def _absolute(region: str, band: int) -> FrameCue:
    return FrameCue(
        f"slope_{region}_{band}",
        lambda m: slope(m, region, band),
        energy_look(region, *BANDS[band]),
        Words(
            f"The {BAND_WORDS[band]} of {REGION_WORDS[region]}",
            f"against the {BAND_WORDS[band + 1]} of the same place",
        ),
    )


def _relative(region: str, band: int) -> FrameCue:
    return FrameCue(
        f"slope_{region}_over_outer_{band}",
        lambda m: slope(m, region, band) - slope(m, "outer", band),
        departure_look(region, "outer", BANDS[band], coarser=BANDS[band + 1]),
        Words(
            f"The {BAND_WORDS[band]} of {REGION_WORDS[region]}, relative to the {BAND_WORDS[band + 1]} there,",
            f"against {REGION_WORDS['outer']}",
        ),
    )


def _contour(band: int) -> FrameCue:
    return FrameCue(
        f"slope_contour_over_sides_{band}",
        lambda m: slope(m, "contour", band) - 0.5 * (slope(m, "outer", band) + slope(m, "features", band)),
        departure_look("contour", "outer", BANDS[band], coarser=BANDS[band + 1]),
        Words(
            f"The {BAND_WORDS[band]} of {REGION_WORDS['contour']}, relative to the {BAND_WORDS[band + 1]} there,",
            "against what lies on either side of it",
        ),
    )


_STEPS = range(len(BANDS) - 1)
register_frame_cues(
    20,
    [_absolute(region, band) for region in ("skin", "features", "outer", "contour") for band in _STEPS]
    + [cue for band in _STEPS for cue in (_relative("features", band), _relative("skin", band), _contour(band))],
)
