"""What the two people do for eight seconds: head, eyes, lids, mouth and camera as curves over time.

A performance is a short written score (where the head goes and when, which phrases are spoken, when the lids close)
with seeded small movement on top, so that nothing stands still and nothing repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RATE = 25
SECONDS = 8.0
CURVES = 100  # control points a second of the speech envelope, shared by mouth and sound


@dataclass(frozen=True)
class Score:
    """The written part of a performance. Times in seconds, angles in degrees.

    Attributes:
        seed: of everything that is not written.
        head: moves (start, end, yaw, pitch, roll); yaw > 0 turns to the picture's right, pitch > 0 looks down,
            roll > 0 tilts clockwise. Between moves the pose is held.
        gaze: moves (start, end, right, down) of the eyes, in parts of an eye's width.
        blinks: times at which the lids start to close.
        phrases: (start, end) of speech.
        smile, brows: moves (start, end, amount), amount 0 is the still picture.
        jaw: (rest, span): opening at rest and added at the loudest, in face widths.
        pitch_hz: of the voice.
    """

    seed: int
    head: Sequence[tuple[float, float, float, float, float]]
    gaze: Sequence[tuple[float, float, float, float]]
    blinks: Sequence[float]
    phrases: Sequence[tuple[float, float]]
    smile: Sequence[tuple[float, float, float]]
    brows: Sequence[tuple[float, float, float]]
    jaw: tuple[float, float]
    pitch_hz: float


SCORES = {
    "hopper": Score(
        seed=1906,
        head=[
            (-1.0, 0.0, -4.0, 1.0, -1.0),
            (0.25, 0.95, 7.0, -1.5, 1.5),
            (1.35, 2.25, 15.5, 2.0, 2.5),
            (2.7, 3.7, -6.0, -3.5, -1.0),
            (3.95, 4.75, -18.5, 2.5, -3.5),
            (5.2, 5.75, -3.0, 6.0, -1.0),
            (5.95, 6.6, 3.0, -5.0, 2.0),
            (6.9, 7.7, 9.0, 0.0, 0.5),
        ],
        gaze=[
            (0.2, 0.28, 0.07, 0.0),
            (0.9, 0.98, 0.0, 0.0),
            (2.6, 2.68, -0.1, 0.0),
            (3.6, 3.7, -0.02, 0.0),
            (5.15, 5.23, 0.04, 0.03),
            (6.0, 6.08, 0.0, 0.0),
            (6.85, 6.93, 0.08, 0.0),
        ],
        blinks=[0.48, 2.66, 4.9, 5.3, 7.0],
        phrases=[(0.05, 2.35), (2.95, 4.75), (5.35, 7.65)],
        smile=[(1.9, 2.5, 0.7), (3.0, 3.4, 0.1), (4.5, 5.1, 0.9), (5.4, 5.9, 0.0), (7.2, 7.8, 0.6)],
        brows=[(0.1, 0.35, 0.5), (0.9, 1.4, 0.0), (3.0, 3.25, 0.9), (3.9, 4.3, 0.1), (5.9, 6.2, 0.8), (6.8, 7.3, 0.0)],
        jaw=(0.0, 0.105),
        pitch_hz=172.0,
    ),
    "astronaut": Score(
        seed=1956,
        head=[
            (-1.0, 0.0, 5.0, -1.0, 1.0),
            (0.2, 0.8, -6.0, 2.0, -2.0),
            (1.2, 1.65, 3.0, -4.5, 0.5),
            (1.9, 2.7, 12.0, 0.5, 3.0),
            (3.1, 3.9, -9.0, 4.5, -1.5),
            (4.15, 4.6, 4.0, -1.0, 1.0),
            (4.9, 5.3, 1.0, -6.0, 3.0),
            (5.5, 6.2, 16.5, 1.0, 4.0),
            (6.5, 7.5, -17.0, 3.0, -3.0),
        ],
        gaze=[
            (0.15, 0.23, -0.06, 0.0),
            (0.75, 0.83, 0.0, 0.0),
            (1.85, 1.93, 0.1, 0.02),
            (2.8, 2.88, 0.0, 0.0),
            (3.05, 3.13, -0.1, 0.0),
            (3.95, 4.03, 0.02, 0.0),
            (5.45, 5.53, 0.12, 0.0),
            (6.2, 6.28, 0.03, 0.0),
            (6.45, 6.53, -0.12, 0.02),
            (7.6, 7.68, 0.0, 0.0),
        ],
        blinks=[0.28, 1.84, 3.12, 3.5, 5.46, 6.52],
        phrases=[(0.0, 1.75), (2.3, 4.05), (4.6, 6.1), (6.5, 7.8)],
        smile=[(0.0, 0.6, -0.8), (1.7, 2.2, 0.3), (2.4, 2.9, -0.9), (4.0, 4.5, 0.4), (4.7, 5.2, -0.8), (6.1, 6.5, 0.3)],
        brows=[(0.0, 0.2, 0.3), (1.2, 1.45, 1.0), (1.9, 2.4, 0.1), (4.2, 4.5, 0.8), (5.2, 5.6, 0.2), (6.6, 6.9, 0.7)],
        jaw=(-0.024, 0.098),
        pitch_hz=205.0,
    ),
}


@dataclass(frozen=True)
class Moment:
    """One frame of a performance.

    Attributes:
        yaw, pitch, roll: of the head, radians.
        shift: head's own translation (x, y), face widths.
        scale: of the head, 1 is the still picture.
        body: translation (x, y) of the shoulders, face widths.
        lids: 0 open to 1 closed.
        gaze: (x, y), eye widths.
        jaw: opening, face widths.
        pucker, smile, brows: amounts.
        camera: (x, y) drift in parts of the frame, turn in radians.
        exposure: gain.
    """

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float]
    scale: float
    body: tuple[float, float]
    lids: float
    gaze: tuple[float, float]
    jaw: float
    pucker: float
    smile: float
    brows: float
    camera: tuple[float, float, float]
    exposure: float


def _ease(t: np.ndarray) -> np.ndarray:
    """Minimum-jerk step from 0 to 1 (Flash and Hogan 1985)."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * t * (10.0 - 15.0 * t + 6.0 * t * t)


