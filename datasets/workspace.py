"""A workspace: the folder in which a swap is made, laid out so that a person sees where the work stands.

::

    workspace.toml               settings, seed, the consent records
    data_src.mp4  data_dst.mp4   the two clips
    data_src/clips/              in place of data_src.mp4, where the source is several clips, or pictures
    data_src/reference.jpg       a picture of the person that is meant, where several are to be seen
    data_src/aligned/  data_dst/aligned/   face sets: crops + faces.parquet
    model/<name>/                card.json, weights.safetensors, metrics.jsonl, previews/
    detector/                    the detector trained on this swap
    result/                      result.mp4, result_mask.mkv, result.json, report.html
"""

from __future__ import annotations

import datetime as dt
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w

from datasets import footage
from datasets.atomic import replacing, write_text
from datasets.errors import InputError
from datasets.provenance.consent import Consent, from_tables, require

Role = Literal["source", "destination"]
SHORT: dict[Role, str] = {"source": "data_src", "destination": "data_dst"}
SETTINGS = "workspace.toml"
SEVERAL = "clips"
LONGEST_NAME = 80


@dataclass(frozen=True)
class Choice:
    """Which of the people in a clip is meant: a track of its face set, or the one most like a picture."""

    track: int | None = None
    reference: Path | None = None


@dataclass(frozen=True)
class Workspace:
    """The paths and the settings of one workspace.

    Attributes:
        root: its folder.
        settings: what ``workspace.toml`` holds, without the consent records.
        consent: the records of the source and the destination, in force or not, in the order of the file.
    """

    root: Path
    settings: Mapping[str, Any]
    consent: tuple[Consent, ...]

    @property
    def seed(self) -> int:
        return int(self.settings.get("seed", 0))

    def clips(self, role: Role) -> tuple[Path, ...]:
        """The clips and pictures of that role, one or more; the destination is always one clip.

        Raises:
            InputError: one of them is not there.
        """
        listed = self.settings.get("clips", {}).get(role, {}).get("files")
        if not listed:
            return (self.clip(role),)
        folder = self.root / SHORT[role] / SEVERAL
        files = tuple(folder / Path(entry["file"]).name for entry in listed)
        for file in files:
            if not file.is_file():
                raise InputError(f"{folder} no longer holds {file.name}; make the workspace anew: counterface new")
        return files

    def names(self, role: Role) -> tuple[str, ...]:
        """The names that the clips and pictures of that role had where they came from."""
        about = self.settings.get("clips", {}).get(role, {})
        if about.get("files"):
            return tuple(str(entry["name"]) for entry in about["files"])
        return (str(about.get("name", self.clip(role).name)),)

    def clip(self, role: Role) -> Path:
        """The one clip of that role; its suffix is that of the file it was copied from.

        Raises:
            InputError: there is none, or the source is several.
        """
        if self.settings.get("clips", {}).get(role, {}).get("files"):
            raise InputError(f"The {role} of {self.root} is several clips or pictures, and one clip is needed here.")
        found = sorted(p for p in self.root.glob(SHORT[role] + ".*") if p.is_file() and not p.name.startswith("."))
        if not found:
            raise InputError(f"{self.root} has no {SHORT[role]} clip; make a workspace with: counterface new")
        return found[0]

    def faces(self, role: Role) -> Path:
        """The folder of that role's face set."""
        return self.root / SHORT[role] / "aligned"

    def person(self, role: Role) -> Choice | None:
        """Which person of that role was chosen; None when no choice was made."""
        held = self.settings.get("people", {}).get(role)
        if not held:
            return None
        return Choice(held.get("track"), self.root / held["reference"] if "reference" in held else None)

    def model(self, name: str) -> Path:
        """The folder of a swap model."""
        return self.root / "model" / name

    def models(self) -> list[str]:
        """Names of the swap models that are trained here."""
        found = (self.root / "model").glob("*/card.json")
        return sorted(p.parent.name for p in found if not p.parent.name.startswith("."))

    @property
    def detector(self) -> Path:
        return self.root / "detector"

    @property
    def result(self) -> Path:
        return self.root / "result"

    def require_consent(self) -> tuple[Consent, Consent]:
        """The records in force, source and destination. Raises Refused when one of the two faces has none."""
        return require(self.consent, workspace=self.root)


