"""Seamless cloning: the face's own detail, with a smooth offset that meets the destination at the mask's edge.

Poisson cloning (Perez, Gangnet and Blake, "Poisson image editing", 2003) keeps the gradients of the face and takes its
values at the edge from the destination. That is the face plus a membrane: the smoothest function that equals their
difference on the edge (Farbman et al., "Coordinates for instant image cloning", 2009). It is solved on the aligned
crop, a fixed square about the face, so there is no centre that jumps with the mask's bounding box; and since a
membrane is smooth, on a small grid.
"""

from __future__ import annotations

import cv2
import numpy as np

GRID = 96
COARSEST = 6
SWEEPS = 12
# The edge: where the face begins to show. There both pictures show skin.
EDGE = (0.02, 0.4)
FEWEST = 24
# Differences on the edge further than so many deviations off its middle are hair, collar or a glasses' temple, and
# would bleed into the cheek.
OUTLYING = 1.5
# How far along the edge the differences are evened out, cells: light is broad, a strand of hair is not.
EVEN = 3.0
_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def seamless(face: np.ndarray, reference: np.ndarray, alpha: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """The face with its values at the mask's edge taken from the destination and its gradients its own.

    Args:
        face, reference: float32 RGB in [0, 1] (S, S, 3).
        alpha: float32 (S, S) in [0, 1], the blend mask; its soft edge says where the two are to meet.
        kept: float32 (S, S) in [0, 1], what is in front of the face; nothing is taken from there.

    Returns:
        float32 RGB in [0, 1]. An empty mask, or one without an edge, gives the face back.
    """
    size = (GRID, GRID)
    edge = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    known = ((edge > EDGE[0]) & (edge < EDGE[1])).astype(np.float32)
    if kept is not None:
        known *= cv2.resize(kept, size, interpolation=cv2.INTER_AREA) < 0.1
    if known.sum() < FEWEST:
        return face
    difference = cv2.resize(reference - face, size, interpolation=cv2.INTER_AREA)
    there = known > 0
    middle = np.median(difference[there], axis=0)
    reach = OUTLYING * 1.4826 * np.median(np.abs(difference[there] - middle), axis=0) + 0.01
    difference = np.clip(difference, middle - reach, middle + reach)
    wide = cv2.GaussianBlur(known, (0, 0), EVEN)[..., None]
    difference = cv2.GaussianBlur(difference * known[..., None], (0, 0), EVEN) / np.maximum(wide, 1e-6)
    offset = membrane(difference.astype(np.float32), known)
    return np.clip(face + cv2.resize(offset, face.shape[1::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def membrane(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The harmonic function with given values where they are known, free at the square's border.

    Solved from coarse to fine with a few sweeps on each grid (cascadic multigrid: Bornemann and Deuflhard, 1996).

    Args:
        values: float32 (N, N, 3).
        known: float32 (N, N), 1 where the values hold and 0 elsewhere.
    """
    weighted = values * known[..., None]
    if values.shape[0] <= COARSEST:
        total = weighted.sum((0, 1)) / max(float(known.sum()), 1e-6)
        start: np.ndarray = np.broadcast_to(total, values.shape).astype(np.float32)
    else:
        half = (-(-values.shape[1] // 2), -(-values.shape[0] // 2))
        share = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(weighted, half, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
        coarse = membrane(coarse, (share > 0).astype(np.float32))
        start = cv2.resize(coarse, values.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    free = (1 - known)[..., None]
    for _ in range(SWEEPS):
        start = np.asarray(
            weighted + free * cv2.filter2D(start, -1, _CROSS, borderType=cv2.BORDER_REPLICATE), np.float32
        )
    return start
