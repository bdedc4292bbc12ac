"""How the power of a picture falls with frequency: natural pictures follow a power law, what a network drew or a
resampling touched bends away from it at the fine end (Durall et al., "Watch your up-convolution", 2020).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from detect.cues.looks import energy_look
from detect.cues.measured import BANDS, LUMA, NAN, Measured
from detect.cues.registry import FrameCue, register_frame_cues
from detect.cues.words import Words

# The square inside the face, in sides of the landmark box; the other is the largest one around the face.
INSIDE = 0.6
STEP, SMALLEST = 8, 24
# Cycles a pixel.
LOW, HIGH, TAIL = 0.05, 0.45, 0.35
BINS = 24
POWER_FLOOR = 1e-2


@lru_cache(maxsize=64)
def _rings(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For a half spectrum of a square: the ring of each coefficient, coefficients a ring, log frequency a ring."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    edges = np.geomspace(LOW, HIGH, BINS + 1)
    ring = np.digitize(frequency.ravel(), edges)
    return ring, np.bincount(ring, minlength=BINS + 2)[1:-1], np.log(np.sqrt(edges[1:] * edges[:-1]))


def _square(m: Measured, size: int) -> np.ndarray | None:
    """A square of the luma around the face's middle, moved to fit into the window; None where it does not fit."""
    height, width = m.planes[LUMA].shape
    size = size // STEP * STEP
    if size < SMALLEST or size > min(height, width):
        return None
    middle = (m.landmarks.min(0) + m.landmarks.max(0)) / 2
    x, y = (int(np.clip(c - size / 2, 0, n - size)) for c, n in zip(middle, (width, height), strict=True))
    return m.planes[LUMA][y : y + size, x : x + size]


def _fit(pixels: np.ndarray | None) -> tuple[float, float]:
    """Slope of log power over log frequency, and how far the finest frequencies lie above that line."""
    from scipy.fft import rfft2

    if pixels is None:
        return NAN, NAN
    size = len(pixels)
    window = np.hanning(size).astype(np.float32)
    flat = (pixels - pixels.mean()) * window[:, None] * window
    found = rfft2(flat)
    power = (found.real**2 + found.imag**2) / float((window**2).sum() ** 2)
    ring, count, frequency = _rings(size)
    total = np.bincount(ring, power.ravel(), minlength=BINS + 2)[1:-1]
    some = count > 0
    level = np.log(total[some] / count[some] + POWER_FLOOR)
    slope, offset = np.polyfit(frequency[some], level, 1)
    fine = frequency[some] >= np.log(TAIL)
    return float(slope), float((level - slope * frequency[some] - offset)[fine].mean())


def inside(m: Measured) -> tuple[float, float]:
    return m.once(("spectrum", "inside"), lambda: _fit(_square(m, int(INSIDE * m.side))))


def around(m: Measured) -> tuple[float, float]:
    return m.once(("spectrum", "around"), lambda: _fit(_square(m, min(m.planes[LUMA].shape))))


_LOOK = energy_look("inner", *BANDS[0])
_FADES = "The way detail fades towards the finest in the face"
_FINEST = "The finest frequencies of the face, set against the trend of the coarser ones,"
_WHOLE = "against the whole picture around the face"
register_frame_cues(
    60,
    [
        FrameCue("spectrum_slope_face", lambda m: inside(m)[0], _LOOK, Words(_FADES, "", "steeper", "flatter", "none")),
        FrameCue(
            "spectrum_slope_around",
            lambda m: around(m)[0],
            energy_look("outer", *BANDS[0]),
            Words("The way detail fades towards the finest around the face", "", "steeper", "flatter", "none"),
        ),
        FrameCue(
            "spectrum_slope_face_over_around",
            lambda m: inside(m)[0] - around(m)[0],
            _LOOK,
            Words(_FADES, _WHOLE, "steeper", "flatter", "none"),
        ),
        FrameCue("spectrum_tail_face", lambda m: inside(m)[1], _LOOK, Words(_FINEST)),
        FrameCue(
            "spectrum_tail_face_over_around", lambda m: inside(m)[1] - around(m)[1], _LOOK, Words(_FINEST, _WHOLE)
        ),
    ],
)
