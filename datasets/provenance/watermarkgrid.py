"""The grid that the invisible watermark lives on, and the patterns that its keys draw on it.

Every picture, whatever its size and shape, is brought to one square of :data:`SIDE` by :data:`SIDE` values of luma, so
that neither scaling nor another aspect ratio matters. Two layers lie on it, apart in frequency:

* the *id* on :data:`ID_CELLS` by :data:`ID_CELLS` cells (up to 24 cycles a picture, what strong compression keeps):
  each of the 127 code bits owns some 18 cells inside one of :data:`BANDS` horizontal bands (what covers one band
  spoils its bits alone), and the keyed sum over them is what carries the bit;
* the *presence pattern* on :data:`PRESENCE_CELLS` by :data:`PRESENCE_CELLS` cells (up to 48 cycles), the same in every
  marked picture, drawn from a public key.

All that is random comes from SHAKE-256 (FIPS 202) over the key, so that it is the same on every machine for ever.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from datasets.provenance.bch import LENGTH
from datasets.provenance.payload import PUBLIC_KEY, MarkKey, derived

Array = np.ndarray
# A frame on the square grid (see :func:`canonical`), its time in seconds, and whether it is a key frame.
Square = tuple[Array, float, bool]

SIDE = 192
# Pixels from which a table of sums is quicker than averaging, and to which its sums fit into 31 bits.
LARGE, SUMMABLE = 800_000, 2**31 // 256
ID_CELLS = 48
PRESENCE_CELLS = 96
BANDS = 8
# Step of the quantisation lattice, in units of luma times the root of a bit's number of cells.
STEP = 12.0
ID_SIGMA, PRESENCE_SIGMA = 2.5, 0.8
# Beyond this size (luma) a cell's value counts by its logarithm: a hard edge must not decide a bit alone.
LINEAR_TO = 25.0
PRESENCE_FLOOR, PRESENCE_SHARE = 0.6, 0.5
PRESENCE_REACH = 7
# What neighbouring cells share says nothing: without it the pattern stands out half as far again.
WHITENING_SIGMA = 0.6


def luma(image: np.ndarray) -> np.ndarray:
    """Luma of a uint8 RGB HxWx3 picture, uint8 HxW; a grey picture is returned as it is."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def canonical(grey: Array) -> Array:
    """A grey picture of any size on the square grid, float32 (SIDE, SIDE), 0 to 255."""
    height, width = grey.shape
    if min(height, width) < SIDE:
        larger = (max(width, SIDE), max(height, SIDE))
        grey = cv2.resize(grey.astype(np.float32), larger, interpolation=cv2.INTER_LINEAR)
    if grey.dtype == np.uint8 and LARGE <= grey.size <= SUMMABLE:
        return _area_means(grey)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def _area_means(grey: Array) -> Array:
    """What ``cv2.resize`` gives with INTER_AREA, from sums over rectangles: of a large picture in half the time."""
    height, width = grey.shape
    sums = cv2.integral(grey).ravel()
    corners = np.zeros((SIDE + 1, SIDE + 1))
    for places, weights in _corners(height, width):
        corners += sums.take(places) * weights
    means = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    return np.rint(means * (SIDE * SIDE / grey.size)).astype(np.float32)


