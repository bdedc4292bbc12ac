"""Finding the watermark in a picture that was cropped, mirrored or framed: a search for where its grid lies.

The public presence pattern is laid under the summed picture at every plausible scale and offset. The best place is then
made exact, and what counts is the correlation there, against the number of places that were tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from datasets.provenance.watermarkgrid import (
    PRESENCE_CELLS,
    PRESENCE_FLOOR,
    PRESENCE_REACH,
    PRESENCE_SHARE,
    PRESENCE_SIGMA,
    SIDE,
    Array,
    high_pass,
    presence_pattern,
    presence_score,
)

# Shares of the width and of the height that a crop may have left.
SHARES = np.arange(1.0, 0.745, -0.0125)
COARSE = 144
CANDIDATES = 6
STEPS = (0.004, 0.002, 0.001, 0.0005)
# The climb follows the pattern, so that more places count than it tried. With 115 random patterns on photographs, the
# best scores lay beyond a bar about twice as often as the bound for the places tried allows.
REACH = 10
BLACK, UNIFORM = 40.0, 2.5


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the one that was marked, as shares of the marked one's width and height.

    Attributes:
        left, top: its upper left corner.
        width, height: its size; 1 is the whole.
        mirrored: whether it was mirrored.
        score: correlation with the presence pattern there, in standard deviations.
        tried: how many places count as tried to find it.
    """

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0
    mirrored: bool = False
    score: float = 0.0
    tried: int = 1

    def words(self) -> str:
        parts = []
        if min(self.width, self.height) < 0.995:
            parts.append(
                f"cropped to {100 * self.width:.0f} % of the width and {100 * self.height:.0f} % of the height"
            )
        if self.mirrored:
            parts.append("mirrored")
        return " and ".join(parts)


def features(square: Array) -> Array:
    """The presence layer before it is cut into cells, float32 (192, 192) in (-1, 1)."""
    per_cell = SIDE / PRESENCE_CELLS
    values = high_pass(square, PRESENCE_SIGMA * per_cell)
    reach = round(PRESENCE_REACH * per_cell)
    limited = values / (PRESENCE_FLOOR + PRESENCE_SHARE * cv2.blur(np.abs(values), (reach, reach)) + np.abs(values))
    return high_pass(limited, PRESENCE_SIGMA * per_cell)


def search(total: Array) -> Place:
    """The best place of summed :func:`features` on the pattern."""
    candidates: list[Place] = []
    tried = 0
    pattern = cv2.resize(presence_pattern(), (COARSE, COARSE), interpolation=cv2.INTER_CUBIC)
    pattern = high_pass(pattern, PRESENCE_SIGMA * COARSE / PRESENCE_CELLS)
    for mirrored in (False, True):
        turned = _turned(total, mirrored)
        for height in SHARES:
            for width in SHARES:
                size = (round(COARSE * width), round(COARSE * height))
                part = cv2.resize(turned, size, interpolation=cv2.INTER_AREA)
                fit = cv2.matchTemplate(pattern, part, cv2.TM_CCORR)
                tried += fit.size
                _, best, _, (x, y) = cv2.minMaxLoc(fit)
                best /= float(np.linalg.norm(part)) + 1e-9
                candidates.append(Place(x / COARSE, y / COARSE, float(width), float(height), mirrored, float(best)))
    candidates.sort(key=lambda place: -place.score)
    exact = []
    for place in candidates[:CANDIDATES]:
        found, more = _refined(total, place)
        tried += more
        exact.append(found)
    return replace(max(exact, key=lambda place: place.score), tried=REACH * tried)


def _refined(total: Array, place: Place) -> tuple[Place, int]:
    """Climb to the exact place; also how many were tried."""
    turned = _turned(total, place.mirrored)
    best = replace(place, score=_score(turned, place))
    tried = 1
    for step in STEPS:
        improved = True
        while improved and tried < 400:
            improved = False
            for name in ("left", "top", "width", "height"):
                for sign in (-step, step):
                    moved = replace(best, **{name: getattr(best, name) + sign})
                    # A side moves by itself: the middle stays where it is while the size changes.
                    if name == "width":
                        moved = replace(moved, left=moved.left - sign / 2)
                    elif name == "height":
                        moved = replace(moved, top=moved.top - sign / 2)
                    score = _score(turned, moved)
                    tried += 1
                    if score > best.score:
                        best, improved = replace(moved, score=score), True
    return best, tried


def _score(turned: Array, place: Place) -> float:
    return presence_score(_moved(turned, place, PRESENCE_CELLS, cv2.BORDER_CONSTANT))


def _turned(values: Array, mirrored: bool) -> Array:
    return np.ascontiguousarray(values[:, ::-1]) if mirrored else values


def _moved(values: Array, place: Place, count: int, border: int) -> Array:
    """The (192, 192) values laid on ``count`` by ``count`` cells of the marked picture."""
    if count < SIDE:
        # Every cell is the mean of what lies in it: make room for two by two samples, then take their means.
        fine = _moved(values, place, SIDE, border)
        return cv2.resize(fine, (count, count), interpolation=cv2.INTER_AREA)
    matrix = np.array(
        [
            [place.width, 0, count * place.left + 0.5 * place.width - 0.5],
            [0, place.height, count * place.top + 0.5 * place.height - 0.5],
        ],
        np.float64,
    )
    return cv2.warpAffine(values, matrix, (count, count), flags=cv2.INTER_LINEAR, borderMode=border)


def put_back(square: Array, place: Place) -> Array:
    """A canonical picture where it lay in the marked one; what is missing repeats the edge. (192, 192)."""
    return _moved(_turned(square, place.mirrored), place, SIDE, cv2.BORDER_REPLICATE)


def without_frame(squares: Sequence[Array]) -> tuple[int, int, int, int] | None:
    """Where the picture lies inside black bars: x0, y0, x1, y1 on the square, or None without bars."""
    mean = np.mean(squares, axis=0)
    spread = np.std(squares, axis=0) if len(squares) > 1 else np.zeros_like(mean)

    def ends(axis: int) -> tuple[int, int]:
        dull = (mean.mean(axis) < BLACK) & (mean.std(axis) < UNIFORM) & (spread.mean(axis) < UNIFORM)
        inside: np.ndarray = np.flatnonzero(~dull)
        return (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, SIDE)

    (y0, y1), (x0, x1) = ends(1), ends(0)
    if (x0, y0, x1, y1) == (0, 0, SIDE, SIDE) or min(x1 - x0, y1 - y0) < SIDE // 3:
        return None
    return x0, y0, x1, y1
