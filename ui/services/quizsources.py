"""What the quiz can take its clips from: the sample, finished workspaces, labelled data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.errors import CounterfaceError
from ui.services import sample, sets
from ui.services.access import allowed_folders


@dataclass(frozen=True)
class Source:
    """A workspace or a data set, and its name for people."""

    path: Path
    title: str


def sources() -> list[Source]:
    """The sample first, then workspaces with a swap and a consent record in force, then data sets with marked pairs."""
    from ui.services.projects import projects

    found = []
    root = sample.sample_root().resolve()
    if sample.finished(root):
        found.append(Source(root, "The sample"))
    for one in projects():
        if one.step == "result" and one.root.resolve() != root and _in_force(one.root):
            found.append(Source(one.root.resolve(), one.title))
    for folder in sets.found(allowed_folders()):
        found.append(Source(folder, f"Data set {folder.name}"))
    return found


def _in_force(root: Path) -> bool:
    from datasets.workspace import open_workspace

    try:
        open_workspace(root).require_consent()
    except CounterfaceError:
        return False
    return True
