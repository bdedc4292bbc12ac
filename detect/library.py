"""The detectors that can be asked for by name: those that the program ships, and those trained on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.atomic import replacing
from datasets.checkpoint import CARD, WEIGHTS, read_card
from datasets.errors import InputError
from datasets.home import home

GENERAL = "general"
# What ships with the program: a folder a detector.
SHIPPED = Path(__file__).parent / "weights"


def library() -> Path:
    """The folder of this user's detectors."""
    return home("data") / "detectors"


def keep(folder: Path) -> str:
    """Copy a trained detector into the library, over an older one of the same name; returns its name."""
    name = str(read_card(folder)["name"])
    with replacing(library() / name) as temporary:
        temporary.mkdir(parents=True)
        for file in (WEIGHTS, CARD):
            shutil.copyfile(Path(folder) / file, temporary / file)
    return name


def names() -> list[str]:
    """Names in the library, the one trained last first; those shipped are not among them."""
    cards = [file for file in library().glob(f"*/{CARD}") if not file.parent.name.startswith(".")]
    return [file.parent.name for file in sorted(cards, key=lambda file: -file.stat().st_mtime)]


def shipped() -> list[Path]:
    """Folders of the detectors that come with the program, by name."""
    return sorted(card.parent for card in SHIPPED.glob(f"*/{CARD}"))


def kind(card: Mapping[str, Any]) -> str:
    """What a detector is for: ``pair``, one swap and its own original, or ``general``, faces from anywhere."""
    return str((card.get("scope") or {}).get("kind") or GENERAL)


def find(wanted: str | None) -> Path:
    """The folder of a detector.

    Args:
        wanted: a name in the library or of a shipped one (a user's own goes before a shipped one of its name), a
            detector's folder, or a workspace that has a detector. None for the general one that is shipped, and
            where none is for the one that was trained last.

    Raises:
        InputError: there is none of that name, or none at all.
    """
    own, ours = names(), {folder.name: folder for folder in shipped()}
    if wanted is None:
        general = [folder for folder in ours.values() if kind(read_card(folder)) == GENERAL]
        if general:
            return general[0]
        if own:
            return library() / own[0]
        raise InputError("There is no detector here yet. Make one with: counterface demo; or name one with --detector.")
    if wanted in own:
        return library() / wanted
    if wanted in ours:
        return ours[wanted]
    for folder in (Path(wanted), Path(wanted) / "detector"):
        if (folder / CARD).is_file():
            return folder
    raise InputError(f"There is no detector {wanted!r}; there are: {', '.join([*ours, *own]) or 'none yet'}.")
