"""A library of one person's faces: which frames to keep, and which of them look most like a wanted pose and expression.

Eyes, mouth and the rest of the face are looked up by themselves, so that a few dozen frames stand for every
combination of head pose, blink and speech. The weights are a continuous function of the wanted face alone: a frame
fades in and out, it never pops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from datasets.facearrays import FaceArrays
from datasets.faces.align import Pose
from datasets.faces.expression import eye_opening, mouth_opening
from datasets.faces.mask import LEFT_EYE, LIPS, RIGHT_EYE
from datasets.faces.mesh import INNER_LIPS, mean_mesh, unrolled
from datasets.faces.template import OVAL_POINTS
from datasets.progress import Progress, silent
from synth.meshwarp import flat_pose, smoothstep

FEATURES = ("yaw", "pitch", "left eye", "right eye", "mouth", "smile", "gaze")
# One step in each that is as easily seen as a step in another: degrees, degrees, then ratios.
STEP = np.array([8.0, 8.0, 0.2, 0.2, 0.08, 0.10, 0.10])
REGIONS = ("skin", "left eye", "right eye", "mouth")
# How much each feature counts in looking up a region.
ATTENTION = np.array(
    [
        [1.0, 1.0, 0.1, 0.1, 0.25, 0.3, 0.0],
        [0.5, 0.5, 1.0, 0.1, 0.0, 0.1, 0.6],
        [0.5, 0.5, 0.1, 1.0, 0.0, 0.1, 0.6],
        [0.5, 0.5, 0.0, 0.0, 1.0, 0.9, 0.0],
    ]
)
NEAR = 0.35
EYE_REACH, MOUTH_REACH = 0.09, 0.2
IRISES = (468, 473)
# Corner, corner, points of the upper and the lower lid (as in ``datasets.faces.expression``).
LIDS = ((33, 133, [160, 158], [144, 153]), (263, 362, [387, 385], [373, 380]))
REST_SHARE = 0.3
DEPTH_PRIOR = 0.1


@dataclass(frozen=True)
class Person:
    """What is the person's own and not the moment's.

    Attributes:
        rest: float64 (478, 3), the face at rest in the mean face's axes and unit.
        eyes: how far the eyes are open as a rule (see ``datasets.faces.expression``).
    """

    rest: np.ndarray
    eyes: float


def features(landmarks: np.ndarray, pose: Pose, eyes: float) -> np.ndarray:
    """Head pose and expression as numbers, float64 (7,), see ``FEATURES``; ``STEP`` is the unit of each.

    Args:
        landmarks: (478, 2), pixels.
        eyes: how far this person's eyes are open as a rule.
    """
    points = np.asarray(landmarks, dtype=np.float64)[:, :2]
    yaw, pitch, _ = pose.angles
    smile = float(np.linalg.norm(points[61] - points[291])) / pose.scale / max(np.cos(np.radians(yaw)), 0.4)
    lids = [_opening(points, *eye) / eyes for eye in LIDS]
    return np.array([yaw, pitch, *lids, mouth_opening(points), smile / 0.4, _gaze(points)]) / STEP


def _opening(points: np.ndarray, first: int, second: int, upper: list[int], lower: list[int]) -> float:
    apart = np.linalg.norm(points[upper] - points[lower], axis=1).mean()
    return float(apart / max(float(np.linalg.norm(points[first] - points[second])), 1e-6))


def _gaze(points: np.ndarray) -> float:
    """Where the irises stand between the eyes' corners, -1 to 1, mean of both."""
    parts = []
    for iris, (left, right) in zip(IRISES, ((33, 133), (362, 263)), strict=True):
        along = points[right] - points[left]
        parts.append(2 * float((points[iris] - points[left]) @ along) / max(float(along @ along), 1e-6) - 1)
    return float(np.clip(np.mean(parts), -1, 1))


def person(faces: FaceArrays) -> Person:
    """The shape at rest, averaged over a person's calmest faces, and how far the eyes are open as a rule.

    The projections of many poses are solved for one shape in space by least squares, near the mean face where the
    poses leave its depth open.
    """
    eyes = float(np.median([eye_opening(points) for points in faces.landmarks]))
    unrest = np.array([mouth_opening(p) + max(0.0, eyes - eye_opening(p)) for p in faces.landmarks])
    calm = np.argsort(unrest, kind="stable")[: max(4, int(REST_SHARE * len(faces)))]
    mesh = mean_mesh()
    gram, right = DEPTH_PRIOR * len(calm) * np.eye(3), np.zeros((3, len(mesh)))
    for index in calm:
        points = np.asarray(faces.landmarks[index], dtype=np.float64)
        pose = flat_pose(points)
        axes = pose.rotation[:2]
        gram += axes.T @ axes
        right += axes.T @ ((points - pose.project(mesh)) / pose.scale).T
    return Person(mesh + np.linalg.solve(gram, right).T, max(eyes, 0.05))


