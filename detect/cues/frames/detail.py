"""How much detail there is in one part of the face against another, octave by octave.

A swapped face is made by a network at a resolution of its own, warped into place, and blended: its detail rarely has
the strength of what surrounds it, and the seam has less than either side. Everything in the frame went through the
same camera and the same compression, so the surroundings say what the detail should be.

Each value is the difference of two logarithms of energy, E = log(mean(band^2) + 0.05), in differences of Gaussians.
"""

from __future__ import annotations

import numpy as np

from detect.cues.looks import departure_look
from detect.cues.measured import BANDS, ENERGY_FLOOR, LUMA, Measured
from detect.cues.names import BAND_WORDS, REGION_WORDS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

PAIRS = (
    ("contour", "skin"), ("contour", "outer"), ("skin", "outer"), ("features", "outer"), ("features", "skin"),
    ("jaw_in", "jaw_out"),
)  # fmt: skip
# The seam itself: just inside against the skin, just outside against just inside.
SEAMS = (("inner_edge", "skin", 1), ("outer_edge", "inner_edge", 1), ("outer_edge", "inner_edge", 0))


def over(region: str, reference: str, band: int) -> FrameCue:
    """Detail of a region over that of another, in one of the bands."""
    return FrameCue(
        f"{region}_over_{reference}_{band}",
        lambda m: m.detail(region, band) - m.detail(reference, band),
        departure_look(region, reference, BANDS[band]),
        Words(f"The {BAND_WORDS[band]} of {REGION_WORDS[region]}", f"against {REGION_WORDS[reference]}"),
    )


def _typical(m: Measured, region: str, band: int) -> float:
    return float(np.log(m.median(np.abs(m.band(LUMA, *BANDS[band])), region) + ENERGY_FLOOR))


def typical(band: int) -> FrameCue:
    """The same of skin over the ring with medians for means: single edges do not count."""
    return FrameCue(
        f"typical_skin_over_outer_{band}",
        lambda m: _typical(m, "skin", band) - _typical(m, "outer", band),
        departure_look("skin", "outer", BANDS[band]),
        Words(
            f"The {BAND_WORDS[band]} of {REGION_WORDS['skin']}, edges left out,",
            f"against {REGION_WORDS['outer']}",
            scale="log amount",
        ),
    )


register_frame_cues(
    10,
    [over(a, b, band) for band in range(len(BANDS)) for a, b in PAIRS]
    + [typical(band) for band in range(len(BANDS))]
    + [over(*seam) for seam in SEAMS],
)
