"""Traces of compression: the grid of coding blocks in the face and around it, and what was rounded away.

Every coder steps at the edges of its blocks (8 x 8 in JPEG; 4 x 4 and 8 x 8 transforms in H.264). A frame that was
coded once has one grid. A face that was warped into it carries none, or, where it was cut from a coded picture
without being turned or scaled, the grid of that picture at another place (after Fan and de Queiroz, 2003, and Li,
Yuan and Yu, 2009). Only measured where the patch holds the frame's own pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from detect.cues.looks import Look, smoothed, stretched
from detect.cues.measured import LUMA, NAN, Measured
from detect.cues.names import REGION_WORDS
from detect.cues.patch import GRID
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

# Larger steps than these levels are edges of the picture.
CEILING = 12.0
FEWEST = 500
STEADY = 0.1


def steps(m: Measured) -> tuple[np.ndarray, np.ndarray]:
    """How much more each pixel differs from its neighbour (to the left, above) than the two next to them do.

    float32 (h, w) each, levels; 0 along the picture's edge.
    """

    def work() -> tuple[np.ndarray, np.ndarray]:
        luma = m.planes[LUMA]

        def across(y: np.ndarray) -> np.ndarray:
            jump = np.zeros(y.shape, np.float32)
            np.minimum(np.abs(y[:, 1:] - y[:, :-1]), CEILING, out=jump[:, 1:])
            more = jump.copy()
            more[:, 1:-1] -= 0.5 * (jump[:, :-2] + jump[:, 2:])
            more[:, :2] = more[:, -1:] = 0
            return more

        return across(luma), across(np.ascontiguousarray(luma.T)).T

    return m.once(("grid", "steps"), work)


def phases(m: Measured, region: str) -> np.ndarray:
    """Mean step at each place of the 8-pixel grid of the frame, of both directions, over the region's mean gradient.

    float64 (8,); NaN where the region is small or the patch was scaled.
    """

    def work() -> np.ndarray:
        if m.patch.scale != 1 or not m.enough(region, fewest=FEWEST):
            return np.full(GRID, NAN)
        mask = m.regions[region]
        found = np.zeros((2, GRID))
        for axis, step in enumerate(steps(m)):
            along = 0 if axis == 0 else 1
            column = cv2.reduce(np.ascontiguousarray(step * mask), along, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel()
            pixels = mask.sum(axis=along, dtype=np.float64)
            # Patch and window begin on the frame's grid.
            place = np.arange(len(column)) % GRID
            found[axis] = np.bincount(place, column, GRID) / np.maximum(np.bincount(place, pixels, GRID), 1)
        gradient = float(np.minimum(np.take(m.gradient, m.place(region)), 8 * CEILING).mean()) / 8
        return found.mean(0) / (gradient + STEADY)

    return m.once(("grid", region), work)


def on_grid(m: Measured, region: str, block: int) -> float:
    """Strength of the frame's own grid of ``block`` pixels: the step on it over that elsewhere."""
    phase = phases(m, region)
    lines = phase[::block]
    return float(lines.mean() - (phase.sum() - lines.sum()) / (GRID - len(lines)))


def off_grid(m: Measured, region: str) -> float:
    """Strength of the strongest grid of 8 pixels that is not the frame's own."""
    phase = phases(m, region)
    other = np.delete(phase, [0, GRID // 2])
    return float(other.max() - np.median(other))


def blank_pixels(m: Measured) -> np.ndarray:
    """Pixels that equal both their right and their lower neighbour, float32 (h, w), 0 or 1."""

    def work() -> np.ndarray:
        luma = m.planes[LUMA]
        same = np.zeros(luma.shape, np.float32)
        same[:-1, :-1] = (luma[:-1, :-1] == luma[:-1, 1:]) & (luma[:-1, :-1] == luma[1:, :-1])
        return same

    return m.once(("blank",), work)


def blank(m: Measured, region: str) -> float:
    """Share of blank pixels: detail that was rounded away, or never there."""
    return float(np.take(blank_pixels(m), m.place(region)).mean()) if m.enough(region) else NAN


def _look(region: str) -> Look:
    def look(m: Measured) -> np.ndarray:
        mask = m.regions[region]
        across, down = steps(m)
        return stretched(smoothed(np.maximum(across, 0) + np.maximum(down, 0), mask, m.side), mask)

    return look


def _blank_look(region: str) -> Look:
    return lambda m: smoothed(blank_pixels(m), m.regions[region], m.side)


def _grid(name: str, region: str, block: int | None) -> FrameCue:
    which = f"grid of {block}-pixel coding blocks" if block else "grid of an earlier coding"
    return FrameCue(
        name,
        (lambda m: on_grid(m, region, block)) if block else (lambda m: off_grid(m, region)),
        _look(region),
        Words(f"The {which} in {REGION_WORDS[region]}", "", "weaker", "stronger", "none"),
    )


def _grid_over(name: str, block: int | None) -> FrameCue:
    which = f"grid of {block}-pixel coding blocks" if block else "grid of an earlier coding"

    def measure(m: Measured) -> float:
        if block:
            return on_grid(m, "inner", block) - on_grid(m, "outer", block)
        return off_grid(m, "inner") - off_grid(m, "outer")

    words = Words(f"The {which} in the face", f"against {REGION_WORDS['outer']}", scale="none")
    return FrameCue(name, measure, _look("inner"), words)


def _blank(region: str) -> FrameCue:
    return FrameCue(
        f"blank_{region}",
        lambda m: blank(m, region),
        _blank_look(region),
        Words(f"The share of pixels without any detail in {REGION_WORDS[region]}", "", "smaller", "larger", "none"),
    )


register_frame_cues(
    70,
    [
        _grid("grid8_face", "inner", 8),
        _grid("grid8_outer", "outer", 8),
        _grid_over("grid8_face_over_outer", 8),
        _grid("grid4_face", "inner", 4),
        _grid_over("grid4_face_over_outer", 4),
        _grid("grid_shifted_face", "inner", None),
        _grid_over("grid_shifted_face_over_outer", None),
        _blank("skin"),
        _blank("outer"),
        FrameCue(
            "blank_skin_over_outer",
            lambda m: blank(m, "skin") - blank(m, "outer"),
            _blank_look("skin"),
            Words(
                f"The share of pixels without any detail in {REGION_WORDS['skin']}",
                f"against {REGION_WORDS['outer']}",
                "smaller",
                "larger",
                "none",
            ),
        ),
    ],
)
