"""``hd128``: ``df`` at 128 pixels with a likeness, folded by 4 so that two CPU cores can train it."""

from __future__ import annotations

from typing import ClassVar

from synth.autoencoder import AutoencoderMethod
from synth.method import register_method
from synth.recipe import Dims, Recipe


@register_method("hd128")
class Hd128(AutoencoderMethod):
    """More detail than ``quick96`` for more time; on a GPU, wider ``dims``, ``fold=2`` and a larger ``batch`` pay."""

    standard: ClassVar[Recipe] = Recipe("df", size=128, dims=Dims(128, 48, 24, 8), batch=8)
    settled: ClassVar[tuple[str, ...]] = ("size",)
