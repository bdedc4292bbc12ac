"""Figures of one face's picture: how bright, of what hue, how detailed in which direction, and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

THUMB = 8
HASH_SIDE, HASH_BAND = 32, 8
# Fine detail is what is left of a picture from which its blurred self is taken, pixels.
FINE, COARSE = 0.8, 2.5


@dataclass(frozen=True)
class FaceFigures:
    """What one crop measures.

    Attributes:
        brightness: mean CIE L* in the face, 0 (black) to 100 (white).
        hue: mean hue of the face, degrees: 0 red, 20 to 30 most skin, negative towards purple; in (-180, 180].
        detail: float32 (3,), energy of fine detail: across, across times down, down (the structure tensor of Bigun
            and Granlund, 1987, over the band of fine detail).
        hash: 64 bits that hardly change with size, light and compression (see ``perceptual_hash``).
        thumb: uint8 (192,), the face at 8 x 8 in CIE Lab.
    """

    brightness: float
    hue: float
    detail: np.ndarray
    hash: int
    thumb: np.ndarray


def face_figures(crop: np.ndarray, mask: np.ndarray, moving: np.ndarray | None = None) -> FaceFigures:
    """Measure a crop.

    Args:
        crop: uint8 RGB (S, S, 3).
        mask: float32 (S, S) in [0, 1], where the face is.
        moving: float32 (S, S) in [0, 1], its eyes and mouth, where they are known: how much detail a face has depends
            on whether they are open, so that the figure of detail leaves them out.
    """
    inside = mask > 0.5
    if not inside.any():
        inside = np.ones(mask.shape, bool)
    still = inside if moving is None else inside & (moving <= 0.5)
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2Lab)
    ys, xs = np.nonzero(inside)
    box = slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return FaceFigures(
        brightness=float(lab[..., 0][inside].mean() * 100 / 255),
        hue=mean_hue(crop[inside]),
        detail=directional_detail(grey, still if still.any() else inside),
        hash=perceptual_hash(grey[box]),
        thumb=cv2.resize(lab[box], (THUMB, THUMB), interpolation=cv2.INTER_AREA).ravel(),
    )


def mean_hue(pixels: np.ndarray) -> float:
    """Mean hue of uint8 RGB pixels (N, 3), each weighed by its chroma; degrees in (-180, 180], 0 for grey."""
    red, green, blue = np.asarray(pixels, np.float64).T
    # The plane of Hanbury (2008), in which hue is an angle and chroma a distance: no jump at red.
    across, up = red - (green + blue) / 2, np.sqrt(3) / 2 * (green - blue)
    x, y = across.mean(), up.mean()
    return float(np.degrees(np.arctan2(y, x))) if np.hypot(x, y) > 0.5 else 0.0


def directional_detail(grey: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean products of the gradient of fine detail in the face: (across squared, both, down squared), float32 (3,)."""
    picture = grey.astype(np.float32)
    band = cv2.GaussianBlur(picture, (0, 0), FINE) - cv2.GaussianBlur(picture, (0, 0), COARSE)
    across, down = cv2.Scharr(band, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(band, cv2.CV_32F, 0, 1) / 32
    across, down = across[inside], down[inside]
    return np.array([(across**2).mean(), (across * down).mean(), (down**2).mean()], np.float32)


def motion_blur(details: np.ndarray) -> np.ndarray:
    """How many times weaker fine detail is, in the direction in which it is weakest, than the set usually shows there.

    A face has more edges across than along it; whitening by the set's median takes that out, so that a face smeared
    by motion stands out whatever the motion's direction. 1 is usual, above it is smeared; a face out of focus counts
    as smeared in every direction.

    Args:
        details: (N, 3), of ``directional_detail``.

    Returns:
        float64 (N,), above 0.
    """
    details = np.asarray(details, np.float64)
    values, vectors = np.linalg.eigh(_tensor(np.median(details, axis=0)[None])[0])
    white = vectors @ np.diag(1 / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T
    weakest = np.linalg.eigvalsh(white @ _tensor(details) @ white)[:, 0]
    return 1 / np.sqrt(np.maximum(weakest, 1e-4))


def _tensor(details: np.ndarray) -> np.ndarray:
    return np.stack([details[:, [0, 1]], details[:, [1, 2]]], axis=1)


def perceptual_hash(grey: np.ndarray) -> int:
    """64 bits: which of a picture's 8 x 8 lowest waves are above their median (cosine transform, the mean left out).

    Args:
        grey: uint8 (H, W).

    Reference: Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
    """
    small = cv2.resize(grey, (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[: HASH_BAND + 1, : HASH_BAND + 1]
    waves = waves[1:, 1:].ravel()
    bits = waves > np.median(waves)
    return int(np.packbits(bits).view(">u8")[0])


def hash_distance(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Bits in which hashes differ: uint64 (...) against uint64 (...), 0 to 64."""
    return np.bitwise_count(np.bitwise_xor(np.asarray(one, np.uint64), np.asarray(others, np.uint64)))
