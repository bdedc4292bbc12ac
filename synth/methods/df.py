"""``df``: the plain autoencoder with a decoder for each person, 64 to 256 pixels."""

from __future__ import annotations

from typing import ClassVar

from synth.autoencoder import AutoencoderMethod
from synth.method import register_method
from synth.recipe import Dims, Recipe


@register_method("df")
class Df(AutoencoderMethod):
    """One inter, two decoders. Without likeness: it learns the whole face, which takes hours."""

    standard: ClassVar[Recipe] = Recipe("df", dims=Dims(128, 48, 32, 12), batch=6, likeness=False, rate=5e-4)
