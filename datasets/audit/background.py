"""What the picture away from the face says: the traces that coding leaves, which must be the same in both classes.

The region is the pair's own, so that fake and original are measured at the same pixels of the same frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from datasets.faces.mask import MESH_POINTS, hull_mask
from datasets.video import Frame, frames_at

BLOCK = 8
REACH = 0.2  # how far around the face is left out too, of the square root of its area
LEAST_REACH = 16  # pixels: a macroblock
FEWEST_BLOCKS = 24
LUMA = np.array((0.2126, 0.7152, 0.0722), np.float32)  # BT.709


def away_from_face(mask: np.ndarray, landmarks: np.ndarray | None = None) -> np.ndarray:
    """Where a pair's frame can hold no trace of the swap itself: bool (H, W).

    Args:
        mask: (H, W), the swap mask, any type; what is over 0 was changed.
        landmarks: (478, 2 or 3) of the face, pixels, or None.

    Returns:
        True outside the swap mask, the hull of the face, and a rim about both of a fifth of their size or more than a
        macroblock.
    """
    face = mask > 0
    if landmarks is not None and len(landmarks) >= MESH_POINTS:
        face = face | (hull_mask(landmarks, (mask.shape[0], mask.shape[1])) > 0)
    if not face.any():
        return np.ones(mask.shape, bool)
    rim = max(LEAST_REACH, round(REACH * float(np.sqrt(face.sum()))))
    distance = cv2.distanceTransform((~face).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distance > rim)


def background_figures(image: np.ndarray, away: np.ndarray) -> np.ndarray | None:
    """Statistics of the blocks of one frame that lie in the region as a whole.

    Args:
        image: uint8 RGB HxWx3.
        away: bool (H, W), see :func:`away_from_face`.

    Returns:
        float64 (137,): log energies of the 63 alternating DCT coefficients of 8 x 8 luma blocks, and the share of
        each that is nearly 0 (quantisation leaves those); standard deviation, kurtosis and mean size of the noise left
        by a median filter, in luma and both chroma planes; blockiness across and down, as steps over the edges of
        blocks against steps inside them. None where fewer than 24 blocks are left.
    """
    inside = cv2.erode(away.astype(np.uint8), np.ones((3, 3), np.uint8))
    height, width = (side // BLOCK * BLOCK for side in away.shape)
    whole = _blocks(inside[:height, :width]).all((1, 2))
    if whole.sum() < FEWEST_BLOCKS:
        return None
    picture = image.astype(np.float32)
    y = picture @ LUMA
    blocks = _blocks(y[:height, :width])[whole]
    basis = cv2.dct(np.eye(BLOCK, dtype=np.float32), flags=cv2.DCT_ROWS).T
    coefficients = (basis.T @ blocks @ basis).reshape(len(blocks), -1)[:, 1:]
    energy = np.log10((coefficients**2).mean(0) + 1e-3)
    still = (np.abs(coefficients) < 0.5).mean(0)
    noise = []
    for plane in (y, picture[..., 2] - y, picture[..., 0] - y):
        rest = (plane - cv2.medianBlur(plane, 3))[inside > 0]
        spread = float(rest.std()) + 1e-3
        noise += [np.log10(spread), np.log10(1e-3 + float(np.abs(rest).mean()))]
        noise.append(np.log10(1e-3 + float((((rest - rest.mean()) / spread) ** 4).mean())))
    return np.concatenate([energy, still, noise, _blockiness(y, inside > 0)]).astype(np.float64)


def _blocks(plane: np.ndarray) -> np.ndarray:
    """(H, W) as (blocks, 8, 8)."""
    height, width = plane.shape
    parts = plane.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)
    return np.asarray(parts.reshape(-1, BLOCK, BLOCK))


def _blockiness(y: np.ndarray, inside: np.ndarray) -> list[float]:
    found = []
    for turned, there in ((y, inside), (y.T, inside.T)):
        steps, both = np.abs(np.diff(turned, axis=1)), there[:, 1:] & there[:, :-1]
        edge = (np.arange(steps.shape[1]) % BLOCK) == BLOCK - 1
        at, between = (float(steps[:, part][both[:, part]].mean()) for part in (edge, ~edge))
        found.append(float(np.log10((at + 1e-2) / (between + 1e-2))))
    return found


def pair_background(
    fake: Path, original: Path, regions: Iterable[tuple[int, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray] | None:
    """The mean figures of a pair's backgrounds over some frames, float64 (137,) each; None where there is none.

    Args:
        regions: (frame number, bool (H, W)) of each frame that is looked at, ascending.
    """
    found = []
    for one, other, away in pair_frames(fake, original, regions):
        pair = [background_figures(frame.image, away) for frame in (one, other)]
        if pair[0] is not None and pair[1] is not None:
            found.append(pair)
    if not found:
        return None
    mean = np.mean(np.asarray(found, dtype=np.float64), axis=0)
    return mean[0], mean[1]


def pair_frames(
    fake: Path, original: Path, regions: Iterable[tuple[int, np.ndarray]]
) -> Iterator[tuple[Frame, Frame, np.ndarray]]:
    """Frames of a fake and of its original with their common region."""
    wanted = list(regions)
    numbers = [number for number, _ in wanted]
    yield from (
        (one, other, away)
        for one, other, (_, away) in zip(frames_at(fake, numbers), frames_at(original, numbers), wanted, strict=True)
    )
