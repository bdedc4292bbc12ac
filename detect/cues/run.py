"""One face's frames over time while they are measured: runs of consecutive frames, brought into the same place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import cv2
import numpy as np

from datasets.faces.align import umeyama
from datasets.faces.template import RIGID, RIGID_POINTS
from detect.cues.measured import Measured
from detect.cues.patch import Patch
from detect.cues.regions import face_regions

# Aligned pictures: their side in pixels, and in landmark boxes.
SIZE, COVERAGE = 160, 2.0
EDGE = 8
# Frames further apart than this are not consecutive, seconds.
GAP = 0.15
FINE, MIDDLE = (0.0, 1.5), (1.5, 4.0)
T = TypeVar("T")


@dataclass(frozen=True)
class Aligned:
    """Consecutive frames of a face whose rigid points stand still.

    Attributes:
        luma: uint8 (T, 160, 160), the face's landmark box some 80 px high.
        points: float64 (T, 478, 2), the mesh in those pictures, in sides of the landmark box.
        motion: float64 (T - 1, 2), how far the head moved in the frame, in sides of its box.
        regions: bool (160, 160) by name, :func:`detect.cues.regions.face_regions`; only where all frames have pixels.
    """

    luma: np.ndarray
    points: np.ndarray
    motion: np.ndarray
    regions: dict[str, np.ndarray]

    @cached_property
    def flows(self) -> list[np.ndarray]:
        """Optical flow from each frame but the first to the one before, float32 (160, 160, 2) each, pixels."""
        finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        none = np.zeros((SIZE, SIZE, 2), np.float32)
        return [
            np.asarray(finder.calc(now, before, none.copy()))
            for before, now in zip(self.luma, self.luma[1:], strict=False)
        ]

    def bands(self, fine: float, coarse: float) -> list[np.ndarray]:
        """Difference of Gaussians of each frame, float32 (160, 160)."""
        return [_blurred(luma, fine) - _blurred(luma, coarse) for luma in self.luma]

    def carried(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each picture but the last where the flow says that its pixels went, to be held against the next."""
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
        return [
            cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
            for picture, flow in zip(pictures, self.flows, strict=False)
        ]


class Runs:
    """All that was seen of one face, with what several cues need worked out once."""

    def __init__(self, runs: Sequence[Sequence[tuple[float, Patch]]]) -> None:
        self.patches: list[Patch] = [patch for run in runs for _, patch in run]
        self._consecutive = [part for run in runs for part in _unbroken(run)]
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, worked out the first time that ``key`` is asked for."""
        if key not in self._kept:
            self._kept[key] = work()
        return self._kept[key]

    @cached_property
    def aligned(self) -> list[Aligned]:
        """The runs of two frames or more."""
        return [aligned(run) for run in self._consecutive if len(run) > 1]

    @cached_property
    def details(self) -> np.ndarray:
        """E of the eyes and mouth, the skin and the surroundings in the two finest bands, float64 (frames, 3, 2)."""
        rows = []
        for patch in self.patches:
            m = Measured(patch)
            rows.append([[m.detail(region, band) for band in (0, 1)] for region in ("features", "skin", "outer")])
        return np.array(rows, dtype=np.float64).reshape(-1, 3, 2)


def aligned(run: Sequence[Patch]) -> Aligned:
    """Turn, scale and shift the patches of a run so that the rigid points of the mesh stand where the first has them.

    The first stands as the mean face does (``datasets.faces.template``), as far as a similarity goes.
    """
    target = RIGID[:, :2] * (SIZE / COVERAGE) + (SIZE - 1) / 2
    lumas: list[np.ndarray] = []
    points: list[np.ndarray] = []
    centres: list[np.ndarray] = []
    valid = np.ones((SIZE, SIZE), bool)
    for patch in run:
        own = patch.landmarks.astype(np.float64)
        scale, rotation, shift = umeyama(own[RIGID_POINTS], target)
        affine = np.column_stack([scale * rotation, shift])
        grey = cv2.cvtColor(patch.image, cv2.COLOR_RGB2GRAY)
        lumas.append(cv2.warpAffine(grey, affine, (SIZE, SIZE), flags=_way(scale), borderMode=cv2.BORDER_REPLICATE))
        valid &= cv2.warpAffine(np.ones_like(grey), affine, (SIZE, SIZE), flags=cv2.INTER_NEAREST) > 0
        moved = own @ affine[:, :2].T + affine[:, 2]
        if len(points) == 0:
            target = moved[RIGID_POINTS]
        points.append(moved)
        centres.append((own[RIGID_POINTS].mean(0) * patch.scale + patch.origin) / (patch.side * patch.scale))
    mesh = np.stack(points)
    side = float(np.median(np.ptp(mesh, axis=1).max(axis=1)))
    inside = np.zeros((SIZE, SIZE), bool)
    inside[EDGE:-EDGE, EDGE:-EDGE] = True
    inside &= cv2.erode(valid.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    regions = face_regions(mesh.mean(0).astype(np.float32), (SIZE, SIZE), side)
    return Aligned(
        np.stack(lumas),
        mesh / side,
        np.diff(np.stack(centres), axis=0),
        {name: (mask > 0) & inside for name, mask in regions.items()},
    )


def _way(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR


def _blurred(luma: np.ndarray, sigma: float) -> np.ndarray:
    plane = luma.astype(np.float32)
    return cv2.GaussianBlur(plane, (0, 0), sigma) if sigma else plane


def _unbroken(run: Sequence[tuple[float, Patch]]) -> list[list[Patch]]:
    parts: list[list[Patch]] = []
    last = -np.inf
    for time, patch in run:
        if not 0 < time - last <= GAP:
            parts.append([])
        parts[-1].append(patch)
        last = time
    return parts