@lru_cache(maxsize=4)
def _corners(height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where the square's grid lines cross in a table of sums: flat places and weights, each (SIDE + 1, SIDE + 1)."""

    def lines(length: int) -> tuple[np.ndarray, np.ndarray]:
        exact = np.arange(SIDE + 1) * (length / SIDE)
        before = np.minimum(exact.astype(int), length - 1)
        return before, exact - before

    (y, down), (x, right) = lines(height), lines(width)
    row = width + 1
    first = y[:, None] * row + x
    down = down[:, None]
    return [
        (first, (1 - down) * (1 - right)),
        (first + 1, (1 - down) * right),
        (first + row, down * (1 - right)),
        (first + row + 1, down * right),
    ]


def cells(square: Array, count: int) -> Array:
    """Means of the square over ``count`` by ``count`` cells."""
    return cv2.resize(square, (count, count), interpolation=cv2.INTER_AREA)


def high_pass(values: Array, sigma: float) -> Array:
    """Values less their Gaussian mean of ``sigma`` cells."""
    return values - cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def id_parts(square: Array) -> tuple[Array, Array]:
    """High-passed cells of the id layer, and what is read of them: linear where small, logarithmic where large."""
    values = high_pass(cells(square, ID_CELLS), ID_SIGMA)
    return values, np.arcsinh(values / LINEAR_TO) * LINEAR_TO


def id_cells(square: Array) -> Array:
    """What the id is read from, float32 (ID_CELLS, ID_CELLS)."""
    return id_parts(square)[1]


def presence_parts(square: Array) -> tuple[Array, Array]:
    """High-passed cells of the presence layer and the scale at which each is limited; both (96, 96) float32."""
    values = high_pass(cells(square, PRESENCE_CELLS), PRESENCE_SIGMA)
    around = cv2.blur(np.abs(values), (PRESENCE_REACH, PRESENCE_REACH))
    return values, PRESENCE_FLOOR + PRESENCE_SHARE * around


def presence_cells(square: Array) -> Array:
    """What the presence pattern is looked for in: each cell limited to (-1, 1) by its surroundings."""
    values, scale = presence_parts(square)
    return values / (scale + np.abs(values))


def presence_score(total: Array) -> float:
    """Correlation of summed presence cells with the public pattern, in standard deviations.

    With random chips it exceeds z by chance with a probability of at most exp(-z^2 / 2), whatever the cells are.
    """
    white = high_pass(total, WHITENING_SIGMA)
    norm = float(np.linalg.norm(white))
    return float(np.vdot(white, presence_pattern())) / norm if norm else 0.0


@dataclass(frozen=True)
class IdPattern:
    """Where and how a key writes the 127 bits.

    Attributes:
        bit: (ID_CELLS^2,) int64, the bit that owns each cell.
        chips: (ID_CELLS, ID_CELLS) float32, a sign over the root of its bit's number of cells.
        offset: (127,) float64 in [0, 1), where each bit's lattice begins, in steps.
    """

    bit: np.ndarray
    chips: Array
    offset: np.ndarray

    def project(self, values: Array) -> np.ndarray:
        """The keyed sum of each bit over its cells, (127,), in units of luma."""
        return np.bincount(self.bit, (values * self.chips).ravel(), LENGTH)


@lru_cache(maxsize=8)
def id_pattern(key: MarkKey) -> IdPattern:
    """The pattern that a private key draws for the id."""
    secret = derived(key, "id-pattern")
    rows = ID_CELLS // BANDS
    owner = np.empty((ID_CELLS, ID_CELLS), np.int64)
    order = _permutation(secret, "bits", LENGTH)
    for band, own in enumerate(np.array_split(order, BANDS)):
        count = rows * ID_CELLS
        dealt = own[np.arange(count) % len(own)][_permutation(secret, f"band-{band}", count)]
        owner[band * rows : (band + 1) * rows] = dealt.reshape(rows, ID_CELLS)
    bit = owner.ravel()
    size = np.bincount(bit, minlength=LENGTH)
    signs = _signs(secret, "chips", ID_CELLS**2)
    chips = (signs / np.sqrt(size[bit])).astype(np.float32).reshape(ID_CELLS, ID_CELLS)
    return IdPattern(bit, chips, _words(secret, "offsets", LENGTH) / 2.0**64)


@lru_cache(maxsize=1)
def presence_pattern() -> Array:
    """The public pattern, float32 (96, 96) of -1 and 1, the same for every studio."""
    signs = _signs(derived(PUBLIC_KEY, "presence-pattern"), "chips", PRESENCE_CELLS**2)
    return signs.astype(np.float32).reshape(PRESENCE_CELLS, PRESENCE_CELLS)


def coefficients(image: np.ndarray) -> Array:
    """All that a picture shows on the mark's grid, float32 (11,520,): 2,304 id cells, then 9,216 presence cells.

    For probes of whether a mark gives a class away.

    Args:
        image: uint8 RGB HxWx3.
    """
    square = canonical(luma(image))
    return np.concatenate([id_cells(square).ravel(), presence_cells(square).ravel()])


def _bytes(secret: bytes, purpose: str, count: int) -> bytes:
    return hashlib.shake_256(secret + purpose.encode()).digest(count)


def _words(secret: bytes, purpose: str, count: int) -> np.ndarray:
    return np.frombuffer(_bytes(secret, purpose, 8 * count), ">u8").astype(np.uint64)


def _signs(secret: bytes, purpose: str, count: int) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(_bytes(secret, purpose, -(-count // 8)), np.uint8))[:count]
    return 2.0 * bits - 1.0


def _permutation(secret: bytes, purpose: str, count: int) -> np.ndarray:
    return np.argsort(_words(secret, purpose, count), kind="stable")