def create(
    root: Path,
    source: Path | Sequence[Path],
    destination: Path,
    consent: tuple[Consent, ...],
    seed: int = 0,
    force: bool = False,
    people: Mapping[Role, Choice] | None = None,
) -> Workspace:
    """Make a workspace from footage of two people, which is checked and copied into it.

    Args:
        source: a clip, a picture, a folder of them, or several of these, all of one person.
        destination: one clip.
        people: who is meant, where a clip shows several.

    Raises:
        InputError: a clip is missing or damaged, source and destination are the same, or the folder holds something
            already.
        Refused: a consent record is missing.
    """
    from datasets.video import probe

    require(consent)
    root, given = Path(root), [source] if isinstance(source, str | Path) else list(source)
    refuse_root(root, force)
    files = footage.gather(given)
    footage.check(given)
    probe(Path(destination))
    hashes = refuse_same_clips(files, Path(destination))
    about: dict[str, Any] = {"name": footage.label(given), "sha256": footage.footage_hash(hashes)}
    single = len(files) == 1 and not footage.is_picture(files[0])
    copies: dict[str, Path] = {f"{SHORT['destination']}{Path(destination).suffix.lower()}": Path(destination)}
    if single:
        copies[f"{SHORT['source']}{files[0].suffix.lower()}"] = files[0]
    else:
        own = [_own_name(number, file, len(files)) for number, file in enumerate(files, 1)]
        about["files"] = [
            {"file": name, "name": file.name, "sha256": digest}
            for name, file, digest in zip(own, files, hashes, strict=True)
        ]
        copies |= {f"{SHORT['source']}/{SEVERAL}/{name}": file for name, file in zip(own, files, strict=True)}
    settings: dict[str, Any] = {
        "seed": seed,
        "clips": {
            "source": about,
            "destination": {"name": Path(destination).name, "sha256": sha256(Path(destination))},
        },
    }
    with replacing(root) as temporary:
        temporary.mkdir(parents=True)
        for name, file in copies.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, temporary / name)
        settings |= _people_table(temporary, people or {}, {})
        _write_settings(temporary, settings, consent)
    return open_workspace(root)


def _own_name(number: int, file: Path, of: int) -> str:
    """What a clip or picture is called in the workspace: its number, so that all stay apart, and its name."""
    digits = max(2, len(str(of)))
    return f"{number:0{digits}d}_{file.stem[:LONGEST_NAME]}{file.suffix.lower()}"


def refuse_same_clips(source: Sequence[Path], destination: Path) -> list[str]:
    """The SHA-256 of each file of the source. Raises InputError when one of them is the destination too."""
    hashes, other = [sha256(file) for file in source], sha256(destination)
    if other in hashes:
        same = source[hashes.index(other)]
        raise InputError(
            f"{same.name} is both the source and the destination; a swap needs two different clips."
            if same.name == destination.name
            else f"The source {same.name} and the destination {destination.name} are the same clip; a swap needs two."
        )
    return hashes


def choose_people(workspace: Workspace, people: Mapping[Role, Choice]) -> Workspace:
    """Write down who is meant in the clips of a workspace; returns it as it is now.

    Raises:
        InputError: a reference is no picture that can be read.
    """
    table = _people_table(workspace.root, people, workspace.settings.get("people", {}))
    _write_settings(workspace.root, dict(workspace.settings) | table, workspace.consent)
    return open_workspace(workspace.root)


def _people_table(root: Path, people: Mapping[Role, Choice], held: Mapping[str, Any]) -> dict[str, Any]:
    """The [people] table after these choices; a reference is copied into the workspace."""
    from datasets.video import read_picture

    table = dict(held)
    for role, choice in people.items():
        if choice.reference is not None:
            read_picture(choice.reference)
            own = f"{SHORT[role]}/reference{choice.reference.suffix.lower()}"
            with replacing(root / own) as temporary:
                shutil.copyfile(choice.reference, temporary)
            digest = sha256(root / own)
            table[role] = {"reference": own, "name": choice.reference.name, "sha256": digest}
        else:
            table[role] = {"track": choice.track}
    return {"people": table} if table else {}


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
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.") from error
    tables = content.pop("consent", [])
    clips, people = content.get("clips", {}), content.get("people", {})
    if (
        not isinstance(tables, list)
        or type(content.get("seed", 0)) is not int
        or not isinstance(clips, dict)
        or not all(isinstance(clip, dict) and _is_list_of_files(clip.get("files", [])) for clip in clips.values())
        or not isinstance(people, dict)
        or not all(isinstance(person, dict) and _is_choice(person) for person in people.values())
    ):
        raise InputError(f"{file} is not laid out as a workspace's settings are; make the workspace anew.")
    return Workspace(root, content, from_tables(tables, file, text))


def _is_list_of_files(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("file", "name", "sha256"))
        for entry in value
    )


def _is_choice(value: dict[str, Any]) -> bool:
    return type(value.get("track")) is int if "track" in value else isinstance(value.get("reference"), str)


def renew_consent(workspace: Workspace, consent: Sequence[Consent]) -> Workspace:
    """Add consent records to those that a workspace holds (``consentrenewal.renewed``); returns it as it is now.

    Raises:
        Refused: the new records do not hold.
    """
    from datasets.provenance.consentrenewal import renewed

    return _with_consent(workspace, renewed(workspace.consent, consent))


def withdraw_consent(workspace: Workspace, role: Role, day: dt.date) -> Workspace:
    """Write into a workspace that a person took the consent back on that day; returns it as it is now.

    Raises:
        InputError: there is no record that could be withdrawn.
    """
    from datasets.provenance.consentrenewal import withdrawn

    return _with_consent(workspace, withdrawn(workspace.consent, role, day))


def _with_consent(workspace: Workspace, consent: tuple[Consent, ...]) -> Workspace:
    """Write down other records; a file that would say the same stays as it is."""
    if consent == workspace.consent:
        return workspace
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
