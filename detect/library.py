"""The detectors on this machine: each trained one is kept under a name, so that it can be asked for by that name."""

from __future__ import annotations

import shutil
from pathlib import Path

from datasets.atomic import replacing
from datasets.checkpoint import CARD, WEIGHTS, read_card
from datasets.errors import InputError
from datasets.home import home


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
    """Names in the library, the one trained last first."""
    cards = [file for file in library().glob(f"*/{CARD}") if not file.parent.name.startswith(".")]
    return [file.parent.name for file in sorted(cards, key=lambda file: -file.stat().st_mtime)]


def find(wanted: str | None) -> Path:
    """The folder of a detector.

    Args:
        wanted: a name in the library, a detector's folder, or a workspace that has a detector; None for the one that
            was trained last.

    Raises:
        InputError: there is none of that name, or none at all.
    """
    held = names()
    if wanted is None:
        if not held:
            raise InputError(
                "There is no detector here yet. Make one with: counterface demo; or name one with --detector."
            )
        return library() / held[0]
    if wanted in held:
        return library() / wanted
    for folder in (Path(wanted), Path(wanted) / "detector"):
        if (folder / CARD).is_file():
            return folder
    raise InputError(f"There is no detector {wanted!r}; there are: {', '.join(held) or 'none yet'}.")
