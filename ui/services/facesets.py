"""What the commands on face sets do between the command line and ``datasets.curate``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.curate.figures import Figures
from datasets.curate.marks import Marks
from datasets.curate.order import Order
from datasets.curate.sheet import Cell, marked, spread, write
from datasets.errors import InputError
from datasets.faceset import FaceSet, Tracks
from datasets.workspace import SETTINGS, SHORT, Workspace, open_workspace
from ui.console import Console

PICTURES = (".jpg", ".jpeg", ".png")
SPREAD, PAGE = 60, 240


@dataclass(frozen=True)
class Opened:
    """A face set that was named on the command line.

    Attributes:
        faces: the set.
        role: whose it is, when that can be told.
        workspace: the one it is in, whether it was named by it or by the face set's own folder.
    """

    faces: FaceSet
    role: Literal["source", "destination"] | None
    workspace: Workspace | None

    @property
    def destination(self) -> bool:
        return self.role == "destination"


def open_set(path: Path, role: str | None) -> Opened:
    """The face set that is meant: a folder of one, or a workspace's. Raises InputError when there is none."""
    if role not in (None, "source", "destination"):
        raise InputError(f"--role is source or destination, not {role!r}.")
    if (path / SETTINGS).is_file():
        if role is None:
            raise InputError(f"{path} is a workspace with two face sets; say which: --role source or destination.")
        known: Literal["source", "destination"] = "source" if role == "source" else "destination"
        workspace = open_workspace(path)
        if not workspace.faces(known).is_dir():
            raise InputError(f"The {role} has no face set yet; run: counterface extract {path}")
        return Opened(FaceSet(workspace.faces(known)), known, workspace)
    if role is not None:
        raise InputError(f"{path} is no workspace, and --role is for one.")
    faces, folder = FaceSet(path), path.resolve()
    found = next((name for name, short in SHORT.items() if short == folder.parent.name), None)
    root = folder.parent.parent
    if found is not None and (root / SETTINGS).is_file():
        workspace = open_workspace(root)
        if workspace.faces(found) == folder:
            return Opened(faces, found, workspace)
    return Opened(faces, found, None)


def person(opened: Opened, track: int | None, console: Console) -> Tracks:
    """Whose faces are looked at, None for all: as training and merging choose, unless a track is given.

    Raises:
        InputError: there is no such track, or nobody can tell who is meant.
    """
    from synth.people import no_such_track, one_person, person_of

    faces = opened.faces
    if track is not None:
        no_such_track(faces, opened.role or "source", track)
        return track
    if opened.workspace is None or opened.role is None:
        chosen, notes = one_person(faces)
    else:
        chosen, notes = person_of(opened.workspace, opened.role, faces)  # type: ignore[assignment]
    for note in notes:
        console.say(note)
    return chosen


def as_json(figures: Figures, put: Order, keep: int | None, marks: Marks) -> dict[str, Any]:
    """An order as ``order.json`` and ``--json`` hold it."""
    entries = []
    for i, figure in zip(put.index[: keep or None].tolist(), put.figure.tolist(), strict=False):
        entries.append(
            {
                "file": figures.file[i],
                "frame": int(figures.frame[i]),
                "track": int(figures.track[i]),
                "figure": None if math.isnan(figure) else round(figure, 4),
                "marked": list(marks.get(figures.file[i], {})),
            }
        )
    return {"by": put.by, "unit": put.unit, "faces": len(figures), "order": entries, "damaged": list(figures.damaged)}


def cells(figures: Figures, put: Order, places: list[int], marks: Marks) -> list[Cell]:
    """What a contact sheet shows at these places of an order."""
    made = []
    for place in places:
        name, figure = figures.file[int(put.index[place])], put.figure[place]
        said = f"{put.by} –" if math.isnan(figure) else f"{put.by} {figure:.3g}"
        made.append(Cell(name, str(figures.frame[int(put.index[place])]), said, marked(name, marks)))
    return made


def about_order(figures: Figures, put: Order) -> list[str]:
    """An order in sentences: its span, and what has no place in it."""
    known = put.figure[~(put.figure != put.figure)]
    lines = []
    if len(known):
        lines.append(
            f"{len(figures)} faces by {put.by} ({put.unit}): first {known[0]:.4g}, "
            f"middle {known[len(known) // 2]:.4g}, last {known[-1]:.4g}."
        )
    if len(known) < len(figures):
        lines.append(f"{len(figures) - len(known)} faces have no such figure (no mesh); they stand last.")
    if figures.damaged:
        lines.append(f"{len(figures.damaged)} crops can't be read and are left out ({figures.damaged[0]} ...).")
    return lines


def write_order(
    faces: FaceSet,
    figures: Figures,
    put: Order,
    marks: Marks,
    keep: int | None,
    output: Path,
    force: bool,
    console: Console,
) -> None:
    """Write an order as a folder of links or, under a picture's name, as a contact sheet."""
    from datasets.curate.links import make_links

    count = len(put.index) if keep is None else min(keep, len(put.index))
    if output.suffix.lower() not in PICTURES:
        make_links(faces, [figures.file[i] for i in put.index[:count].tolist()], output, force)
        console.say(f"Delete links there as you like, then: counterface faces clean {faces.folder} --from {output}")
        return
    places = spread(count, SPREAD) if keep is None else list(range(count))
    title = f"{faces.info.clip}  ·  {len(figures)} faces by {put.by}"
    title += f"  ·  {len(places)} shown" if len(places) < len(figures) else ""
    write(faces, cells(figures, put, places, marks), title, output, PAGE, force, console)
