"""Self-blended faces: pseudo-fakes made of one real face alone, for detectors to learn from.

Two copies of a face, of which one has other colours and another texture; one is moved a little and blended into the
other through a soft mask. What is left are the traits that face swaps have in common, whatever tool made them: a blend
boundary, colours, light and sharpness that do not agree, features that miss their places.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, from the paper alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.selfblenddraw import SelfBlendDraw, SelfBlendSettings, draw_self_blend
from datasets.selfblendlook import with_look
from datasets.selfblendmask import Place, displacement, outlines, place_of, soft_mask, source_matrix

GRID_STEP = 0.1  # between the nodes on which the bend of the source is computed, face units
REACH = 0.16  # how far from its place a pixel of the source is fetched at most, face units


@dataclass(frozen=True)
class SelfBlended:
    """A pair.

    Attributes:
        real: uint8 RGB (H, W, 3), the face; with other colours and texture than the crop when ``draw`` says so.
        fake: uint8 RGB (H, W, 3), the same with a copy of itself blended in. Before what both went through in the end
            it is equal to ``real`` where ``mask`` is 0, bit for bit.
        mask: float32 (H, W) in [0, 1], the alpha that was used. All zero when the region lies outside the crop: then
            fake and real are the same picture, and ``changed`` is False.
        draw: what was drawn; :func:`replay` makes the same pair of it.
    """

    real: np.ndarray
    fake: np.ndarray
    mask: np.ndarray
    draw: SelfBlendDraw

    @property
    def changed(self) -> bool:
        return bool(self.mask.any())


def self_blend(
    crop: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, settings: SelfBlendSettings | None = None
) -> SelfBlended:
    """Make one pair of one real face.

    Args:
        crop: uint8 RGB (H, W, 3).
        landmarks: (478, 2 or 3), pixels of the crop; they may lie outside it.
        rng: all randomness comes from it.
    """
    return replay(crop, landmarks, draw_self_blend(rng, settings))


def self_blends(
    crops: np.ndarray | Sequence[np.ndarray],
    landmarks: np.ndarray | Sequence[np.ndarray],
    seeds: Sequence[int],
    settings: SelfBlendSettings | None = None,
) -> list[SelfBlended]:
    """Make one pair of each of N faces, each from its own seed, whatever the company.

    Args:
        crops: N pictures, uint8 RGB (H, W, 3).
        landmarks: N meshes (478, 2 or 3), crop pixels.
        seeds: N whole numbers, not negative.
    """
    return [
        self_blend(crop, points, np.random.default_rng(seed), settings)
        for crop, points, seed in zip(crops, landmarks, seeds, strict=True)
    ]


def replay(crop: np.ndarray, landmarks: np.ndarray, draw: SelfBlendDraw) -> SelfBlended:
    """Make the pair that ``draw`` describes."""
    place = place_of(landmarks)
    target = with_look(crop, draw.look, place) if draw.changed == "target" else crop
    real = target.copy() if target is crop else target
    fake = real.copy()
    mask = np.zeros(crop.shape[:2], np.float32)
    box, alpha = soft_mask(outlines(landmarks, draw, place), draw, place, mask.shape)  # type: ignore[arg-type]
    if alpha.any():
        weight = alpha.astype(np.float32) / 255
        mask[box] = weight
        # Weights of 0 and 1 give the one picture or the other unrounded, which is what makes the mask exact.
        fake[box] = cv2.blendLinear(
            np.ascontiguousarray(real[box]), _source(crop, box, draw, place), 1 - weight, weight
        )
    if draw.shared is not None:
        real, fake = (with_look(picture, draw.shared, place) for picture in (real, fake))
    return SelfBlended(real, fake, mask, draw)


def layer(
    crop: np.ndarray, landmarks: np.ndarray, draw: SelfBlendDraw, place: Place, moment: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """What is to be laid over a crop, and where: for a caller that blends by itself, as in the frames of a clip.

    The same for every frame of an aligned face when ``place`` is the same: nothing hangs on the face's own box.

    Args:
        crop: uint8 RGB (H, W, 3).
        landmarks: (478, 2 or 3), crop pixels.
        draw: with ``changed`` the source; ``shared`` is not used.
        place: the fixed place of faces in such crops.
        moment: number of the frame; only noise depends on it.

    Returns:
        The changed copy, uint8 RGB (H, W, 3), and the alpha, float32 (H, W) in [0, 1], in steps of 1/255.
    """
    if draw.changed != "source":
        raise ValueError("the frame around a layer is not there to be changed")
    shape = (crop.shape[0], crop.shape[1])
    box, alpha = soft_mask(outlines(landmarks, draw, place), draw, place, shape, whole=True)
    return _source(crop, box, draw, place, moment), alpha.astype(np.float32) / 255


def _source(
    crop: np.ndarray, box: tuple[slice, slice], draw: SelfBlendDraw, place: Place, moment: int = 0
) -> np.ndarray:
    """The moved copy of the crop, uint8 RGB, as large as ``box``."""
    height, width = crop.shape[:2]
    rows, columns = box
    rim = int(np.ceil(REACH * place.unit)) + 2
    top, left = max(0, rows.start - rim), max(0, columns.start - rim)
    around = np.ascontiguousarray(crop[top : min(height, rows.stop + rim), left : min(width, columns.stop + rim)])
    if draw.changed == "source":
        inside = Place((place.centre[0] - left, place.centre[1] - top), place.unit)
        around = with_look(around, draw.look, inside, moment)
    back = cv2.invertAffineTransform(source_matrix(draw, place))
    back[:, 2] += back[:, :2] @ (columns.start, rows.start) - (left, top)
    size = columns.stop - columns.start, rows.stop - rows.start
    if not draw.bend:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(around, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    x, y = np.arange(size[0], dtype=np.float64), np.arange(size[1], dtype=np.float64)
    bent = _bend(draw, place, box)
    maps = [(back[i, 0] * x + (back[i, 1] * y + back[i, 2])[:, None]).astype(np.float32) + bent[..., i] for i in (0, 1)]
    return cv2.remap(around, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _bend(draw: SelfBlendDraw, place: Place, box: tuple[slice, slice]) -> np.ndarray:
    """How far from its place each pixel of a box is fetched, float32 (h, w, 2), pixels; computed on a coarse grid."""
    sides = [part.stop - part.start for part in box]
    step = max(1.0, GRID_STEP * place.unit)
    nodes = [max(2, round(side / step)) for side in sides]
    y, x = (part.start + (np.arange(n) + 0.5) * side / n - 0.5 for part, n, side in zip(box, nodes, sides, strict=True))
    grid = (np.stack(np.meshgrid(x, y), -1) - place.centre) / place.unit
    field = (place.unit * displacement(draw.bend, grid)).astype(np.float32)
    return np.asarray(cv2.resize(field, (sides[1], sides[0]), interpolation=cv2.INTER_CUBIC))
