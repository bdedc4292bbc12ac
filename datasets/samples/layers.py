"""A still portrait taken apart: who is in front of what, how deep, and how much of it follows the head.

Maps that steer the warp are kept at half the picture's resolution; grid point ``i`` lies at pixel ``2 i + 0.5``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from datasets.faces.graphs import without_noise
from datasets.samples.portraits import LIKENESS, Portrait, portrait
from datasets.samples.warp import blur, fetch, smoothstep

EAR_LEFT, EAR_RIGHT, CHIN, BROW = 234, 454, 152, 10
FLATTEN = 0.6


@dataclass(frozen=True)
class Layers:
    """What the animation warps. Sizes: C is the portrait's side, G = C // 2.

    Attributes:
        still: the portrait.
        person: uint8 (C, C, 3), the person's colours, carried outward beyond the edge so that none of the background
            is dragged along.
        matte: float32 (C, C) in [0, 1], 1 on the person.
        plate: uint8 (C, C, 3), the background, filled in behind the person.
        grid: float32 (G, G, 2), x and y in pixels of the portrait.
        depth: float32 (G, G), pixels, smaller is nearer; smoothly carried on over ears, hair and neck.
        follow: float32 (G, G) in [0, 1], 1 where the head's pose holds, 0 on the shoulders.
        shade_yaw, shade_pitch: float32 (G, G), change of brightness a radian, from the normals and the key light.
        pivot: float32 (3,), where the head turns on the neck.
    """

    still: Portrait
    person: np.ndarray
    matte: np.ndarray
    plate: np.ndarray
    grid: np.ndarray
    depth: np.ndarray
    follow: np.ndarray
    shade_yaw: np.ndarray
    shade_pitch: np.ndarray
    pivot: np.ndarray


def person_matte(still: Portrait) -> np.ndarray:
    """A soft matte of the person, float32 (C, C) in [0, 1].

    MediaPipe's segmentation says roughly who is the person, GrabCut (Rother 2004) draws the line by colour, and the
    guided filter (He, Sun and Tang 2010) makes it as soft as the picture's own edge.
    """
    import cv2

    image, size = still.image, still.image.shape[0]
    with without_noise():
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        with SelfieSegmentation(model_selection=0) as model:
            mask: Any = np.asarray(model.process(image).segmentation_mask, dtype=np.float32)
    side = 320  # enough for the line; the guided filter does the rest
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    rough = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
    reach = 2 * round(0.05 * still.face_width * side / size) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    state = np.where(rough > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[cv2.erode((rough > 0.8).astype(np.uint8), disc) > 0] = cv2.GC_FGD
    state[cv2.dilate((rough > 0.2).astype(np.uint8), disc) == 0] = cv2.GC_BGD
    scale = side / size
    for box in LIKENESS[still.name].behind:
        state[_cut(still, box, scale)] = cv2.GC_BGD
    for polygon in LIKENESS[still.name].front:
        cv2.fillPoly(state, [np.round(still.from_original(np.array(polygon)) * scale).astype(np.int32)], cv2.GC_FGD)
    cv2.setRNGSeed(1)  # GrabCut starts its mixtures by k-means
    cv2.grabCut(small, state, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    hard = cv2.medianBlur(((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.uint8), 5).astype(np.float32)
    line = cv2.resize(blur(hard, 0.8), (size, size), interpolation=cv2.INTER_CUBIC)
    guided = guided_filter(image.astype(np.float32) / 255.0, line, max(2, round(size / 150)), 1e-3)
    return smoothstep(0.25, 0.95, guided).astype(np.float32)


def _cut(still: Portrait, box: tuple[float, float, float, float], scale: float = 1.0) -> tuple[slice, slice]:
    """The slices of a box (x0, y0, x1, y1) of the original portrait, in its framed picture times ``scale``."""
    x0, y0, x1, y1 = np.maximum(np.round(still.from_original(np.array(box).reshape(2, 2)) * scale), 0).astype(int).flat
    return slice(y0, y1), slice(x0, x1)


def guided_filter(guide: np.ndarray, mask: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """``mask`` HxW smoothed so that its edges follow those of the colour picture ``guide`` (both float32 in [0, 1])."""
    import cv2

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, (2 * radius + 1, 2 * radius + 1))

    average = mean(guide)
    spread = np.empty((*mask.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            spread[..., i, j] = spread[..., j, i] = (
                mean(guide[..., i] * guide[..., j]) - average[..., i] * average[..., j]
            )
    spread += epsilon * np.eye(3, dtype=np.float32)
    level = mean(mask)
    joint = mean(guide * mask[..., None]) - average * level[..., None]
    slope = np.linalg.solve(spread, joint[..., None])[..., 0].astype(np.float32)
    offset = level - np.sum(slope * average, axis=2)
    return np.clip(np.sum(mean(slope) * guide, axis=2) + mean(offset), 0.0, 1.0)


def spread_colours(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill what is not known from what is around it: push-pull over a pyramid of weighted means (Gortler 1996).

    Args:
        image: uint8 HxWx3.
        known: float32 HxW in [0, 1].
    """
    import cv2

    known = np.ascontiguousarray(known, dtype=np.float32)
    levels = [(image.astype(np.float32) * known[..., None], known)]
    while min(levels[-1][1].shape) > 4:
        colour, weight = levels[-1]
        levels.append((cv2.pyrDown(colour), cv2.pyrDown(weight)))
    filled = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)[..., None]
    for colour, weight in reversed(levels[:-1]):
        up = cv2.pyrUp(filled, dstsize=weight.shape[::-1])
        sure = np.clip(weight, 0.0, 1.0)[..., None]
        filled = colour / np.maximum(weight, 1e-6)[..., None] * sure + up * (1.0 - sure)
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)


