"""The detectors that can be asked for by name, and what their cards say of them in a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.checkpoint import CARD, read_card
from datasets.errors import InputError
from detect.library import kind, library, names, shipped

FIGURES = 4


@dataclass(frozen=True)
class Listed:
    """One detector.

    Attributes:
        place: ``shipped`` with the program, or ``own``, in this user's library.
        scope: ``pair`` for one swap and its own original, ``general`` for faces from anywhere.
        figures: what was measured when it was made, by name.
        broken: why its card cannot be read, or None.
    """

    name: str
    folder: Path
    place: str
    scope: str = ""
    trained_on: str = ""
    figures: Mapping[str, float] | None = None
    broken: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "folder": str(self.folder),
            "place": self.place,
            "kind": self.scope,
            "trained_on": self.trained_on,
            "figures": dict(self.figures or {}),
            "error": self.broken,
        }


def listed() -> list[Listed]:
    """All of them: those shipped, then the user's own, the one trained last first."""
    return [_listed(folder, "shipped") for folder in shipped()] + [
        _listed(library() / name, "own") for name in names() if (library() / name / CARD).is_file()
    ]


def _listed(folder: Path, place: str) -> Listed:
    try:
        card = read_card(folder)
    except InputError as error:
        return Listed(folder.name, folder, place, broken=str(error))
    return Listed(
        folder.name,
        folder,
        place,
        kind(card),
        str(card.get("trained_on") or "not stated"),
        figures(card),
    )


def figures(card: Mapping[str, Any]) -> dict[str, float]:
    """The plain numbers that the card states of the detector's quality."""
    held = dict(card.get("held_out") or {}) | dict(card.get("figures") or {})
    return {key: float(v) for key, v in held.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


def in_words(found: Mapping[str, float] | None) -> str:
    """The first figures in a line."""
    return ", ".join(f"{key} {value:.3g}" for key, value in list((found or {}).items())[:FIGURES])
