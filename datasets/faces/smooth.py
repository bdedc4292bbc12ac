"""Taking the jitter out of landmarks over time, without lag and without flattening what really moved.

Every point follows a straight line fitted to the frames around it, before and after, with Gaussian weights (local
linear regression: Cleveland, 1979), so that a steady motion comes out as it was. A frame in which the point's
neighbourhood is off that line by more than the mesh's usual noise hardly counts (as in the bilateral filter: Tomasi
and Manduchi, 1998), so that a blink, a syllable or a cut stays as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import groupby, pairwise

import numpy as np

from datasets.faces.align import align_affine, five_of_mesh, head_pose
from datasets.faces.mask import LEFT_EYE, LIPS, RIGHT_EYE
from datasets.faces.mesh import INNER_LIPS, mean_mesh
from datasets.faces.meshfit import MESH_POINTS, bounds
from datasets.faceset import FaceRow

SIGMA_SECONDS = 0.06
REACH = 3.0  # sigmas on either side that are looked at
# The noise that is evened out, over the face's size; from about twice this, a change is taken as true.
NOISE = 0.007
# Eyes and lips move faster than anything else in a face, and least of all may a blink or a closing of the lips be lost:
# from half of that they are believed.
LIVELY = 0.5
NEIGHBOURS = 12
# A step in time longer than so many ordinary ones is a gap, over which nothing is joined.
GAP_STEPS = 2.5


def smoothed(rows: Iterable[FaceRow], sigma_seconds: float = SIGMA_SECONDS) -> Iterator[FaceRow]:
    """The same rows in the same order, with smooth landmarks, five points, box and affine.

    A row's affine then fits its smoothed landmarks and aims at the same place of the same size of crop; it is no
    longer the one that the stored crop was cut with, so cut from the frame.

    Args:
        rows: in frame order, several tracks mixed. No more than three sigmas of time are held at once, and nothing is
            joined from one clip or picture to the next.
        sigma_seconds: width of the Gaussian; 0 gives the rows back as they are.
    """
    if sigma_seconds <= 0:
        yield from rows
        return
    for _, of_clip in groupby(rows, key=lambda row: row.clip):
        yield from _smoothed_clip(of_clip, sigma_seconds)


def _smoothed_clip(rows: Iterable[FaceRow], sigma_seconds: float) -> Iterator[FaceRow]:
    reach = REACH * sigma_seconds
    waiting: deque[FaceRow] = deque()
    tracks: dict[int, _TrackWindow] = {}
    for row in rows:
        waiting.append(row)
        tracks.setdefault(row.track, _TrackWindow(sigma_seconds)).add(row)
        while waiting[0].time + reach < row.time:
            yield tracks[waiting[0].track].smooth(waiting.popleft())
        for number in [n for n, window in tracks.items() if window.ended(row.time)]:
            del tracks[number]
    while waiting:
        yield tracks[waiting[0].track].smooth(waiting.popleft())


class _TrackWindow:
    """The rows of one track around the one that is being smoothed."""

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma
        self.rows: deque[FaceRow] = deque()

    def add(self, row: FaceRow) -> None:
        self.rows.append(row)

    def ended(self, now: float) -> bool:
        return self.rows[-1].time + 2 * REACH * self.sigma + 1e-9 < now

    def smooth(self, row: FaceRow) -> FaceRow:
        reach = REACH * self.sigma
        while self.rows[0].time < row.time - reach - 1e-9:
            self.rows.popleft()
        around, at = _unbroken([r for r in self.rows if r.time <= row.time + reach], row)
        if len(around) < 3:
            return row
        points = np.stack([_points(r) for r in around]).astype(np.float64)
        times = np.array([r.time for r in around])
        size = float(np.sqrt(np.prod(row.box[2:] - row.box[:2])))
        if row.landmarks is None:
            return _moved(row, smooth_points(times, points, at, self.sigma, NOISE * size))
        return _moved(row, smooth_points(times, points, at, self.sigma, _noise() * size, _neighbours()))


def smooth_points(
    times: np.ndarray,
    points: np.ndarray,
    at: int,
    sigma: float,
    noise: float | np.ndarray,
    neighbours: np.ndarray | None = None,
) -> np.ndarray:
    """The points of the frame ``at`` with the noise evened out, float64 (P, D).

    Args:
        times: (N,), seconds.
        points: (N, P, D), of N frames; D is 2 or 3, and distances are measured in x and y.
        sigma: width of the Gaussian over time, seconds.
        noise: size of the noise, in the points' unit; one for all, or (P,), one for each.
        neighbours: int (P, K), for each point those that move with it; all of them when None.
    """
    dt = times - times[at]
    gauss = np.exp(-0.5 * (dt / sigma) ** 2)
    share = gauss / gauss.sum()
    middle = share @ dt
    lean = share * (dt - middle)
    slope = np.tensordot(lean, points, axes=1) / max(float(lean @ (dt - middle)), 1e-12)
    off = points[..., :2] - points[at, :, :2] - slope[:, :2] * dt[:, None, None]
    distance = (off**2).sum(axis=-1)
    distance = distance[:, neighbours].mean(axis=-1) if neighbours is not None else distance.mean(axis=1, keepdims=True)
    weight = gauss[:, None] * np.exp(-0.5 * distance / (2 * noise**2))
    w0 = weight.sum(axis=0)[:, None]
    w1 = (weight * dt[:, None]).sum(axis=0)[:, None]
    # A trace of stiffness, so that a point that stands alone in its window keeps its place.
    w2 = (weight * dt[:, None] ** 2).sum(axis=0)[:, None] + 1e-4 * sigma**2
    sum0 = (weight[..., None] * points).sum(axis=0)
    sum1 = (weight[..., None] * dt[:, None, None] * points).sum(axis=0)
    return (w2 * sum0 - w1 * sum1) / (w0 * w2 - w1**2)


def _unbroken(rows: list[FaceRow], row: FaceRow) -> tuple[list[FaceRow], int]:
    """The rows around ``row`` that no gap and no loss of the mesh parts from it, and its place among them."""
    at = next(i for i, r in enumerate(rows) if r is row)
    steps = [b.time - a.time for a, b in pairwise(rows)]
    allowed = GAP_STEPS * min(steps, default=0.0)
    meshed = row.landmarks is not None

    def joined(i: int) -> bool:
        return steps[i] <= allowed and all((r.landmarks is not None) == meshed for r in (rows[i], rows[i + 1]))

    first = last = at
    while first > 0 and joined(first - 1):
        first -= 1
    while last < len(rows) - 1 and joined(last):
        last += 1
    return rows[first : last + 1], at - first


@lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    """The noise of each point of a mesh, over the face's size, (478,)."""
    noise = np.full(478, NOISE)
    noise[list({*LEFT_EYE, *RIGHT_EYE, *LIPS, *INNER_LIPS})] *= LIVELY
    return noise


