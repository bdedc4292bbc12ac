"""What a model could do at chosen steps of its training, kept so that somebody can look at it afterwards.

A snapshot is a checkpoint that loads like the finished model: the averaged weights in half precision beside a card. It
is written when a step is reached, by the step's number alone; nothing that is made of it comes back into a training.

::

    model/<method>/snapshots/step-000100/     card.json, weights.safetensors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import remove
from datasets.checkpoint import CARD, save_checkpoint
from datasets.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "snapshots"
AUTO, NONE = "auto", "none"
# Networks up to this size are kept without being asked.
MOST_PARAMETERS = 16_000_000


@dataclass(frozen=True)
class ChosenSteps:
    """At which steps snapshots are made.

    Attributes:
        steps: the steps, or None for 0, 10, 20, 50, 100, 200, 500 and so on.
    """

    steps: frozenset[int] | None = frozenset()

    def __contains__(self, step: object) -> bool:
        if not isinstance(step, int):
            return False
        if self.steps is not None:
            return step in self.steps
        digits = str(step)
        return step == 0 or (len(digits) > 1 and digits[0] in "125" and not digits[1:].strip("0"))


def chosen_steps(said: str) -> ChosenSteps:
    """What ``--option snapshots=`` says: ``auto``, ``none``, or steps with commas. Raises InputError."""
    if said in (AUTO, NONE):
        return ChosenSteps(None if said == AUTO else frozenset())
    parts = [part.strip() for part in said.split(",")]
    if not all(part.isdigit() for part in parts):
        raise InputError(f"snapshots is auto, none or steps as in 0,100,500, not {said!r}.")
    return ChosenSteps(frozenset(map(int, parts)))


def snapshot_folder(folder: Path, step: int) -> Path:
    """Where the snapshot of a step is kept, in a model's folder."""
    return Path(folder) / FOLDER / f"step-{step:06d}"


def snapshots(folder: Path) -> dict[int, Path]:
    """The snapshots of a model's folder by step, ascending."""
    found = {}
    for card in (Path(folder) / FOLDER).glob(f"step-*/{CARD}"):
        number = card.parent.name.removeprefix("step-")
        if number.isdigit():
            found[int(number)] = card.parent
    return dict(sorted(found.items()))


def drop_after(folder: Path, step: int) -> None:
    """Remove the snapshots of later steps: they are of a training that was gone back from."""
    for known, place in snapshots(folder).items():
        if known > step:
            remove(place)


def keep_snapshot(
    folder: Path, step: int, card: Mapping[str, Any], weights: Mapping[str, Tensor], others: Mapping[str, Tensor]
) -> None:
    """Write one.

    Args:
        card: what loading the model asks for.
        weights: of the network, kept in half precision. others: kept as they are.
    """
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    whole = dict(card) | {"step": step, "snapshot": True, "weights_precision": "16 bit"}
    save_checkpoint(snapshot_folder(folder, step), whole, half | dict(others))
