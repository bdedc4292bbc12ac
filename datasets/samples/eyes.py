"""Lids and gaze, in the geometry of the still portrait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.samples.layers import Layers, spread_colours
from datasets.samples.portraits import LIKENESS
from datasets.samples.regions import Box, contour
from datasets.samples.warp import blur, fetch, smoothstep

# Indices into the 478-point mesh; the first of each row is the corner at the picture's left.
UPPER_LIDS = ([33, 246, 161, 160, 159, 158, 157, 173, 133], [362, 398, 384, 385, 386, 387, 388, 466, 263])
LOWER_LIDS = ([33, 7, 163, 144, 145, 153, 154, 155, 133], [362, 382, 381, 380, 374, 373, 390, 249, 263])
BROWS = ([70, 63, 105, 66, 107], [336, 296, 334, 293, 300])
IRISES = (468, 473)


@dataclass(frozen=True)
class Eye:
    box: Box
    upper: np.ndarray  # (1, W) the lid's margin
    lower: np.ndarray  # (1, W)
    inside: np.ndarray  # (1, W) 1 between the corners
    lid: np.ndarray  # (H, W) where the closed lid's skin lies
    iris: np.ndarray  # (H, W) how much a point of the eyeball follows the gaze
    width: float


def make_eye(layers: Layers, side: int) -> Eye:
    mesh = layers.still.landmarks
    upper, lower, brow = mesh[UPPER_LIDS[side], :2], mesh[LOWER_LIDS[side], :2], mesh[BROWS[side], :2]
    left, right = float(upper[:, 0].min()), float(upper[:, 0].max())
    width = right - left
    box = Box(
        int(left - 0.3 * width),
        int(brow[:, 1].min()),
        int(right + 0.3 * width) + 1,
        int(lower[:, 1].max() + 0.25 * width) + 1,
    )
    x, y = box.axes()
    margin, rim = contour(upper, x), contour(lower, x)
    inside = smoothstep(left - 0.02 * width, left + 0.12 * width, x) * smoothstep(
        -right - 0.02 * width, -right + 0.12 * width, -x
    )
    centre = mesh[IRISES[side], :2]
    iris = np.exp(-((((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (0.27 * width) ** 2) ** 2))
    fade = smoothstep(0.0, 0.07 * width, y - margin) * smoothstep(0.0, 0.07 * width, rim - y) * inside
    # Past the corners too: the lashes of the open eye reach beyond them.
    lashes = LIKENESS[layers.still.name].lashes * width
    near, far = 0.4 * lashes, 1.3 * lashes
    ends = smoothstep(left - far, left - near, x) * smoothstep(-right - far, -right - near, -x)
    lid = smoothstep(-lashes - 0.05 * width, 0.03 * width - lashes, y - margin)
    lid = lid * smoothstep(-0.07 * width, 0.0, rim + 0.03 * width - y) * ends
    return Eye(box, margin, np.maximum(rim, margin), inside, lid, (iris * fade).astype(np.float32), width)


def close_eyes(layers: Layers, eyes: tuple[Eye, Eye]) -> np.ndarray:
    """The portrait with skin where the eyes are: filled in from the lids around, with the texture of the skin below.

    Stretching the lid over the eye instead would smear what little of it is seen, or the rim of the glasses.
    """
    image = layers.person.astype(np.float32)
    for side, eye in enumerate(eyes):
        part = layers.person[eye.box.cut]
        x, y = eye.box.axes()
        width = eye.width
        brow = contour(layers.still.landmarks[BROWS[side], :2], x)
        room = LIKENESS[layers.still.name].lid_room * (eye.upper - brow)
        lashes = LIKENESS[layers.still.name].lashes * width
        above = (y > eye.upper - room) & (y < eye.upper - lashes)
        below = (y > eye.lower + 0.08 * width) & (y < eye.lower + 0.25 * width)
        known = (above | below).astype(np.float32)
        skin = blur(spread_colours(part, known).astype(np.float32), 0.05 * width)
        # Texture: the fine detail of what lies below the eye, mirrored up into it.
        rows = np.broadcast_to(2 * (eye.lower + 0.09 * width) - y - eye.box.y0, part.shape[:2]).astype(np.float32)
        columns = np.broadcast_to(x - eye.box.x0, part.shape[:2]).astype(np.float32)
        fine = part.astype(np.float32) - blur(part.astype(np.float32), 0.03 * width)
        fine = np.clip(fine, -7.0, 7.0)  # texture, no highlights
        skin = skin + 0.6 * fetch(fine, np.stack([columns, rows], axis=2), "mirror")
        # The ball under the lid: lit in the middle, a shadow in the fold above and toward the lashes.
        gap = np.maximum(eye.lower - eye.upper, 1.0)
        s = (y - eye.upper) / gap
        shade = 1.0 - 0.08 * np.exp(-(((s + 0.30) / 0.25) ** 2)) + 0.05 * np.exp(-(((s - 0.35) / 0.3) ** 2))
        shade -= 0.12 * np.exp(-(((s - 1.0) / 0.25) ** 2))
        lid = eye.lid[..., None]
        image[eye.box.cut] = part * (1 - lid) + skin * (1 + (shade - 1) * eye.inside)[..., None] * lid
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def blink(eye: Eye, lids: float, gaze: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Opening mask, share of closed-lid skin, darkness of the lashes, and offset of the eyeball, over the eye's box."""
    _, y = eye.box.axes()
    gap = eye.lower - eye.upper
    # Looking down takes the upper lid along.
    share = float(np.clip(lids + 1.2 * max(gaze[1], 0.0), 0.0, 1.0))
    margin = eye.upper + share * eye.inside * (gap + 0.02 * eye.width)
    moving = float(np.clip(share / 0.15, 0.0, 1.0))
    opening = np.clip(y - margin + 0.5, 0.0, 1.0) * np.clip(eye.lower - y + 1.0, 0.0, 1.0) * (eye.inside > 0.02)
    # Behind a lid half down the ball lies in its shadow.
    shadow = 0.35 * moving * np.exp(-np.maximum(y - margin, 0.0) / (0.06 * eye.width)) * opening
    # The lashes hang down from the margin: sharp above, soft below, thin at the corners.
    off = (y - margin) / eye.width
    line = np.exp(-((off / np.where(off < 0, 0.016, 0.045)) ** 2)) * 0.85 * smoothstep(0.0, 1.0, eye.inside)
    lash = moving * np.maximum(line, shadow)
    look = np.stack([-gaze[0] * eye.width * eye.iris, -gaze[1] * eye.width * eye.iris], axis=2)
    return opening, moving * eye.lid, lash, look