def _points(row: FaceRow) -> np.ndarray:
    return row.five_points if row.landmarks is None else row.landmarks


@lru_cache(maxsize=1)
def _neighbours() -> np.ndarray:
    """For each point of a mesh those nearest to it on the mean face, int (478, K)."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(mean_mesh()).query(mean_mesh(), k=NEIGHBOURS)[1])


def _moved(row: FaceRow, points: np.ndarray) -> FaceRow:
    """The row with its face at these points, and all that follows from them."""
    old, new = head_pose(_points(row)), head_pose(points)
    unit_old, unit_new = (np.vstack([align_affine(pose, 1, 1.0), [0, 0, 1]]).astype(np.float64) for pose in (old, new))
    affine = (row.affine.astype(np.float64) @ np.linalg.inv(unit_old) @ unit_new).astype(np.float32)
    yaw, pitch, roll = new.angles
    points = points.astype(np.float32)
    if row.landmarks is None:
        shift = (points - row.five_points).mean(axis=0)
        box = (row.box + np.tile(shift, 2)).astype(np.float32)
        return replace(row, five_points=points, box=box, affine=affine, yaw=yaw, pitch=pitch, roll=roll)
    return replace(
        row,
        landmarks=points,
        five_points=five_of_mesh(points),
        box=bounds(points[:MESH_POINTS]),
        affine=affine,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
    )
