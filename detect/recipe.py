"""What a detector is trained on, step by step: the protocol of a recipe, the table of them, and what they share.

A recipe is one file in ``detect/recipes`` that registers itself; adding one is one new file. Its batches are a function
of (seed, step, rank) alone, so that a training that was stopped sees what an unbroken one would have seen, and several
processes see different ones.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from datasets.degradeheavy import STRENGTHS
from datasets.errors import InputError

if TYPE_CHECKING:
    from datasets.facebank import FaceBank
    from detect.recipes.paired import Batch, PairSample

# What is drawn after the last step: held-out batches, degraded.
LAST = 2**31
HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class RecipeSettings:
    """How batches are drawn.

    Attributes:
        size: side of the network's input, pixels.
        coverage: input side over landmark box in scoring; in training the margin is drawn about that.
        batch: pairs a step (twice as many images).
        seed: everything random comes from it.
        strength: of the shared degradations, one of :data:`datasets.degradeheavy.STRENGTHS`.
        share: of ``mixed``, the part of a batch that is self-blended.
    """

    size: int = 128
    coverage: float = 1.25
    batch: int = 16
    seed: int = 0
    strength: str = "heavy"
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.strength not in STRENGTHS:
            raise InputError(f"There is no degradation {self.strength!r}; there are: {', '.join(STRENGTHS)}.")
        if not 1 < self.coverage <= 4 or self.size < 32 or self.size % 2 or self.batch < 1 or not 0 < self.share < 1:
            raise InputError(
                "A detector's input has an even side of 32 pixels or more and a coverage above 1 and up to 4; a batch "
                "has a pair or more, and the share of self-blends lies between 0 and 1."
            )


@dataclass(frozen=True)
class Material:
    """What there is to learn from, people kept apart.

    Attributes:
        pairs, held_pairs: swaps and their originals, in crops of ``pair_coverage`` of one size.
        faces, held_faces: real faces.
        held_words: how the held-out part was chosen, in words.
    """

    pairs: Sequence[PairSample] = ()
    held_pairs: Sequence[PairSample] = ()
    pair_coverage: float = 0.0
    faces: FaceBank | None = None
    held_faces: FaceBank | None = None
    held_words: str = "people who are in no training batch"


class Recipe(Protocol):
    """What a training asks of a recipe."""

    name: str
    size: int

    def batch(self, step: int, rank: int = 0) -> Batch:
        """The batch of a step in one of several processes."""
        ...

    def held_out(self) -> Batch:
        """Held-out pairs as scoring sees them, not degraded."""
        ...

    def closing(self) -> tuple[list[Batch], list[Batch]]:
        """What the trained network is measured on: held-out batches (as they are first, then degraded), and some of
        training, likewise."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 of all that is learnt from and measured on, hex."""
        ...

    def widths(self) -> np.ndarray:
        """float (N,), widths of the faces in their frames, pixels; 0 where it is not known."""
        ...

    def card(self) -> Mapping[str, Any]:
        """What the detector's card says of its training: ``recipe``, ``codecs``, ``calibrated_on``, counts."""
        ...


RecipeFactory = Callable[[Material, RecipeSettings], Recipe]
_RECIPES: dict[str, RecipeFactory] = {}


def register_recipe(name: str) -> Callable[[RecipeFactory], RecipeFactory]:
    """Decorator: make a recipe known under ``name``."""

    def keep(factory: RecipeFactory) -> RecipeFactory:
        _RECIPES[name] = factory
        return factory

    return keep


def recipes() -> list[str]:
    """Names of all recipes: every file in ``detect/recipes`` is asked."""
    import detect.recipes

    for found in pkgutil.iter_modules(detect.recipes.__path__):
        import_module(f"detect.recipes.{found.name}")
    return sorted(_RECIPES)


def check_recipe(name: str) -> None:
    """Raise InputError for a name that no recipe has."""
    if name not in recipes():
        raise InputError(f"There is no recipe {name!r}; there are: {', '.join(recipes())}.")


def make_recipe(name: str, material: Material, settings: RecipeSettings) -> Recipe:
    """A recipe on its material.

    Raises:
        InputError: an unknown name, or material that the recipe can't use.
    """
    check_recipe(name)
    return _RECIPES[name](material, settings)


def draw_balanced(rng: np.random.Generator, people: np.ndarray, count: int) -> np.ndarray:
    """Numbers (count,) of samples: each person equally likely, nobody twice before everyone was there; then one of
    theirs.

    Args:
        people: int (N,), whose each sample is.
    """
    own = [np.flatnonzero(people == person) for person in np.unique(people)]
    chosen: list[int] = []
    while len(chosen) < count:
        for person in rng.permutation(len(own))[: count - len(chosen)].tolist():
            chosen.append(int(own[person][rng.integers(len(own[person]))]))
    return np.array(chosen, dtype=np.int64)


def spread_balanced(people: np.ndarray, most: int) -> np.ndarray:
    """Numbers of up to ``most`` samples, as many of each person as there are, each person's spread evenly."""
    own = [np.flatnonzero(people == person) for person in np.unique(people)]
    each = max(1, most // max(1, len(own)))
    taken = [mine[np.unique(((np.arange(each) + 0.5) * len(mine) / each).astype(int))] for mine in own[:most]]
    return np.concatenate(taken)


def part_people(names: Sequence[str], seed: int, share: float = HELD_OUT_SHARE) -> tuple[set[str], set[str]]:
    """(learnt from, held out): a share of the people, at least one, drawn by the seed.

    Raises:
        InputError: fewer than two.
    """
    everyone = sorted(set(names))
    if len(everyone) < 2:
        raise InputError(
            "A detector for other people's swaps is tried on people it never saw, so it needs two or more; give more "
            "clips, or folders of pictures of several people in sub-folders."
        )
    shuffled = [everyone[i] for i in np.random.default_rng((seed, len(everyone))).permutation(len(everyone))]
    count = max(1, round(share * len(everyone)))
    return set(shuffled[count:]), set(shuffled[:count])
