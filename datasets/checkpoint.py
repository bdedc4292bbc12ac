"""Checkpoints: ``weights.safetensors`` beside a ``card.json`` that says all that is needed to use them.

The card also travels inside the weights file, so that a kill between the two writes leaves a usable pair. No pickle
is written or loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from datasets.atomic import replacing, write_json
from datasets.errors import InputError
from datasets.trainingstate import STATE, advice, backups, read_state

if TYPE_CHECKING:
    import torch

CARD, WEIGHTS = "card.json", "weights.safetensors"
Held = TypeVar("Held")


def under(prefix: str, tensors: Mapping[str, Held]) -> dict[str, Held]:
    """Those whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def save_checkpoint(folder: Path, card: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Write weights and card; each file is replaced whole."""
    from safetensors.torch import save

    folder = Path(folder)
    metadata = {"card": json.dumps(card, ensure_ascii=False)}
    blob = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    with replacing(folder / WEIGHTS) as temporary:
        temporary.write_bytes(blob)
    write_json(folder / CARD, dict(card) | {"weights_sha256": hashlib.sha256(blob).hexdigest()})


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a checkpoint. Raises InputError when there is none or it can't be read."""
    file = Path(folder) / CARD
    if not file.is_file():
        raise InputError(f"{folder} holds no model: {CARD} is missing.")
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a readable card: {error}.{_remedy(folder)}") from error
    if not isinstance(card, dict):
        raise InputError(f"{file} is not a card: it holds no table of values.{_remedy(folder)}")
    return card


def _remedy(folder: Path) -> str:
    """How to get the weights of a swap model again from the state of its training, if that is there."""
    file = Path(folder) / STATE
    if not file.is_file() and not backups(folder):
        return ""
    try:
        step = int(read_state(file)[0]["step"])
    except InputError:
        return f" {advice(file)}"
    return f" The state of its training (step {step}) is whole: counterface train WORKSPACE writes the model anew."


def load_checkpoint(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read card and weights, and check that they belong together and are of the wanted kind.

    Args:
        kind: what the card's ``kind`` must say ("swap" or "detector").

    Raises:
        InputError: missing, damaged, weights that are not the card's, or another kind of model.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load

    folder = Path(folder)
    card = read_card(folder)
    if card.get("kind") != kind:
        raise InputError(f"{folder} holds a {card.get('kind', 'unknown')} model, and a {kind} model is needed.")
    file = folder / WEIGHTS
    if not file.is_file():
        raise InputError(f"{folder} has a card but no {WEIGHTS}.{_remedy(folder)}")
    blob = file.read_bytes()
    try:
        with safe_open(str(file), framework="pt") as opened:
            inside = json.loads((opened.metadata() or {}).get("card", "{}"))
        tensors = load(blob)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{file} is damaged: {error}.{_remedy(folder)}") from error
    if hashlib.sha256(blob).hexdigest() != card.pop("weights_sha256", None):
        if inside == card or inside.get("kind") != kind:
            raise InputError(f"{file} is not the file that its card describes: the checksum differs.{_remedy(folder)}")
        card = inside
    return card, tensors
