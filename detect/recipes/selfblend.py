"""Training batches of real faces alone: each beside a fake that is made of it on the fly (``datasets.selfblend``).

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022. The blend is made at the size
that the face has in a clip and encoded there, so that its traces are as fine as those of a swap in a real clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from datasets.degrade import h264_available
from datasets.errors import InputError
from datasets.facebank import FaceBank
from datasets.selfblend import self_blend
from datasets.selfblenddraw import SelfBlendSettings
from detect.framing import GROUP, Made, brought_to, draw_side, framed, native_side, scoring_framing, treated
from detect.recipe import LAST, Material, RecipeSettings, draw_balanced, register_recipe, spread_balanced
from detect.recipes.paired import Batch, batch_of

MOST_HELD, MOST_SEEN = 96, 96
# The shared changes come after the blend, as heavy or as mild as the recipe's settings say.
BLEND = SelfBlendSettings(degrade=False)


@register_recipe("self-blend")
class SelfBlendRecipe:
    """Real faces and their own blends; meets :class:`detect.recipe.Recipe`.

    Raises:
        InputError: no faces to learn from or none held out.
    """

    name = "self-blend"

    def __init__(self, material: Material, settings: RecipeSettings) -> None:
        if material.faces is None or material.held_faces is None or not material.faces or not material.held_faces:
            raise InputError("Self-blending needs faces of real people to learn from, and of others to be tried on.")
        self.faces, self.held, self.settings = material.faces, material.held_faces, settings
        self.size, self.held_words = settings.size, material.held_words
        self.h264 = h264_available()

    def batch(self, step: int, rank: int = 0) -> Batch:
        """See :meth:`detect.recipe.Recipe.batch`."""
        rng = np.random.default_rng((self.settings.seed, step, rank))
        return batch_of(self.drawn(self.faces, rng, self.settings.batch))

    def drawn(self, bank: FaceBank, rng: np.random.Generator, count: int) -> list[Made]:
        """So many pairs of a bank, blended and degraded."""
        return self.degraded(bank, draw_balanced(rng, bank.people, count), rng)

    def degraded(self, bank: FaceBank, chosen: np.ndarray, rng: np.random.Generator) -> list[Made]:
        """Pairs of these faces of a bank, blended and degraded."""
        made: list[Made] = []
        for start in range(0, len(chosen), GROUP):
            group = chosen[start : start + GROUP].tolist()
            natives = [native_side(bank.size, float(bank.scales[i])) for i in group]
            side = draw_side(rng, natives, bank.coverage)
            made += treated(
                [blended(bank, i, side, rng) for i in group],
                rng,
                bank.coverage,
                self.size,
                self.settings.coverage,
                self.settings.strength,
                self.h264,
            )
        return made

    def plain(self, bank: FaceBank, chosen: np.ndarray, rng: np.random.Generator) -> list[Made]:
        """Pairs of these faces as scoring sees them, blended at the size they have in their frames."""
        framing = scoring_framing(self.settings.coverage)
        pairs = [blended(bank, i, native_side(bank.size, float(bank.scales[i])), rng) for i in chosen.tolist()]
        return framed(pairs, [framing] * len(pairs), bank.coverage, self.size)

    def held_made(self) -> list[Made]:
        """Held-out pairs as scoring sees them."""
        chosen = spread_balanced(self.held.people, MOST_HELD)
        return self.plain(self.held, chosen, np.random.default_rng((self.settings.seed, LAST)))

    def held_out(self) -> Batch:
        """See :meth:`detect.recipe.Recipe.held_out`."""
        return batch_of(self.held_made())

    def closing_made(self) -> tuple[list[list[Made]], list[list[Made]]]:
        """The pairs of :meth:`closing`."""
        rng = np.random.default_rng((self.settings.seed, LAST + 1))
        sets = []
        for bank, most, first in ((self.held, MOST_HELD, self.held_made()), (self.faces, MOST_SEEN, None)):
            chosen = spread_balanced(bank.people, most)
            own = self.plain(bank, chosen, rng) if first is None else first
            sets.append([own, *(self.degraded(bank, chosen, rng) for _ in range(2))])
        return sets[0], sets[1]

    def closing(self) -> tuple[list[Batch], list[Batch]]:
        """See :meth:`detect.recipe.Recipe.closing`."""
        held, seen = self.closing_made()
        return [batch_of(made) for made in held], [batch_of(made) for made in seen]

    def fingerprint(self) -> str:
        """See :meth:`detect.recipe.Recipe.fingerprint`."""
        both = self.faces.fingerprint() + self.held.fingerprint()
        return hashlib.sha256(both.encode()).hexdigest()

    def widths(self) -> np.ndarray:
        """See :meth:`detect.recipe.Recipe.widths`."""
        return np.concatenate([self.faces.widths, self.held.widths])

    def card(self) -> Mapping[str, Any]:
        """See :meth:`detect.recipe.Recipe.card`."""
        held = self.held.who()
        return {
            "recipe": self.name,
            "codecs": ["h264", "jpeg", "none"] if self.h264 else ["jpeg", "none"],
            "calibrated_on": f"self-blends of {len(held)} people ({self.held_words}), as they are and degraded",
            "people": {"training": len(self.faces.who()), "held_out": len(held)},
            "faces": {"training": len(self.faces), "held_out": len(self.held)},
            "assumed": list(self.faces.notes),
        }


def blended(bank: FaceBank, index: int, side: int, rng: np.random.Generator) -> Made:
    """One face of a bank and its own blend, at ``side`` pixels."""
    crop = brought_to(np.asarray(bank.crops[index]), side)
    points = (bank.landmarks[index] + 0.5) * (side / bank.size) - 0.5
    pair = self_blend(crop, points, rng, BLEND)
    # Where the face was changed, not how much: a faint blend is as manipulated as a full one.
    most = float(pair.mask.max())
    return Made(pair.fake, pair.real, pair.mask / most if most else pair.mask)
