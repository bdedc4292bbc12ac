"""Where a self-blended face is blended: regions of the 478-point mesh, their outlines deformed, their edges softened.

The outline is deformed before it is drawn: moving some sixty corners gives the mask that an elastic deformation of the
whole plane would give, at none of its cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.faces.mask import LEFT_EYE, LIPS, MESH_POINTS, RIGHT_EYE
from datasets.selfblenddraw import SelfBlendDraw, Wave

SUBPIXEL_BITS = 4
STEP = 0.04  # between corners of an outline, face units
SOFTEST = 0.12  # of an edge, in square roots of the smallest part's area: it must not fade away
FINE_SIGMA = 3.0  # edges wider than twice this are blurred on a smaller plane

LEFT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
RIGHT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LEFT_SOCKET = (*LEFT_EYE, *LEFT_BROW, 226, 31, 228, 229, 230, 231, 232, 233, 244)
RIGHT_SOCKET = (*RIGHT_EYE, *RIGHT_BROW, 446, 261, 448, 449, 450, 451, 452, 453, 464)
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278, 64, 294, 97, 326, 129, 358)
MOUTH = (*LIPS, 57, 287, 164, 18, 43, 273)
JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
TEMPLES = (234, 93, 127, 356, 323, 454)
CHEEKS = (123, 117, 118, 119, 197, 348, 347, 346, 352)
REGIONS: dict[str, tuple[int, ...]] = {
    "face": tuple(range(MESH_POINTS)),
    "below-brows": (*LEFT_BROW, *RIGHT_BROW, *TEMPLES, *JAW),
    "inner": (*LEFT_BROW, *RIGHT_BROW, *LEFT_SOCKET, *RIGHT_SOCKET, *NOSE, *MOUTH),
    "lower": (*CHEEKS, *JAW),
    "eyes": (*LEFT_SOCKET, *RIGHT_SOCKET),
    "left eye": LEFT_SOCKET,
    "right eye": RIGHT_SOCKET,
    "nose": NOSE,
    "mouth": MOUTH,
}


@dataclass(frozen=True)
class Place:
    """Where a face is in its crop.

    Attributes:
        centre: (x, y), pixels.
        unit: side of its landmark box, pixels.
    """

    centre: tuple[float, float]
    unit: float


def place_of(landmarks: np.ndarray) -> Place:
    """The place of a face from its mesh (478, 2 or 3), pixels."""
    points = np.asarray(landmarks, dtype=np.float64)[:MESH_POINTS, :2]
    low, high = points.min(0), points.max(0)
    middle = (low + high) / 2
    return Place((float(middle[0]), float(middle[1])), max(float((high - low).max()), 1.0))


def displacement(waves: tuple[Wave, ...], places: np.ndarray) -> np.ndarray:
    """The sum of plane waves at ``places`` (..., 2), face units from the face's centre: (..., 2), face units."""
    table = np.array(waves, dtype=np.float64)
    phase = 2 * np.pi * (places @ table[:, :2].T) + table[:, 2]
    return np.asarray(np.sin(phase) @ table[:, 3:])


def source_matrix(draw: SelfBlendDraw, place: Place) -> np.ndarray:
    """The affine that moves the source, from its pixels to the target's, float64 (2, 3)."""
    angle = np.radians(draw.turn)
    cos, sin = draw.scale * np.cos(angle), draw.scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = np.array(place.centre)
    return np.column_stack([linear, centre + place.unit * np.array(draw.shift) - linear @ centre])


def outlines(landmarks: np.ndarray, draw: SelfBlendDraw, place: Place) -> list[np.ndarray]:
    """The outlines of the region that is blended, each float64 (K, 2), pixels; they may overlap."""
    points = np.asarray(landmarks, dtype=np.float32)[:, :2]
    move = source_matrix(draw, place)
    found = []
    for name in draw.parts or (draw.mask,):
        hull = cv2.convexHull(np.ascontiguousarray(points[list(REGIONS[name])])).reshape(-1, 2).astype(np.float64)
        line = _even(hull, STEP * place.unit)
        middle = (line.min(0) + line.max(0)) / 2
        line = middle + draw.grow * (line - middle)
        if draw.waves:
            line = line + place.unit * displacement(draw.waves, (line - place.centre) / place.unit)
        found.append(line @ move[:, :2].T + move[:, 2])
    return found


def _even(polygon: np.ndarray, step: float) -> np.ndarray:
    """A closed polygon (K, 2) with corners at even distances of about ``step``."""
    closed = np.concatenate([polygon, polygon[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0, along[-1], max(12, round(along[-1] / max(step, 0.25))), endpoint=False)
    return np.stack([np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])], 1)


def soft_mask(
    lines: list[np.ndarray], draw: SelfBlendDraw, place: Place, shape: tuple[int, int], whole: bool = False
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Draw outlines with their soft edge.

    Args:
        lines: each (K, 2), pixels of the crop.
        shape: (height, width) of the crop.
        whole: draw on the whole crop rather than on a box around the region.

    Returns:
        The box (rows, columns) outside which the mask is zero, and the alpha in it times 255, uint8. The box is empty
        when the region lies outside the crop.
    """
    height, width = shape
    area = min(abs(float(cv2.contourArea(line.astype(np.float32)))) for line in lines)
    sigma = max(0.5, min(draw.edge * place.unit, SOFTEST * np.sqrt(area)))
    part = 1
    while sigma / (2 * part) >= FINE_SIGMA:
        part *= 2
    left, top, right, bottom = 0, 0, width, height
    if not whole:
        every = np.concatenate(lines)
        rim = np.ceil(3.5 * sigma) + 2 * part
        low, high = np.floor(every.min(0) - rim), np.ceil(every.max(0) + rim)
        left, right = (int(np.clip(value, 0, width)) for value in (low[0], high[0]))
        top, bottom = (int(np.clip(value, 0, height)) for value in (low[1], high[1]))
    box = np.s_[top : max(top, bottom), left : max(left, right)]
    inner = box[0].stop - top, box[1].stop - left
    if not all(inner):
        return box, np.zeros(inner, np.uint8)
    plane: np.ndarray = np.zeros([-(-side // part) for side in inner], np.uint8)
    for line in lines:
        small = (line - (left, top) + 0.5) / part - 0.5
        fixed = np.rint(np.clip(small, -(2.0**14), 2.0**14) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(plane, [fixed], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
    plane = cv2.GaussianBlur(plane, (0, 0), sigma / part, borderType=cv2.BORDER_REPLICATE)
    if part > 1:
        plane = cv2.resize(plane, None, fx=part, fy=part, interpolation=cv2.INTER_LINEAR)
        plane = plane[: inner[0], : inner[1]]
    return box, cv2.LUT(np.ascontiguousarray(plane), _edge_table(draw))


def _edge_table(draw: SelfBlendDraw) -> np.ndarray:
    """From the blurred outline, 0..255, to the alpha times 255: drawn inwards, times the ratio."""
    least = 0.5 * draw.inset
    levels = np.clip((np.arange(256) / 255 - least) / (1 - least), 0, 1)
    return np.rint(255 * draw.ratio * levels).astype(np.uint8)
