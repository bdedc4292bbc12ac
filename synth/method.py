"""What a swap method is, and the table of those that exist.

Adding one is one new file in ``synth/methods`` with a class decorated by :func:`register_method`; the shared
contract test picks it up by itself.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.progress import Progress, silent

USES_BOTH = ("source", "destination")


@dataclass(frozen=True)
class Budget:
    """How long to train: until ``steps`` are done, or for ``minutes`` of wall time, whichever is given.

    Both count what earlier runs of the same model did, so that a run that was stopped goes on to the same end.
    """

    steps: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Rendered:
    """What a method makes of one aligned destination crop.

    Attributes:
        face: uint8 RGB (S, S, 3), the source's face with the destination's expression.
        mask: float32 (S, S) in [0, 1], where that face is to be seen.
    """

    face: np.ndarray
    mask: np.ndarray


class SwapMethod(Protocol):
    """One way of turning a destination face into the source's.

    Class attributes say what its crops are: ``name``, ``size`` (pixels) and ``coverage`` (crop side over the
    landmark box, see ``datasets.faces.align``); ``trains``: whether time makes it better, so that a budget means
    something; ``composite``: settings of ``CompositeSettings`` that are this method's own defaults; ``uses``: whose
    pictures the result is made of, which its manifest names (a method without it uses both).

    A method is made with ``(seed, device, options)``; ``options`` are its own settings by name, as text or as values,
    and an unknown one raises InputError with those there are.
    """

    name: ClassVar[str]
    size: ClassVar[int]
    coverage: ClassVar[float]
    trains: ClassVar[bool]
    composite: ClassVar[Mapping[str, Any]]
    uses: ClassVar[tuple[str, ...]] = USES_BOTH

    def __init__(self, seed: int = 0, device: str = "auto", options: Mapping[str, Any] | None = None) -> None: ...

    def fit(
        self,
        source: FaceArrays,
        destination: FaceArrays,
        folder: Path,
        budget: Budget,
        progress: Progress = silent,
        show: Callable[[int, np.ndarray], None] | None = None,
    ) -> dict[str, Any]:
        """Train (or go on training) in ``folder`` and return the card. Ctrl-C saves first, then raises Interrupted.

        ``show`` is called now and then with the step and a contact sheet, uint8 RGB; whoever gives it marks it.
        """
        ...

    def render(
        self, crops: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, times: np.ndarray
    ) -> Iterator[Rendered]:
        """Swap aligned destination crops, in the order of the clip.

        Args:
            crops: uint8 RGB (N, size, size, 3).
            masks: uint8 (N, size, size), the hull of the face in each crop, 0 to 255.
            landmarks: float32 (N, 478, 2), crop pixels.
            times: float64 (N,), seconds of the frames in the clip.
        """
        ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> SwapMethod: ...


_METHODS: dict[str, type] = {}
M = TypeVar("M", bound=type)


def register_method(name: str) -> Callable[[M], M]:
    """Class decorator: make a method known under ``name``."""

    def keep(method: M) -> M:
        method.name = name  # type: ignore[attr-defined]
        _METHODS[name] = method
        return method

    return keep


def methods() -> dict[str, type]:
    """All methods by name; importing ``synth.methods`` is what finds them."""
    import synth.methods

    for module in pkgutil.iter_modules(synth.methods.__path__):
        import_module(f"synth.methods.{module.name}")
    return dict(sorted(_METHODS.items()))


def method_class(name: str) -> Any:
    """A method's class by name. Raises InputError for an unknown one."""
    known = methods()
    if name not in known:
        raise InputError(f"There is no swap method {name!r}; there are: {', '.join(known)}.")
    return known[name]
