"""Training batches of both: swaps with their originals, and real faces with their own blends, a share of each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from detect.recipe import LAST, Material, RecipeSettings, register_recipe
from detect.recipes.paired import Batch, PairedRecipe, batch_of
from detect.recipes.selfblend import SelfBlendRecipe


@register_recipe("mixed")
class MixedRecipe:
    """Both recipes in every batch; meets :class:`detect.recipe.Recipe`."""

    name = "mixed"

    def __init__(self, material: Material, settings: RecipeSettings) -> None:
        blends = min(settings.batch - 1, max(1, round(settings.share * settings.batch)))
        self.settings, self.size = settings, settings.size
        self.blends = SelfBlendRecipe(material, replace(settings, batch=max(1, blends)))
        self.pairs = PairedRecipe(material, replace(settings, batch=max(1, settings.batch - blends)))

    def batch(self, step: int, rank: int = 0) -> Batch:
        """See :meth:`detect.recipe.Recipe.batch`."""
        rng = np.random.default_rng((self.settings.seed, step, rank))
        made = self.blends.drawn(self.blends.faces, rng, self.blends.settings.batch)
        return batch_of(made + self.pairs.drawn(self.pairs.pairs, rng, self.pairs.settings.batch))

    def held_out(self) -> Batch:
        """See :meth:`detect.recipe.Recipe.held_out`."""
        return batch_of(self.blends.held_made() + self.pairs.plain(self.pairs.held))

    def closing(self) -> tuple[list[Batch], list[Batch]]:
        """See :meth:`detect.recipe.Recipe.closing`."""
        held, seen = self.blends.closing_made()
        rng = np.random.default_rng((self.settings.seed, LAST + 2))
        found = []
        for blends, pairs in ((held, self.pairs.held), (seen, self.pairs.some())):
            own = [self.pairs.plain(pairs), *(self.pairs.degraded(pairs, rng) for _ in range(2))]
            found.append([batch_of(b + p) for b, p in zip(blends, own, strict=True)])
        return found[0], found[1]

    def fingerprint(self) -> str:
        """See :meth:`detect.recipe.Recipe.fingerprint`."""
        both = self.blends.fingerprint() + self.pairs.fingerprint()
        return hashlib.sha256(both.encode()).hexdigest()

    def widths(self) -> np.ndarray:
        """See :meth:`detect.recipe.Recipe.widths`."""
        return np.concatenate([self.blends.widths(), self.pairs.widths()])

    def card(self) -> Mapping[str, Any]:
        """See :meth:`detect.recipe.Recipe.card`."""
        blends, pairs = self.blends.card(), self.pairs.card()
        words = f"{blends['calibrated_on']}; {pairs['calibrated_on']}"
        return dict(pairs) | dict(blends) | {"recipe": self.name, "share": self.settings.share, "calibrated_on": words}
