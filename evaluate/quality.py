"""How good a swap is: pose, expression, steadiness and identity against the clip it was made from and the source.

Every figure is of frames that were swapped, with the landmarks found anew in both pictures, not taken from the swap's
own bookkeeping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.faces.align import align_affine, head_pose, transform_points, warp_crop
from datasets.faces.finder import Face, FaceFinder
from datasets.faces.mask import hull_mask
from synth.texture import bend

# Corners of the eyes, brows, nose, lips and the oval: the places of the customary 68 points on the mesh.
CUSTOMARY = (
    *(127, 234, 93, 132, 58, 172, 136, 150, 152, 379, 365, 397, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)
LEFT_PUPIL, RIGHT_PUPIL = 468, 473
STEADY_SIZE, STEADY_COVERAGE = 128, 1.4


@dataclass(frozen=True)
class Fidelity:
    """How well a swap keeps what the destination does.

    Attributes:
        frames: how many were compared.
        pose: mean angle between the two heads' rotations, degrees.
        landmarks: mean distance of the 68 customary points over the distance of the pupils.
        flicker, flicker_original: mean second difference in time of the face's luminance, 0 to 255, warped to one
            mesh; of the swap and of the original.
    """

    frames: int
    pose: float
    landmarks: float
    flicker: float
    flicker_original: float

    @property
    def flicker_ratio(self) -> float:
        return self.flicker / max(self.flicker_original, 1e-6)


def pose_error(one: np.ndarray, other: np.ndarray) -> float:
    """Angle between the head rotations of two meshes (478, 3), degrees."""
    turn = head_pose(one).rotation @ head_pose(other).rotation.T
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))


def landmark_error(one: np.ndarray, other: np.ndarray, points: Sequence[int] = CUSTOMARY) -> float:
    """Mean distance of the points of two meshes (478, 2 or 3) over the pupils' distance in ``other``."""
    index = list(points)
    apart = np.linalg.norm(one[index, :2] - other[index, :2], axis=1).mean()
    return float(apart / max(np.linalg.norm(other[LEFT_PUPIL, :2] - other[RIGHT_PUPIL, :2]), 1e-6))


def steady_view(image: np.ndarray, landmarks: np.ndarray, still: np.ndarray) -> np.ndarray:
    """The face's luminance warped so that its landmarks lie at ``still``: float32 (128, 128), 0 to 255.

    Args:
        image: uint8 RGB (H, W, 3).
        landmarks: (478, 3), pixels of the image.
        still: (478, 2), pixels of the view.
    """
    affine = align_affine(landmarks, STEADY_SIZE, STEADY_COVERAGE)
    crop = warp_crop(image, affine, STEADY_SIZE)
    warped = bend(crop, transform_points(landmarks, affine)[:, :2], still)
    return cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY).astype(np.float32)


def still_points(landmarks: np.ndarray) -> np.ndarray:
    """Where the landmarks (478, 3) of one frame lie in a view of ``steady_view``: float32 (478, 2)."""
    return transform_points(landmarks, align_affine(landmarks, STEADY_SIZE, STEADY_COVERAGE))[:, :2]


def flicker(views: Iterable[np.ndarray], still: np.ndarray) -> float:
    """Mean absolute second difference in time inside the face, of luminance 0 to 255; 0 for fewer than three views."""
    inside = cv2.erode((hull_mask(still, (STEADY_SIZE, STEADY_SIZE)) > 0.5).astype(np.uint8), np.ones((9, 9))) > 0
    sums, before, last = [], None, None
    for view in views:
        if before is not None and last is not None:
            sums.append(float(np.abs(view - 2 * last + before)[inside].mean()))
        before, last = last, view
    return float(np.mean(sums)) if sums else 0.0


def nearest(faces: list[Face], wanted: np.ndarray) -> Face | None:
    """The meshed face whose box lies nearest to ``wanted`` (4,); None when there is none."""
    meshed = [face for face in faces if face.landmarks is not None]
    return min(meshed, key=lambda face: float(np.abs(face.box - wanted).sum()), default=None)


