"""A workspace: the folder in which a swap is made, laid out so that a person sees where the work stands.

::

    workspace.toml               settings, seed, the consent records
    data_src.mp4  data_dst.mp4   the two clips
    data_src/aligned/  data_dst/aligned/   face sets: crops + faces.parquet
    model/<name>/                card.json, weights.safetensors, metrics.jsonl, previews/
    detector/                    the detector trained on this swap
    result/                      result.mp4, result_mask.mkv, result.json, report.html
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w

from datasets.atomic import replacing, write_text
from datasets.errors import InputError
from datasets.provenance.consent import Consent, require

Role = Literal["source", "destination"]
SHORT: dict[Role, str] = {"source": "data_src", "destination": "data_dst"}
SETTINGS = "workspace.toml"


@dataclass(frozen=True)
class Workspace:
    """The paths and the settings of one workspace.

    Attributes:
        root: its folder.
        settings: what ``workspace.toml`` holds, without the consent records.
        consent: the records of the source and the destination.
    """

    root: Path
    settings: Mapping[str, Any]
    consent: tuple[Consent, ...]

    @property
    def seed(self) -> int:
        return int(self.settings.get("seed", 0))

    def clip(self, role: Role) -> Path:
        """The clip of that role; its suffix is that of the file it was copied from."""
        found = sorted(p for p in self.root.glob(SHORT[role] + ".*") if p.is_file() and not p.name.startswith("."))
        if not found:
            raise InputError(f"{self.root} has no {SHORT[role]} clip; make a workspace with: counterface new")
        return found[0]

    def faces(self, role: Role) -> Path:
        """The folder of that role's face set."""
        return self.root / SHORT[role] / "aligned"

    def model(self, name: str) -> Path:
        """The folder of a swap model."""
        return self.root / "model" / name

    def models(self) -> list[str]:
        """Names of the swap models that are trained here."""
        return sorted(p.parent.name for p in (self.root / "model").glob("*/card.json"))

    @property
    def detector(self) -> Path:
        return self.root / "detector"

    @property
    def result(self) -> Path:
        return self.root / "result"

    def require_consent(self) -> tuple[Consent, ...]:
        """The consent records. Raises Refused when one of the two faces has none that holds."""
        return require(self.consent)


def create(
    root: Path,
    source: Path,
    destination: Path,
    consent: tuple[Consent, ...],
    seed: int = 0,
    force: bool = False,
) -> Workspace:
    """Make a workspace from two clips, which are checked and copied into it.

    Raises:
        InputError: a clip is missing or damaged, or the folder holds something already.
        Refused: a consent record is missing.
    """
    from datasets.video import probe

    require(consent)
    root = Path(root)
    refuse_root(root, force)
    clips: dict[Role, Path] = {"source": Path(source), "destination": Path(destination)}
    for clip in clips.values():
        probe(clip)
    settings = {
        "seed": seed,
        "clips": {role: {"name": clip.name, "sha256": sha256(clip)} for role, clip in clips.items()},
    }
    with replacing(root) as temporary:
        temporary.mkdir(parents=True)
        for role, clip in clips.items():
            shutil.copyfile(clip, temporary / f"{SHORT[role]}{clip.suffix.lower()}")
        _write_settings(temporary, settings, consent)
    return open_workspace(root)


def refuse_root(root: Path, force: bool) -> None:
    """Raise InputError when a workspace can't be made there: ``force`` replaces a workspace, and nothing else."""
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file, and a workspace is a folder; choose another name.")
    if root.exists() and any(root.iterdir()):
        if not force:
            raise InputError(f"{root} is not empty; choose another folder, or --force to replace it.")
        if not (root / SETTINGS).is_file():
            raise InputError(f"{root} is not empty and no workspace: it is not replaced. Choose another folder.")


def open_workspace(root: Path) -> Workspace:
    """Open a workspace. Raises InputError when the folder is none."""
    root = Path(root)
    file = root / SETTINGS
    if not file.is_file():
        raise InputError(f"{root} is not a workspace: it has no {SETTINGS}. Make one with: counterface new")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.") from error
    tables = content.pop("consent", [])
    clips = content.get("clips", {})
    if (
        not isinstance(tables, list)
        or type(content.get("seed", 0)) is not int
        or not isinstance(clips, dict)
        or not all(isinstance(clip, dict) for clip in clips.values())
    ):
        raise InputError(f"{file} is not laid out as a workspace's settings are; make the workspace anew.")
    return Workspace(root, content, tuple(Consent.from_table(table) for table in tables))


def renew_consent(workspace: Workspace, consent: tuple[Consent, ...]) -> Workspace:
    """Put new consent records in place of the ones that a workspace holds; returns it as it is now.

    Raises:
        Refused: the new records do not hold.
    """
    require(consent)
    _write_settings(workspace.root, workspace.settings, consent)
    return open_workspace(workspace.root)


def _write_settings(root: Path, settings: Mapping[str, Any], consent: tuple[Consent, ...]) -> None:
    table = dict(settings) | {"consent": [record.to_table() for record in consent]}
    write_text(root / SETTINGS, tomli_w.dumps(table))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, hex."""
    import hashlib

    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
