"""The options of ``reenact``, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from datasets.errors import InputError

SIDES = (96, 128)
MOST_STRENGTH = 1.5
YES, NO = ("on", "yes", "true", "1"), ("off", "no", "false", "0")


@dataclass(frozen=True)
class ReenactOptions:
    """What is driven and how far.

    Attributes:
        mouth, eyes, brows: whether the part follows the source; one that does not stays as it is, bit for bit, as far
            as it lies outside the others.
        strength: of the expression, 0 to 1.5; 1 is the source's as fitted to the destination's range.
        size: side of the pictures that the network works on, pixels: 96 or 128.
    """

    mouth: bool = True
    eyes: bool = True
    brows: bool = True
    strength: float = 1.0
    size: int = 128

    def to_table(self) -> dict[str, Any]:
        return asdict(self)


def reenact_options(given: Mapping[str, Any] | None) -> ReenactOptions:
    """Options from text or values by name.

    Raises:
        InputError: an unknown name, a value that can't be, or nothing left that is driven.
    """
    values: dict[str, Any] = {}
    for name, value in (given or {}).items():
        said = str(value).strip().lower()
        if name in ("mouth", "eyes", "brows"):
            if said not in YES + NO:
                raise InputError(f"{name} is on or off, not {value!r}.")
            values[name] = said in YES
        elif name == "strength":
            values[name] = _number(name, said)
            if not 0 <= values[name] <= MOST_STRENGTH:
                raise InputError(f"strength lies between 0 and {MOST_STRENGTH}, and {value} does not.")
        elif name == "size":
            if said not in map(str, SIDES):
                raise InputError(f"size is the network's side, {' or '.join(map(str, SIDES))} pixels, not {value!r}.")
            values[name] = int(said)
        elif name == "from":
            if said not in ("none", "nothing", ""):
                raise InputError(
                    f"reenact learns from the destination alone and starts from nothing: from is none, not {value!r}."
                )
        else:
            known = "mouth, eyes, brows, strength, size, from"
            raise InputError(f"reenact has no option {name!r}; there are: {known}.")
    options = ReenactOptions(**values)
    if not (options.mouth or options.eyes or options.brows):
        raise InputError("mouth, eyes and brows are all off, so that nothing would be driven; leave one on.")
    return options


def _number(name: str, said: str) -> float:
    try:
        return float(said)
    except ValueError as error:
        raise InputError(f"{name} is a number, not {said!r}.") from error
