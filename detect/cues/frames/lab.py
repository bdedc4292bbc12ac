"""The face's colour in CIELAB against that of the neck and of everything around it: mean and spread."""

from __future__ import annotations

import cv2
import numpy as np

from detect.cues.looks import region_look
from detect.cues.measured import NAN, Measured
from detect.cues.names import REGION_WORDS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

AXES = (("l", "lightness"), ("a", "redness"), ("b", "yellowness"))
SPREAD_FLOOR = 0.3


def statistics(m: Measured, region: str) -> np.ndarray:
    """Mean and standard deviation of L, a and b over a region, float64 (2, 3); NaN where it is too small.

    L runs from 0 to 100, a and b are in the same unit: one step is about what the eye can tell.
    """

    def work() -> np.ndarray:
        if not m.enough(region):
            return np.full((2, 3), NAN)
        lab = m.once(("lab",), lambda: cv2.cvtColor(m.image, cv2.COLOR_RGB2LAB))
        mean, spread = cv2.meanStdDev(lab, mask=m.regions[region])
        found = np.array([mean.ravel(), spread.ravel()], dtype=np.float64)
        found[:, 0] = found[:, 0] * (100 / 255)
        found[0, 1:] = found[0, 1:] - 128
        return found

    return m.once(("lab", region), work)


def _step(axis: int, reference: str) -> FrameCue:
    name, word = AXES[axis]
    return FrameCue(
        f"lab_step_skin_over_{reference}_{name}",
        lambda m: float(statistics(m, "skin")[0, axis] - statistics(m, reference)[0, axis]),
        region_look("skin", reference),
        Words(
            f"The mean {word} of {REGION_WORDS['skin']}",
            f"against {REGION_WORDS[reference]}",
            "lower",
            "higher",
            "units",
            "steps",
        ),
    )


def _spread(axis: int, reference: str) -> FrameCue:
    name, word = AXES[axis]
    return FrameCue(
        f"lab_spread_skin_over_{reference}_{name}",
        lambda m: float(
            np.log(statistics(m, "skin")[1, axis] + SPREAD_FLOOR)
            - np.log(statistics(m, reference)[1, axis] + SPREAD_FLOOR)
        ),
        region_look("skin", reference),
        Words(
            f"The variety of {word} in {REGION_WORDS['skin']}",
            f"against {REGION_WORDS[reference]}",
            "smaller",
            "larger",
            "log amount",
        ),
    )


register_frame_cues(
    80,
    [_step(axis, reference) for reference in ("neck", "outer") for axis in range(3)]
    + [_spread(axis, "neck") for axis in range(3)],
)
