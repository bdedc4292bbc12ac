"""One patch while it is measured: everything that several cues need, worked out once and when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import cv2
import numpy as np

from detect.cues.patch import GRID, Patch
from detect.cues.regions import RING, face_regions

LUMA, CR, CB = 0, 1, 2
# Differences of Gaussians, (finer, coarser) sigma in pixels; 0 is the picture itself.
BANDS = ((0.0, 0.7), (0.7, 1.4), (1.4, 2.8), (2.8, 5.6))
# The widest blur reaches 4 sigmas.
MARGIN = 24
FEWEST_PIXELS = 20
# Energies below this, in levels squared, are rounding.
ENERGY_FLOOR = 0.05
NAN = float("nan")
T = TypeVar("T")


class Measured:
    """A patch with its colour planes, blurs, regions and band energies, each computed once.

    All arrays are over the ``window``: the part of the patch that holds the face and the ring around it.
    """

    def __init__(self, patch: Patch) -> None:
        self.patch = patch
        self.side = patch.side
        height, width = patch.image.shape[:2]
        reach = max(1, int(RING * self.side)) + MARGIN
        low, high = patch.landmarks.min(0) - reach, patch.landmarks.max(0) + reach + 2
        x0, y0 = (int(np.clip(v // GRID * GRID, 0, n - 1)) for v, n in zip(low, (width, height), strict=True))
        x1, y1 = (int(np.clip(v, f + 1, n)) for v, f, n in zip(high, (x0, y0), (width, height), strict=True))
        self.window = (slice(y0, y1), slice(x0, x1))
        self.image = np.ascontiguousarray(patch.image[self.window])
        self.landmarks = patch.landmarks - np.array([x0, y0], dtype=np.float32)
        self._blurs: dict[tuple[int, float], np.ndarray] = {}
        self._bands: dict[tuple[int, float, float], np.ndarray] = {}
        self._kept: dict[Hashable, Any] = {}
        self._places: dict[str, np.ndarray] = {}
        self._energies: dict[tuple[str, int, float, float], float] = {}

    @cached_property
    def planes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Luma, Cr and Cb, float32 (h, w) each, 0 to 255."""
        y, cr, cb = cv2.split(cv2.cvtColor(self.image, cv2.COLOR_RGB2YCrCb))
        return y.astype(np.float32), cr.astype(np.float32), cb.astype(np.float32)

    @cached_property
    def regions(self) -> dict[str, np.ndarray]:
        """Masks uint8 (h, w) by name, see :func:`detect.cues.regions.face_regions`."""
        return face_regions(self.landmarks, self.image.shape[:2], self.side)

    def place(self, region: str) -> np.ndarray:
        """Flat indices of the pixels of a region."""
        if region not in self._places:
            self._places[region] = np.flatnonzero(self.regions[region].view(bool))
        return self._places[region]

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, worked out the first time that ``key`` is asked for."""
        if key not in self._kept:
            self._kept[key] = work()
        return self._kept[key]

    def enough(self, *regions: str, fewest: int = FEWEST_PIXELS) -> bool:
        """Whether each of the regions has more than ``fewest`` pixels."""
        return all(len(self.place(name)) > fewest for name in regions)

    def blurred(self, plane: int, sigma: float) -> np.ndarray:
        """A colour plane after a Gaussian of ``sigma`` pixels, float32 (h, w)."""
        if sigma == 0:
            return self.planes[plane]
        if (plane, sigma) not in self._blurs:
            self._blurs[plane, sigma] = cv2.GaussianBlur(self.planes[plane], (0, 0), sigma)
        return self._blurs[plane, sigma]

    def band(self, plane: int, fine: float, coarse: float) -> np.ndarray:
        """Detail between two sigmas of a plane, float32 (h, w), levels."""
        key = (plane, fine, coarse)
        if key not in self._bands:
            self._bands[key] = self.blurred(plane, fine) - self.blurred(plane, coarse)
        return self._bands[key]

    def energy(self, region: str, plane: int, fine: float, coarse: float) -> float:
        """log(mean of the squared band + 0.05) over a region; NaN for a region of some 20 pixels or fewer."""
        key = (region, plane, fine, coarse)
        if key not in self._energies:
            self._energies[key] = NAN
            if self.enough(region):
                values = np.take(self.band(plane, fine, coarse), self.place(region))
                self._energies[key] = float(np.log(np.dot(values, values) / len(values) + ENERGY_FLOOR))
        return self._energies[key]

    def detail(self, region: str, band: int) -> float:
        """:meth:`energy` of the luma in one of :data:`BANDS`."""
        return self.energy(region, LUMA, *BANDS[band])

    def spread(self, region: str, plane: int) -> float:
        """Standard deviation of a plane over a region, levels; NaN where the region is too small."""
        if not self.enough(region):
            return NAN
        return float(np.take(self.planes[plane], self.place(region)).std(dtype=np.float64))

    def median(self, values: np.ndarray, region: str) -> float:
        """Median of an array (h, w) over a region; NaN where the region is too small."""
        if not self.enough(region):
            return NAN
        return middle(np.take(values, self.place(region)))

    @cached_property
    def gradient(self) -> np.ndarray:
        """Size of the luma's gradient (3x3 Sobel, unscaled), float32 (h, w)."""
        luma = self.planes[LUMA]
        return cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))

    @cached_property
    def calmness(self) -> np.ndarray:
        """The lower, the calmer: size of the luma's gradient after a blur of 1.4 px, float32 (h, w)."""
        luma = self.blurred(LUMA, 1.4)
        return cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))

    @cached_property
    def laplacian(self) -> np.ndarray:
        """Size of the luma's Laplacian, float32 (h, w)."""
        return np.abs(cv2.Laplacian(self.planes[LUMA], cv2.CV_32F))

    def on_patch(self, heat: np.ndarray) -> np.ndarray:
        """A picture over the window as one over the whole patch, float32 in [0, 1]."""
        whole = np.zeros(self.patch.image.shape[:2], np.float32)
        whole[self.window] = np.clip(np.nan_to_num(heat), 0, 1)
        return whole


def middle(values: np.ndarray) -> float:
    """The median of a row of numbers; what ``numpy.median`` gives, in half the time."""
    half = len(values) // 2
    parted = np.partition(values, half)
    return float(parted[half]) if len(values) % 2 else (float(parted[:half].max()) + float(parted[half])) / 2


def quantile(values: np.ndarray, share: float) -> float:
    """A quantile of a row of numbers; what ``numpy.quantile`` gives, in a third of the time."""
    below, part = divmod(share * (len(values) - 1), 1)
    low = int(below)
    parted = np.partition(values, (low, min(low + 1, len(values) - 1)))
    return float(parted[low] + part * (parted[min(low + 1, len(values) - 1)] - parted[low]))
