"""Piecewise affine warping through the face mesh, with the head's pose deciding which triangles are seen.

A picture's mesh is rasterised once: each pixel gets its triangle and its barycentric weights in it. Anything known at
the mesh points (where they lie in another picture, how well that picture shows them, how they are lit) is then known
at every pixel by three gathers and a sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch.nn.functional import embedding_bag

from datasets.faces.align import Pose
from datasets.faces.mesh import mean_mesh, openings, triangles
from datasets.faces.template import RIGID, RIGID_POINTS

# Corner, corner, upper lid, lower lid; the iris's centre, which its rim follows.
EYES = (
    (33, 133, (33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), 468),
    (362, 263, (362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263), 473),
)
RIM = 5
INSIDE_LIDS = 0.12
# The outline of a mesh is not quite that of the head: a little beyond it the skin is still there.
BEHIND = -0.15
# The part of the wanted view's facing at which a view is of no use, and at which it is as good as any.
STRETCHED, FAIR = 0.3, 0.9
FAR = 1e6
FOLD = 256


def flat_pose(landmarks: np.ndarray) -> Pose:
    """The head's pose from the mesh points in the picture alone, (478, 2 or more) pixels.

    The scaled orthographic projection nearest in least squares over the points that no expression moves (DeMenthon
    and Davis, 1995, first iteration).
    """
    points = np.asarray(landmarks, dtype=np.float64)[RIGID_POINTS, :2]
    solution = np.linalg.lstsq(np.column_stack([RIGID, np.ones(len(RIGID))]), points, rcond=None)[0]
    u, s, vt = np.linalg.svd(solution[:3].T, full_matrices=False)
    first, second = u @ vt
    return Pose(float(s.mean()), np.stack([first, second, np.cross(first, second)]), solution[3])


@lru_cache(maxsize=1)
def mean_normals() -> np.ndarray:
    """Outward unit normals of the mean face at its points, float64 (478, 3); -z looks at the camera."""
    mesh, corners = mean_mesh(), triangles()
    a, b, c = (mesh[corners[:, i]] for i in range(3))
    faces = np.cross(b - a, c - a)
    total = np.zeros_like(mesh)
    for i in range(3):
        np.add.at(total, corners[:, i], faces)
    # All triangles turn the same way, so one sign settles all.
    total *= -np.sign(total[:, 2].sum())
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def normals(pose: Pose) -> np.ndarray:
    """The normals of a head in this pose, float64 (478, 3), in the picture's axes."""
    return mean_normals() @ pose.rotation.T


def facing(landmarks: np.ndarray, pose: Pose, size: int) -> np.ndarray:
    """How squarely a picture shows each mesh point, float32 (478,), see ``BEHIND``.

    The cosine of the angle between the normal and the way to the camera, from ``BEHIND`` up; ``BEHIND`` as well for
    points that lie at the picture's rim or outside.
    """
    cosine = np.clip(-normals(pose)[:, 2], BEHIND, 1)
    points = np.asarray(landmarks)[:, :2]
    within = smoothstep(np.minimum(points, size - 1 - points).min(1) / (0.02 * size))
    return np.asarray(BEHIND + (cosine - BEHIND) * within, dtype=np.float32)


