"""Changes of colour and texture on uint8 RGB pictures, few passes each."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.selfblenddraw import Look
from datasets.selfblendmask import Place

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
FEWEST_PIXELS = 32  # of a face, below which no picture is made coarser
LARGE_FACE = 200  # pixels, from which a median takes five pixels and not three


def with_look(image: np.ndarray, look: Look, place: Place, moment: int = 0) -> np.ndarray:
    """A picture with other colours and another texture; a new array, or ``image`` itself when nothing changes.

    Args:
        image: uint8 RGB (H, W, 3).
        place: where the face is in it.
        moment: tells the noise of one frame of a clip from that of the next.
    """
    return jpeg(textured(shaded(recoloured(image, look), look, place), look, place.unit, moment), look.jpeg)


def recoloured(image: np.ndarray, look: Look) -> np.ndarray:
    """Gamma, then contrast, saturation, hue and shifts as one matrix."""
    if look.gamma != 1:
        table = np.rint(255 * (np.arange(256) / 255) ** look.gamma).astype(np.uint8)
        image = cv2.LUT(image, table)
    offset = 128 * (1 - look.contrast) + look.brightness + np.array(look.shift)
    linear = look.contrast * (look.saturation * _turn_about_grey(look.hue) + (1 - look.saturation) * LUMA[None])
    matrix = np.column_stack([linear, offset])
    if np.array_equal(matrix, np.eye(3, 4)):
        return image
    return cv2.transform(image, matrix.astype(np.float32))


def _turn_about_grey(degrees: float) -> np.ndarray:
    """The rotation of RGB space about the grey axis (Rodrigues' formula), float64 (3, 3)."""
    axis, angle = np.full(3, 1 / np.sqrt(3)), np.radians(degrees)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(axis, axis)


def shaded(image: np.ndarray, look: Look, place: Place) -> np.ndarray:
    """Light that falls off across the face: a gain that is linear in x and y, 1 at the face's centre."""
    across, down = look.shade
    most = abs(across) + abs(down)
    if most == 0:
        return image
    height, width = image.shape[:2]
    x = (np.arange(width, dtype=np.float32) - place.centre[0]) / place.unit
    y = (np.arange(height, dtype=np.float32) - place.centre[1]) / place.unit
    weight = np.clip(0.5 + (across * x + down * y[:, None]) / (2 * most), 0, 1).astype(np.float32)
    bright, dark = (cv2.convertScaleAbs(image, alpha=1 + sign * most) for sign in (1, -1))
    return cv2.blendLinear(bright, dark, weight, 1 - weight)


def textured(image: np.ndarray, look: Look, unit: float, moment: int = 0) -> np.ndarray:
    """Coarser, softer, sharper or noisier, for a face of ``unit`` pixels."""
    height, width = image.shape[:2]
    if look.texture in ("coarse", "coarse-cubic"):
        factor = min(look.amount, unit / FEWEST_PIXELS)
        small = max(1, round(width / factor)), max(1, round(height / factor))
        if factor <= 1 or small == (width, height):
            return image
        how = cv2.INTER_CUBIC if look.texture == "coarse-cubic" else cv2.INTER_LINEAR
        return cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=how)
    if look.texture == "blur":
        return cv2.GaussianBlur(image, (0, 0), max(0.4, look.amount * unit))
    if look.texture == "median":
        return cv2.medianBlur(image, 5 if unit >= LARGE_FACE else 3)
    if look.texture == "sharpen":
        soft = cv2.GaussianBlur(image, (0, 0), max(0.6, 0.005 * unit))
        return cv2.addWeighted(image, 1 + look.amount, soft, -look.amount, 0)
    if look.texture == "noise":
        rng = np.random.default_rng([look.noise_seed, moment])
        field = rng.standard_normal((height, width), dtype=np.float32) * np.float32(look.amount)
        return cv2.add(image, cv2.merge([field] * 3), dtype=cv2.CV_8U)
    return image


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """A round trip through JPEG; quality 1 to 100, 0 for none."""
    if not quality:
        return image
    _, blob = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(blob, cv2.IMREAD_COLOR_RGB))
