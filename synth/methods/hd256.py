"""``hd256``: ``df`` at 256 pixels with a likeness, folded by 4 so that two CPU cores can train it."""

from __future__ import annotations

from typing import ClassVar

from synth.autoencoder import AutoencoderMethod
from synth.method import register_method
from synth.recipe import Dims, Recipe


@register_method("hd256")
class Hd256(AutoencoderMethod):
    """More detail than ``quick96`` for more time; on a GPU, wider ``dims``, ``fold=2`` and a larger ``batch`` pay."""

    standard: ClassVar[Recipe] = Recipe("df", size=256, dims=Dims(128, 32, 16, 8), batch=4)
    settled: ClassVar[tuple[str, ...]] = ("size",)
