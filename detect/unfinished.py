"""A training that was stopped: what is kept of it, and how it is taken up again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import remove, write_text
from datasets.checkpoint import CARD, load_checkpoint, save_checkpoint
from datasets.errors import InputError

if TYPE_CHECKING:
    import torch

    from datasets.ema import Ema

UNFINISHED, KIND = "unfinished", "detector-training"


def keep(
    folder: Path,
    identity: Mapping[str, Any],
    state: Mapping[str, Any],
    module: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    averaged: Ema | None = None,
) -> None:
    """Write model, optimiser, averaged weights and ``state`` beside the detector to be.

    Args:
        identity: JSON values; only a training with the same ones goes on from here.
        state: JSON values that :func:`take_up` gives back.
    """
    import torch

    tensors = {f"model.{name}": value for name, value in module.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        held = {name: value for name, value in values.items() if value is not None}
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in held.items()}
    if averaged is not None:
        tensors |= {f"averaged.{name}": value for name, value in averaged.values.items()}
    card = {"kind": KIND, "identity": dict(identity), "state": dict(state)}
    save_checkpoint(Path(folder) / UNFINISHED, card, tensors)


def take_up(
    folder: Path,
    identity: Mapping[str, Any],
    module: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    force: bool,
    averaged: Ema | None = None,
) -> dict[str, Any]:
    """Put model, optimiser and averaged weights where they were.

    Returns the state that was kept, empty when there is none to take up.

    Args:
        force: throw away an unfinished training of another identity.

    Raises:
        InputError: there is one on other data or with other settings.
    """
    kept = Path(folder) / UNFINISHED
    if not (kept / CARD).exists():
        return {}
    card, tensors = load_checkpoint(kept, KIND)
    if card["identity"] != json.loads(json.dumps(identity)):
        if force:
            remove(kept)
            return {}
        raise InputError(
            f"{folder} holds an unfinished training on other data or with other settings; "
            "choose another folder, or --force to begin anew."
        )
    module.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    states: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            states.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    for name, value in averaged.values.items() if averaged is not None else ():
        value.copy_(tensors[f"averaged.{name}"])
    return dict(card["state"])


def cut_curve(file: Path, step: int) -> None:
    """Drop the lines of a curve that lie after ``step``, which will be written again; at step 0, the whole file."""
    if step == 0 or not file.exists():
        remove(file)
        return
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    write_text(file, "".join(line + "\n" for line in lines if json.loads(line)["step"] <= step))
