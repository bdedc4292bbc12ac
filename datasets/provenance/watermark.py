"""Writing the invisible watermark: what a picture shows on the mark's grid is bent until it says the clip's id.

*Informed embedding*: the picture itself is the channel's known noise, so only what is missing is added, and only as
much as the eye allows there.

* The id by spread-transform dither modulation (Chen and Wornell, "Quantization index modulation", IEEE Trans. Inf.
  Theory 2001): each bit's keyed sum over its cells is moved to the nearest point of the lattice that stands for its
  value. The picture's own share of the sum then does no harm, however large it is, where plain spread spectrum has to
  outshout it.
* The presence pattern by informed spread spectrum (Cox, Miller, McKellips 1999) in a finer band, until its
  correlation reaches :data:`PRESENCE_GOAL`.

How much the eye allows follows local texture, less beside edges: about one level in flat regions.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.provenance.manifest import SOFT_BINDING_ALGORITHM as ALGORITHM
from datasets.provenance.payload import MarkKey, code_bits
from datasets.provenance.watermarkgrid import (
    ID_CELLS,
    ID_SIGMA,
    LINEAR_TO,
    PRESENCE_CELLS,
    PRESENCE_SIGMA,
    SIDE,
    STEP,
    Array,
    canonical,
    cells,
    high_pass,
    id_parts,
    id_pattern,
    luma,
    presence_parts,
    presence_pattern,
)

__all__ = ["ALGORITHM", "Watermark"]

# Mean squared error that no frame exceeds: 42.3 dB of PSNR.
LARGEST_ERROR = 255.0**2 / 10**4.23
ID_SHARE = 0.85
# Compression keeps about half of what is added: go as much further.
OVERSHOOT = 1.8
# Visible amplitude (levels of luma) in flat regions, its growth with texture, and where it ends.
FLAT, BY_TEXTURE, MOST = 0.6, 0.5, 5.0
ID_CAP, PRESENCE_CAP = 2.0, 1.6
PRESENCE_GOAL, PRESENCE_ROUNDS = 32.0, 4
# A sum that lies between two points keeps to the one of the frame before while it is at most this far away (steps).
KEEP_TO = 0.75
NO_LESS = 1e-6


class Watermark:
    """The watermark of one clip or picture.

    Its frames are given in order: a frame between two ways to say the same follows the one before it, so that nothing
    flickers. One instance must not serve two clips.

    Args:
        mark_id: 0 to 2^32 - 1.
        key: the private key that the id is written with.
    """

    name = "watermark"

    def __init__(self, mark_id: int, key: MarkKey) -> None:
        self.pattern = id_pattern(key)
        # The two values of a bit are two lattices, half a step apart.
        self.goal = self.pattern.offset + np.where(code_bits(mark_id, key) == 1, 0.0, 0.5)
        self._point: np.ndarray | None = None

    def apply(self, image: np.ndarray) -> np.ndarray:
        """A marked copy of a uint8 RGB HxWx3 picture: every colour moves by the same rounded amount."""
        change = np.rint(self.change(image)).astype(np.int16)
        return cv2.add(image, cv2.merge([change] * 3), dtype=cv2.CV_8U)

    def change(self, image: np.ndarray) -> Array:
        """What is added to a uint8 RGB HxWx3 picture, float32 HxW, levels of luma."""
        height, width = image.shape[:2]
        square = canonical(luma(image))
        allowed = visibility(square)
        added = self._id(square, allowed)
        added = _within(added, LARGEST_ERROR * ID_SHARE)
        added = _within(added + _presence(square + added, allowed), LARGEST_ERROR)
        shrinking = width < SIDE or height < SIDE
        return cv2.resize(added, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)

    def _id(self, square: Array, allowed: Array) -> Array:
        """What moves every bit's sum to its lattice, (SIDE, SIDE)."""
        pattern, limit = self.pattern, cells(allowed, ID_CELLS)
        price = limit * limit
        values, read = id_parts(square)
        chips = pattern.chips / np.sqrt(1 + (values / LINEAR_TO) ** 2)
        place = pattern.project(read) / STEP - self.goal
        shift = (self._nearest(place) - place) * STEP * OVERSHOOT
        # The least visible change that moves the sums: along the chips, weighted by what the eye allows.
        effect = np.bincount(pattern.bit, (chips * high_pass(price * high_pass(chips, ID_SIGMA), ID_SIGMA)).ravel())
        strength = (shift / np.maximum(effect, NO_LESS)).astype(np.float32)
        change = price * high_pass(strength[pattern.bit].reshape(chips.shape) * chips, ID_SIGMA)
        change = np.clip(change, -ID_CAP * limit, ID_CAP * limit)
        change *= min(1.0, 1 / np.sqrt(np.mean((change / limit) ** 2) + NO_LESS))
        smooth = cv2.resize(change, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        # A cell at an edge must not spill over to its flat side.
        return smooth * np.minimum(1, allowed / cv2.resize(limit, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))

    def _nearest(self, place: np.ndarray) -> np.ndarray:
        point = np.round(place)
        if self._point is not None:
            point = np.where(np.abs(self._point - place) <= KEEP_TO, self._point, point)
        self._point = point
        return point


def visibility(square: Array) -> Array:
    """The amplitude that the eye lets pass, (SIDE, SIDE), levels of luma: FLAT and more with texture.

    Texture is the mean deviation from the local mean, eroded, so that the flat side of an edge does not count as
    textured.
    """
    deviation = cv2.blur(np.abs(square - cv2.blur(square, (5, 5))), (5, 5))
    texture = cv2.blur(cv2.erode(deviation, np.ones((5, 5), np.uint8)), (5, 5))
    return np.clip(FLAT + BY_TEXTURE * texture, FLAT, MOST)


def _presence(square: Array, allowed: Array) -> Array:
    """What brings the correlation with the public pattern to its goal, (SIDE, SIDE)."""
    limit, pattern = cells(allowed, PRESENCE_CELLS), presence_pattern()
    added, change = np.zeros_like(square), np.zeros_like(limit)
    for _ in range(PRESENCE_ROUNDS):
        values, scale = presence_parts(square + added)
        limited = values / (scale + np.abs(values))
        norm = float(np.linalg.norm(limited)) + NO_LESS
        missing = PRESENCE_GOAL - float(np.vdot(limited, pattern)) / norm
        if missing <= 0:
            break
        slope = pattern * scale / (scale + np.abs(values)) ** 2
        way = limit * high_pass(slope, PRESENCE_SIGMA)
        effect = float(np.vdot(slope, high_pass(way, PRESENCE_SIGMA))) / norm
        change = np.clip(change + missing / max(effect, NO_LESS) * way, -PRESENCE_CAP * limit, PRESENCE_CAP * limit)
        added = cv2.resize(change, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return added


def _within(added: Array, error: float) -> Array:
    """The change, weakened where it would exceed that mean squared error."""
    mean = float(np.mean(added * added))
    return added * np.sqrt(error / mean) if mean > error else added
