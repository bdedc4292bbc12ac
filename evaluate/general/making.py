"""Training pairs of the general detector: a real face, and the same with another face set into it, treated alike.

Drawn to be like what is met outside: small faces and, apart from them, large ones; blends made at a higher resolution
and brought down with their frame; faces that are mostly, and not always, coarser than what surrounds them, as swap
models leave them; and the whole encoded afterwards. Swap and original share every draw but the swap itself, so nothing
else tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.degrade import Codec, encode, h264_round_trip
from datasets.faces.mask import hull_mask
from evaluate.general.portraits import Portrait
from synth.composite.colour import reinhard

KINDS = {"other": 0.55, "self": 0.45}
# Of fine detail. Trees learn what they are shown so closely that they have to see everything; a line, which can go one
# way alone, and the clips that a score's meaning is worked out on, get what swap models mostly do.
EVERYTHING = {"coarser": 0.2, "sharper": 0.3, "none": 0.25, "surroundings": 0.25}
MOSTLY = {"coarser": 0.7, "sharper": 0.05, "none": 0.1, "surroundings": 0.15}
# Of the landmark box, pixels; portraits are kept at 300 at most, and none is enlarged.
USUAL_SIDES, LARGE_SIDES = (56.0, 190.0), (170.0, 450.0)
# At how many pixels swap models give a face back, and the share of them that is left of a small face's.
MODELS, LEFT = (60.0, 200.0), (0.45, 0.95)
PASTED_AT = (1.0, 1.0, 1.5, 2.5)
CANDIDATES = 60
MESH = 468


@dataclass(frozen=True)
class Made:
    """A pair in the frame's own pixels.

    Attributes:
        real, fake: uint8 RGB (H, W, 3), H and W even.
        mask: float32 (H, W) in [0, 1], the swap mask.
        landmarks: float32 (478, 3), pixels of both.
        side: longest side of the landmarks' box, pixels.
        kind: a key of :data:`KINDS`.
    """

    real: np.ndarray
    fake: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    side: float
    kind: str


def make_pair(
    portraits: Sequence[Portrait],
    target: int,
    rng: np.random.Generator,
    large: bool = False,
    changes: Mapping[str, float] = MOSTLY,
) -> Made | None:
    """Make one pair of the target's face; None where the draw does not work out (a mesh that can't be laid over).

    Args:
        portraits: the faces of another person are taken from these.
        target: index of the face that is swapped.
        rng: all randomness comes from it.
        large: of a size of ``LARGE_SIDES``, as far as the portrait reaches; else of ``USUAL_SIDES``.
        changes: what becomes of fine detail, with shares.
    """
    face = portraits[target]
    kind = _pick(rng, KINDS)
    side = min(float(rng.uniform(*(LARGE_SIDES if large else USUAL_SIDES))), face.side * 1.05)
    scale = side / face.side
    pasted = min(1.0, scale * float(rng.choice(PASTED_AT)))
    image = _resized(face.image, pasted) if pasted < 1 else face.image
    if rng.random() < 0.4:
        image = _jpeg(image, int(rng.integers(60, 96)))
    marks = face.landmarks * (image.shape[1] / face.image.shape[1])
    size = face.side * image.shape[1] / face.image.shape[1]
    hull = hull_mask(marks, image.shape[:2])
    if kind == "other":
        source = _other(portraits, face, marks, image, hull, size, rng)
    else:
        source = _moved(image.astype(np.float32), size, rng)
    if source is None:
        return None
    image, source = _softness(image, source, size, changes, rng)
    mask = _mask(hull, size, rng)
    fake = np.clip(image * (1 - mask[..., None]) + source * mask[..., None] + 0.5, 0, 255).astype(np.uint8)
    real = image
    if pasted > scale:
        wanted = (int(face.image.shape[1] * scale), int(face.image.shape[0] * scale))
        real, fake = (cv2.resize(p, wanted, interpolation=cv2.INTER_AREA) for p in (real, fake))
        mask = cv2.resize(mask, wanted, interpolation=cv2.INTER_AREA)
    height, width = real.shape[0] // 2 * 2, real.shape[1] // 2 * 2
    if min(height, width) < 32:
        return None
    real, fake, mask = (p[:height, :width] for p in (real, fake, mask))
    real, fake = _encoded(np.ascontiguousarray(real), np.ascontiguousarray(fake), rng)
    final = scale if pasted > scale else image.shape[1] / face.image.shape[1]
    return Made(
        real, fake, mask.astype(np.float32).clip(0, 1), face.landmarks * np.float32(final), face.side * final, kind
    )


def _pick(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))


def _resized(image: np.ndarray, scale: float) -> np.ndarray:
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _there_and_back(image: np.ndarray, scale: float) -> np.ndarray:
    size = image.shape[1], image.shape[0]
    return cv2.resize(_resized(image, scale), size, interpolation=cv2.INTER_CUBIC)


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return encode([image], Codec("jpeg", quality))[0]


def _noise(rng: np.random.Generator, shape: tuple[int, ...], planes: int, cells: int = 5) -> np.ndarray:
    """A smooth random field of unit spread, float32 (H, W, planes)."""
    coarse = rng.standard_normal((cells, cells, planes)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC).reshape(shape[0], shape[1], planes)


def _other(
    portraits: Sequence[Portrait],
    face: Portrait,
    marks: np.ndarray,
    image: np.ndarray,
    hull: np.ndarray,
    size: float,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Another person's face, of those that look the same way, laid over this one's mesh and given its colours."""
    drawn = [portraits[i] for i in rng.integers(0, len(portraits), CANDIDATES)]
    # A face much smaller than what it is set into would be a blur: that is drawn on purpose, elsewhere.
    others = [one for one in drawn if one.person != face.person and one.side >= 0.7 * size]
    if not others:
        return None
    donor = min(others, key=lambda one: float(np.abs((one.angles - face.angles) * [1, 1, 0.2]).sum()))
    laid = _laid_over(donor.image, donor.landmarks, marks, image.shape[:2])
    if laid is None:
        return None
    share = float(rng.choice([0.7, 1.0, 1.0]))
    inside = (hull > 0.5).astype(np.float32)
    if inside.sum() < 50:
        return laid.astype(np.float32)
    matched = reinhard(laid.astype(np.float32) / 255, image.astype(np.float32) / 255, inside) * 255
    return np.asarray(laid * (1 - share) + matched * share, dtype=np.float32)


