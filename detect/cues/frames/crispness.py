"""How crisp the strongest edges are: the Laplacian over the gradient there, which falls as edges get wider."""

from __future__ import annotations

import numpy as np

from detect.cues.looks import stretched
from detect.cues.measured import NAN, Measured, quantile
from detect.cues.names import REGION_WORDS
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

FEWEST, TOP = 40, 0.9


def crispness(m: Measured, region: str) -> float:
    """log of mean Laplacian over mean gradient, among the region's tenth of pixels with the largest gradient."""
    if not m.enough(region, fewest=FEWEST):
        return NAN
    place = m.place(region)
    gradient = np.take(m.gradient, place)
    strong = gradient >= quantile(gradient, TOP)
    curved = np.take(m.laplacian, place[strong])
    return float(np.log(curved.mean() + 0.1) - np.log(gradient[strong].mean() + 0.1))


def _look(m: Measured) -> np.ndarray:
    mask = m.regions["features"]
    return stretched(m.gradient, mask)


def _one(region: str) -> FrameCue:
    return FrameCue(
        f"crispness_{region}",
        lambda m: crispness(m, region),
        lambda m: stretched(m.gradient, m.regions[region]),
        Words(f"The edges in {REGION_WORDS[region]}", "", "softer", "sharper", "log amount"),
    )


register_frame_cues(
    30,
    [
        _one("features"),
        _one("outer"),
        FrameCue(
            "crispness_features_over_outer",
            lambda m: crispness(m, "features") - crispness(m, "outer"),
            _look,
            Words(
                f"The edges in {REGION_WORDS['features']}",
                f"against {REGION_WORDS['outer']}",
                "softer",
                "sharper",
                "log amount",
            ),
        ),
    ],
)
