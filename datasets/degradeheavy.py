"""What a clip from anywhere has been through: filmed badly, made smaller, encoded, uploaded, encoded again.

The heavy strength beside that of ``datasets.degrade``. It is drawn for a group of crops and applied to a swap and its
original alike, so that only the swap tells them apart. The order is that of life: the lens and the sensor, then one
encoder, then another size, then a second encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.degrade import h264_round_trip, jpeg_round_trip

STRENGTHS = ("mild", "heavy")
KERNELS = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "nearest": cv2.INTER_NEAREST,
}
DOWN, DOWN_SHARES = ("area", "linear", "cubic", "lanczos", "nearest"), (0.35, 0.3, 0.2, 0.1, 0.05)
UP, UP_SHARES = ("linear", "cubic", "lanczos"), (0.45, 0.4, 0.15)
# Faster presets are what phones and sites use.
PRESETS, PRESET_SHARES = ("ultrafast", "veryfast", "medium"), (0.4, 0.4, 0.2)
SMALLEST = 16


@dataclass(frozen=True)
class HeavyDraw:
    """What happens to one crop before it is encoded, the same to its partner.

    Attributes:
        contrast: factor about the middle grey.
        brightness: added, in 0..255.
        gamma: exponent of the levels in [0, 1].
        saturation: factor of the distance from grey.
        shift: added to R, G and B, in 0..255.
        blur: standard deviation of a Gaussian, pixels; 0 for none.
        motion: (length in pixels, direction in degrees) of a straight motion blur; length 0 for none.
        noise: standard deviation of the noise in 0..255, 0 for none.
        coloured: whether each channel has noise of its own.
        noise_seed: what the noise field comes from.
    """

    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    saturation: float = 1.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    blur: float = 0.0
    motion: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    coloured: bool = False
    noise_seed: int = 0


@dataclass(frozen=True)
class Chain:
    """What happens to a group of crops of one size, in this order.

    Attributes:
        first: quality of a JPEG round trip, 0 for none.
        scale: what the crops are brought down to before the video codec and up from after it, 1 for neither.
        down, up: kernels of the two, keys of :data:`KERNELS`.
        crf, preset: of H.264, through which the group goes as one clip; ``crf`` None for none.
        last: quality of a second JPEG round trip, 0 for none.
    """

    first: int = 0
    scale: float = 1.0
    down: str = "area"
    up: str = "linear"
    crf: int | None = None
    preset: str = "veryfast"
    last: int = 0


def draw_heavy(rng: np.random.Generator) -> HeavyDraw:
    """Draw what happens to one crop; all randomness comes from ``rng``."""

    def sometimes(chance: float, low: float, high: float, otherwise: float) -> float:
        value = rng.uniform(low, high)
        return float(value) if rng.random() < chance else otherwise

    shift = rng.uniform(-12, 12, 3) if rng.random() < 0.3 else np.zeros(3)
    return HeavyDraw(
        contrast=sometimes(0.6, 0.75, 1.25, 1.0),
        brightness=sometimes(0.6, -28, 28, 0.0),
        gamma=float(np.exp(sometimes(0.5, -0.35, 0.35, 0.0))),
        saturation=sometimes(0.6, 0.4, 1.4, 1.0),
        shift=(float(shift[0]), float(shift[1]), float(shift[2])),
        blur=sometimes(0.25, 0.3, 1.6, 0.0),
        motion=(sometimes(0.12, 2.0, 6.0, 0.0), float(rng.uniform(0, 180))),
        noise=sometimes(0.3, 1.0, 9.0, 0.0),
        coloured=bool(rng.random() < 0.5),
        noise_seed=int(rng.integers(2**31)),
    )


def draw_chain(rng: np.random.Generator, h264: bool = True) -> Chain:
    """Draw what happens to a group; without ``h264`` its share goes to JPEG."""

    def one_of(names: Sequence[str], shares: Sequence[float]) -> str:
        return names[int(rng.choice(len(names), p=shares))]

    first = int(rng.integers(45, 101)) if rng.random() < 0.2 else 0
    scale = float(rng.uniform(0.5, 1.0)) if rng.random() < 0.4 else 1.0
    down, up, preset = one_of(DOWN, DOWN_SHARES), one_of(UP, UP_SHARES), one_of(PRESETS, PRESET_SHARES)
    crf: int | None = 15 + round(24 * rng.random() ** 1.3)  # mild ones more often: faces must still be faces
    encoded, last = rng.random() < 0.65, int(rng.integers(35, 101))
    if not (encoded and h264):
        crf = None
    compressed_again = rng.random() < (0.15 if crf is not None else 0.6)
    return Chain(first, scale, down, up, crf, preset, last if compressed_again else 0)


def filmed(image: np.ndarray, draw: HeavyDraw) -> np.ndarray:
    """Lens, sensor and colours of a draw, on uint8 RGB (H, W, 3) of any size."""
    height, width = image.shape[:2]
    if draw.blur:
        image = cv2.GaussianBlur(image, (0, 0), draw.blur)
    if draw.motion[0] > 1:
        image = cv2.filter2D(image, -1, motion_kernel(*draw.motion), borderType=cv2.BORDER_REFLECT_101)
    levels = 255 * (np.arange(256, dtype=np.float32) / 255) ** draw.gamma
    levels = (levels - 128) * draw.contrast + 128 + draw.brightness
    image = cv2.LUT(image, np.stack([levels + s for s in draw.shift], -1).clip(0, 255).astype(np.uint8)[None])
    if draw.saturation != 1:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, draw.saturation, grey, 1 - draw.saturation, 0)
    if draw.noise:
        shape = (height, width, 3 if draw.coloured else 1)
        field = np.random.default_rng(draw.noise_seed).standard_normal(shape, dtype=np.float32)
        image = (image + draw.noise * field).clip(0, 255).astype(np.uint8)
    return image


def motion_kernel(length: float, degrees: float) -> np.ndarray:
    """A straight line of ``length`` pixels as a kernel that sums to 1, float32 (k, k), k odd."""
    side = int(np.ceil(length)) | 1
    along = np.linspace(-(length - 1) / 2, (length - 1) / 2, 8 * side)
    x, y = along * np.cos(np.radians(degrees)), along * np.sin(np.radians(degrees))
    edges = np.arange(side + 1) - side / 2
    kernel = np.histogram2d(y, x, bins=(edges, edges))[0].astype(np.float32)
    return kernel / kernel.sum()


def through(images: Sequence[np.ndarray], chain: Chain) -> list[np.ndarray]:
    """Send uint8 RGB crops of one size through a chain; H.264 takes them as one clip, in this order. Same size back."""
    made = [jpeg_round_trip(image, chain.first) if chain.first else image for image in images]
    height, width = images[0].shape[:2]
    small = tuple(max(SMALLEST, round(side * chain.scale)) for side in (width, height))
    if chain.crf is not None:
        small = tuple(side // 2 * 2 for side in small)
    if small != (width, height):
        made = [cv2.resize(image, small, interpolation=KERNELS[chain.down]) for image in made]
    if chain.crf is not None:
        made = h264_round_trip(made, chain.crf, chain.preset)
    if small != (width, height):
        made = [cv2.resize(image, (width, height), interpolation=KERNELS[chain.up]) for image in made]
    return [jpeg_round_trip(image, chain.last) if chain.last else image for image in made]
