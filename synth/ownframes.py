"""Faces of one person that differ in one part, and which of them to take as an expression runs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.facearrays import FaceArrays
from datasets.faces.mask import MESH_POINTS
from synth.faceparts import NOISE, Part

# A change of library face costs as much as this distance in one frame; it takes some three of these seconds.
CHANGE, DRAWN_OUT = 0.1, 0.03
MOST_BLENDED = 2


@dataclass(frozen=True)
class Library:
    """Faces of one person that differ in one part.

    Attributes:
        images: uint8 (K, S, S, 3).
        landmarks: float32 (K, 468, 2), crop pixels.
        shapes: float32 (K, P, 2), the part's points, head-fixed, box units.
        times: float64 (K,), seconds: when each was seen.
    """

    images: np.ndarray
    landmarks: np.ndarray
    shapes: np.ndarray
    times: np.ndarray


def library_of(faces: FaceArrays, shapes: np.ndarray, points: np.ndarray, count: int) -> Library:
    """At most ``count`` faces that stand farthest apart in these points (Gonzalez, 1985: farthest-point sampling).

    Of the faces that are about the same the sharpest stands for them.

    Args:
        shapes: (N, 468, 2), the faces head-fixed.
    """
    feature = shapes[:, points].reshape(len(shapes), -1)
    sharp = np.array([cv2.Laplacian(cv2.cvtColor(i, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var() for i in faces.images])
    chosen = [int(np.argmin(np.linalg.norm(feature - np.median(feature, axis=0), axis=1)))]
    distance = np.linalg.norm(feature - feature[chosen[0]], axis=1)
    while len(chosen) < min(count, len(feature)):
        farthest = int(distance.argmax())
        alike = np.linalg.norm(feature - feature[farthest], axis=1)
        near = np.flatnonzero((alike <= 0.2 * distance[farthest]) & (distance > 0))
        if not len(near):
            break
        best = int(near[sharp[near].argmax()])
        chosen.append(best)
        distance = np.minimum(distance, np.linalg.norm(feature - feature[best], axis=1))
    index = np.sort(chosen)
    return Library(
        faces.images[index],
        faces.landmarks[index, :MESH_POINTS].astype(np.float32),
        shapes[index][:, points].astype(np.float32),
        faces.times[index].astype(np.float64),
    )


def shares_of(distances: np.ndarray) -> np.ndarray:
    """How much of each face to take, by its distance from what is wanted, (K,) summing to 1.

    At most ``MOST_BLENDED`` count. The share of the first that does not is taken from all, so that a face comes in and
    goes out at nothing.
    """
    raw = 1 / (distances**2 + NOISE**2 / 4) ** 6
    if len(raw) > MOST_BLENDED:
        raw = np.maximum(raw - np.sort(raw)[-MOST_BLENDED - 1], 0)
    total = raw.sum()
    if total <= 0:
        return np.full(len(raw), 1 / len(raw))
    return raw / total


def steady_shares(part: Part, library: Library, shapes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How much of each library face to take over a whole performance: float32 (N, K), rows summing to 1.

    The path through the library that is nearest to what is wanted with few changes (Viterbi, 1967), the changes drawn
    out over time: taking the nearest face of each moment alone runs through three of them as a mouth opens.

    Args:
        shapes: (N, 468, 2), what is wanted, head-fixed.
        times: (N,), seconds.
    """
    # A blink is over before a change would have paid.
    price = CHANGE if part.name == "mouth" else 0.0
    cost = np.stack([part.apart(library.shapes, shape[part.shape]) for shape in shapes])
    count, kept = cost.shape
    best, came = cost[0].copy(), np.zeros((count, kept), int)
    for at in range(1, count):
        cheapest = int(best.argmin())
        change = best[cheapest] + price < best
        came[at] = np.where(change, cheapest, np.arange(kept))
        best = np.where(change, best[cheapest] + price, best) + cost[at]
    path = np.empty(count, int)
    path[-1] = int(best.argmin())
    for at in range(count - 1, 0, -1):
        path[at - 1] = came[at, path[at]]
    one = np.eye(kept)[path]
    shares = np.empty((count, kept), np.float32)
    for at, now in enumerate(times):
        first, last = np.searchsorted(times, [now - 3 * DRAWN_OUT, now + 3 * DRAWN_OUT + 1e-9])
        weight = np.exp(-0.5 * ((times[first:last] - now) / DRAWN_OUT) ** 2)
        shares[at] = weight @ one[first:last] / weight.sum()
    return shares
