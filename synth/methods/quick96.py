"""``quick96``: a shared encoder and two decoders at 96 pixels, trained in minutes on two CPU cores."""

from __future__ import annotations

from typing import ClassVar

from synth.autoencoder import AutoencoderMethod
from synth.method import register_method
from synth.recipe import Recipe


@register_method("quick96")
class Quick96(AutoencoderMethod):
    """The quick method: the network of ``synth.networks``, likeness on; its shape is settled, its training is not."""

    standard: ClassVar[Recipe] = Recipe("quick", size=96, batch=12, pixel_norm=False)
    settled: ClassVar[tuple[str, ...]] = ("size", "dims", "fold", "likeness", "pixel_norm")
