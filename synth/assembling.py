"""A face's mouth and eyes put together anew: its own frame bent, and what that frame hides from other frames of it.

A mouth that opens where the frame's own is shut, an eye under a shut lid: they are in other frames of the same person.
A few faces that differ most in mouth or eyes are kept, and the nearest to what is wanted are bent to the same landmarks
and blended in. Every weight is a continuous function of the landmarks, so that nothing jumps from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.faces.mask import MESH_POINTS
from synth.bending import COARSE, Box, bent, coarse, enlarged, region
from synth.driving import MOUTH_POINTS, Rest, to_units
from synth.faceparts import NOISE, Part
from synth.ownframes import Library, shares_of

# Of the crop's side: how far around the points the picture is bent, how far it is replaced, and the soft edges.
BENT, BENT_EDGE, SEEN, SEEN_EDGE = 0.035, 0.022, 0.065, 0.016
FAR = 1e9
GRAIN = 0.006


@dataclass(frozen=True)
class Assembled:
    """A face with its mouth and eyes moved, before the network has looked at it.

    Attributes:
        base: float32 RGB (S, S, 3) in [0, 1], own frame and library together.
        own: float32 RGB (S, S, 3), the own frame bent.
        hidden: float32 (S, S) in [0, 1], the holes: between lips and lids.
        mask: float32 (S, S) in [0, 1], where anything was changed.
    """

    base: np.ndarray
    own: np.ndarray
    hidden: np.ndarray
    mask: np.ndarray


class Assembler:
    """Puts faces of one person together.

    Args:
        rest: the person's.
        parts: what is driven.
        libraries: for each part's name, faces to take from.
        coverage: of the crops.
    """

    def __init__(self, rest: Rest, parts: list[Part], libraries: dict[str, Library], coverage: float) -> None:
        self.rest, self.parts, self.libraries, self.coverage = rest, parts, libraries, coverage

    def assemble(
        self,
        image: np.ndarray,
        own: np.ndarray,
        wanted: np.ndarray,
        whole: bool = False,
        without: tuple[float, float] | None = None,
        shares: dict[str, np.ndarray] | None = None,
    ) -> Assembled:
        """One face with its points at ``wanted``.

        Args:
            image: uint8 RGB (S, S, 3).
            own, wanted: (468+, 2), crop pixels: where its points are and where they are to be.
            whole: bend the whole face, not the parts alone.
            without: a stretch of time, seconds, from which the library gives nothing.
            shares: for each part's name how much of each library face to take (``steady_shares``); by nearness if None.
        """
        size = image.shape[0]
        small = size // COARSE
        own, wanted = own[:MESH_POINTS], wanted[:MESH_POINTS]
        moving, seen = (np.zeros((small, small), np.float32) for _ in range(2))
        for part in self.parts:
            both = coarse(np.vstack([own[part.around], wanted[part.around]]))
            moving = np.maximum(moving, region(both, small, BENT, BENT_EDGE))
            seen = np.maximum(seen, region(both, small, SEEN, SEEN_EDGE))
        mine = image.astype(np.float32)
        if whole:
            mine[:] = bent(image, own, wanted)
        elif moving.any():
            box = _extent(moving, size)
            mine[box] = bent(image, own, wanted, moving, box)
        mine *= np.float32(1 / 255)
        base = mine.copy()
        hidden = np.zeros((size, size), np.float32)
        shapes = {"own": self._shape(own, size), "wanted": self._shape(wanted, size)}
        for part in self.parts:
            box = _box(wanted[part.around], size)
            hole = self._hole(part, wanted, size, box)
            hidden[box] = np.maximum(hidden[box], hole)
            if part.name in self.libraries:
                given = None if shares is None else shares[part.name]
                self._blend(base, mine, part, shapes, wanted, hole, box, given, without)
        return Assembled(base, mine, hidden, enlarged(seen, size, (slice(0, size), slice(0, size))))

    def _shape(self, points: np.ndarray, size: int) -> np.ndarray:
        return self.rest.head_fixed(to_units(points, size, self.coverage))

    def _hole(self, part: Part, points: np.ndarray, size: int, box: Box) -> np.ndarray:
        mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
        polygon = np.round((points[part.hole] - (box[1].start, box[0].start)) * 16).astype(np.int32)
        cv2.fillPoly(mask, [polygon], 255, lineType=cv2.LINE_AA, shift=4)
        return cv2.GaussianBlur(mask, (0, 0), 0.004 * size).astype(np.float32) / 255

    def _blend(
        self,
        base: np.ndarray,
        mine: np.ndarray,
        part: Part,
        shapes: dict[str, np.ndarray],
        wanted: np.ndarray,
        hole: np.ndarray,
        box: Box,
        weights: np.ndarray | None,
        without: tuple[float, float] | None,
    ) -> None:
        """Blend the library into ``base`` at one part, as far as the own frame is farther from what is wanted."""
        library, size = self.libraries[part.name], base.shape[0]
        target = shapes["wanted"][part.shape]
        own, theirs = float(part.apart(shapes["own"][part.shape], target)), part.apart(library.shapes, target)
        if without is not None:
            theirs = np.where((library.times >= without[0]) & (library.times <= without[1]), FAR, theirs)
        share = own**4 / (own**4 + theirs.min() ** 4 + NOISE**4)
        if share < 1e-3:
            return
        weights = shares_of(theirs) if weights is None else weights
        picture = np.zeros_like(mine[box])
        taken = np.flatnonzero(weights > 1e-3)
        for at in taken:
            one = bent(library.images[at], library.landmarks[at], wanted, None, box)
            picture += one * np.float32(weights[at] / weights[taken].sum() / 255)
        near = region(coarse(wanted[part.around]), size // COARSE, BENT / 2, BENT_EDGE)
        where = enlarged(near, size, box)
        skin = (where * (1 - hole))[..., None]
        means = [(p * skin).sum((0, 1)) / max(float(skin.sum()), 1e-6) for p in (mine[box], picture)]
        picture *= np.clip(means[0] / np.maximum(means[1], 1e-3), 0.75, 1.33).astype(np.float32)
        if part.name == "mouth":
            picture += self._grain(mine[box], wanted, box, size)
        base[box] += (np.float32(share) * where)[..., None] * (picture - base[box])

    def _grain(self, mine: np.ndarray, wanted: np.ndarray, box: Box, size: int) -> np.ndarray:
        """The finest texture of the own frame's skin around the lips.

        Stored faces are smaller than the clip's: without it the skin that comes from them is smoother than its
        surroundings.
        """
        fine = mine - cv2.GaussianBlur(mine, (0, 0), GRAIN * size)
        lips = region(coarse(wanted[MOUTH_POINTS]), size // COARSE, 0.012, 0.01)
        return np.clip(fine, -0.06, 0.06) * (1 - enlarged(lips, size, box))[..., None]


def _extent(plane: np.ndarray, size: int) -> Box:
    """The part of the picture in which a coarse plane is not zero, one coarse pixel wider."""
    rows, columns = (np.flatnonzero(plane.any(axis=axis)) for axis in (1, 0))
    low, high = (np.array([f(rows), f(columns)]) for f in (np.min, np.max))
    low, high = np.maximum(0, (low - 1) * COARSE), np.minimum(size, (high + 2) * COARSE)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _box(points: np.ndarray, size: int) -> Box:
    """The part of the picture around points, with room for the soft edge."""
    margin = (BENT / 2 + 3 * BENT_EDGE + 0.01) * size
    low = np.clip(np.floor(points.min(0) - margin), 0, size - 2).astype(int)
    high = np.clip(np.ceil(points.max(0) + margin), low + 2, size).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])
