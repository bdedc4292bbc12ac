"""The parts of a face and of what surrounds it that cues compare, as masks."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.faces.mask import LEFT_EYE, RIGHT_EYE, eye_mouth_mask, hull_mask

# In sides of the landmark box; see ``face_regions``.
INNER, RIM_IN, RIM_OUT, RING, HALF = 0.08, 0.03, 0.05, 0.28, 0.06
EYE_MOUTH_MARGIN = 0.2
NOSE_TIP = 1
# The outer rim of an iris touches white and lashes.
IRIS_SHARE = 0.75
# Middle of the iris, and the points around it.
LEFT_IRIS, RIGHT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
REGIONS = (
    "hull", "inner", "skin", "features", "contour", "outer", "inner_edge", "outer_edge", "jaw_in", "jaw_out", "neck",
    "hair", "left_eye", "right_eye", "teeth", "left_iris", "right_iris",
)  # fmt: skip


def face_regions(landmarks: np.ndarray, shape: tuple[int, int], side: float) -> dict[str, np.ndarray]:
    """The regions of one face, uint8 (height, width), 1 inside.

    ``hull`` is the convex hull of the mesh and ``inner`` what is left of it without its rim; ``features`` are the eyes
    and the mouth in there, ``skin`` the rest. ``contour`` is a band along the hull's edge, ``outer`` the ring of hair,
    neck and background around that, ``hair`` and ``neck`` its parts above and below the face. ``inner_edge`` and
    ``outer_edge`` are narrow bands on either side of the edge, ``jaw_in`` and ``jaw_out`` their parts below the tip
    of the nose. ``left_eye``, ``right_eye`` (as seen in the picture) and ``teeth`` are what lids and lips leave open,
    ``left_iris`` and ``right_iris`` what of the irises the lids leave open.

    Args:
        landmarks: (478, 2), pixels.
        shape: (height, width) of the masks.
        side: longest side of the landmark box, pixels.
    """
    hull = (hull_mask(landmarks, shape) > 0).astype(np.uint8)
    spans = _spans(hull)
    width = shape[1]

    def grown(part: float) -> np.ndarray:
        return _filled(*_dilated(*spans, _half_widths(part, side)), width)

    def shrunk(part: float) -> np.ndarray:
        return _filled(*_eroded(*spans, width, _half_widths(part, side)), width)

    inner, rim_out = shrunk(INNER), grown(RIM_OUT)
    eyes_mouth = (eye_mouth_mask(landmarks, shape, EYE_MOUTH_MARGIN) > 0).astype(np.uint8)
    features = inner & eyes_mouth
    outer = grown(RING) - rim_out
    inner_edge, outer_edge = hull - shrunk(HALF), grown(HALF) - hull
    nose = int(np.clip(landmarks[NOSE_TIP, 1], 0, shape[0]))
    jaw_in, jaw_out = inner_edge.copy(), outer_edge.copy()
    jaw_in[:nose] = jaw_out[:nose] = 0
    # Above the mesh there is forehead and hair, below it chin and neck.
    top, bottom = (int(np.clip(v, 0, shape[0])) for v in (landmarks[:, 1].min(), landmarks[:, 1].max()))
    hair, neck = outer.copy(), outer.copy()
    hair[top + (bottom - top) // 4 :] = 0
    neck[: bottom - (bottom - top) // 8] = 0
    left_eye, right_eye = _opening(landmarks, LEFT_EYE, shape), _opening(landmarks, RIGHT_EYE, shape)
    return dict(
        hull=hull, inner=inner, skin=inner - features, features=features, contour=rim_out - shrunk(RIM_IN),
        outer=outer, inner_edge=inner_edge, outer_edge=outer_edge, jaw_in=jaw_in, jaw_out=jaw_out, neck=neck, hair=hair,
        left_eye=left_eye, right_eye=right_eye,
        left_iris=_disc(landmarks, LEFT_IRIS, shape) & left_eye,
        right_iris=_disc(landmarks, RIGHT_IRIS, shape) & right_eye,
        teeth=_opening(landmarks, INNER_LIPS, shape),
    )  # fmt: skip


def _opening(landmarks: np.ndarray, outline: tuple[int, ...], shape: tuple[int, int]) -> np.ndarray:
    """The convex hull of some landmarks, without the pixels that it only touches."""
    mask = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.ascontiguousarray(landmarks[list(outline)], dtype=np.float32)).reshape(-1, 2)
    fixed = np.round(np.clip(hull, -(2.0**15), 2.0**15) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=4)
    return (mask > 127).view(np.uint8)


def _disc(landmarks: np.ndarray, iris: tuple[int, ...], shape: tuple[int, int]) -> np.ndarray:
    middle, around = landmarks[iris[0]], landmarks[list(iris[1:])]
    radius = IRIS_SHARE * float(np.linalg.norm(around - middle, axis=1).mean())
    mask = np.zeros(shape, np.uint8)
    x, y = (round(16 * float(np.clip(v, -(2.0**15), 2.0**15))) for v in middle)
    cv2.circle(mask, (x, y), max(1, round(16 * min(radius, 2.0**10))), 1, -1, cv2.LINE_8, 4)
    return mask


def _half_widths(part: float, side: float) -> np.ndarray:
    """Half the width of each row of a disc of radius ``part`` of ``side``, pixels: int (2 r + 1,)."""
    size = max(1, int(part * side)) * 2 + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).sum(axis=1).astype(int) // 2


# The hull is convex, so each of its rows is one span, and growing it by a disc is arithmetic on the ends of the spans:
# exactly what ``cv2.dilate`` and ``cv2.erode`` give, at a cost that does not grow with the disc's area.
FAR = 1 << 20


def _spans(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last column (int, each (height,)) of every row; an empty row begins at FAR and ends at -FAR."""
    some = mask.any(axis=1)
    first = np.where(some, mask.argmax(axis=1), FAR)
    last = np.where(some, mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1), -FAR)
    return first, last


def _windows(row: np.ndarray, reach: int, beyond: int) -> np.ndarray:
    padded = np.concatenate([np.full(reach, beyond), row, np.full(reach, beyond)])
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)


def _dilated(first: np.ndarray, last: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reach = len(half) // 2
    return (_windows(first, reach, FAR) - half).min(1), (_windows(last, reach, -FAR) + half).max(1)


def _eroded(first: np.ndarray, last: np.ndarray, width: int, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The picture's own edge takes nothing away.
    first, last = np.where(first == 0, -FAR, first), np.where(last == width - 1, FAR, last)
    reach = len(half) // 2
    return (_windows(first, reach, -FAR) + half).max(1), (_windows(last, reach, FAR) - half).min(1)


def _filled(first: np.ndarray, last: np.ndarray, width: int) -> np.ndarray:
    columns = np.arange(width, dtype=np.int32)
    first, last = (ends.astype(np.int32)[:, None] for ends in (first, last))
    return ((columns >= first) & (columns <= last)).view(np.uint8)
