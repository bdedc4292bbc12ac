"""Where a face lies in the frame, and the square crop that is cut around it.

A crop is a similarity transform of the frame (turn, scale, shift; no shear), so that pasting it back is exact up to
resampling. The transform is that of the head, found in three dimensions: a head that turns keeps its size in the
crop, where a fit of flat points would zoom in on a profile.

Coordinates are pixels with the first pixel's centre at (0, 0), x right, y down, as OpenCV counts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.errors import InputError
from datasets.faces.finder import Face
from datasets.faces.template import FIVE, RIGID, RIGID_POINTS

# Crop side over the landmark box, by DeepFaceLab's customary names.
COVERAGES: dict[str, float] = {"half": 1.0, "mid-full": 1.19, "full": 1.60, "whole": 2.13, "head": 2.98}
# From `full` to `whole` the crop's centre moves up the head by this part of its side, to make room for the hair.
CENTRE_UP = 0.07
SUPERSAMPLING = 8


@dataclass(frozen=True)
class Pose:
    """Where the mean face (``datasets.faces.template``) stands in the picture, as a scaled orthographic projection.

    Attributes:
        scale: pixels a unit of the mean face (the landmark box's side, in pixels).
        rotation: float64 (3, 3), from the mean face's axes to the picture's.
        centre: float64 (2,), the face's centre in the picture.
    """

    scale: float
    rotation: np.ndarray
    centre: np.ndarray

    @property
    def angles(self) -> tuple[float, float, float]:
        """(yaw, pitch, roll), degrees; positive: nose to the picture's right, chin up, clockwise in the picture."""
        r = self.rotation  # = roll @ yaw @ pitch
        yaw = np.arcsin(np.clip(r[2, 0], -1, 1))
        pitch, roll = np.arctan2(-r[2, 1], r[2, 2]), np.arctan2(r[1, 0], r[0, 0])
        return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))

    @property
    def turn(self) -> float:
        """Turn in the picture's plane, radians, clockwise: that of the similarity nearest to the projection."""
        r = self.rotation
        return float(np.arctan2(r[1, 0] - r[0, 1], r[0, 0] + r[1, 1]))

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points of the mean face (N, 3) in the picture, float64 (N, 2)."""
        return self.scale * points @ self.rotation[:2].T + self.centre


def head_pose(landmarks: np.ndarray) -> Pose:
    """The pose of a face from its mesh (478, 3) or its five points (5, 2).

    The mesh gives a similarity in space (Umeyama, 1991) over the points that no expression moves. Five points give
    the scaled orthographic projection nearest in least squares (DeMenthon and Davis, 1995, first iteration).
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if len(points) == 5:
        return _pose_of_five(points[:, :2])
    if len(points) < 468 or points.shape[1] < 3:
        raise ValueError(f"a mesh of (478, 3) or five points (5, 2), not {points.shape}")
    scale, rotation, shift = umeyama(RIGID, points[RIGID_POINTS])
    return Pose(scale, rotation, shift[:2])


