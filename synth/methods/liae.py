"""``liae``: the plain autoencoder with two inters and one decoder, 64 to 256 pixels."""

from __future__ import annotations

from typing import ClassVar

from synth.autoencoder import AutoencoderMethod
from synth.method import register_method
from synth.recipe import Dims, Recipe


@register_method("liae")
class Liae(AutoencoderMethod):
    """Keeps the destination's light better than ``df``. Without likeness: it learns the whole face, in hours."""

    standard: ClassVar[Recipe] = Recipe(
        "liae", size=128, dims=Dims(128, 48, 32, 12), batch=6, likeness=False, rate=5e-4
    )
