"""Training batches of pairs: a swap and the very frame it was made from, side by side, treated alike.

Both go through the same draw of every degradation, so that nothing but the swap tells the two apart. Training on such
pairs is what keeps a detector from learning the clip, the person or the encoder instead (the finding of GenD, 2026).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.errors import InputError
from detect.recipes.degrade import Codec, degrade, draw, draw_codec, encode, move


@dataclass(frozen=True)
class PairSample:
    """One frame of a swap and of its original, cropped with the same affine.

    Attributes:
        fake, real: uint8 RGB (S, S, 3), before any mark was put on.
        mask: float32 (S, S) in [0, 1], the swap mask: what was changed.
        time: seconds in the clip.
        clip: which clip it is of, any word.
        width: width of the face in the frame, pixels; 0 where it is not known.
    """

    fake: np.ndarray
    real: np.ndarray
    mask: np.ndarray
    time: float
    clip: str
    width: float = 0.0


@dataclass(frozen=True)
class Batch:
    """N pairs: first the N swaps, then their originals in the same order.

    Attributes:
        images: uint8 RGB (2N, S, S, 3).
        masks: float32 (2N, S, S) in [0, 1]; zero for the originals.
        labels: float32 (2N,), 1 for a swap.
    """

    images: np.ndarray
    masks: np.ndarray
    labels: np.ndarray


def check_pairs(pairs: Sequence[PairSample]) -> int:
    """Make sure that the pairs fit together; returns the crop side S. Raises InputError."""
    if not pairs:
        raise InputError("There are no pairs of a swap and its original to train a detector on.")
    size = pairs[0].fake.shape[0]
    for pair in pairs:
        same = pair.fake.shape == pair.real.shape == (size, size, 3) and pair.mask.shape == (size, size)
        if not same or pair.fake.dtype != np.uint8 or pair.real.dtype != np.uint8:
            raise InputError(
                f"The pair at {pair.time:.2f} s of {pair.clip} is not uint8 crops of {size} px and a mask."
            )
    return size


def plain_batch(pairs: Sequence[PairSample]) -> Batch:
    """The pairs as they are, without degradation."""
    return _batch([p.fake for p in pairs], [p.real for p in pairs], [p.mask for p in pairs])


def paired_batch(pairs: Sequence[PairSample], rng: np.random.Generator, h264: bool = True) -> Batch:
    """The pairs, degraded: one draw for both of a pair, one codec for all.

    Args:
        rng: all randomness comes from it.
        h264: whether H.264 is among the codecs (it needs PyAV and crops of even size).
    """
    size = pairs[0].fake.shape[0]
    ordered = sorted(pairs, key=lambda pair: (pair.clip, pair.time))
    draws = [draw(rng, size) for _ in ordered]
    codec = draw_codec(rng, h264 and size % 2 == 0)
    fakes = _treated([pair.fake for pair in ordered], draws, codec)
    reals = _treated([pair.real for pair in ordered], draws, codec)
    return _batch(fakes, reals, [move(pair.mask, d) for pair, d in zip(ordered, draws, strict=True)])


def _treated(images: list[np.ndarray], draws: list, codec: Codec) -> list[np.ndarray]:
    return encode([degrade(move(image, d), d) for image, d in zip(images, draws, strict=True)], codec)


def _batch(fakes: list[np.ndarray], reals: list[np.ndarray], masks: list[np.ndarray]) -> Batch:
    changed = np.stack(masks).astype(np.float32)
    labels = np.repeat(np.array([1, 0], dtype=np.float32), len(fakes))
    return Batch(np.stack([*fakes, *reals]), np.concatenate([changed, np.zeros_like(changed)]), labels)


def data_hash(pairs: Sequence[PairSample]) -> str:
    """SHA-256 over the pixels, masks and times of pairs, in order, hex."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(f"{pair.clip} {pair.time:.6f}".encode())
        for array in (pair.fake, pair.real, pair.mask.astype(np.float32)):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian of a uint8 RGB crop's grey values: low is blurred."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
