"""Training batches of pairs: a swap and the very frame it was made from, side by side, treated alike.

Both go through the same draw of every degradation, so that nothing but the swap tells the two apart. Training on such
pairs is what keeps a detector from learning the clip, the person or the encoder instead (the finding of GenD, 2026).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from datasets.degrade import Codec, degrade, draw, draw_codec, encode, h264_available, move
from datasets.errors import InputError
from detect.framing import GROUP, Made, brought_to, draw_side, framed, native_side, scoring_framing, treated
from detect.recipe import LAST, Material, RecipeSettings, draw_balanced, register_recipe

REFERENCE_PAIRS = 100


@dataclass(frozen=True)
class PairSample:
    """One frame of a swap and of its original, cropped with the same affine.

    Attributes:
        fake, real: uint8 RGB (S, S, 3), before any mark was put on.
        mask: float32 (S, S) in [0, 1], the swap mask: what was changed.
        time: seconds in the clip.
        clip: which clip it is of, any word.
        width: width of the face in the frame, pixels; 0 where it is not known.
        person: whose face the original shows; the clip when empty.
        scale: crop pixels for one pixel of the frame; 0 where it is not known.
    """

    fake: np.ndarray
    real: np.ndarray
    mask: np.ndarray
    time: float
    clip: str
    width: float = 0.0
    person: str = ""
    scale: float = 0.0

    @property
    def who(self) -> str:
        """Whose face the original shows, as far as it is known."""
        return self.person or self.clip


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


def batch_of(made: Sequence[Made]) -> Batch:
    """Pairs as a batch."""
    return _batch([m.fake for m in made], [m.real for m in made], [m.mask for m in made])


def data_hash(pairs: Sequence[PairSample]) -> str:
    """SHA-256 over the pixels, masks and times of pairs, in order, hex."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(f"{pair.clip} {pair.time:.6f}".encode())
        for array in (pair.fake, pair.real, pair.mask.astype(np.float32)):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@register_recipe("paired")
class PairedRecipe:
    """Swaps and their originals; meets :class:`detect.recipe.Recipe`.

    Where the pairs are crops as scoring sees them (``pair_coverage`` 0), they go through the mild strength as they are:
    that is the detector of one clip and its swap. Larger crops are degraded as the settings say and framed anew.

    Raises:
        InputError: no pairs to learn from or none held out, or pairs that do not fit together.
    """

    name = "paired"

    def __init__(self, material: Material, settings: RecipeSettings) -> None:
        side = check_pairs([*material.pairs, *material.held_pairs])
        if not material.pairs or not material.held_pairs:
            raise InputError("A detector needs pairs to train on and later ones to be calibrated on.")
        self.pairs, self.held, self.settings = material.pairs, material.held_pairs, settings
        self.stored, self.held_words = material.pair_coverage, material.held_words
        self.size = settings.size if self.stored else side
        self.h264 = h264_available() and (bool(self.stored) or side % 2 == 0)
        self.people = np.unique([pair.who for pair in self.pairs], return_inverse=True)[1]

    def batch(self, step: int, rank: int = 0) -> Batch:
        """See :meth:`detect.recipe.Recipe.batch`."""
        rng = np.random.default_rng((self.settings.seed, step, rank))
        if self.stored:
            return batch_of(self.drawn(self.pairs, rng, self.settings.batch))
        count = min(self.settings.batch, len(self.pairs))
        chosen = rng.choice(len(self.pairs), count, replace=False)
        return paired_batch([self.pairs[i] for i in chosen], rng, self.h264)

    def drawn(self, pairs: Sequence[PairSample], rng: np.random.Generator, count: int) -> list[Made]:
        """So many of the training pairs, each person equally often, degraded."""
        return self.degraded([pairs[i] for i in draw_balanced(rng, self.people, count).tolist()], rng)

    def degraded(self, pairs: Sequence[PairSample], rng: np.random.Generator) -> list[Made]:
        """Pairs of larger crops, degraded and framed."""
        made: list[Made] = []
        for start in range(0, len(pairs), GROUP):
            group = pairs[start : start + GROUP]
            side = draw_side(rng, [self._native(pair) for pair in group], self.stored)
            made += treated(
                [self._at(pair, side) for pair in group],
                rng,
                self.stored,
                self.size,
                self.settings.coverage,
                self.settings.strength,
                self.h264,
            )
        return made

    def plain(self, pairs: Sequence[PairSample]) -> list[Made]:
        """Pairs of larger crops as scoring sees them."""
        framing = scoring_framing(self.settings.coverage)
        return framed([self._at(p, self._native(p)) for p in pairs], [framing] * len(pairs), self.stored, self.size)

    def _native(self, pair: PairSample) -> int:
        return native_side(len(pair.real), pair.scale or 1.0)

    def _at(self, pair: PairSample, side: int) -> Made:
        return Made(*(brought_to(image, side) for image in (pair.fake, pair.real, pair.mask)))

    def some(self) -> Sequence[PairSample]:
        """Some of the training pairs, spread over them."""
        return self.pairs[:: -(-len(self.pairs) // REFERENCE_PAIRS)]

    def held_out(self) -> Batch:
        """See :meth:`detect.recipe.Recipe.held_out`."""
        return batch_of(self.plain(self.held)) if self.stored else plain_batch(self.held)

    def closing(self) -> tuple[list[Batch], list[Batch]]:
        """See :meth:`detect.recipe.Recipe.closing`."""
        rng = np.random.default_rng((self.settings.seed, LAST))
        found: list[list[Batch]] = []
        for pairs in (self.held, self.some()):
            if self.stored:
                made = [self.plain(pairs), *(self.degraded(pairs, rng) for _ in range(2))]
                found.append([batch_of(m) for m in made])
            else:
                found.append([plain_batch(pairs)] + [paired_batch(pairs, rng, self.h264) for _ in range(2)])
        return found[0], found[1]

    def fingerprint(self) -> str:
        """See :meth:`detect.recipe.Recipe.fingerprint`."""
        return data_hash([*self.pairs, *self.held])

    def widths(self) -> np.ndarray:
        """See :meth:`detect.recipe.Recipe.widths`."""
        return np.array([pair.width for pair in [*self.pairs, *self.held]])

    def card(self) -> Mapping[str, Any]:
        """See :meth:`detect.recipe.Recipe.card`."""
        people = {"training": len({p.who for p in self.pairs}), "held_out": len({p.who for p in self.held})}
        return {
            "recipe": self.name,
            "codecs": ["h264", "jpeg", "none"] if self.h264 else ["jpeg", "none"],
            "calibrated_on": self._words(people["held_out"]),
            "pairs": {"training": len(self.pairs), "held_out": len(self.held)},
        } | ({"people": people} if self.stored else {})

    def _words(self, people: int) -> str:
        if self.stored:
            return f"{len(self.held)} pairs of {people} people ({self.held_words}), as they are and degraded"
        times, clips = [pair.time for pair in self.held], sorted({pair.clip for pair in self.held})
        named = clips[0] if len(clips) == 1 else f"{len(clips)} clips"
        when = f"{min(times):.1f} to {max(times):.1f} s"
        return f"{len(self.held)} held-out pairs of {named}, {when}, as they are and degraded"


def sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian of a uint8 RGB crop's grey values: low is blurred."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
