"""Lids, lips and jaw: small warps of the still face, with what they uncover and cover.

Everything here works in the geometry of the still portrait ("still space"). An expression of one frame is an offset
field (where a point of the moved face takes its skin from) and an opening mask (where the inside of the mouth, or the
eyeball behind the lids, shows instead of skin).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.samples.layers import Layers, smoothstep, spread_colours
from datasets.samples.performance import Moment
from datasets.samples.portraits import LIKENESS

# Indices into the 478-point mesh; the first of each row is the corner at the picture's left.
UPPER_LIDS = ([33, 246, 161, 160, 159, 158, 157, 173, 133], [362, 398, 384, 385, 386, 387, 388, 466, 263])
LOWER_LIDS = ([33, 7, 163, 144, 145, 153, 154, 155, 133], [362, 382, 381, 380, 374, 373, 390, 249, 263])
BROWS = ([70, 63, 105, 66, 107], [336, 296, 334, 293, 300])
IRISES = (468, 473)
UPPER_LIP = [61, 78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 291]
LOWER_LIP = [61, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 291]
CHIN = 152


@dataclass(frozen=True)
class Box:
    """A part of the portrait: half-open pixel ranges."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def cut(self) -> tuple[slice, slice]:
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Column positions (1, W) and row positions (H, 1), float32."""
        x = np.arange(self.x0, self.x1, dtype=np.float32)[None]
        return x, np.arange(self.y0, self.y1, dtype=np.float32)[:, None]


@dataclass(frozen=True)
class Eye:
    box: Box
    upper: np.ndarray  # (1, W) the lid's margin
    lower: np.ndarray  # (1, W)
    inside: np.ndarray  # (1, W) 1 between the corners
    lid: np.ndarray  # (H, W) where the closed lid's skin lies
    iris: np.ndarray  # (H, W) how much a point of the eyeball follows the gaze
    width: float


@dataclass(frozen=True)
class Mouth:
    box: Box
    upper: np.ndarray  # (1, W) lower edge of the upper lip
    lower: np.ndarray  # (1, W) upper edge of the lower lip
    inside: np.ndarray  # (1, W) 1 between the corners, falling to 0 at them
    drop: np.ndarray  # (H, W) share of the jaw's movement


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


def _contour(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Height of a contour at columns ``x`` (1, W); constant beyond its ends."""
    order = np.argsort(points[:, 0])
    return np.interp(x, points[order, 0], points[order, 1]).astype(np.float32)