def shows(there: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How well one view stands for another, in [0, 1], both from :func:`facing`: 0 where it must be stretched much."""
    part = (there - BEHIND) / np.maximum(wanted - BEHIND, 0.05)
    return smoothstep((part - STRETCHED) / (FAIR - STRETCHED))


def smoothstep(x: np.ndarray | float) -> np.ndarray:
    """0 below 0, 1 above 1, and a smooth rise between."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def with_irises_between_lids(landmarks: np.ndarray) -> np.ndarray:
    """The mesh (478, 2) with the rims of the irises drawn in between the lids, float32.

    The mesh knows the whole rim, also where a lid covers it; warping by a covered point would bring the lid's skin
    into the eye.
    """
    points = np.array(landmarks, dtype=np.float32)[:, :2]
    for first, last, upper, lower, centre in EYES:
        iris = range(centre, centre + RIM)
        along = points[last] - points[first]
        width = max(float(np.linalg.norm(along)), 1e-6)
        axes = np.array([along, (-along[1], along[0])], dtype=np.float32) / width

        def level(index: list[int], axes: np.ndarray = axes, origin: np.ndarray = points[first].copy()) -> np.ndarray:
            return np.asarray((points[index] - origin) @ axes.T)

        top, bottom, rim = level(list(upper)), level(list(lower)), level(list(iris))
        x = np.clip(rim[:, 0], 0.06 * width, 0.94 * width)
        over = np.interp(x, np.maximum.accumulate(top[:, 0]), top[:, 1])
        under = np.interp(x, np.maximum.accumulate(bottom[:, 0]), bottom[:, 1])
        middle, half = (over + under) / 2, np.maximum((under - over) / 2, 0) * (1 - INSIDE_LIDS)
        y = np.clip(rim[:, 1], middle - half, middle + half)
        points[list(iris)] = points[first] + np.stack([x, y], 1).astype(np.float32) @ axes
    return points


@dataclass(frozen=True)
class Raster:
    """A mesh drawn into a square of ``size`` pixels.

    Attributes:
        pixels: int64 (P,), flat numbers of the pixels that it covers, ascending.
        corners: int32 (P, 3), mesh points of the triangle seen at each.
        weights: float32 (P, 3), barycentric weights.
    """

    size: int
    pixels: np.ndarray
    corners: np.ndarray
    weights: np.ndarray

    def spread(self, values: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Values at the mesh points, float32 (478, D), as they are at the covered pixels, or some ``rows``: (P, D)."""
        table = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        chosen = (self.corners, self.weights) if rows is None else (self.corners[rows], self.weights[rows])
        corners, weights = (torch.from_numpy(part) for part in chosen)
        return np.asarray(embedding_bag(corners, table, per_sample_weights=weights, mode="sum").numpy())


def rasterise(points: np.ndarray, depth: np.ndarray | None, size: int) -> Raster:
    """Draw the mesh; of triangles on top of each other the nearest is seen, and lips and lids lie over their holes.

    Args:
        points: (478, 2), pixels of a square of ``size``.
        depth: (478,), distance from the camera in any unit; None when nothing hides anything.
    """
    corners = triangles()
    far = np.zeros(len(corners)) if depth is None else np.asarray(depth)[corners].mean(1)
    far = far + FAR * (openings()[0] | openings()[1])
    corners = corners[np.argsort(-far, kind="stable")]
    a, b, c = (points[corners[:, i]].astype(np.float32) for i in range(3))
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)), 0).astype(np.int64)
    high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)), size - 1).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    u, v = b - a, c - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    count = np.where(np.abs(area) > 1e-4, extent[:, 0] * extent[:, 1], 0)
    which = np.repeat(np.arange(len(corners), dtype=np.int32), count)
    place = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    down, across = np.divmod(place, extent[which, 0])
    x, y = across + low[which, 0], down + low[which, 1]
    safe = np.where(np.abs(area) > 1e-4, area, 1)
    to_weights = np.stack([v[:, 1], -v[:, 0], -u[:, 1], u[:, 0]], 1) / safe[:, None]
    dx, dy, m = x - a[which, 0], y - a[which, 1], to_weights[which]
    second, third = m[:, 0] * dx + m[:, 1] * dy, m[:, 2] * dx + m[:, 3] * dy
    inside = np.flatnonzero((second >= -1e-4) & (third >= -1e-4) & (second + third <= 1 + 1e-4))
    seen = np.full(size * size, -1, np.int64)
    # Of several entries for a pixel the last one, the nearest, stays.
    seen[y[inside] * size + x[inside]] = inside
    pixels = np.flatnonzero(seen >= 0)
    last = seen[pixels]
    weights = np.stack([1 - second[last] - third[last], second[last], third[last]], 1).astype(np.float32)
    return Raster(size, pixels, corners[which[last]], weights)


def sample(image: np.ndarray, at: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Samples of a picture (H, W, C) at points (N, 2), pixels: (N, C), as deep as the picture."""
    count = len(at)
    # OpenCV takes no side above 32,767, so the list is folded.
    folded = np.zeros((-(-count // FOLD) * FOLD, 2), np.float32)
    folded[:count] = at
    x, y = (np.ascontiguousarray(folded[:, i]).reshape(-1, FOLD) for i in range(2))
    made = np.asarray(cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE))
    return made.reshape(len(folded), -1)[:count]
