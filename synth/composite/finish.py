"""Making the swapped face of one cloth with its clip: motion blur, fine detail, sharpness, grain.

All work on the part of the frame under the mask, at the frame's own size, on float32 RGB in [0, 255]. What the clip
is like is measured on the destination's own face, under the same mask and in the same frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from synth.composite.settings import CompositeSettings

# Blur radii that part the fine detail into bands, pixels.
BANDS = (0.8, 1.6)
# Strokes of hair and the glasses' rims are not what skin is like: detail above so many grey levels counts as that much.
MOST_DETAIL = 8.0
LEAST_BAND, MOST_BAND = 0.35, 1.5
# A shutter blurs what moves by more than so many pixels while it is open.
LEAST_BLUR = 1.5
MOST_BLUR = 41.0
SHARPEN_RADIUS = 1.4
GRAIN_SIDE = 256
GRAIN_RADIUS = 0.55
# Coded clips carry less than this as rounding; it is not grain.
LEAST_GRAIN = 0.4
MOST_GRAIN = 12.0
# Second differences across and along (Immerkaer, 1996): edges and slopes cancel, independent noise does not.
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True)
class Moment:
    """What a frame's face is doing.

    Attributes:
        index: the frame's number; grain is drawn from it, so that a frame always gets the same.
        motion: how far the face moves in one frame's interval, frame pixels (x, y).
    """

    index: int = 0
    motion: tuple[float, float] = (0.0, 0.0)


def finished(
    face: np.ndarray, under: np.ndarray, mask: np.ndarray, settings: CompositeSettings, moment: Moment
) -> np.ndarray:
    """The face with the clip's motion blur, detail, sharpness and grain.

    Args:
        face: float32 RGB in [0, 255] (H, W, 3), laid over the part of the frame.
        under: uint8 RGB (H, W, 3), that part of the frame.
        mask: uint8 (H, W), the swap mask.
    """
    solid = mask > 128
    if solid.sum() < 64:
        return face
    if settings.motion_blur > 0:
        face = motion_blurred(face, under, solid, moment.motion, settings.motion_blur)
    if settings.compression > 0:
        face = detail_matched(face, under, solid, settings.compression)
    if settings.sharpen > 0:
        face = face + settings.sharpen * (face - cv2.GaussianBlur(face, (0, 0), SHARPEN_RADIUS))
    if settings.grain > 0:
        face = grained(face, under, solid, settings.grain, moment.index)
    return face


def grey(image: np.ndarray) -> np.ndarray:
    """Luma (BT.601) of RGB, float32 (H, W)."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def noise_level(luma: np.ndarray, solid: np.ndarray) -> float:
    """Deviation of the noise, grey levels, by the median of the Laplacian differences (after Immerkaer, "Fast noise
    variance estimation", 1996); the median leaves edges out."""
    differences = np.abs(cv2.filter2D(luma, -1, _NOISE_KERNEL)[solid])
    return float(np.median(differences)) * 1.4826 / 6


def detail_matched(face: np.ndarray, under: np.ndarray, solid: np.ndarray, strength: float) -> np.ndarray:
    """The face's fine detail weakened or raised, band by band, to what the destination's face has.

    A clip that was coded coarsely has lost its finest band; so does the face then. Where the face is the softer one it
    is raised, at most by half, for what was never there can't be.
    """
    own, clips = grey(face), grey(under)
    out = face
    smooth = face
    own_smooth, clips_smooth = own, clips
    for radius in BANDS:
        own_low, clips_low = (cv2.GaussianBlur(luma, (0, 0), radius) for luma in (own_smooth, clips_smooth))
        have, wanted = (
            float(np.minimum(np.abs(band[solid]), MOST_DETAIL).mean())
            for band in (own_smooth - own_low, clips_smooth - clips_low)
        )
        gain = float(np.clip(wanted / max(have, 1e-3), LEAST_BAND, MOST_BAND))
        low = cv2.GaussianBlur(smooth, (0, 0), radius)
        out = out + (smooth - low) * ((gain - 1) * strength)
        smooth, own_smooth, clips_smooth = low, own_low, clips_low
    return out


