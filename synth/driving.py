"""A source's expression over time, and the landmarks a destination's face takes when it is driven by it.

An expression is a departure from the person's own rest in a frame that is fixed to the head and free of its size: a
weak-perspective camera is fitted to the points that no expression moves and taken away (Thies et al., "Face2Face",
2016, transfer expressions in such a frame with a blend-shape model; here it is the mesh itself). Only mouth, jaw, lids
and brows are carried over; where the head stands and how it turns stays the destination's.

The unit of everything here is the landmark box that crop coverages count in (``datasets.faces.template``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faces.mask import LEFT_EYE, LIPS, MESH_POINTS, RIGHT_EYE
from datasets.faces.smooth import NOISE, SIGMA_SECONDS, smooth_points
from datasets.faces.template import OVAL, OVAL_POINTS, RIGID, RIGID_POINTS
from synth.texture import INNER_LIPS, restlessness

MOUTH_POINTS = np.array(LIPS + INNER_LIPS)
EYE_POINTS = np.array(LEFT_EYE + RIGHT_EYE)
BROW_POINTS = np.array(
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
)
# An upper edge's point and the lower edge's that lies under it: they may touch and never cross.
LIP_PAIRS = np.array(
    [(13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318), (191, 95), (415, 324)]
)
LID_PAIRS = np.array(
    [
        *[(159, 145), (158, 153), (160, 144), (161, 163), (157, 154), (246, 7), (173, 155)],
        *[(386, 374), (385, 380), (387, 373), (384, 381), (388, 390), (466, 249), (398, 382)],
    ]
)
NOSE_BASE, LIP_TOP, MOUTH_CORNERS = 2, 0, (61, 291)
EYE_CORNERS = ((33, 133), (362, 263))
CALM_PART, FEWEST_CALM, MOST_CALM, DISTINCT = 0.4, 5, 300, 16
# How far beyond what it was seen to do a destination's part may be driven, and what any face may do.
BEYOND, LEAST_MOUTH, LEAST_PARTED, LEAST_WIDENING, MOST_BROW = 1.25, 0.06, 0.1, 0.012, 0.035
# Departures below these are the mesh's noise: of the lips over the mouth's width, of the lids in boxes.
STILL_MOUTH, STILL_LIDS = 0.02, 0.006
CAMERA_STIFFNESS = 1e-3
# Between one clip of the source and the next, in which the expression passes over; about as long as a syllable.
JOIN_SECONDS = 0.2


def to_units(points: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """Crop pixels (..., 2) as box units about the crop's middle, float64."""
    return (np.asarray(points, dtype=np.float64) + 0.5 - size / 2) * (coverage / size)


