"""What may happen to a clip on its way: the perturbations of DeeperForensics-1.0, resizing, and platforms' re-encodes.

Six of the seven perturbations are those of Jiang et al., "DeeperForensics-1.0" (2020), with the five levels of their
published code. Their code calls a bringing down and up again "JPEG"; here JPEG is JPEG, at qualities of our own, and
two of their five scales stand under ``resize``. Pictures are uint8 RGB HxWx3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.degrade import h264_coded, jpeg_round_trip

CLEAN = "clean"
BLOCK, GREY = 8, 128
PRESET = "veryfast"


@dataclass(frozen=True)
class Where:
    """Where a part of a frame lies, for what depends on the whole frame.

    Attributes:
        frame: (width, height) of the frame. origin: (x, y) of the part's first pixel in it.
    """

    frame: tuple[int, int]
    origin: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Encoding:
    """One encoding: the picture's shorter side brought down to ``short`` where it is longer, then H.264."""

    crf: int
    short: int | None = None


@dataclass(frozen=True)
class Condition:
    """One perturbation at one level.

    Attributes:
        family: of the perturbation; level: from 1, worse with every level, or the place in its family.
        setting: what the level means, for people.
        value: of the function of ``PIXELS``; 0 for an encoding.
        encodings: for those that encode, one after the other.
    """

    family: str
    level: int
    setting: str
    value: float = 0.0
    encodings: tuple[Encoding, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.family} {self.level}" if self.family != CLEAN else CLEAN


def saturation(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """Both colour differences (BT.601) times ``value``; 0 leaves grey."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, value, grey, 1 - value, 0)


def contrast(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """All values times ``value``, towards black, as the published code has it."""
    return cv2.convertScaleAbs(image, alpha=value)


def blocks(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """Grey blocks of 8 px at random places: ``value`` of them for every 256 px of the frame's shorter side."""
    width, height = where.frame
    count = int(value) * max(1, min(width, height) // 256)
    places = rng.integers(0, [max(1, width - BLOCK), max(1, height - BLOCK)], (count, 2)) - where.origin
    made = image.copy()
    for x, y in places.tolist():
        made[max(0, y) : max(0, y + BLOCK), max(0, x) : max(0, x + BLOCK)] = GREY
    return made


def noise(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of variance ``value`` (of values in [0, 1]) in each of Y, Cb and Cr."""
    field = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(255 * np.sqrt(value))
    coded = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32) + field
    return cv2.cvtColor(np.clip(np.rint(coded), 0, 255).astype(np.uint8), cv2.COLOR_YCrCb2RGB)


def blur(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian blur with a kernel of ``value`` px and a sixth of that as its standard deviation."""
    side = int(value)
    return cv2.GaussianBlur(image, (side, side), side / 6)


def jpeg(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """JPEG at quality ``value`` and back."""
    return jpeg_round_trip(image, int(value))


def resize(image: np.ndarray, value: float, where: Where, rng: np.random.Generator) -> np.ndarray:
    """Brought down to the ``value``-th part of its sides and up again."""
    height, width = image.shape[:2]
    small = cv2.resize(
        image, (max(1, round(width / value)), max(1, round(height / value))), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


Pixels = Callable[[np.ndarray, float, Where, np.random.Generator], np.ndarray]
PIXELS: dict[str, tuple[Pixels, tuple[float, ...], str]] = {
    "saturation": (saturation, (0.4, 0.3, 0.2, 0.1, 0.0), "x {:g}"),
    "contrast": (contrast, (0.85, 0.725, 0.6, 0.475, 0.35), "x {:g}"),
    "blocks": (blocks, (16, 32, 48, 64, 80), "{:g}"),
    "noise": (noise, (0.001, 0.002, 0.005, 0.01, 0.05), "variance {:g}"),
    "blur": (blur, (7, 9, 13, 17, 21), "{:g} px"),
    "JPEG": (jpeg, (80, 60, 40, 20, 10), "quality {:g}"),
    "resize": (resize, (2, 4), "/ {:g}"),
}
VIDEO = (30, 32, 35, 38, 40)
PLATFORMS = (
    ("sharing site, 720p", (Encoding(26, 720),)),
    ("messenger, 480p", (Encoding(28, 480),)),
    ("sent on twice", (Encoding(23), Encoding(28, 480), Encoding(30, 480))),
)


def conditions() -> tuple[Condition, ...]:
    """All forty, without the clean one: seven perturbations at five levels, two resizings, three platforms."""
    found = [
        Condition(family, level, words.format(value), value)
        for family, (_, values, words) in PIXELS.items()
        for level, value in enumerate(values, 1)
    ]
    found += [Condition("H.264", n, f"CRF {crf}", encodings=(Encoding(crf),)) for n, crf in enumerate(VIDEO, 1)]
    found += [Condition("platform", n, words, encodings=chain) for n, (words, chain) in enumerate(PLATFORMS, 1)]
    return tuple(found)


def changed(image: np.ndarray, condition: Condition, where: Where, seed: Sequence[int]) -> np.ndarray:
    """A part of a frame as a condition that works on pixels makes it.

    Args:
        seed: what is random comes from it.
    """
    return PIXELS[condition.family][0](image, condition.value, where, np.random.default_rng(list(seed)))


def through(images: Sequence[np.ndarray], chain: Sequence[Encoding]) -> tuple[list[np.ndarray], float, float]:
    """Frames of one clip through encodings, in memory.

    Returns:
        The frames, how much smaller they became (1 for not at all), and the coded bits a pixel of the last encoding.
    """
    made, bits = list(images), 0.0
    width = made[0].shape[1] // 2 * 2
    for step in chain:
        size = _size(made[0].shape[1], made[0].shape[0], step.short)
        if size != made[0].shape[1::-1]:
            made = [_brought_to(image, size) for image in made]
        made, bits = h264_coded(made, step.crf, PRESET)
    return made, made[0].shape[1] / width if len(chain) else 1.0, bits


def _size(width: int, height: int, short: int | None) -> tuple[int, int]:
    """The size that an encoding has: even, its shorter side at most ``short``."""
    if short is None or min(width, height) <= short:
        return width // 2 * 2, height // 2 * 2
    scale = short / min(width, height)
    return round(width * scale / 2) * 2, round(height * scale / 2) * 2


def _brought_to(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    if image.shape[1] - width <= 1 and image.shape[0] - height <= 1:
        return np.ascontiguousarray(image[:height, :width])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