def umeyama(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The similarity (scale, rotation, shift) that takes ``source`` nearest to ``target`` in least squares.

    Args:
        source, target: (N, D), matching rows.

    Reference: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    middle_s, middle_t = source.mean(0), target.mean(0)
    u, s, vt = np.linalg.svd((target - middle_t).T @ (source - middle_s))
    sign = np.ones(len(s))
    sign[-1] = np.sign(np.linalg.det(u @ vt)) or 1.0
    rotation = u @ np.diag(sign) @ vt
    scale = float((s * sign).sum() / ((source - middle_s) ** 2).sum())
    return scale, rotation, middle_t - scale * rotation @ middle_s


def _pose_of_five(points: np.ndarray) -> Pose:
    model = np.column_stack([FIVE, np.ones(5)])
    solution = np.linalg.lstsq(model, points, rcond=None)[0]
    u, s, vt = np.linalg.svd(solution[:3].T, full_matrices=False)
    first, second = u @ vt
    rotation = np.stack([first, second, np.cross(first, second)])
    return Pose(float(s.mean()), rotation, solution[3])


def coverage_value(coverage: str | float) -> float:
    """Crop side over landmark box, from a name of ``COVERAGES`` or a number above 0. Raises InputError."""
    if isinstance(coverage, str):
        if coverage not in COVERAGES:
            raise InputError(f"There is no crop coverage {coverage!r}; there are: {', '.join(COVERAGES)}.")
        return COVERAGES[coverage]
    if not coverage > 0:
        raise InputError(f"A crop coverage is above 0, and {coverage} is not.")
    return float(coverage)


def _fixed_centre(size: int, coverage: float) -> np.ndarray:
    """Where the face's centre lies in a crop, pixels (2,)."""
    full, whole = COVERAGES["full"], COVERAGES["whole"]
    up = CENTRE_UP * np.clip((coverage - full) / (whole - full), 0, 1)
    return np.array([0.5, 0.5 + up]) * size - 0.5


def align_affine(face: Face | Pose | np.ndarray, size: int, coverage: str | float) -> np.ndarray:
    """The similarity from frame pixels to the pixels of a square crop, float32 (2, 3).

    Args:
        face: a ``Face``, a mesh (478, 3), five points (5, 2), or a pose found already.
        size: crop side, pixels.
        coverage: a name of ``COVERAGES``, or crop side over landmark box.
    """
    if isinstance(face, Face):
        face = face.five_points if face.landmarks is None else face.landmarks
    pose = face if isinstance(face, Pose) else head_pose(face)
    wide = coverage_value(coverage)
    scale = size / (wide * pose.scale)
    cos, sin = scale * np.cos(pose.turn), scale * np.sin(pose.turn)
    linear = np.array([[cos, sin], [-sin, cos]])
    shift = _fixed_centre(size, wide) - linear @ pose.centre
    return np.column_stack([linear, shift]).astype(np.float32)


def rescale_affine(
    affine: np.ndarray, size: int, coverage: str | float, new_size: int, new_coverage: str | float
) -> np.ndarray:
    """The affine of the same face at another crop size and coverage, float32 (2, 3)."""
    old, new = coverage_value(coverage), coverage_value(new_coverage)
    factor = (new_size / new) / (size / old)
    moved = np.asarray(affine, dtype=np.float64) * factor
    moved[:, 2] += _fixed_centre(new_size, new) - factor * _fixed_centre(size, old)
    return moved.astype(np.float32)


def crop_to_crop(size: int, coverage: str | float, new_size: int, new_coverage: str | float) -> np.ndarray:
    """The affine from the pixels of one crop of a face to those of another crop of it, float32 (2, 3)."""
    return rescale_affine(np.eye(2, 3), size, coverage, new_size, new_coverage)


def warp_crop(image: np.ndarray, affine: np.ndarray, size: int) -> np.ndarray:
    """Cut a crop: uint8 (size, size, 3) of a uint8 HxWx3 frame (any depth and channels OpenCV can warp).

    Shrinking averages over the pixels that fall together, so that fine texture does not turn into a pattern that
    crawls from frame to frame. Outside the frame the nearest pixels of its border are repeated.
    """
    shrink = 1.0 / max(float(np.sqrt(abs(np.linalg.det(affine[:, :2])))), 1e-6)
    if shrink <= 1.0:
        return cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    factor = min(int(np.ceil(shrink - 0.05)), SUPERSAMPLING)
    if factor == 1:
        return cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    finer = np.asarray(affine, dtype=np.float64) * factor
    finer[:, 2] += (factor - 1) / 2
    side = size * factor
    large = cv2.warpAffine(image, finer, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)


def unwarp(
    crop: np.ndarray, affine: np.ndarray, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """A crop (or a mask of one) laid back into the frame's geometry; zero where the crop does not reach.

    Args:
        crop: (S, S) or (S, S, C), any depth that OpenCV can warp.
        affine: frame pixels to crop pixels (2, 3).
        size: (width, height) of the frame.
    """
    return cv2.warpAffine(crop, affine, size, flags=interpolation | cv2.WARP_INVERSE_MAP)


def transform_points(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Points (N, 2) or (N, 3) through an affine (2, 3), float32; depth is scaled like the picture."""
    points = np.asarray(points, dtype=np.float64)
    linear, shift = np.asarray(affine[:, :2], dtype=np.float64), affine[:, 2]
    flat = points[:, :2] @ linear.T + shift
    if points.shape[1] == 3:
        flat = np.column_stack([flat, points[:, 2] * np.sqrt(abs(np.linalg.det(linear)))])
    return flat.astype(np.float32)


def invert_affine(affine: np.ndarray) -> np.ndarray:
    """Crop pixels to frame pixels, float32 (2, 3)."""
    return cv2.invertAffineTransform(np.asarray(affine, dtype=np.float64)).astype(np.float32)


def five_of_mesh(landmarks: np.ndarray) -> np.ndarray:
    """The five points of a mesh (478, 2 or more), float32 (5, 2): eye centres, nose tip, mouth corners."""
    p = np.asarray(landmarks, dtype=np.float32)[:, :2]
    return np.stack([(p[33] + p[133]) / 2, (p[362] + p[263]) / 2, p[1], p[61], p[291]]).astype(np.float32)
