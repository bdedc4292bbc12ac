"""What cameras, sites and encoders do to a face crop: the same to every crop of a group, drawn once.

Functions on uint8 RGB arrays. A draw is a plain value, so that the swap and its original can share it. This is the mild
strength, for one clip and its swap; the heavy one, for clips from anywhere, is ``datasets.degradeheavy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import cv2
import numpy as np


@dataclass(frozen=True)
class Draw:
    """What happens to one crop before it is encoded.

    Attributes:
        flip: mirrored left to right.
        affine: float32 (2, 3), small shift, turn and scale, crop px to crop px.
        colour: (contrast, brightness in 0..255, gamma, saturation, per-channel shift of RGB in 0..255).
        blur: standard deviation of a Gaussian, pixels; 0 for none.
        shrink: scale that it is brought down to and back up from; 1 for none.
        noise: standard deviation of the noise in 0..255, 0 for none.
        noise_seed: what the noise field comes from.
    """

    flip: bool
    affine: np.ndarray
    colour: tuple[float, float, float, float, tuple[float, float, float]]
    blur: float
    shrink: float
    noise: float
    noise_seed: int


@dataclass(frozen=True)
class Codec:
    """How a group of crops is encoded: ``h264`` at a CRF, ``jpeg`` at a quality, or ``none``."""

    kind: str
    quality: int


def draw(rng: np.random.Generator, size: int) -> Draw:
    """Draw the degradations of one crop of ``size`` pixels."""
    turn, scale = rng.uniform(-6, 6), rng.uniform(0.92, 1.08)
    affine = cv2.getRotationMatrix2D((size / 2, size / 2), turn, scale)
    affine = np.asarray(affine, dtype=np.float64) + np.pad(rng.uniform(-0.04, 0.04, (2, 1)) * size, ((0, 0), (2, 0)))
    shift = rng.uniform(-10, 10, 3) if rng.random() < 0.3 else np.zeros(3)
    return Draw(
        flip=bool(rng.random() < 0.5),
        affine=affine.astype(np.float32),
        colour=(
            float(rng.uniform(0.85, 1.15)),
            float(rng.uniform(-20, 20)),
            float(rng.uniform(0.85, 1.18)),
            float(rng.uniform(0.7, 1.3)),
            (float(shift[0]), float(shift[1]), float(shift[2])),
        ),
        blur=float(rng.uniform(0.3, 1.2)) if rng.random() < 0.25 else 0.0,
        shrink=float(rng.uniform(0.5, 1.0)) if rng.random() < 0.3 else 1.0,
        noise=float(rng.uniform(1, 7)) if rng.random() < 0.3 else 0.0,
        noise_seed=int(rng.integers(2**31)),
    )


def draw_codec(rng: np.random.Generator, h264: bool = True) -> Codec:
    """Draw how a group is encoded; without ``h264`` its share goes to JPEG."""
    chance = rng.random()
    if chance < 0.5 and h264:
        return Codec(
            "h264", 18 + round(17 * rng.random() ** 1.5)
        )  # mild ones more often: a crop is smaller than its frame
    if chance < 0.8:
        return Codec("jpeg", int(rng.integers(40, 101)))
    return Codec("none", 0)


def move(image: np.ndarray, draw: Draw) -> np.ndarray:
    """Apply the flip and the affine; for crops (uint8) and masks (float32) alike."""
    size = image.shape[1], image.shape[0]
    moved = cv2.warpAffine(image, draw.affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.ascontiguousarray(moved[:, ::-1]) if draw.flip else moved


def degrade(image: np.ndarray, draw: Draw) -> np.ndarray:
    """Everything of a draw but the geometry, on a uint8 RGB crop."""
    height, width = image.shape[:2]
    if draw.blur:
        image = cv2.GaussianBlur(image, (0, 0), draw.blur)
    if draw.shrink < 1:
        small = max(8, round(width * draw.shrink)), max(8, round(height * draw.shrink))
        image = cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height))
    contrast, brightness, gamma, saturation, shift = draw.colour
    levels = np.arange(256, dtype=np.float32)
    base = 255 * (levels / 255) ** gamma
    base = (base - 128) * contrast + 128 + brightness
    table = np.stack([base + s for s in shift], -1).clip(0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    image = cv2.addWeighted(image, saturation, grey, 1 - saturation, 0)
    if draw.noise:
        field = np.random.default_rng(draw.noise_seed).standard_normal((height, width, 1), dtype=np.float32)
        image = (image + draw.noise * field).clip(0, 255).astype(np.uint8)
    return image


def encode(images: Sequence[np.ndarray], codec: Codec) -> list[np.ndarray]:
    """A round trip of uint8 RGB crops of one size through a codec; H.264 takes them as one clip, in this order."""
    if codec.kind == "h264":
        return h264_round_trip(images, codec.quality)
    if codec.kind == "jpeg":
        return [jpeg_round_trip(image, codec.quality) for image in images]
    return list(images)


def jpeg_round_trip(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode a uint8 RGB crop as JPEG (quality 1 to 100) and decode it again, in memory."""
    _, blob = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.cvtColor(cv2.imdecode(blob, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]


@cache
def h264_available() -> bool:
    """Whether PyAV with libx264 is here; a bare training machine may do without."""
    try:
        import av
    except ImportError:
        return False
    return "libx264" in av.codecs_available


def h264_round_trip(images: Sequence[np.ndarray], crf: int, preset: str = "ultrafast") -> list[np.ndarray]:
    """Encode crops of one even size as one clip at ``crf`` (0 to 51) and decode it again, in memory.

    Args:
        preset: of libx264; slower ones keep more at the same CRF and blur what is left out otherwise.
    """
    return h264_coded(images, crf, preset)[0]


def h264_coded(images: Sequence[np.ndarray], crf: int, preset: str = "ultrafast") -> tuple[list[np.ndarray], float]:
    """As :func:`h264_round_trip`, and how many coded bits a pixel there were."""
    import av
    from av.video.reformatter import VideoReformatter

    height, width = images[0].shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"H.264 4:2:0 needs an even size, and this is {width} x {height}")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    # One thread, so that the same crops give the same bits everywhere; and no macroblock tree, which on clips of a few
    # frames with B-frames gives other bits from one call to the next.
    encoder.options = {"crf": str(crf), "preset": preset, "threads": "1", "x264-params": "mbtree=0"}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    # One converter for all pictures: setting one up takes longer than a crop's conversion.
    convert = VideoReformatter()
    found: list[np.ndarray] = []
    coded = 0

    def keep(pictures: list) -> None:
        found.extend(convert.reformat(picture, format="rgb24").to_ndarray() for picture in pictures)

    def take(packets: list) -> None:
        nonlocal coded
        for packet in packets:
            coded += packet.size
            keep(decoder.decode(packet))

    for index, image in enumerate(images):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        picture.pts = index
        take(encoder.encode(picture))
    take(encoder.encode(None))
    keep(decoder.decode(None))
    if len(found) != len(images):
        raise RuntimeError(f"{len(images)} crops went into H.264 and {len(found)} came out")
    return found, 8 * coded / (len(images) * height * width)