def to_pixels(points: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """Box units (..., 2) as crop pixels, float32."""
    return (np.asarray(points) * (size / coverage) + size / 2 - 0.5).astype(np.float32)


def depth_of(points: np.ndarray) -> np.ndarray:
    """Depth of a mean face at places (N, 2) of a face seen from the front, float64 (N,).

    A thin-plate spline (Duchon, 1977) through the mean face's rigid points and its outline.
    """
    extra = ~np.isin(OVAL_POINTS, RIGID_POINTS)
    known = np.vstack([RIGID, OVAL[extra]])
    places, values = known[:, :2], known[:, 2]

    def plate(a: np.ndarray) -> np.ndarray:
        square = ((a[:, None] - places[None]) ** 2).sum(-1)
        return 0.5 * square * np.log(np.maximum(square, 1e-12))

    count = len(places)
    flat = np.column_stack([places, np.ones(count)])
    system = np.block([[plate(places) + 1e-4 * np.eye(count), flat], [flat.T, np.zeros((3, 3))]])
    solved = np.linalg.solve(system, np.concatenate([values, np.zeros(3)]))
    reach = np.clip(points, places.min(0), places.max(0))
    return plate(reach) @ solved[:count] + np.column_stack([reach, np.ones(len(reach))]) @ solved[count:]


@dataclass(frozen=True)
class Rest:
    """A face at rest, seen from where its clip's calm frames see it.

    Attributes:
        shape: float64 (468, 2), box units.
        depth: float64 (468,), box units, of a mean face.
    """

    shape: np.ndarray
    depth: np.ndarray

    def camera(self, points: np.ndarray) -> np.ndarray:
        """The affine camera (4, 2) that takes (x, y, depth, 1) of this face to where ``points`` (468+, 2) lie."""
        seen = np.column_stack([self.shape, self.depth, np.ones(len(self.depth))])[RIGID_POINTS]
        plain = np.eye(4, 2)
        stiff = np.diag([1, 1, 1, 0]) * CAMERA_STIFFNESS * len(seen)
        return np.linalg.solve(seen.T @ seen + stiff, seen.T @ points[RIGID_POINTS] + stiff @ plain)

    def seen(self, shape: np.ndarray, camera: np.ndarray) -> np.ndarray:
        """A head-fixed shape (468, 2) as the camera sees it."""
        return shape @ camera[:2] + self.depth[:, None] * camera[2] + camera[3]

    def head_fixed(self, points: np.ndarray, camera: np.ndarray | None = None) -> np.ndarray:
        """The opposite: points (468+, 2) with the head's pose taken away, float64 (468, 2)."""
        camera = self.camera(points) if camera is None else camera
        return (points[:MESH_POINTS] - self.depth[:, None] * camera[2] - camera[3]) @ np.linalg.inv(camera[:2])

    def width(self) -> float:
        """The mouth's, corner to corner."""
        return float(np.linalg.norm(self.shape[MOUTH_CORNERS[0]] - self.shape[MOUTH_CORNERS[1]]))

    def eye_width(self) -> float:
        """Mean of both eyes, corner to corner."""
        return float(np.mean([np.linalg.norm(self.shape[a] - self.shape[b]) for a, b in EYE_CORNERS]))


def opening(shapes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Mean height between the edges that ``pairs`` (K, 2) name, of shapes (..., 468, 2): (...,)."""
    return (shapes[..., pairs[:, 1], 1] - shapes[..., pairs[:, 0], 1]).mean(-1)


def rest_of(faces: FaceArrays) -> tuple[Rest, np.ndarray]:
    """A person's rest, and each of its faces head-fixed: float64 (N, 468, 2)."""
    points = to_units(faces.landmarks[:, :MESH_POINTS], faces.size, faces.coverage)
    unrest = restlessness(faces.landmarks)
    count = max(FEWEST_CALM, int(CALM_PART * len(faces)))
    calm = np.argsort(unrest, kind="stable")[:count][:: -(-count // MOST_CALM)]
    first = np.median(points[calm], axis=0)
    rest = Rest(first, depth_of(first))
    shapes = np.stack([rest.head_fixed(p) for p in points])
    return Rest(_middle(shapes[calm]), rest.depth), shapes


def _middle(shapes: np.ndarray) -> np.ndarray:
    """The shape in the middle of all that (N, 468, 2) show, (468, 2).

    A calm face pouts or smiles now and then, and may hold it for long: so the different shapes count once each
    (farthest-point sampling), however many frames show them, and rest is the one with the others around it.
    """
    telling = shapes[:, np.concatenate([MOUTH_POINTS, EYE_POINTS, BROW_POINTS])].reshape(len(shapes), -1)
    apart = np.linalg.norm(telling[:, None] - telling[None], axis=-1)
    chosen = [int(apart.sum(1).argmin())]
    while len(chosen) < min(DISTINCT, len(shapes)):
        chosen.append(int(apart[chosen].min(0).argmax()))
    medoid = int(apart[:, chosen].sum(1).argmin())
    near = np.argsort(apart[medoid], kind="stable")[: max(FEWEST_CALM, len(shapes) // 6)]
    return np.median(shapes[near], axis=0)


@dataclass(frozen=True)
class Weights:
    """Which points a part of the face takes along, float64 (468,) in [0, 1] each."""

    mouth: np.ndarray
    eyes: np.ndarray
    brows: np.ndarray


def weights_of(rest: Rest) -> Weights:
    """How much each point belongs to mouth and jaw, to the lids, and to the brows, from where it lies at rest."""
    shape = rest.shape
    nose, lip = shape[NOSE_BASE, 1], shape[LIP_TOP, 1]
    middle, half = shape[list(MOUTH_CORNERS), 0].mean(), rest.width() / 2
    below = _rise(shape[:, 1], nose, nose + 0.6 * (lip - nose))
    mouth = below * (1 - _rise(np.abs(shape[:, 0] - middle), 1.5 * half, 2.6 * half))
    mouth[MOUTH_POINTS] = 1
    across = rest.eye_width()
    eyes = np.zeros(len(shape))
    for points in (LEFT_EYE, RIGHT_EYE):
        away = np.linalg.norm(shape - shape[list(points)].mean(0), axis=1)
        eyes = np.maximum(eyes, 1 - _rise(away, 0.55 * across, 0.9 * across))
    eyes[EYE_POINTS] = 1
    near = np.linalg.norm(shape[:, None] - shape[None, BROW_POINTS], axis=-1).min(1)
    brows = 1 - _rise(near, 0.1 * across, 0.6 * across)
    brows *= 1 - eyes
    brows[BROW_POINTS] = 1
    return Weights(mouth, np.where(np.isin(np.arange(len(shape)), BROW_POINTS), 0, eyes), brows)


def _rise(x: np.ndarray, low: float, high: float) -> np.ndarray:
    part = np.clip((x - low) / max(high - low, 1e-9), 0, 1)
    return part * part * (3 - 2 * part)


def limited(amount: np.ndarray, most: float) -> np.ndarray:
    """The same up to half of ``most``, and bending to it from there, smooth and rising everywhere."""
    half = most / 2
    return np.where(amount <= half, amount, half + half * np.tanh((amount - half) / half))


def lip_motion(departures: np.ndarray, width: float) -> np.ndarray:
    """Root mean square departure of the lips over the mouth's ``width``, of departures (..., 468, 2)."""
    return np.sqrt((departures[..., MOUTH_POINTS, :] ** 2).sum(-1).mean(-1)) / width


@dataclass(frozen=True)
class Drive:
    """What the destination's face is to do over time.

    Attributes:
        times: float64 (N,), seconds, ascending, from 0.
        departures: float32 (N, 468, 2), from the destination's rest, box units.
    """

    times: np.ndarray
    departures: np.ndarray

    def at(self, time: float) -> np.ndarray:
        """The departure (468, 2) at a time of the destination's clip."""
        return self.between(self.departures, time)

    def between(self, values: np.ndarray, time: float) -> np.ndarray:
        """What ``values`` (N, ...) are at a time of the destination's clip; played forwards and backwards by turns."""
        length = self.times[-1]
        if length <= 0:
            return values[0].astype(np.float64)
        phase = max(0.0, time) % (2 * length)
        phase = 2 * length - phase if phase > length else phase
        after = int(np.clip(np.searchsorted(self.times, phase), 1, len(self.times) - 1))
        before = after - 1
        part = (phase - self.times[before]) / max(self.times[after] - self.times[before], 1e-9)
        return (1 - part) * values[before].astype(np.float64) + part * values[after]


def fitted_drive(source: FaceArrays, destination: FaceArrays) -> tuple[Drive, Rest, dict[str, float]]:
    """The source's expressions in the size and the range of the destination's face.

    Of several clips, one drives after the other; pictures among them add to the source's rest and drive nothing.

    Returns:
        the drive, the destination's rest, and what both were seen to do: ``mouth_source``, ``mouth_destination``
        (95 % quantiles of ``lip_motion``), ``lids_source``, ``lids_destination`` (spread of the opening, boxes),
        ``parted_destination`` (95 % quantile of the opening between the lips, over the mouth's width).

    Raises:
        InputError: the source is pictures only, without any time.
    """
    runs = _runs(source.times)
    theirs, shapes = rest_of(source)
    mine, own = rest_of(destination)
    own_departures = own - mine.shape
    departures = np.concatenate([_smoothed(source.times[run], shapes[run] - theirs.shape) for run in runs])
    wide = mine.width() / theirs.width()
    mouth = departures * wide
    moved = lip_motion(mouth, mine.width())
    reach = float(np.quantile(lip_motion(own_departures, mine.width()), 0.95))
    most = max(LEAST_MOUTH, BEYOND * reach)
    mouth = mouth * (limited(moved, most) / np.maximum(moved, 1e-9))[:, None, None]
    # The lips move together; how far they part is held to what there are pictures of.
    parted = float(np.quantile(opening(own, LIP_PAIRS), 0.95)) / mine.width()
    widest = max(LEAST_PARTED, BEYOND * parted)
    gap = np.maximum(opening(mouth, LIP_PAIRS) / mine.width(), 1e-9)
    mouth = mouth * (limited(gap, widest) / gap)[:, None, None]
    eyes, change = _lids(departures, theirs, mine, own)
    brows = departures * (mine.eye_width() / theirs.eye_width())
    lift = np.sqrt((brows[:, BROW_POINTS] ** 2).sum(-1).mean(-1))
    brows = brows * (limited(lift, MOST_BROW) / np.maximum(lift, 1e-9))[:, None, None]
    share = weights_of(mine)
    total = sum(w[:, None] * part for w, part in ((share.mouth, mouth), (share.eyes, eyes), (share.brows, brows)))
    lids = opening(own, LID_PAIRS)
    seen = {
        "mouth_source": float(np.quantile(moved, 0.95)),
        "mouth_destination": reach,
        "mouth_most": most,
        "lids_source": float(np.ptp(np.quantile(change, [0.01, 0.99]))),
        "lids_destination": float(np.ptp(np.quantile(lids, [0.01, 0.99]))),
        "parted_destination": parted,
    }
    return Drive(_end_to_end([source.times[run] for run in runs]), np.asarray(total, dtype=np.float32)), mine, seen


def _runs(times: np.ndarray) -> list[slice]:
    """The stretches of a source in which its time (N,) ascends: its clips, for each counts its own time from 0.

    Raises:
        InputError: there is none, as where the source is pictures only.
    """
    edges = [0, *(np.flatnonzero(np.diff(times) <= 0) + 1).tolist(), len(times)]
    runs = [slice(first, last) for first, last in pairwise(edges) if last - first > 1]
    if not runs:
        raise InputError(
            "The source is pictures only, which show no expression over time to drive the destination with; "
            "take a source clip in which the face speaks, smiles or blinks."
        )
    return runs


def _end_to_end(runs: list[np.ndarray]) -> np.ndarray:
    """The times of several runs laid one after the other, from 0, ``JOIN_SECONDS`` between them."""
    laid, at = [], 0.0
    for times in runs:
        laid.append(times - times[0] + at)
        at = laid[-1][-1] + JOIN_SECONDS
    return np.concatenate(laid)


def _lids(departures: np.ndarray, theirs: Rest, mine: Rest, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lids' departures for the destination, and the change of the source's eye opening, (N,).

    A shut eye has to be shut on the other face too, however wide either stands open: heights go by the openings at
    rest. An eye that is opened wider than at rest goes no farther than the destination was seen to open its own.
    """
    at_rest = max(float(opening(theirs.shape, LID_PAIRS)), 1e-3), max(float(opening(mine.shape, LID_PAIRS)), 1e-3)
    scale = np.array([mine.eye_width() / theirs.eye_width(), np.clip(at_rest[1] / at_rest[0], 0.5, 2.0)])
    eyes = departures * scale
    change = opening(departures, LID_PAIRS)
    wider = change * scale[1]
    most = max(LEAST_WIDENING, BEYOND * (float(np.quantile(opening(own, LID_PAIRS), 0.95)) - at_rest[1]))
    factor = np.where(wider > 0, limited(wider, most) / np.where(wider > 0, wider, 1), 1.0)
    return eyes * factor[:, None, None], change


def _smoothed(times: np.ndarray, departures: np.ndarray) -> np.ndarray:
    """Departures (N, 468, 2) without the mesh's jitter, part by part, so that a blink stays a blink; no lag."""
    out = departures.copy()
    rest = np.setdiff1d(np.arange(departures.shape[1]), np.concatenate([MOUTH_POINTS, EYE_POINTS, BROW_POINTS]))
    left = np.array(LEFT_EYE)
    parts = (MOUTH_POINTS, left, np.array(RIGHT_EYE), BROW_POINTS[:10], BROW_POINTS[10:], rest)
    for at, now in enumerate(times):
        first = int(np.searchsorted(times, now - 3 * SIGMA_SECONDS))
        last = int(np.searchsorted(times, now + 3 * SIGMA_SECONDS, side="right"))
        if last - first < 3:
            continue
        for part in parts:
            around = departures[first:last, part]
            out[at, part] = smooth_points(times[first:last], around, at - first, SIGMA_SECONDS, NOISE)
    return out


def driven(
    points: np.ndarray, departure: np.ndarray, rest: Rest, weights: np.ndarray, strength: float = 1.0
) -> np.ndarray:
    """Where a face's points go when it is to do ``departure`` instead of what it does, box units, (468, 2).

    Args:
        points: (468+, 2), where they are.
        departure: (468, 2), from ``rest``.
        weights: (468,) in [0, 1], how far each point follows.
        strength: 1 is the source's expression as fitted, 0 the face at rest.
    """
    camera = rest.camera(points)
    wanted = rest.seen(rest.shape + strength * departure, camera)
    own = points[:MESH_POINTS]
    moved = own + weights[:, None] * (wanted - own)
    for pairs in (LIP_PAIRS, LID_PAIRS):
        upper, lower = moved[pairs[:, 0], 1], moved[pairs[:, 1], 1]
        crossed = np.maximum(0, upper - lower) / 2
        moved[pairs[:, 0], 1] -= crossed
        moved[pairs[:, 1], 1] += crossed
    return moved