def _laid_over(
    donor: np.ndarray, donor_marks: np.ndarray, marks: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray | None:
    """A picture bent so that its mesh meets another: a similarity, and what is left of each point spread smoothly."""
    to, of = (np.ascontiguousarray(points[:MESH, :2], np.float32) for points in (marks, donor_marks))
    matrix, _ = cv2.estimateAffinePartial2D(to, of, method=cv2.LMEDS)
    if matrix is None:
        return None
    height, width = shape[:2]
    cell = max(2.0, float(np.ptp(to, axis=0).max()) / 24)
    columns, rows = int(width / cell) + 2, int(height / cell) + 2
    left = of - (to @ matrix[:, :2].T + matrix[:, 2])
    at = np.clip((to / cell).round().astype(int), 0, [columns - 1, rows - 1])
    total = np.zeros((rows, columns, 3), np.float32)
    np.add.at(total, (at[:, 1], at[:, 0]), np.column_stack([left, np.ones(MESH)]).astype(np.float32))
    spread = cv2.GaussianBlur(total, (0, 0), 1.0) + 0.02 * cv2.GaussianBlur(total, (0, 0), 4.0)
    field: np.ndarray = spread[..., :2] / (spread[..., 2:] + 1e-6)
    field = cv2.resize(field, (int(columns * cell), int(rows * cell)), interpolation=cv2.INTER_LINEAR)[:height, :width]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    map_x = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] + field[..., 0]
    map_y = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] + field[..., 1]
    return cv2.remap(
        donor, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _moved(image: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """The same face, bent a little, shaded and tinted otherwise."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bend = _noise(rng, image.shape, 2) * np.float32(size * rng.uniform(0.003, 0.02))
    moved = cv2.remap(image, x + bend[..., 0], y + bend[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    shade = 1 + _noise(rng, image.shape, 1) * np.float32(rng.uniform(0, 0.08))
    tint = rng.normal(0, 1, 3) * float(rng.choice([2, 6, 10]))
    return np.asarray(moved * shade + tint, dtype=np.float32)


def _softness(
    image: np.ndarray, source: np.ndarray, size: float, changes: Mapping[str, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What a model, or the frame's own history, leaves of fine detail: on the face or around it, or on neither."""
    change = _pick(rng, changes)
    if change == "surroundings":
        # The original is softened whole, so that softness alone is not what tells them apart.
        if rng.random() < 0.7:
            image = _there_and_back(image, float(rng.uniform(0.5, 0.9)))
        else:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.0)) * size / 100)
    if change == "coarser":
        way = rng.random()
        if way < 0.5:
            source = _there_and_back(source, min(float(rng.uniform(*MODELS)) / size, float(rng.uniform(*LEFT))))
        elif way < 0.75:
            source = cv2.GaussianBlur(source, (0, 0), float(rng.uniform(0.35, 0.9)) * max(1.0, size / 150))
        if way > 0.4:
            source = cv2.bilateralFilter(np.clip(source, 0, 255), 5, float(rng.uniform(6, 25)), 2)
    if change == "sharper":
        soft = cv2.GaussianBlur(source, (0, 0), float(rng.uniform(0.8, 2.5)))
        source = source + float(rng.uniform(0.2, 1.0)) * (source - soft)
    return image, np.clip(source, 0, 255).astype(np.float32)


def _mask(hull: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """The hull, grown or shrunk a little, with a soft edge."""
    mask: np.ndarray = hull.astype(np.float32)
    grow = float(rng.uniform(-0.1, 0.06)) * size
    reach = int(abs(grow)) * 2 + 1
    if reach > 1:
        shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        mask = cv2.dilate(mask, shape) if grow > 0 else cv2.erode(mask, shape)
    return cv2.GaussianBlur(mask, (0, 0), max(0.5, float(rng.uniform(0.008, 0.05)) * size))


def _encoded(real: np.ndarray, fake: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Both through the same encoder: H.264 as the last of one to three frames, JPEG, or none."""
    chance = rng.random()
    if chance < 0.65:
        crf, preset = int(rng.integers(17, 31)), str(rng.choice(["veryfast", "medium"]))
        steps = rng.integers(-2, 3, (3, 2))
        count = 1 + int(rng.integers(3))

        def through(image: np.ndarray) -> np.ndarray:
            shifts = [tuple(int(v) for v in steps[i] * (count - 1 - i)) for i in range(count)]
            return h264_round_trip([np.roll(image, shift, (0, 1)) for shift in shifts], crf, preset)[-1]

        return through(real), through(fake)
    if chance < 0.9:
        quality = int(rng.integers(50, 98))
        return _jpeg(real, quality), _jpeg(fake, quality)
    return real, fake