def sharpness(image: np.ndarray, mask: np.ndarray) -> float:
    """Variance of the Laplacian in the hull, from half the size, so that the camera's noise counts little."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) > 200
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    return float(edges[inside].var()) if inside.any() else 0.0


def choose(found: np.ndarray, sharp: np.ndarray, count: int, progress: Progress = silent) -> np.ndarray:
    """Which faces to keep: spread over pose and expression, of those alike the sharpest; ascending indices.

    Farthest-point sampling (Gonzalez, 1985) lays out the places; each is then given to the sharpest face near it.

    Args:
        found: (N, 7), see :func:`features`.
        sharp: (N,), see :func:`sharpness`.
        count: at most so many.
    """
    if len(found) <= count:
        return np.arange(len(found))
    centres = [int(((found - np.median(found, 0)) ** 2).sum(1).argmin())]
    away = np.linalg.norm(found - found[centres[0]], axis=1)
    nearest = np.zeros(len(found), dtype=int)
    for place in range(1, count):
        centres.append(int(away.argmax()))
        new = np.linalg.norm(found - found[centres[-1]], axis=1)
        nearest[new < away] = place
        away = np.minimum(away, new)
        progress("choosing frames", place + 1, count)
    merit = np.log(np.maximum(sharp, 1e-6)) - 0.5 * away**2
    kept = []
    for place in range(count):
        members = np.flatnonzero(nearest == place)
        if len(members):
            kept.append(int(members[merit[members].argmax()]))
    return np.array(sorted(kept))


def nearest_weights(wanted: np.ndarray, found: np.ndarray, blend: int) -> np.ndarray:
    """How much each frame of the library counts in each region, float64 (4, K), rows summing to 1.

    Shepard's weights with a moving reach (Franke and Nielson, 1980): at most ``blend`` frames count, and the last one
    has faded to nothing where the next takes its place.

    Args:
        wanted: (7,), the wanted face. found: (K, 7), the library. Both from :func:`features`.
    """
    away = np.sqrt((((found - wanted) ** 2)[None] * ATTENTION[:, None] ** 2).sum(-1))
    ordered = np.sort(away, axis=1)
    reach = ordered[:, blend : blend + 1] if blend < len(found) else ordered[:, -1:] * 1.5
    reach = np.maximum(reach, 1e-9)
    weights = (np.maximum(reach - away, 0) / (reach * (away + NEAR))) ** 2
    # All as far as the reach: nothing tells them apart.
    total = weights.sum(1, keepdims=True)
    return np.asarray(np.where(total > 1e-12, weights / np.maximum(total, 1e-12), 1 / len(found)))


@lru_cache(maxsize=1)
def regions() -> np.ndarray:
    """How far each mesh point belongs to each of ``REGIONS``, float64 (4, 478), columns summing to 1."""
    plane = unrolled()

    def near(outline: tuple[int, ...], reach: float) -> np.ndarray:
        away = np.linalg.norm(plane[:, None] - plane[None, list(outline)], axis=-1).min(1)
        return 1 - smoothstep(away / reach)

    left, right = near((*LEFT_EYE, *range(468, 473)), EYE_REACH), near((*RIGHT_EYE, *range(473, 478)), EYE_REACH)
    mouth = near((*LIPS, *INNER_LIPS), MOUTH_REACH) * (1 - np.maximum(left, right))
    return np.stack([1 - left - right - mouth, left, right, mouth])


@lru_cache(maxsize=1)
def inner_part() -> np.ndarray:
    """How far each mesh point is from the outline, float64 (478,): 0 on it, 1 well inside."""
    plane = unrolled()
    away = np.linalg.norm(plane[:, None] - plane[None, OVAL_POINTS], axis=-1).min(1)
    return smoothstep(away / 0.2)


def proportioned(landmarks: np.ndarray, pose: Pose, whose: Person, onto: Person, share: float) -> np.ndarray:
    """The mesh ``onto`` which a face is put, moved towards the proportions of the one ``whose`` face it is.

    The outline stays, so that what surrounds the face still fits; pose and expression stay.

    Args:
        landmarks: (478, 2), pixels, of ``onto``. share: 0 leaves them, 1 gives all of the other's proportions.
    """
    moved = (whose.rest - onto.rest) * (share * inner_part())[:, None]
    return np.asarray(landmarks[:, :2] + pose.scale * moved @ pose.rotation[:2].T, dtype=np.float32)
