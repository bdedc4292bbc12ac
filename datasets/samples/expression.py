"""Lids, lips and jaw: small warps of the still face, with what they uncover and cover.

Everything here works in the geometry of the still portrait ("still space"). An expression of one frame is an offset
field (where a point of the moved face takes its skin from) and an opening mask (where the inside of the mouth, or the
eyeball behind the lids, shows instead of skin).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.samples.eyes import Eye, blink, close_eyes, make_eye
from datasets.samples.layers import Layers
from datasets.samples.mouth import Mouth, make_mouth, open_mouth, speak
from datasets.samples.performance import Moment
from datasets.samples.regions import Box
from datasets.samples.warp import bump


@dataclass(frozen=True)
class Face:
    """The parts of one portrait that an expression moves.

    Attributes:
        box: around everything that expressions touch, with room.
        inner: uint8 (C, C, 3): the portrait with the inside of the mouth laid open.
        asleep: uint8 (C, C, 3): the portrait with closed lids, without lashes.
        lash: float32 (3,), their colour.
        smile, pucker, brows: float32 (G, G, 2), displacement for an amount of 1, pixels.
        unit: face width, pixels.
    """

    box: Box
    eyes: tuple[Eye, Eye]
    mouth: Mouth
    inner: np.ndarray
    asleep: np.ndarray
    lash: np.ndarray
    smile: np.ndarray
    pucker: np.ndarray
    brows: np.ndarray
    unit: float


# Displacements of an amount of 1: point of the mesh, spread, right, down; all in face widths.
Push = tuple[int, float, float, float]
SMILE: tuple[Push, ...] = (
    (61, 0.13, -0.024, -0.020),
    (291, 0.13, 0.024, -0.020),
    (50, 0.11, 0.0, -0.012),
    (280, 0.11, 0.0, -0.012),
)
PUCKER: tuple[Push, ...] = ((61, 0.11, 0.042, 0.0), (291, 0.11, -0.042, 0.0))
BROW_RAISE: tuple[Push, ...] = ((105, 0.12, 0.0, -0.026), (334, 0.12, 0.0, -0.026))
LASH_COLOUR = (58.0, 38.0, 30.0)


def _pushed(layers: Layers, pushes: tuple[Push, ...]) -> np.ndarray:
    unit, mesh = layers.still.face_width, layers.still.landmarks
    hills = [
        bump(layers.grid, mesh[point, :2], spread * unit) * np.array([right, down]) * unit
        for point, spread, right, down in pushes
    ]
    return np.sum(hills, axis=0).astype(np.float32)


def make_face(layers: Layers) -> Face:
    """Find the movable parts in a portrait."""
    eyes = (make_eye(layers, 0), make_eye(layers, 1))
    mouth = make_mouth(layers)
    boxes = [mouth.box, eyes[0].box, eyes[1].box]
    box = Box(
        min(b.x0 for b in boxes) - 4,
        max(min(b.y0 for b in boxes) - 4, 0),
        max(b.x1 for b in boxes) + 4,
        min(max(b.y1 for b in boxes) + 4, layers.still.image.shape[0]),
    )
    return Face(
        box=box,
        eyes=eyes,
        mouth=mouth,
        inner=open_mouth(layers, mouth),
        asleep=close_eyes(layers, eyes),
        lash=np.array(LASH_COLOUR, np.float32),
        smile=_pushed(layers, SMILE),
        pucker=_pushed(layers, PUCKER),
        brows=_pushed(layers, BROW_RAISE),
        unit=layers.still.face_width,
    )


@dataclass(frozen=True)
class Expression:
    """The expression of a moment over a face's box (H, W); all float32.

    Attributes:
        skin: rows to add when fetching skin.
        opening: in [0, 1], where the inside shows instead of skin.
        asleep: in [0, 1], where the skin is that of the closed lids; None when the eyes are open.
        lash: in [0, 1], how dark the lashes and their shadow are.
        look: (H, W, 2), offset to add when fetching the inside.
    """

    skin: np.ndarray
    opening: np.ndarray
    asleep: np.ndarray | None
    lash: np.ndarray
    look: np.ndarray


def express(face: Face, moment: Moment) -> Expression:
    """What lids, eyes, lips and jaw do at a moment."""
    shape = (face.box.y1 - face.box.y0, face.box.x1 - face.box.x0)
    skin, opening, asleep, lash = (np.zeros(shape, np.float32) for _ in range(4))
    look = np.zeros((*shape, 2), np.float32)

    def place(box: Box) -> tuple[slice, slice]:
        return (
            slice(box.y0 - face.box.y0, box.y1 - face.box.y0),
            slice(box.x0 - face.box.x0, box.x1 - face.box.x0),
        )

    at = place(face.mouth.box)
    skin[at], opening[at] = speak(face.mouth, moment.jaw * face.unit)
    for eye in face.eyes:
        at = place(eye.box)
        opening[at], asleep[at], lash[at], look[at] = blink(eye, moment.lids, moment.gaze)
    return Expression(skin, opening, asleep if asleep.any() else None, lash, look)
