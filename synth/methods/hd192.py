"""``hd192``: ``df`` at 192 pixels with a likeness, folded by 4 so that two CPU cores can train it."""

from __future__ import annotations

from typing import ClassVar

from synth.autoencoder import AutoencoderMethod
from synth.method import register_method
from synth.recipe import Dims, Recipe


@register_method("hd192")
class Hd192(AutoencoderMethod):
    """More detail than ``quick96`` for more time; on a GPU, wider ``dims``, ``fold=2`` and a larger ``batch`` pay."""

    standard: ClassVar[Recipe] = Recipe("df", size=192, dims=Dims(128, 40, 20, 8), batch=6)
    settled: ClassVar[tuple[str, ...]] = ("size",)