def _moves(moves: Sequence[tuple[float, ...]], t: np.ndarray) -> np.ndarray:
    """The curve, float64 (len(t), values), that a list of (start, end, value...) describes; it begins at zero."""
    values = np.zeros((len(t), len(moves[0]) - 2))
    before = np.zeros(values.shape[1])
    for start, end, *target in moves:
        values += _ease((t - start) / (end - start))[:, None] * (np.asarray(target) - before)
        before = np.asarray(target, dtype=float)
    return values


def _drift(t: np.ndarray, random: np.random.Generator, slowest: float, waves: int = 4) -> np.ndarray:
    """Smooth wandering of about unit size: sines whose rates have no common measure."""
    rates = slowest * np.cumprod(random.uniform(1.45, 1.95, waves))
    phases = random.uniform(0, 2 * np.pi, waves)
    sizes = 1.0 / np.arange(1, waves + 1)
    return np.sum(sizes * np.sin(2 * np.pi * rates * t[:, None] + phases), axis=1) / np.sqrt(np.sum(sizes**2) / 2) / 1.6


def envelope(name: str, t: np.ndarray) -> np.ndarray:
    """Loudness of the speech at times ``t`` in seconds, float64 in [0, 1]: syllables in phrases, with pauses."""
    score = SCORES[name]
    random = np.random.default_rng(score.seed)
    loud = np.zeros(len(t))
    for start, end in score.phrases:
        at = start
        while at < end - 0.12:
            length = float(random.uniform(0.19, 0.31))
            height = float(random.choice([0.35, 0.55, 0.75, 1.0], p=[0.2, 0.3, 0.3, 0.2]) * random.uniform(0.85, 1.0))
            phase = (t - at) / length
            bump = np.where((phase > 0) & (phase < 1), np.sin(np.pi * np.clip(phase, 0, 1)) ** 1.5, 0.0)
            loud = np.maximum(loud, height * bump)
            at += length * float(random.uniform(0.72, 0.95))
    return np.clip(loud, 0.0, 1.0)


def _lids(score: Score, t: np.ndarray, random: np.random.Generator) -> np.ndarray:
    closed = np.zeros(len(t))
    for at in score.blinks:
        down, held, up = 0.075, 0.045, float(random.uniform(0.11, 0.15))
        closing = _ease((t - at) / down)
        opening = _ease((t - at - down - held) / up)
        closed = np.maximum(closed, closing - opening)
    return closed


def perform(name: str, count: int, every: int = 1) -> list[Moment]:
    """The first ``count`` moments of a performance, ``every`` frames of 1/25 s apart."""
    score = SCORES[name]
    random = np.random.default_rng(score.seed + 1)
    t = np.arange(count) * every / RATE
    head = np.radians(_moves(score.head, t))
    sway = np.stack([_drift(t, random, 0.1) for _ in range(3)], axis=1)
    loud = envelope(name, t)
    # Heads nod with the stress of what they say, a little after it.
    stress = np.mean([envelope(name, t - lag) for lag in (0.0, 0.06, 0.12, 0.18, 0.24)], axis=0)
    head += np.radians(sway * [1.0, 0.8, 0.6])
    head[:, 1] += np.radians(2.0) * (stress - 0.3)
    shift_x, shift_y = 0.016 * _drift(t, random, 0.09), 0.010 * _drift(t, random, 0.11)
    scale = 1.0 + 0.012 * _drift(t, random, 0.08)
    breath = np.sin(2 * np.pi * 0.27 * t + random.uniform(0, 6))
    lids = _lids(score, t, random)
    gaze = _moves(score.gaze, t) + 0.008 * np.stack([_drift(t, random, 0.6), _drift(t, random, 0.5)], axis=1)
    rest, span = score.jaw
    jaw = rest + span * loud + 0.003 * _drift(t, random, 0.2) * (rest < 0)
    pucker = np.clip(_drift(t, random, 0.5), 0, 1) * np.clip(stress * 2.5, 0, 1)
    smile = _moves(score.smile, t)[:, 0] + 0.06 * _drift(t, random, 0.15)
    brows = _moves(score.brows, t)[:, 0] + 0.08 * _drift(t, random, 0.2)
    camera = [0.0022 * _drift(t, random, 0.15), 0.0018 * _drift(t, random, 0.17), 0.0012 * _drift(t, random, 0.12)]
    exposure = 1.0 + 0.010 * _drift(t, random, 0.1)
    return [
        Moment(
            yaw=float(head[i, 0]),
            pitch=float(head[i, 1]),
            roll=float(head[i, 2]),
            shift=(float(shift_x[i]), float(shift_y[i])),
            scale=float(scale[i]),
            # The shoulders go a part of the way with the head, and rise with the breath.
            body=(float(0.4 * shift_x[i] + 0.05 * head[i, 0]), float(0.3 * shift_y[i] - 0.008 * breath[i])),
            lids=float(lids[i]),
            gaze=(float(gaze[i, 0]), float(gaze[i, 1])),
            jaw=float(max(jaw[i], rest)),
            pucker=float(pucker[i]),
            smile=float(smile[i]),
            brows=float(brows[i]),
            camera=(float(camera[0][i]), float(camera[1][i]), float(camera[2][i])),
            exposure=float(exposure[i]),
        )
        for i in range(count)
    ]
