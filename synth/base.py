"""What a training starts from: the base that ships with a method, another model, or nothing.

A base (``synth.pretrain``) holds an encoder, an inter and one decoder for everyone; both decoders of a swap model
start as copies of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from datasets.checkpoint import CARD, load_checkpoint, read_card
from datasets.errors import InputError

WEIGHTS = Path(__file__).parent / "weights"
BASE, NOTHING = "base", "none"
COLD = "started from nothing"


def shipped(method: str) -> Path | None:
    """The folder of the base that ships with a method; None when there is none."""
    folder = WEIGHTS / method
    return folder if (folder / CARD).is_file() else None


def starting_weights(method: str, word: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[dict[str, Tensor], str]:
    """The tensors to start from, those of ``shapes`` that fit, and a sentence that says what they are.

    Args:
        method: name of the method that is trained.
        word: "base" for the one that ships with it, "none", or the folder of a base or of a trained swap model.
        shapes: shape of each tensor of the network's state, by name.

    Raises:
        InputError: the folder holds no model, or one of which nothing fits.
    """
    if word == NOTHING:
        return {}, COLD
    folder = shipped(method) if word == BASE else Path(word)
    if folder is None:
        return {}, f"{COLD}: {method} has no base yet"
    if not (folder / CARD).is_file():
        raise InputError(f"{folder} holds no model to start from; give base, none, or the folder of a model.")
    kind = str(read_card(folder).get("kind"))
    if kind not in ("base", "swap"):
        raise InputError(f"{folder} holds a {kind}, and a training starts from a base or a swap model.")
    card, tensors = load_checkpoint(folder, kind)
    if kind == "base":
        tensors = _for_both(tensors)
    fitting = {n: t.float() if t.is_floating_point() else t for n, t in tensors.items() if shapes.get(n) == t.shape}
    if not fitting:
        raise InputError(f"Nothing in {folder} (of {card.get('method')}) fits {method}; give base or none.")
    share = f"{len(fitting)} of {len(shapes)} tensors"
    called = "the base" if kind == "base" else f"the {card.get('method')} model"
    where = f"of {method}" if word == BASE else f"in {folder}"
    return fitting, f"started from {called} {where} ({card.get('step')} steps; {share})"


def kept_word(word: str) -> str:
    """How a start is written down: a folder with its whole path."""
    return word if word in (BASE, NOTHING) else str(Path(word).resolve())


def another_start(word: str, held: Mapping[str, str]) -> bool:
    """Whether a start is another one than a training's, of which ``held`` was written down when it began."""
    if held.get("start", "").startswith(COLD):
        return word != NOTHING
    return kept_word(word) != held.get("from")


def _for_both(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The one decoder of a base as that of the source and that of the destination."""
    spread: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith("decoder."):
            for who in ("source", "destination"):
                spread[f"decoders.{who}.{name.removeprefix('decoder.')}"] = tensor.clone()
        else:
            spread[name] = tensor
    return spread
