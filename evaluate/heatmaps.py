"""The detector's heatmaps of a clip, and laying them over its frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detect.results import Heatmap

BRIDGE_SECONDS = 0.5
MASK_FLOOR = 0.02
COLOURS = (
    (0.00, (255, 214, 92)),
    (0.50, (244, 112, 62)),
    (1.00, (178, 16, 92)),
)


@dataclass(frozen=True)
class Heatmaps:
    """Where the detector sees manipulation, for the frames it explained.

    Attributes:
        index: int64 (K,), frame numbers, ascending.
        time: float64 (K,), seconds.
        heat: float16 or float32 (K, h, w) in [0, 1], in the geometry of the face crop.
        affine: float32 (K, 2, 3), from frame pixels to crop pixels.
        size: side of the face crop that ``affine`` aims at, pixels.
    """

    index: np.ndarray
    time: np.ndarray
    heat: np.ndarray
    affine: np.ndarray
    size: int

    @classmethod
    def load(cls, path: Path) -> Heatmaps:
        """Read a ``heatmaps.npz``. Raises OSError, KeyError or ValueError when it is damaged or of another shape."""
        import zipfile

        try:
            with np.load(path, allow_pickle=False) as held:
                index, heat, affine = held["index"].astype(np.int64), held["heat"], held["affine"].astype(np.float32)
                found = cls(index, held["time"].astype(np.float64), heat, affine, int(held["size"]))
        except (zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"{path} is damaged") from error
        if not (heat.ndim == 3 and affine.shape == (len(index), 2, 3) and len(heat) == len(index) == len(found.time)):
            raise ValueError(f"{path} holds arrays whose lengths differ")
        return found

    def near(self, time: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Heat float32 (h, w) and affine float32 (2, 3) at a moment, or None when nothing was explained near it.

        Between two explained frames at most ``BRIDGE_SECONDS`` apart, both are interpolated; at an explained frame
        they are that frame's own.
        """
        if not len(self.time):
            return None
        after = int(np.searchsorted(self.time, time - 1e-6))
        if after < len(self.time) and abs(self.time[after] - time) < 1e-3:
            return self._own(after)
        if after in (0, len(self.time)):
            return None
        start, end = self.time[after - 1], self.time[after]
        if end - start > BRIDGE_SECONDS:
            return None
        share = np.float32((time - start) / (end - start))
        first, second = self._own(after - 1), self._own(after)
        return (
            first[0] * (1 - share) + second[0] * share,
            first[1] * (1 - share) + second[1] * share,
        )

    def _own(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        return self.heat[row].astype(np.float32), self.affine[row]

    def on_frame(self, time: float, width: int, height: int) -> np.ndarray | None:
        """The heat of a moment as float32 (height, width) in [0, 1] in frame geometry, or None."""
        from detect.explain import heat_in_frame

        found = self.near(time)
        return None if found is None else heat_in_frame(*found, self.size, (width, height))


def overlap_with(heatmap: Heatmap, mask: np.ndarray) -> float | None:
    """IoU of a heatmap and the true swap mask, both cut at .5, over the face's crop.

    Args:
        mask: float32 (H, W) in [0, 1], of the whole frame.

    Returns:
        In [0, 1], or None where less than ``MASK_FLOOR`` of the crop was swapped.
    """
    import cv2

    from datasets.faces.align import warp_crop
    from evaluate.metrics import iou

    changed = warp_crop(mask, heatmap.affine, heatmap.size)
    if float(changed.mean()) < MASK_FLOOR:
        return None
    fine = cv2.resize(heatmap.heat.astype(np.float32), (heatmap.size, heatmap.size), interpolation=cv2.INTER_LINEAR)
    return iou(fine, changed)


def lay_over(image: np.ndarray, heat: np.ndarray | None) -> np.ndarray:
    """A frame with its heat: the picture grey and a little dimmed, the heat in colour where it is above zero.

    Args:
        image: uint8 RGB HxWx3.
        heat: float32 HxW in [0, 1], or None: then only the grey picture, which says that nothing was explained here.

    Returns:
        uint8 RGB HxWx3.
    """
    import cv2

    grey = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    grey = cv2.convertScaleAbs(grey, alpha=0.88, beta=14)
    if heat is None:
        return grey
    level = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    table = legend(256)
    opacity = (0.8 * (np.arange(256, dtype=np.float32) / 255) ** 0.8)[level][..., None]
    return np.rint(grey * (1 - opacity) + table[level] * opacity).astype(np.uint8)


def legend(steps: int) -> np.ndarray:
    """The colours of heat from 0 to 1, uint8 RGB (steps, 3); lightness falls steadily, so they work without hue."""
    at = np.linspace(0, 1, steps)
    stops = [stop for stop, _ in COLOURS]
    return np.stack([np.interp(at, stops, [c[k] for _, c in COLOURS]) for k in range(3)], -1).astype(np.uint8)
