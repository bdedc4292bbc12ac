"""What an autoencoder's checkpoint holds beside its weights: what the network is, and the textures it departs from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from synth.architectures import network_of
from synth.networks import multiply_accumulates
from synth.recipe import Recipe
from synth.texture import Texture

TEXTURE, TEXTURE_PARTS = "texture.", ("image", "landmarks")
ARRANGEMENTS = {
    "quick": "shared encoder, two decoders",
    "df": "df: shared encoder and inter, two decoders",
    "liae": "liae: shared encoder and decoder, two inters",
}


def described(recipe: Recipe) -> dict[str, Any]:
    """What a card says of the network and of how it is fed."""
    network = network_of(recipe)
    made = "with a likeness" if recipe.likeness else "without likeness"
    return {
        "architecture": f"{ARRANGEMENTS[recipe.architecture]}, pixel-unshuffle {recipe.fold}, {made}",
        "parameters": sum(p.numel() for p in network.parameters()),
        "gmac": round(multiply_accumulates(network, recipe.size) / 1e9, 4),
        "size": recipe.output,
        "network_size": recipe.size,
        "normalisation": "x - 0.5, grey outside the hull",
        "batch": recipe.batch,
        "recipe": recipe.table(),
        "heldout_measure": (
            f"SSIM at {recipe.size} px over the hull less the inside of the mouth, frames not trained on"
        ),
    }


def packed(textures: Mapping[str, Texture]) -> dict[str, Tensor]:
    """Textures among a model's tensors, by name."""
    parts = {who: {"image": texture.image, "landmarks": texture.landmarks} for who, texture in textures.items()}
    return {f"{TEXTURE}{who}.{part}": torch.from_numpy(v) for who, both in parts.items() for part, v in both.items()}


def unpacked(tensors: Mapping[str, Tensor], people: tuple[str, ...]) -> dict[str, Texture]:
    """What ``packed`` packed. Raises KeyError when a texture is missing."""
    return {who: Texture(*(tensors[f"{TEXTURE}{who}.{part}"].numpy() for part in TEXTURE_PARTS)) for who in people}