def _make_eye(layers: Layers, side: int) -> Eye:
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
    margin, rim = _contour(upper, x), _contour(lower, x)
    inside = smoothstep(left - 0.02 * width, left + 0.12 * width, x) * smoothstep(
        -right - 0.02 * width, -right + 0.12 * width, -x
    )
    centre = mesh[IRISES[side], :2]
    iris = np.exp(-(((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (0.27 * width) ** 2) ** 2)
    fade = smoothstep(0.0, 0.07 * width, y - margin) * smoothstep(0.0, 0.07 * width, rim - y) * inside
    # Past the corners too: the lashes of the open eye reach beyond them.
    lashes = LIKENESS[layers.still.name].lashes * width
    near, far = 0.4 * lashes, 1.3 * lashes
    ends = smoothstep(left - far, left - near, x) * smoothstep(-right - far, -right - near, -x)
    lid = smoothstep(-lashes - 0.05 * width, 0.03 * width - lashes, y - margin)
    lid = lid * smoothstep(-0.07 * width, 0.0, rim + 0.03 * width - y) * ends
    return Eye(box, margin, np.maximum(rim, margin), inside, lid, (iris * fade).astype(np.float32), width)


def _close_eyes(layers: Layers, eyes: tuple[Eye, Eye]) -> np.ndarray:
    """The portrait with skin where the eyes are: filled in from the lids around, with the texture of the skin below.

    Stretching the lid over the eye instead would smear what little of it is seen, or the rim of the glasses.
    """
    import cv2

    image = layers.person.astype(np.float32)
    for side, eye in enumerate(eyes):
        part = layers.person[eye.box.cut]
        x, y = eye.box.axes()
        width = eye.width
        brow = _contour(layers.still.landmarks[BROWS[side], :2], x)
        room = LIKENESS[layers.still.name].lid_room * (eye.upper - brow)
        lashes = LIKENESS[layers.still.name].lashes * width
        above = (y > eye.upper - room) & (y < eye.upper - lashes)
        below = (y > eye.lower + 0.08 * width) & (y < eye.lower + 0.25 * width)
        known = (above | below).astype(np.float32)
        skin = cv2.GaussianBlur(spread_colours(part, known).astype(np.float32), (0, 0), 0.05 * width)
        # Texture: the fine detail of what lies below the eye, mirrored up into it.
        rows = np.broadcast_to(2 * (eye.lower + 0.09 * width) - y - eye.box.y0, part.shape[:2]).astype(np.float32)
        columns = np.broadcast_to(x - eye.box.x0, part.shape[:2]).astype(np.float32)
        fine = part.astype(np.float32) - cv2.GaussianBlur(part.astype(np.float32), (0, 0), 0.03 * width)
        fine = np.clip(fine, -7.0, 7.0)  # texture, no highlights
        skin += 0.6 * cv2.remap(fine, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        # The ball under the lid: lit in the middle, a shadow in the fold above and toward the lashes.
        gap = np.maximum(eye.lower - eye.upper, 1.0)
        s = (y - eye.upper) / gap
        shade = 1.0 - 0.08 * np.exp(-(((s + 0.30) / 0.25) ** 2)) + 0.05 * np.exp(-(((s - 0.35) / 0.3) ** 2))
        shade -= 0.12 * np.exp(-(((s - 1.0) / 0.25) ** 2))
        lid = eye.lid[..., None]
        image[eye.box.cut] = part * (1 - lid) + skin * (1 + (shade - 1) * eye.inside)[..., None] * lid
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _closed_seam(layers: Layers, x: np.ndarray, guess: np.ndarray, reach: float) -> np.ndarray:
    """The dark line between closed lips near ``guess``: a smooth curve through the darkest rows of its columns."""
    import cv2

    grey = cv2.GaussianBlur(cv2.cvtColor(layers.still.image, cv2.COLOR_RGB2GRAY), (0, 0), 0.8).astype(np.float32)
    columns = x[0].astype(int)
    offsets = np.arange(-int(reach), int(reach) + 1)
    rows = np.clip(np.round(guess[0]).astype(int)[None] + offsets[:, None], 0, grey.shape[0] - 1)
    # A soft minimum: the darkness-weighted mean row, steadier than the single darkest pixel.
    dark = np.exp(-(grey[rows, columns[None]] - grey[rows, columns[None]].min(axis=0)) / 6.0)
    found = (rows * dark).sum(axis=0) / dark.sum(axis=0)
    t = (columns - columns.mean()) / max(np.ptp(columns), 1)
    return np.polyval(np.polyfit(t, found, 5), t)[None].astype(np.float32)


def _make_mouth(layers: Layers) -> Mouth:
    mesh, unit = layers.still.landmarks, layers.still.face_width
    upper, lower = mesh[UPPER_LIP, :2], mesh[LOWER_LIP, :2]
    left, right = float(upper[:, 0].min()), float(upper[:, 0].max())
    middle, half = (left + right) / 2, (right - left) / 2
    chin = float(mesh[CHIN, 1])
    box = Box(
        int(middle - 0.62 * unit),
        int(upper[:, 1].min() - 0.08 * unit),
        int(middle + 0.62 * unit) + 1,
        int(min(chin + 0.55 * unit, layers.still.image.shape[0] - 1)),
    )
    x, y = box.axes()
    above, below = _contour(upper, x), _contour(lower, x)
    if LIKENESS[layers.still.name].lips_closed:
        within = (x[0] > left) & (x[0] < right)
        seam = _closed_seam(layers, x[:, within], ((above + below) / 2)[:, within], 0.028 * unit)
        above = np.interp(x, x[0, within], seam[0]).astype(np.float32)
        below = above
    u = (x - middle) / half
    inside = np.clip(1.0 - u**2, 0.0, 1.0)
    # The jaw turns about the ears: lips and chin go down together, over a part that widens from mouth to jawline.
    v = (y - below) / np.maximum(chin - below, 1.0)
    reach = 1.0 + 0.95 * np.clip(v, 0, 1.2)
    across = np.clip(1.0 - (u / reach) ** 2, 0.0, 1.0) ** (1.0 + 0.8 * np.clip(v, 0, 1))
    along = 1.0 - smoothstep(1.0, 2.1, v)
    return Mouth(box, above, np.maximum(below, above), inside, (across * along).astype(np.float32))


def _open_mouth(layers: Layers, mouth: Mouth) -> np.ndarray:
    """The portrait with the inside of the mouth in place of what lies below the upper lip."""
    import cv2

    unit = layers.still.face_width
    image = layers.person.astype(np.float32)
    x, y = mouth.box.axes()
    part = image[mouth.box.cut]
    u2 = 1.0 - mouth.inside
    depth = (y - mouth.upper) / unit
    cave = np.array([46.0, 19.0, 17.0]) * (1.0 - 0.55 * u2)[..., None] * np.ones_like(part)
    tongue = smoothstep(0.055, 0.12, depth) * (1.0 - smoothstep(0.15, 0.7, u2))
    cave += tongue[..., None] * np.array([62.0, 22.0, 22.0])
    if LIKENESS[layers.still.name].lips_closed:
        # A hint of the upper teeth: in the lip's shadow, darker to the corners, their edge slightly scalloped.
        tooth = 0.040 * unit
        column = (x - x.mean()) / tooth
        length = (0.033 - 0.014 * u2) * (1.0 - 0.10 * np.cos(2 * np.pi * column) ** 8)
        shown = (1.0 - smoothstep(0.0, 0.008, depth - length)) * (1.0 - smoothstep(0.25, 0.75, u2))
        gap = 1.0 - 0.16 * np.abs(np.cos(np.pi * column)) ** 12
        light = (0.30 + 0.30 * smoothstep(0.0, 0.03, depth)) * gap * (1.0 - 0.6 * u2)
        teeth = np.array([250.0, 184.0, 142.0]) * light[..., None]
        cave = cave * (1.0 - shown[..., None]) + teeth * shown[..., None]
        keep = (y < mouth.upper - 1.0).astype(np.float32) * np.ones_like(x)
    else:
        keep = 1.0 - smoothstep(-0.010 * unit, 0.004 * unit, y - mouth.lower)
    cave = cv2.GaussianBlur(cave.astype(np.float32), (0, 0), max(0.005 * unit, 0.3))
    keep = cv2.GaussianBlur(keep.astype(np.float32), (0, 0), max(0.004 * unit, 0.3))[..., None]
    image[mouth.box.cut] = part * keep + cave * (1.0 - keep)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _bump(grid: np.ndarray, centre: np.ndarray, spread: float) -> np.ndarray:
    return np.exp(-np.sum((grid - centre) ** 2, axis=2) / (2 * spread**2))[..., None]


def make_face(layers: Layers) -> Face:
    """Find the movable parts in a portrait."""
    mesh, unit = layers.still.landmarks, layers.still.face_width
    eyes = (_make_eye(layers, 0), _make_eye(layers, 1))
    mouth = _make_mouth(layers)
    left, right = mesh[61, :2], mesh[291, :2]
    smile = 0.030 * unit * (
        _bump(layers.grid, left, 0.13 * unit) * np.array([-0.8, -0.65])
        + _bump(layers.grid, right, 0.13 * unit) * np.array([0.8, -0.65])
    )
    for cheek in (50, 280):
        smile = smile + 0.012 * unit * _bump(layers.grid, mesh[cheek, :2], 0.11 * unit) * np.array([0.0, -1.0])
    pucker = 0.042 * unit * (
        _bump(layers.grid, left, 0.11 * unit) * np.array([1.0, 0.0])
        + _bump(layers.grid, right, 0.11 * unit) * np.array([-1.0, 0.0])
    )
    brows = np.zeros_like(layers.grid)
    for row in BROWS:
        brows = brows + 0.026 * unit * _bump(layers.grid, mesh[row, :2].mean(axis=0), 0.12 * unit) * np.array([0, -1.0])
    boxes = [mouth.box, eyes[0].box, eyes[1].box]
    box = Box(
        min(b.x0 for b in boxes) - 4,
        max(min(b.y0 for b in boxes) - 4, 0),
        max(b.x1 for b in boxes) + 4,
        min(max(b.y1 for b in boxes) + 4, layers.still.image.shape[0]),
    )
    fields = [f.astype(np.float32) for f in (smile, pucker, brows)]
    lash = np.array([58.0, 38.0, 30.0], np.float32)
    return Face(box, eyes, mouth, _open_mouth(layers, mouth), _close_eyes(layers, eyes), lash, *fields, unit)


def _blink(eye: Eye, lids: float, gaze: tuple[float, float]) -> tuple[np.ndarray, ...]:
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


def _speak(mouth: Mouth, jaw: float) -> tuple[np.ndarray, np.ndarray]:
    """Row offset of the skin and opening mask over the mouth's box, for a jaw ``jaw`` pixels down."""
    import cv2

    x, y = mouth.box.axes()
    columns = np.broadcast_to(x - mouth.box.x0, mouth.drop.shape).astype(np.float32)
    rows = np.broadcast_to(y - mouth.box.y0, mouth.drop.shape).astype(np.float32)
    at_lip = jaw * mouth.inside
    edge = mouth.lower + at_lip
    drop = np.where(y < mouth.lower, mouth.inside, mouth.drop).astype(np.float32)
    moved = jaw * drop
    for _ in range(4):
        moved = jaw * cv2.remap(drop, columns, rows - moved, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lower = y > (mouth.upper + edge) / 2
    soft = 1.2
    gap = np.minimum(y - mouth.upper, edge - y)
    opening = np.clip(gap / soft + 0.25, 0.0, 1.0) * (edge - mouth.upper > 0.3)
    return np.where(lower, -moved, 0.0).astype(np.float32), opening.astype(np.float32)


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
    skin[at], opening[at] = _speak(face.mouth, moment.jaw * face.unit)
    for eye in face.eyes:
        at = place(eye.box)
        opening[at], asleep[at], lash[at], look[at] = _blink(eye, moment.lids, moment.gaze)
    return Expression(skin, opening, asleep if asleep.any() else None, lash, look)