def motion_blurred(
    face: np.ndarray, under: np.ndarray, solid: np.ndarray, motion: tuple[float, float], shutter: float
) -> np.ndarray:
    """The face smeared along its motion, as far as the destination's own is.

    Of the whole smear and its half, the longest is taken that does not leave the face softer along the motion than
    the destination; with a fast shutter that is none.
    """
    length = float(np.hypot(*motion)) * shutter
    if length < LEAST_BLUR:
        return face
    direction = np.asarray(motion) / np.hypot(*motion)
    aim = _energy_along(grey(under), solid, direction)
    for part in (min(length, MOST_BLUR), min(length, MOST_BLUR) / 2):
        if part < LEAST_BLUR:
            break
        smeared = cv2.filter2D(face, -1, line_kernel(part, direction), borderType=cv2.BORDER_REPLICATE)
        if _energy_along(grey(smeared), solid, direction) >= 0.9 * aim:
            return smeared
    return face


def line_kernel(length: float, direction: np.ndarray) -> np.ndarray:
    """A centred line of a length in pixels as a float32 kernel that sums to 1."""
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
    for step in np.linspace(-length / 2, length / 2, max(3, int(np.ceil(length * 4)))):
        x, y = np.asarray(direction) * step + reach
        left, top = int(x), int(y)
        right, down = x - left, y - top
        for dy, dx, share in (
            (0, 0, (1 - right) * (1 - down)),
            (0, 1, right * (1 - down)),
            (1, 0, (1 - right) * down),
            (1, 1, right * down),
        ):
            kernel[top + dy, left + dx] += share
    return kernel / kernel.sum()


def _energy_along(luma: np.ndarray, solid: np.ndarray, direction: np.ndarray) -> float:
    """Mean slope along a direction, grey levels a pixel; outliers bounded."""
    slope = (
        cv2.Scharr(luma, -1, 1, 0, scale=1 / 32) * direction[0]
        + cv2.Scharr(luma, -1, 0, 1, scale=1 / 32) * direction[1]
    )
    return float(np.minimum(np.abs(slope[solid]), MOST_DETAIL).mean())


@cache
def _grain_tile() -> np.ndarray:
    """Noise of deviation 1, a little soft as film and coded video have it, the same in all channels: (side, side)."""
    random = np.random.default_rng(20)
    tile: np.ndarray = random.standard_normal((GRAIN_SIDE, GRAIN_SIDE)).astype(np.float32)
    tile = cv2.GaussianBlur(np.tile(tile, (3, 3)), (0, 0), GRAIN_RADIUS)[GRAIN_SIDE:-GRAIN_SIDE, GRAIN_SIDE:-GRAIN_SIDE]
    return tile / tile.std()


def grained(face: np.ndarray, under: np.ndarray, solid: np.ndarray, strength: float, index: int) -> np.ndarray:
    """The face with the noise that the destination's face has more than it; other noise in every frame."""
    wanted, have = noise_level(grey(under), solid), noise_level(grey(face), solid)
    missing = min(np.sqrt(max(wanted**2 - have**2, 0.0)), MOST_GRAIN) * strength
    if missing < LEAST_GRAIN:
        return face
    random = np.random.default_rng(index)
    tile = np.roll(_grain_tile(), random.integers(0, GRAIN_SIDE, 2), (0, 1))
    if random.integers(2):
        tile = tile[::-1]
    repeats = (-(-face.shape[0] // GRAIN_SIDE), -(-face.shape[1] // GRAIN_SIDE))
    noise = np.tile(tile, repeats)[: face.shape[0], : face.shape[1]]
    return face + (missing * noise)[..., None]
