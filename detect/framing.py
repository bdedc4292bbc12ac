"""From stored crops to what a network sees: at the size that the face has in a clip, degraded, then cut to the input.

In scoring a frame is decoded and the face is cut out of it and scaled to the network's input. Here the same order is
kept: pairs are brought down to the size of a face in a frame, filmed and encoded there, and only then cut and scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.degrade import degrade, draw, draw_codec, encode
from datasets.degradeheavy import draw_chain, draw_heavy, filmed, through
from datasets.faces.align import crop_to_crop, warp_crop

# A margin in training is drawn from these parts of twice the one in scoring (Shiohara and Yamasaki, 2022: U(.2, .8) of
# a quarter of the box in training, an eighth in scoring).
MARGINS = (0.2, 0.8)
LARGEST_TURN = 6.0
SMALLEST_FACE = 48.0
AT_FULL_SIZE = 0.3
GROUP = 4


@dataclass(frozen=True)
class Made:
    """A fake and its original before both are degraded alike.

    Attributes:
        fake, real: uint8 RGB (W, W, 3).
        mask: float32 (W, W) in [0, 1], what was changed.
    """

    fake: np.ndarray
    real: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Framing:
    """How a face is cut out of a larger crop of it.

    Attributes:
        margins: left, top, right, bottom of the landmark box, in units of its side.
        turn: degrees.
        flip: mirrored left to right.
    """

    margins: tuple[float, float, float, float]
    turn: float = 0.0
    flip: bool = False

    def affine(self, side: int, stored: float, size: int) -> np.ndarray:
        """Float32 (2, 3), pixels of a crop of ``side`` and coverage ``stored`` to those of the input of ``size``."""
        left, top, right, bottom = self.margins
        wide = 1 + max(left + right, top + bottom)
        matrix = np.vstack([crop_to_crop(side, stored, size, wide), (0, 0, 1)]).astype(np.float64)
        unit, middle = size / wide, (size - 1) / 2
        moved = np.eye(3)
        moved[:2] = cv2.getRotationMatrix2D((middle, middle), self.turn, 1.0)
        moved[:2, 2] -= np.array([right - left, bottom - top]) / 2 * unit
        mirror = np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]]) if self.flip else np.eye(3)
        return (mirror @ moved @ matrix)[:2].astype(np.float32)


def scoring_framing(coverage: float) -> Framing:
    """The one framing of scoring."""
    margin = (coverage - 1) / 2
    return Framing((margin, margin, margin, margin))


def draw_framing(rng: np.random.Generator, coverage: float) -> Framing:
    """A framing for training, about that of scoring at ``coverage``."""
    left, top, right, bottom = rng.uniform(*MARGINS, 4) * (coverage - 1)
    turn = float(rng.uniform(-LARGEST_TURN, LARGEST_TURN))
    return Framing((left, top, right, bottom), turn, bool(rng.random() < 0.5))


def stored_coverage(coverage: float) -> float:
    """Coverage that crops are to be stored with, so that every framing for ``coverage`` lies inside, turned too."""
    return round(max(1.8, 1.15 * (1 + 2 * MARGINS[1] * (coverage - 1))), 3)


def stored_size(size: int, coverage: float) -> int:
    """Side, pixels, that crops are to be stored at for an input of ``size``: the tightest framing is not blown up."""
    return int(np.ceil(size * stored_coverage(coverage) / (1 + 2 * MARGINS[0] * (coverage - 1)))) // 2 * 2


def native_side(size: int, scale: float) -> int:
    """Side, pixels, at which a stored crop has the pixels of its frame, even, and at most ``size``."""
    return max(2, int(min(size, size / max(scale, 1e-6))) // 2 * 2)


def draw_side(rng: np.random.Generator, natives: Sequence[int], coverage: float) -> int:
    """The side, pixels, even, at which a group of stored crops is degraded: that of the coarsest, or less."""
    most = min(natives)
    least = min(most, round(SMALLEST_FACE * coverage))
    share = 1.0 if rng.random() < AT_FULL_SIZE else rng.random()
    return max(2, round(float(np.exp(np.log(least) + share * (np.log(most) - np.log(least))))) // 2 * 2)


def brought_to(image: np.ndarray, side: int) -> np.ndarray:
    """A square crop or mask at another side."""
    if image.shape[0] == side:
        return image
    way = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (side, side), interpolation=way)


def framed(made: Sequence[Made], framings: Sequence[Framing], stored: float, size: int) -> list[Made]:
    """Cut each pair to the network's input."""
    found = []
    for pair, framing in zip(made, framings, strict=True):
        affine = framing.affine(pair.real.shape[0], stored, size)
        fake, real = (warp_crop(image, affine, size) for image in (pair.fake, pair.real))
        found.append(Made(fake, real, warp_crop(pair.mask, affine, size).clip(0, 1)))
    return found


def treated(
    made: Sequence[Made],
    rng: np.random.Generator,
    stored: float,
    size: int,
    coverage: float,
    strength: str,
    h264: bool,
) -> list[Made]:
    """Degrade pairs of one side as one group, each pair alike, and cut them to the network's input.

    Args:
        stored: coverage of the crops.
        size, coverage: of the input.
        strength: one of :data:`datasets.degradeheavy.STRENGTHS`.
        h264: whether H.264 may be drawn.
    """
    framings = [draw_framing(rng, coverage) for _ in made]
    if strength == "mild":
        inputs = framed(made, framings, stored, size)
        draws = [draw(rng, size) for _ in inputs]
        codec = draw_codec(rng, h264 and size % 2 == 0)
        fakes, reals = (
            encode([degrade(getattr(pair, which), d) for pair, d in zip(inputs, draws, strict=True)], codec)
            for which in ("fake", "real")
        )
        return [Made(f, r, p.mask) for f, r, p in zip(fakes, reals, inputs, strict=True)]
    heavy = [draw_heavy(rng) for _ in made]
    chain = draw_chain(rng, h264)
    fakes, reals = (
        through([filmed(getattr(pair, which), d) for pair, d in zip(made, heavy, strict=True)], chain)
        for which in ("fake", "real")
    )
    return framed([Made(f, r, p.mask) for f, r, p in zip(fakes, reals, made, strict=True)], framings, stored, size)