def background_plate(still: Portrait, matte: np.ndarray, reach: int) -> np.ndarray:
    """The background with the person taken out: mirrored inward at the person's edge, smooth beyond ``reach`` pixels.

    Only a rim of it is ever uncovered. Mirroring keeps the background's texture and grain there.
    """
    import cv2

    image = still.image
    rim = max(1, round(reach / 21))
    gone = cv2.dilate((matte > 0.06).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=rim)
    for box in LIKENESS[still.name].strays:
        gone[_cut(still, box)] = 1
    smooth = spread_colours(image, 1.0 - gone.astype(np.float32))
    inside, labels = cv2.distanceTransformWithLabels(gone, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    nearest = np.zeros((labels.max() + 1, 2), np.float32)
    outer = gone == 0
    nearest[labels[outer]] = np.stack([x[outer], y[outer]], axis=1)
    across = blur(nearest[labels] - np.stack([x, y], axis=2), reach / 15)
    at = np.stack([x, y], axis=2) + 2.0 * across
    mirrored = fetch(np.where(gone[..., None] > 0, smooth, image), at, "mirror")
    share = (1.0 - smoothstep(0.8 * reach, 1.3 * reach, inside))[..., None]
    return np.where(gone[..., None] > 0, mirrored * share + smooth * (1 - share), image).astype(np.uint8)


def _depth(still: Portrait, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth over the grid, and the distance from the face's hull (both float32, pixels of the portrait)."""
    import cv2
    from matplotlib.tri import LinearTriInterpolator, Triangulation

    points, width = still.landmarks[:468].astype(np.float64), still.face_width
    surface = LinearTriInterpolator(Triangulation(points[:, 0], points[:, 1]), points[:, 2])
    face = np.ma.filled(surface(grid[..., 0], grid[..., 1]), np.nan).astype(np.float32)
    outside = np.isnan(face).astype(np.uint8)
    away, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    away = away * 2.0
    at_label = np.zeros(labels.max() + 1, np.float32)
    inner = outside == 0
    at_label[labels[inner]] = face[inner]
    centre = points[[EAR_LEFT, EAR_RIGHT, CHIN, BROW], :2].mean(axis=0)
    towards = (grid - centre) / np.maximum(np.linalg.norm(grid - centre, axis=2, keepdims=True), 1e-6)
    # Hat and hair go back slowly, the neck lies well behind the chin, what is beside the ears hardly recedes.
    slope = 0.28 * np.clip(-towards[..., 1], 0, 1) + 0.55 * np.clip(towards[..., 1], 0, 1) ** 2
    slope += 0.12 * np.abs(towards[..., 0])
    carried = at_label[labels] + width * slope * (1.0 - np.exp(-away / (0.32 * width)))
    depth = np.where(inner, np.nan_to_num(face), carried).astype(np.float32)
    # The sides of the face fall away so steeply that, seen from the front, they hold no picture to turn into view:
    # from cheek to ear the depth is flattened, and softened toward the mesh's rim.
    level = 0.10 * width
    depth = np.where(depth > level, level + FLATTEN * (depth - level), depth)
    within = 2.0 * cv2.distanceTransform(1 - outside, cv2.DIST_L2, 5)
    share = smoothstep(-0.16 * width, 0.0, away - within)
    return blur(depth, 0.010 * width) * (1 - share) + blur(depth, 0.024 * width) * share, away


def _follow(still: Portrait, grid: np.ndarray, away: np.ndarray) -> np.ndarray:
    """How much each point follows the head: all of it on head and hair, none on the shoulders."""
    width = still.face_width
    below = (grid[..., 1] - still.landmarks[CHIN, 1]) / width
    down_the_neck = smoothstep(-0.06, 0.42, below)
    beside_the_neck = smoothstep(-0.50, -0.12, below) * smoothstep(0.14, 0.5, away / width)
    follow = 1.0 - np.maximum(down_the_neck, beside_the_neck)
    return blur(follow.astype(np.float32), 0.03 * width)


@lru_cache(maxsize=4)
def layers(name: str, size: int) -> Layers:
    """Take the portrait of that name apart for a frame of ``size`` pixels."""
    still = portrait(name, size)
    side, width = still.image.shape[0], still.face_width
    half = side // 2
    y, x = np.mgrid[0:half, 0:half].astype(np.float32)
    grid = np.stack([2 * x + 0.5, 2 * y + 0.5], axis=2)
    matte = person_matte(still)
    sure = (matte > 0.97).astype(np.float32)
    person = spread_colours(still.image, sure)
    person = np.where(sure[..., None] > 0, still.image, person)
    depth, away = _depth(still, grid)
    follow = _follow(still, grid, away)
    smooth = blur(depth, 0.02 * width)
    slope_y, slope_x = np.gradient(smooth, 2.0)
    normal = np.stack([slope_x, slope_y, -np.ones_like(slope_x)], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    light = np.asarray(LIKENESS[name].light)
    light = light / np.linalg.norm(light)
    # d(R n)/d(angle) = axis x n: how a small turn changes the Lambert term.
    yaw_axis, pitch_axis = np.array([0.0, -1.0, 0.0]), np.array([-1.0, 0.0, 0.0])
    shade = [
        blur((np.cross(a, normal) @ light * follow).astype(np.float32), 0.02 * width) for a in (yaw_axis, pitch_axis)
    ]
    ears = still.landmarks[[EAR_LEFT, EAR_RIGHT]].mean(axis=0)
    pivot = np.array([ears[0], still.landmarks[CHIN, 1] - 0.02 * width, 0.8 * ears[2]], np.float32)
    plate = background_plate(still, matte, max(6, round(0.3 * width)))
    return Layers(still, person, matte, plate, grid, depth, follow, shade[0], shade[1], pivot)
