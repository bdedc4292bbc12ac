"""A portrait and a performance make frames: the head turns in three dimensions in front of a still background.

Each frame is drawn backwards: for every pixel, find the point of the still portrait that lands on it, through camera,
pose and expression, and fetch its colour once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from datasets.samples.expression import Expression, Face, express, make_face
from datasets.samples.layers import Layers, layers
from datasets.samples.performance import RATE, SCORES, SECONDS, Moment, perform
from datasets.samples.portraits import FRAMED, check_name
from datasets.samples.regions import Box
from datasets.samples.warp import blur, enlarge, fetch
from datasets.video import Frame

FRAMES = round(RATE * SECONDS)
CAMERA_DISTANCE = 6.0  # face widths
SOLVER_STEPS = 10
RELIGHT = 0.75
GRAIN_LUMA, GRAIN_CHROMA = 2.0, 1.1  # standard deviation, of 255


@lru_cache(maxsize=4)
def _face(name: str, size: int) -> Face:
    return make_face(layers(name, size))


def render(name: str, count: int | None = None, size: int = FRAMED, every: int = 1) -> Iterator[Frame]:
    """Draw a sample clip, before it is encoded.

    The same arguments give the same pixels. Nothing is written, and no mark is put on the pictures: for files go
    through :func:`datasets.samples.clips.sample_clip`.

    Args:
        name: ``hopper`` or ``astronaut``.
        count: frames to draw, all of the eight seconds by default.
        size: side of the frame, pixels, even, at least 64.
        every: draw only each ``every``-th frame of the performance.

    Yields:
        frames of uint8 RGB size x size x 3, index from 0, time in seconds at 25 frames a second.
    """
    check_name(name)
    if size < 64 or size % 2:
        raise ValueError(f"a sample's size is even and at least 64, not {size}")
    count = -(-FRAMES // every) if count is None else count
    scene, face = layers(name, size), _face(name, size)
    random = np.random.default_rng(SCORES[name].seed + 2)
    grain = _grain_bank(size, random)
    for index, moment in enumerate(perform(name, count, every)):
        yield Frame(index, index * every / RATE, _draw(scene, face, moment, grain, random))


def _grain_bank(size: int, random: np.random.Generator) -> np.ndarray:
    """Noise to cut each frame's grain from, float32 (size + 256 square, 3): mostly luma, a little soft."""
    side = size + 256
    luma = blur(random.standard_normal((side, side), dtype=np.float32), 0.55)
    chroma = blur(random.standard_normal((side, side, 3), dtype=np.float32), 0.9)
    return GRAIN_LUMA / luma.std() * luma[..., None] + GRAIN_CHROMA / chroma.std() * chroma


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Head rotation, float64 (3, 3), for x right, y down, z away: first roll, then pitch, then yaw (radians).

    A point nearer than the pivot goes right with yaw > 0 and down with pitch > 0.
    """
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return turn @ nod @ tilt


def _displacement(scene: Layers, face: Face, moment: Moment) -> np.ndarray:
    """How far each point of the still portrait moves, float32 (G, G, 2), pixels."""
    unit, pivot = face.unit, scene.pivot
    expression = moment.smile * face.smile + moment.pucker * face.pucker + moment.brows * face.brows
    x = scene.grid[..., 0] + expression[..., 0] - pivot[0]
    y = scene.grid[..., 1] + expression[..., 1] - pivot[1]
    z = scene.depth - pivot[2]
    r = rotation(moment.yaw, moment.pitch, moment.roll).astype(np.float32)
    distance = np.float32(CAMERA_DISTANCE * unit)
    # The depth ratio keeps a head that does not turn exactly where it is.
    near = moment.scale * (distance + z) / (distance + r[2, 0] * x + r[2, 1] * y + r[2, 2] * z)
    turned_x = (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z) * near - (x - expression[..., 0])
    turned_y = (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z) * near - (y - expression[..., 1])
    w = scene.follow
    across = w * (turned_x + moment.shift[0] * unit) + (1 - w) * moment.body[0] * unit
    down = w * (turned_y + moment.shift[1] * unit) + (1 - w) * moment.body[1] * unit
    return np.stack([across, down], axis=2)


def _sources(scene: Layers, face: Face, moment: Moment) -> tuple[np.ndarray, np.ndarray]:
    """For a half-size grid over the frame: the still point that lands there, and the background point (both pixels)."""
    size, margin = scene.still.size, scene.still.margin
    half = size // 2
    y, x = np.mgrid[0:half, 0:half].astype(np.float32)
    turn = moment.camera[2]
    px, py = 2 * x + 0.5 - size / 2, 2 * y + 0.5 - size / 2
    middle = margin + size / 2
    frame = np.stack(
        [
            px - turn * py + middle + moment.camera[0] * size,
            py + turn * px + middle + moment.camera[1] * size,
        ],
        axis=2,
    ).astype(np.float32)
    moves = _displacement(scene, face, moment)
    points = frame.copy()
    # Fixed point of p = frame - moves(p); it converges as long as no surface turns away from the camera.
    for _ in range(SOLVER_STEPS):
        at = (points - 0.5) / 2
        points = frame - fetch(moves, at)
    return points, frame


def _draw(scene: Layers, face: Face, moment: Moment, grain: np.ndarray, random: np.random.Generator) -> np.ndarray:
    size = scene.still.size
    points, frame = _sources(scene, face, moment)
    at = enlarge(points, size)
    rows, columns = _landing(points, face.box, size)
    person = _skin(scene, face, express(face, moment), at, (rows, columns))
    person *= _light(scene, moment, points, size)[..., None]
    matte = fetch(scene.matte, at)[..., None]
    back = fetch(scene.plate, enlarge(frame, size), "mirror")
    picture = (back + matte * (person - back)) * np.float32(moment.exposure)
    dy, dx = random.integers(0, 256, 2)
    # A sensor's noise is strongest in the middle tones and small in the blacks.
    gain = 0.45 + 0.55 * np.sqrt(np.clip(picture[..., 1:2], 0, 255) / 255.0)
    picture += gain * grain[dy : dy + size, dx : dx + size]
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _skin(scene: Layers, face: Face, now: Expression, at: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    """The person's colours fetched at the still points ``at``, with the expression; moves ``at`` by the jaw."""

    def here(field: np.ndarray) -> np.ndarray:
        return fetch(field, local, "nothing")

    local = at[part] - np.array([face.box.x0, face.box.y0], np.float32)
    resting = at[part].copy()
    at[..., 1][part] += here(now.skin)
    person = fetch(scene.person, at, "mirror", cubic=True).astype(np.float32)
    if now.asleep is not None:
        closed = fetch(face.asleep, resting, "mirror", cubic=True)
        person[part] += here(now.asleep)[..., None] * (closed - person[part])
    inside = fetch(face.inner, resting + here(now.look), "mirror", cubic=True)
    person[part] += here(now.opening)[..., None] * (inside - person[part])
    if now.asleep is not None:
        person[part] += here(now.lash)[..., None] * (face.lash - person[part])
    return person


def _landing(points: np.ndarray, box: Box, size: int) -> tuple[slice, slice]:
    """The part of the frame on which the face box lands, as full-resolution slices."""
    x, y = points[..., 0], points[..., 1]
    hit = (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)
    rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, 2 * int(rows[0]) - 2), min(size, 2 * int(rows[-1]) + 4)),
        slice(max(0, 2 * int(columns[0]) - 2), min(size, 2 * int(columns[-1]) + 4)),
    )


def _light(scene: Layers, moment: Moment, points: np.ndarray, size: int) -> np.ndarray:
    """Gain of the key light on the turned head, float32 (size, size)."""
    change = RELIGHT * (moment.yaw * scene.shade_yaw + moment.pitch * scene.shade_pitch)
    landed = fetch(change, (points - 0.5) / 2)
    return 1.0 + enlarge(landed, size)
