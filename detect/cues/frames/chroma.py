"""Colour of the face against its surroundings: the step over the jaw, the spread, and the fineness of the colours."""

from __future__ import annotations

import numpy as np

from detect.cues.looks import departure_look, region_look
from detect.cues.measured import BANDS, CB, CR, LUMA, NAN, Measured
from detect.cues.names import PLANE_WORDS, REGION_WORDS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

PLANE_NAMES = ("luma", "cr", "cb")
SPREAD_FLOOR = 0.3
# Chroma is stored at half size in most clips, so its finest band reaches further than the luma's.
FINE, MIDDLE = (0.0, 1.5), (1.0, 4.0)


def _step(m: Measured, plane: int) -> float:
    if not m.enough("jaw_in", "jaw_out"):
        return NAN
    return m.median(m.planes[plane], "jaw_in") - m.median(m.planes[plane], "jaw_out")


def _spread(m: Measured, plane: int) -> float:
    inside, outside = m.spread("skin", plane), m.spread("outer", plane)
    return float(np.log(inside + SPREAD_FLOOR) - np.log(outside + SPREAD_FLOOR))


def _over_luma(m: Measured, region: str, plane: int) -> float:
    return m.energy(region, plane, *MIDDLE) - m.energy(region, LUMA, *BANDS[2])


def _both(plane: int) -> list[FrameCue]:
    name, word = PLANE_NAMES[plane], PLANE_WORDS[plane]
    return [
        FrameCue(
            f"jaw_step_{name}",
            lambda m: _step(m, plane),
            region_look("jaw_in", "jaw_out"),
            Words(
                f"The {word} of {REGION_WORDS['jaw_in']}",
                f"against {REGION_WORDS['jaw_out']}",
                "lower",
                "higher",
                "units",
                "of 255 levels",
            ),
        ),
        FrameCue(
            f"spread_skin_over_outer_{name}",
            lambda m: _spread(m, plane),
            region_look("skin"),
            Words(
                f"The variety of {word} in {REGION_WORDS['skin']}",
                f"against {REGION_WORDS['outer']}",
                "smaller",
                "larger",
                "log amount",
            ),
        ),
    ]


def _chroma(plane: int) -> list[FrameCue]:
    name, word = PLANE_NAMES[plane], PLANE_WORDS[plane]
    outer = f"against {REGION_WORDS['outer']}"

    def fine(region: str) -> FrameCue:
        return FrameCue(
            f"fine_chroma_{region}_over_outer_{name}",
            lambda m: m.energy(region, plane, *FINE) - m.energy("outer", plane, *FINE),
            departure_look(region, "outer", FINE, plane),
            Words(f"The fine variation of {word} in {REGION_WORDS[region]}", outer),
        )

    return [
        fine("skin"),
        fine("features"),
        FrameCue(
            f"chroma_over_luma_skin_{name}",
            lambda m: _over_luma(m, "skin", plane),
            region_look("skin"),
            Words(f"The variation of {word} in {REGION_WORDS['skin']}", "against that of its brightness"),
        ),
        FrameCue(
            f"chroma_over_luma_skin_over_outer_{name}",
            lambda m: _over_luma(m, "skin", plane) - _over_luma(m, "outer", plane),
            departure_look("skin", "outer", MIDDLE, plane),
            Words(f"The variation of {word} in {REGION_WORDS['skin']}, relative to that of its brightness,", outer),
        ),
    ]


register_frame_cues(40, _both(LUMA) + [cue for plane in (CR, CB) for cue in _both(plane) + _chroma(plane)])
