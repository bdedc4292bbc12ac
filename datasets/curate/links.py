"""A folder of links to the crops of a face set in an order, for a person's own picture viewer.

Deleting a link deletes no face: what is no longer in the folder can be marked afterwards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from datasets.atomic import refuse_overwrite, replacing, write_json
from datasets.curate.marks import Marks
from datasets.errors import InputError
from datasets.faceset import FaceSet

LISTED = "links.json"
THROWN_OUT = "thrown-out"


def make_links(faces: FaceSet, names: Sequence[str], folder: Path, force: bool = False) -> None:
    """Make a folder of links named by place, ``00001_<crop's name>``, all or nothing.

    Raises:
        InputError: the folder is there already and is not one of these, or this disk knows no links.
    """
    folder = Path(folder)
    refuse_overwrite(folder, force)
    if folder.exists() and not (folder / LISTED).is_file():
        raise InputError(f"{folder} is there, and was not made by sorting: it is not replaced. Choose another name.")
    digits = max(5, len(str(len(names))))
    with replacing(folder) as temporary:
        temporary.mkdir()
        own = faces.folder.resolve()
        for place, name in enumerate(names, 1):
            link = temporary / f"{place:0{digits}d}_{name}"
            try:
                link.symlink_to(os.path.relpath(own / name, temporary.resolve()))
            except (OSError, NotImplementedError) as error:
                raise InputError(
                    f"No links can be made in {folder.parent}; write a contact sheet instead: -o sheet.jpg"
                ) from error
        write_json(temporary / LISTED, {"version": 1, "set": str(own), "digits": digits, "order": list(names)})


def thrown_out(faces: FaceSet, folder: Path) -> Marks:
    """Marks for the faces whose links a person has deleted from such a folder.

    Raises:
        InputError: the folder is none of these, or of another face set.
    """
    file = Path(folder) / LISTED
    if not file.is_file():
        raise InputError(f"{folder} is no folder of links that sorting made: it has no {LISTED}.")
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        names, own, digits = [str(name) for name in held["order"]], Path(held["set"]), int(held["digits"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{file} is damaged; sort the faces again.") from error
    if own != faces.folder.resolve():
        raise InputError(f"{folder} holds links to another face set, {own}.")
    gone = [
        name for place, name in enumerate(names, 1) if not (Path(folder) / f"{place:0{digits}d}_{name}").is_symlink()
    ]
    return {name: {THROWN_OUT: f"its link was deleted from {Path(folder).name}"} for name in gone}
