"""Training a detector for clips from anywhere: what it is given, whose faces these are, and what becomes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import refuse_overwrite
from datasets.checkpoint import CARD
from datasets.errors import InputError, Refused
from datasets.facebank import FaceBank
from datasets.gather import Source, gather_faces, sources
from datasets.progress import Progress, silent, tell
from datasets.provenance.consent import BASES, from_option
from datasets.video import timestamps
from datasets.workspace import SETTINGS, Workspace, open_workspace
from detect.framing import stored_coverage, stored_size
from detect.recipe import Material, RecipeSettings, check_recipe, make_recipe, part_people
from detect.recipes.paired import PairSample
from detect.training import TrainSettings, train_recipe
from evaluate.labelledpairs import LabelledPair, crops_of, is_labelled, labelled_pairs
from evaluate.loop import Parts, merged_with, pairs_of

PAIRS_A_CLIP = 64
LATER = 0.7
BY_PEOPLE = "people who are in no training batch"
BY_TIME = "later parts of the same clips, because their people could not be parted"


@dataclass
class Given:
    """What a training was given, by kind.

    Attributes:
        workspaces: each with a swap model and the clip that it is made for.
        labelled: fakes with their originals.
        footage: real clips, pictures, and folders of them.
    """

    workspaces: list[Workspace] = field(default_factory=list)
    labelled: list[LabelledPair] = field(default_factory=list)
    footage: list[Path] = field(default_factory=list)

    @property
    def has_pairs(self) -> bool:
        return bool(self.workspaces or self.labelled)

    def usual_recipe(self) -> str:
        """What these are trained on where nobody says it."""
        return ("mixed" if self.footage else "paired") if self.has_pairs else "self-blend"


def given_kinds(paths: Sequence[Path]) -> Given:
    """Sort what was given. Raises InputError for what is not there."""
    given = Given()
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"There is no file or folder {path}.")
        if (path / SETTINGS).is_file():
            given.workspaces.append(open_workspace(path))
        elif path.is_dir() and is_labelled(path):
            given.labelled += labelled_pairs(path)
        else:
            given.footage.append(path)
    return given


def train_general(
    given: Given,
    recipe: str | None,
    drawn: RecipeSettings,
    settings: TrainSettings,
    folder: Path,
    consent: str | None = None,
    method: str = "quick96",
    force: bool = False,
    progress: Progress = silent,
) -> Mapping[str, Any]:
    """Train a detector on what was given, people kept apart; returns its card.

    Args:
        recipe: a name of :func:`detect.recipe.recipes`; None for the one that fits what was given.
        drawn: input, batch, seed and strength.
        settings: of the training; what follows from the material is filled in.
        consent: the ground on which faces of clips and pictures are used: a basis, or a FILE with the records.
        method: the swap model of each workspace.

    Raises:
        Refused: no ground. InputError: too few people, or a recipe that these don't do for.
        Interrupted: Ctrl-C; the same call goes on.
    """
    name = recipe or given.usual_recipe()
    check_recipe(name)
    refuse_overwrite(Path(folder) / CARD, force)
    if name != "self-blend" and not given.has_pairs:
        raise InputError(
            f"The recipe {name} needs swaps with their originals: a workspace or a labelled folder; real clips alone "
            "do for --recipe self-blend."
        )
    footage = sources(given.footage)
    records = grounds(given, consent)
    groups = people_groups(given)
    coverage, size = stored_coverage(drawn.coverage), stored_size(drawn.size, drawn.coverage)
    pairs = _pairs(given, groups, method, size, coverage, settings.device, progress) if name != "self-blend" else []
    bank = None
    if name != "paired":
        everyone = _real_clips(given, groups) + footage
        bank = gather_faces(everyone, Path(folder) / "faces", size, coverage, progress=progress, force=force)
        for note in bank.notes:
            tell(progress, note)
    held = held_people({pair.person for pair in pairs}, set(bank.who()) if bank else set(), drawn.seed)
    material = parted(pairs, bank, held, coverage)
    made = make_recipe(name, material, drawn)
    fingerprint = hashlib.sha256(made.fingerprint().encode()).hexdigest()[:6]
    called = settings.name if settings.name != TrainSettings.name else f"{name}-{fingerprint}"
    whole = replace(
        settings,
        coverage=drawn.coverage,
        batch=drawn.batch,
        seed=drawn.seed,
        name=called,
        scope={"kind": "general"},
        trained_on=_words(given, name, pairs, bank),
        consent=tuple(records),
    )
    return train_recipe(made, whole, folder, progress, force)


def grounds(given: Given, consent: str | None) -> list[Mapping[str, str]]:
    """The consent records of all that is used, each once. Raises Refused where there is none."""
    records: list[Mapping[str, Any]] = []
    for workspace in given.workspaces:
        records += [record.to_table() for record in workspace.require_consent()]
    for pair in given.labelled:
        if not pair.consent:
            raise Refused(f"{pair.fake} does not say on what ground its faces were used, so it is not trained on.")
        records += pair.consent
    if given.footage:
        if consent is None:
            raise Refused(
                "Training a detector uses people's faces: say on what ground with --consent "
                f"{'|'.join(BASES)} or a TOML file with the records."
            )
        label = ", ".join(sorted({path.name for path in given.footage}))
        records += [record.to_table() for record in from_option(consent, label, label)]
    unique = {str(sorted(record.items())): record for record in records}
    return [dict(record) for record in unique.values()]


def people_groups(given: Given) -> dict[str, str]:
    """Each person of the pairs with the group that is kept together: whoever is in one swap belongs together."""
    edges = [_people_of(workspace) for workspace in given.workspaces]
    edges += [(pair.footage, pair.source or pair.footage) for pair in given.labelled]
    group: dict[str, str] = {}
    for one, other in edges:
        first, second = group.setdefault(one, one), group.setdefault(other, other)
        group = {person: first if own == second else own for person, own in group.items()}
    return group


def _people_of(workspace: Workspace) -> tuple[str, str]:
    clips = workspace.settings.get("clips", {})
    shown = [str(clips.get(role, {}).get("sha256") or f"{workspace.root}/{role}") for role in ("destination", "source")]
    return shown[0][:12], shown[1][:12]


def _pairs(
    given: Given, groups: Mapping[str, str], method: str, size: int, coverage: float, device: str, progress: Progress
) -> list[PairSample]:
    found: list[PairSample] = []
    for workspace in given.workspaces:
        clip = workspace.clip("destination")
        times = timestamps(clip)
        part = (float(times[0]), float(times[-1]) + 1)
        frames = Parts(part, part, part[1]).frames(part, times, PAIRS_A_CLIP)
        person = groups[_people_of(workspace)[0]]
        step = f"making pairs of {workspace.root.name}"
        how = merged_with(workspace, method)
        found += pairs_of(workspace, method, how, frames, device, step, progress, size, coverage, person)
    for pair in given.labelled:
        found += crops_of(pair, size, coverage, PAIRS_A_CLIP, groups[pair.footage], progress)
    if given.has_pairs and not found:
        raise InputError("In none of the swaps that were given was a changed face found.")
    return found


def _real_clips(given: Given, groups: Mapping[str, str]) -> list[Source]:
    """The real clips behind the swaps, for self-blending, under the names that keep their people together."""
    real = [Source(groups[_people_of(w)[0]], (w.clip("destination"),)) for w in given.workspaces]
    return real + [Source(groups[footage], (path,)) for footage, path in _originals(given.labelled).items()]


def _originals(pairs: Iterable[LabelledPair]) -> dict[str, Path]:
    return {pair.footage: pair.original for pair in pairs}


def held_people(in_pairs: set[str], in_faces: set[str], seed: int) -> set[str]:
    """Who is held out: a share of the people of pairs, and of those that are in real footage alone.

    Of a single group of people in pairs nobody is; its later frames are then.
    """
    held = part_people(sorted(in_pairs), seed)[1] if len(in_pairs) > 1 else set()
    alone = in_faces - in_pairs
    if len(alone) > 1 or (in_faces and not in_pairs):
        held |= part_people(sorted(alone), seed)[1]
    return held


def parted(pairs: list[PairSample], bank: FaceBank | None, held: set[str], coverage: float) -> Material:
    """The pairs, and the faces of a bank or None, with the held-out people apart.

    Where none of them is held out, the later part of each clip is; pictures, which have no time, are trained on.
    """
    words = []
    out = np.array([pair.person in held for pair in pairs], dtype=bool)
    if pairs:
        words.append(BY_PEOPLE if out.any() else BY_TIME)
        if not out.any():
            out = _late(np.array([pair.time for pair in pairs]), np.array([pair.clip for pair in pairs]))
    faces, held_faces = None, None
    if bank is not None:
        late = np.array([bank.names[person] in held for person in bank.people.tolist()], dtype=bool)
        words.append(BY_PEOPLE if late.any() else BY_TIME)
        late = late if late.any() else _late(bank.times, bank.sources)
        faces, held_faces = bank.subset(np.flatnonzero(~late)), bank.subset(np.flatnonzero(late))
    return Material(
        pairs=[pair for pair, is_out in zip(pairs, out.tolist(), strict=True) if not is_out],
        held_pairs=[pair for pair, is_out in zip(pairs, out.tolist(), strict=True) if is_out],
        pair_coverage=coverage,
        faces=faces,
        held_faces=held_faces,
        held_words=" and ".join(dict.fromkeys(words)),
    )


def _late(times: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Which of these moments lie in the last part of their clips; of a clip without a length none does."""
    late = np.zeros(len(times), dtype=bool)
    for clip in np.unique(clips):
        own = clips == clip
        first, last = times[own].min(), times[own].max()
        late[own] = (times[own] >= first + LATER * (last - first)) & (last > first)
    return late


def _words(given: Given, recipe: str, pairs: list[PairSample], bank: Any) -> str:
    said = []
    if pairs:
        people = len({pair.person for pair in pairs})
        swaps = len(given.workspaces) + len(given.labelled)
        said.append(f"{swaps} swaps with their originals ({people} groups of people, {len(pairs)} pairs of frames)")
    if bank:
        said.append(f"self-blends of {len(bank.who())} people ({len(bank)} faces)")
    return f"{recipe}: {' and '.join(said)}"
