"""The workspaces that the dashboard knows: where they are, what they are called, how far they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.errors import CounterfaceError, InputError
from datasets.provenance.consent import Consent
from datasets.workspace import SETTINGS, Role, Workspace, create, open_workspace
from ui.services.access import allowed, require_room, safe_name
from ui.services.workspaces import found
from ui.settings import studio_home, studio_settings

Step = Literal["faces", "method", "composite", "result"]
STANDS: dict[Step, str] = {
    "faces": "clips are in; no faces yet",
    "method": "faces found",
    "composite": "trained",
    "result": "finished",
}


@dataclass(frozen=True)
class Project:
    """A workspace in a list.

    Attributes:
        root: its folder.
        title: its two clips.
        step: what comes next; ``result`` where it is finished.
        changed: seconds since 1970.
    """

    root: Path
    title: str
    step: Step
    changed: float

    @property
    def stands(self) -> str:
        """How far it is, in a few words."""
        return STANDS[self.step]


def folder() -> Path:
    """Where workspaces are made."""
    return studio_home() / "workspaces"


def projects(limit: int = 24) -> list[Project]:
    """Workspaces of the studio and of the folder it was started in, those changed last first."""
    roots = found(folder()) if folder().is_dir() else []
    if not studio_settings().public:
        roots += found(Path.cwd())
    listed = []
    for root in dict.fromkeys(root.resolve() for root in roots):
        try:
            listed.append(project(open_workspace(root)))
        except CounterfaceError:
            continue
    return sorted(listed, key=lambda one: -one.changed)[:limit]


def project(workspace: Workspace) -> Project:
    """How a workspace stands in a list."""
    held = [workspace.root / SETTINGS, workspace.result / "result.mp4", workspace.root / "model"]
    changed = max(file.stat().st_mtime for file in held if file.exists())
    title = f"{_person(workspace, 'source')} on {_person(workspace, 'destination')}"
    return Project(workspace.root, title, step_of(workspace), changed)


def _person(workspace: Workspace, role: Role) -> str:
    """Whose face it is by the consent record; by the clip's name where that names the clip."""
    names = workspace.names(role)
    who = next((one.who for one in reversed(workspace.consent) if one.role == role), names[0])
    return Path(who).stem if who in names else who


def step_of(workspace: Workspace) -> Step:
    """What is to be done next in a workspace."""
    if (workspace.result / "result.mp4").is_file():
        return "result"
    if workspace.models():
        return "composite"
    if all((workspace.faces(role) / "faces.parquet").is_file() for role in ("source", "destination")):
        return "method"
    return "faces"


def open_project(path: str | Path) -> Workspace:
    """A workspace in one of the allowed folders. Raises InputError or Refused, in one sentence."""
    return open_workspace(allowed(path))


def record(role: str, given: Mapping[str, Any]) -> Consent:
    """A consent record from what was typed. Raises InputError for what is missing or makes no sense."""
    table = {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in given.items() if value}
    return Consent.from_table({"role": role, **table})


def new_project(source: Sequence[Path], destination: Path, records: Sequence[Consent], name: str = "") -> Workspace:
    """Make a workspace in the studio's folder.

    Args:
        source: clips or pictures of one person, in allowed folders.
        name: of its folder; made of the clips' names by default.

    Raises:
        Refused: a consent record is missing or not in force. InputError: a clip cannot be used, no room.
    """
    if not source:
        raise InputError("A source is needed: a clip or pictures of the person whose face is taken.")
    files = [allowed(file) for file in (*source, destination)]
    require_room(3 * sum(file.stat().st_size for file in files if file.is_file()))
    wanted = safe_name(name or f"{files[0].stem}-on-{files[-1].stem}")
    root = folder() / wanted
    number = 2
    while root.exists():
        root = folder() / f"{wanted}-{number}"
        number += 1
    root.parent.mkdir(parents=True, exist_ok=True)
    return create(root, files[:-1], files[-1], tuple(records))
