"""Pictures of where a cue looks, shared by the cues of single frames."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from detect.cues.measured import ENERGY_FLOOR, LUMA, Measured

# Heat 1 where the local amplitude departs from the reference by this factor's logarithm.
STRONGEST = 2.0
SMOOTH = 0.03

Look = Callable[[Measured], np.ndarray]


def smoothed(values: np.ndarray, mask: np.ndarray, side: float, shown: np.ndarray | None = None) -> np.ndarray:
    """Gaussian average over the pixels of a mask alone, float32 (h, w), given on the pixels ``shown`` (the mask's)."""
    sigma = max(1.0, SMOOTH * side)
    inside = mask.astype(np.float32)
    total, weight = (cv2.GaussianBlur(part, (0, 0), sigma) for part in (values.astype(np.float32) * inside, inside))
    return (inside if shown is None else shown.astype(np.float32)) * total / np.maximum(weight, 1e-6)


def stretched(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Brought to [0, 1] by its own 99th percentile over the mask; 0 outside."""
    some = values[mask > 0]
    if not some.size:
        return np.zeros(values.shape, np.float32)
    top = float(np.quantile(some, 0.99))
    return np.clip(values / max(top, 1e-6), 0, 1).astype(np.float32) * mask


def energy_look(region: str, fine: float, coarse: float, plane: int = LUMA) -> Look:
    """Where in a region the detail of a band is, the strongest bright."""

    def look(m: Measured) -> np.ndarray:
        mask = m.regions[region]
        return stretched(np.sqrt(smoothed(m.band(plane, fine, coarse) ** 2, mask, m.side)), mask)

    return look


def departure_look(
    region: str,
    reference: str,
    band: tuple[float, float],
    plane: int = LUMA,
    coarser: tuple[float, float] | None = None,
) -> Look:
    """Where in a region the detail of a band departs from that of the reference region, either way.

    Args:
        coarser: with it, detail is counted relative to that of this coarser band, in both regions.
    """

    def look(m: Measured) -> np.ndarray:
        mask = m.regions[region]
        if not m.enough(region, reference):
            return np.zeros(mask.shape, np.float32)

        def local(span: tuple[float, float]) -> np.ndarray:
            return np.log(smoothed(m.band(plane, *span) ** 2, mask, m.side) + ENERGY_FLOOR) - m.energy(
                reference, plane, *span
            )

        away = local(band) - (local(coarser) if coarser else 0.0)
        return np.clip(np.abs(away) / (2 * STRONGEST), 0, 1) * mask

    return look


def region_look(*regions: str) -> Look:
    """The regions themselves."""

    def look(m: Measured) -> np.ndarray:
        return np.maximum.reduce([m.regions[name] for name in regions]).astype(np.float32)

    return look
