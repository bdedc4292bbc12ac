"""Small things that swaps blur: the light's reflection in the eyes, the detail of the eyes, the teeth.

Both eyes see the same light, so its reflections are as bright, and lie at the same place of the eye
(Johnson and Farid, "Exposing digital forgeries through specular highlights on the eye", 2007).
"""

from __future__ import annotations

import numpy as np

from detect.cues.looks import energy_look, stretched
from detect.cues.measured import BANDS, LUMA, NAN, Measured
from detect.cues.names import REGION_WORDS
from detect.cues.regions import LEFT_IRIS, RIGHT_IRIS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

EYES, IRISES = ("left_eye", "right_eye"), ("left_iris", "right_iris")
SIGMA = 0.7
# A reflection stands out by this many levels.
STANDS_OUT = 10.0


def glint(m: Measured, iris: str) -> tuple[float, float, float]:
    """The reflection in an iris: how far above the iris's median, levels, and where from its middle, in widths of the
    landmark box. NaN for an eye that is shut or tiny.
    """

    def work() -> tuple[float, float, float]:
        if not m.enough(iris):
            return NAN, NAN, NAN
        place = m.place(iris)
        luma = np.take(m.blurred(LUMA, SIGMA), place)
        y, x = np.divmod(place, m.image.shape[1])
        brightest = luma >= luma.max() - 1e-3
        middle = m.landmarks[(LEFT_IRIS if iris == "left_iris" else RIGHT_IRIS)[0]]
        away = [float(axis[brightest].mean() - at) / m.side for axis, at in zip((x, y), middle, strict=True)]
        return float(luma.max() - np.median(luma)), away[0], away[1]

    return m.once(("glint", iris), work)


def _height(m: Measured) -> float:
    return 0.5 * (glint(m, "left_iris")[0] + glint(m, "right_iris")[0])


def _uneven(m: Measured) -> float:
    left, right = glint(m, "left_iris")[0], glint(m, "right_iris")[0]
    return abs(left - right) / (0.5 * (left + right) + STANDS_OUT)


def _apart(m: Measured) -> float:
    left, right = glint(m, "left_iris"), glint(m, "right_iris")
    if not min(left[0], right[0]) >= STANDS_OUT:
        return NAN
    return 100 * float(np.hypot(left[1] - right[1], left[2] - right[2]))


def _eyes(m: Measured, band: int) -> float:
    return 0.5 * (m.detail("left_eye", band) + m.detail("right_eye", band))


def _look(m: Measured) -> np.ndarray:
    heat = np.zeros(m.image.shape[:2], np.float32)
    for iris in IRISES:
        if m.enough(iris):
            mask = m.regions[iris]
            dark = m.median(m.planes[LUMA], iris)
            heat = np.maximum(heat, stretched(np.maximum(m.blurred(LUMA, SIGMA) - dark, 0), mask))
    return heat


def _detail_look(m: Measured) -> np.ndarray:
    return np.maximum(*(energy_look(eye, *BANDS[1])(m) for eye in EYES))


_OUTER = f"against {REGION_WORDS['outer']}"
_LIGHT = "The light's reflection in the eyes"
register_frame_cues(
    90,
    [
        FrameCue("eye_glint", _height, _look, Words(_LIGHT, "", "darker", "brighter", "units", "of 255 levels")),
        FrameCue(
            "eye_glint_uneven",
            _uneven,
            _look,
            Words("The difference between the light's reflections in the two eyes", "", "smaller", "larger", "none"),
        ),
        FrameCue(
            "eye_glint_apart",
            _apart,
            _look,
            Words(
                "The distance between the places of the light's reflections in the two eyes",
                "",
                "smaller",
                "larger",
                "none",
            ),
        ),
        FrameCue(
            "eyes_over_outer_0",
            lambda m: _eyes(m, 0) - m.detail("outer", 0),
            _detail_look,
            Words(f"The finest detail of {REGION_WORDS['eyes']}", _OUTER),
        ),
        FrameCue(
            "eyes_over_outer_1",
            lambda m: _eyes(m, 1) - m.detail("outer", 1),
            _detail_look,
            Words(f"The fine detail of {REGION_WORDS['eyes']}", _OUTER),
        ),
        FrameCue(
            "teeth_over_skin_1",
            lambda m: m.detail("teeth", 1) - m.detail("skin", 1),
            energy_look("teeth", *BANDS[1]),
            Words(f"The fine detail of {REGION_WORDS['teeth']}", f"against {REGION_WORDS['skin']}"),
        ),
        FrameCue(
            "teeth_slope_over_outer_0",
            lambda m: m.detail("teeth", 0) - m.detail("teeth", 1) - m.detail("outer", 0) + m.detail("outer", 1),
            energy_look("teeth", *BANDS[0]),
            Words(
                f"The finest detail of {REGION_WORDS['teeth']}, relative to the fine detail there,",
                _OUTER,
            ),
        ),
    ],
)