@dataclass(frozen=True)
class Compared:
    """One frame's comparison: the meshes found in the swap and in the original, float32 (478, 3), and their errors."""

    swap: np.ndarray
    original: np.ndarray
    pose: float
    landmarks: float


class FidelityMeter:
    """Compares a swap with its original, frame after frame, in the clip's order.

    Args:
        finders: one for each of the two clips, for they follow the face from frame to frame.
    """

    def __init__(self, finders: tuple[FaceFinder, FaceFinder]) -> None:
        self.finders = finders
        self.poses: list[float] = []
        self.marks: list[float] = []
        self._still: np.ndarray | None = None
        self._views: list[list[np.ndarray]] = [[], []]
        self._differences: list[list[float]] = [[], []]
        self._last = -1

    def add(self, number: int, swap: np.ndarray, original: np.ndarray, box: np.ndarray) -> Compared | None:
        """Take a frame; None where a face is missing. Over a gap in the numbers nothing is compared.

        Args:
            number: of the frame. swap, original: uint8 RGB (H, W, 3). box: of the face, xyxy.
        """
        if number != self._last + 1:
            self._views = [[], []]
            for finder in self.finders:
                finder.reset()
        self._last = number
        found = [nearest(finder.find(image), box) for finder, image in zip(self.finders, (swap, original), strict=True)]
        if found[0] is None or found[1] is None:
            self._views = [[], []]
            return None
        made, true = (np.asarray(face.landmarks) for face in found)  # type: ignore[union-attr]
        compared = Compared(made, true, pose_error(made, true), landmark_error(made, true))
        self.poses.append(compared.pose)
        self.marks.append(compared.landmarks)
        self._still = still_points(true) if self._still is None else self._still
        # Both are warped by the original's mesh: noise of the finder is no flicker of the swap.
        for side, image in enumerate((swap, original)):
            self._views[side] = [*self._views[side][-2:], steady_view(image, true, self._still)]
            if len(self._views[side]) == 3:
                self._differences[side].append(flicker(self._views[side], self._still))
        return compared

    def result(self) -> Fidelity:
        """The means so far. Raises ValueError when no face was found in any pair."""
        if not self.poses:
            raise ValueError("no face was found in any of the pairs")
        swap_flicker, original_flicker = (float(np.mean(d)) if d else 0.0 for d in self._differences)
        return Fidelity(
            len(self.poses), float(np.mean(self.poses)), float(np.mean(self.marks)), swap_flicker, original_flicker
        )


def fidelity(
    pairs: Iterable[tuple[int, np.ndarray, np.ndarray, np.ndarray]], finders: tuple[FaceFinder, FaceFinder]
) -> Fidelity:
    """Compare a swap with its original, frame after frame.

    Args:
        pairs: (frame number, swap, original, box of the face), see :meth:`FidelityMeter.add`.

    Raises:
        ValueError: no face was found in any pair.
    """
    meter = FidelityMeter(finders)
    for number, swap, original, box in pairs:
        meter.add(number, swap, original, box)
    return meter.result()


def nearer_to(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Share of the embeddings (N, D) whose cosine to the mean of ``first`` exceeds that to the mean of ``second``."""
    return float((embeddings @ _centre(first) > embeddings @ _centre(second)).mean())


def cosine(embeddings: np.ndarray, to: np.ndarray) -> float:
    """Mean cosine of embeddings (N, D), each of length 1, to the mean of others."""
    return float((embeddings @ _centre(to)).mean())


def _centre(those: np.ndarray) -> np.ndarray:
    middle = those.mean(axis=0)
    return middle / max(float(np.linalg.norm(middle)), 1e-9)


def consecutive(count: int, frames: int, runs: int = 4) -> Iterator[int]:
    """Frame numbers for measuring: ``runs`` stretches of consecutive frames, ``frames`` in all, of ``count``."""
    long = max(3, min(frames, count) // runs)
    if count <= frames:
        yield from range(count)
        return
    for run in range(runs):
        start = round(run * (count - long) / max(1, runs - 1))
        yield from range(start, start + long)
