"""Labelled clips to measure a detector on, wherever they come from: one row a clip, with all that it can be sorted by.

Three kinds of folder are read: a labelled data set with its manifest; folders ``real`` and ``fake`` in which clips of
one name belong together (without names in common they are single clips); and workspaces with a result, whose originals
are then encoded and marked as the result was before they are scored. What people or clips are like may be said in a
file ``attributes.csv`` beside them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets.errors import InputError
from datasets.labelledset import LabelledSet
from datasets.manifest import is_dataset
from datasets.workspace import SETTINGS, Workspace, open_workspace

ATTRIBUTES = "attributes.csv"
KEYS = ("clip", "person")
UNKNOWN = "unknown"
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class LabelledClip:
    """One clip with its label.

    Attributes:
        name: for people, the same for all levels of a clip.
        fake: whether a face in it was changed.
        group: what is drawn together for an interval: a fake, the clip that it was made of, and all their copies.
        pair: what a fake and its own original at the same level have in common, "" for a clip alone.
        method: how a fake was made, "" for a real clip.
        level: compression level, ``as it is`` where there is one kind alone.
        person: whose face is to be seen, "" where it is not known.
        split: ``train``, ``val``, ``test``, or "".
        like: a swap of this clip, whose encoding it is to be given before it is scored.
        mask: its swap mask, frame for frame, or None.
        attributes: what is said of it, by name.
    """

    path: Path
    name: str
    fake: bool
    group: str
    pair: str = ""
    method: str = ""
    level: str = AS_IT_IS
    person: str = ""
    split: str = ""
    like: Path | None = None
    mask: Path | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def labelled_clips(folder: Path, split: str | None = None) -> list[LabelledClip]:
    """The labelled clips of a folder.

    Args:
        split: of a data set, the clips of this part and of ``val``, on which thresholds are fixed; ``all`` for all.
            None takes ``test`` where there is such a part, else all.

    Raises:
        InputError: no folder, nothing in it says what it is, a damaged manifest, or no clip of that part.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    said = read_attributes(folder / ATTRIBUTES)
    if is_dataset(folder):
        return _of_dataset(folder, split, said)
    if split not in (None, "all"):
        raise InputError(f"{folder} has no parts: --split is for data sets with a manifest.")
    if (folder / "real").is_dir() and (folder / "fake").is_dir():
        return _of_folders(folder, said)
    if workspaces := results_in([folder]):
        return _of_workspaces(workspaces, said)
    raise InputError(
        f"{folder} is no data set with a manifest, has no folders named real and fake, and holds no workspace with a "
        "result."
    )


def read_attributes(file: Path) -> dict[str, dict[str, str]]:
    """What is said of clips or people: a table with a column ``clip`` or ``person`` and one for each attribute.

    Returns:
        By name of the clip or the person; empty where there is no such file.

    Raises:
        InputError: it has no such column.
    """
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8-sig", newline="") as table:
        rows = csv.DictReader(table)
        key = next((name for name in KEYS if name in (rows.fieldnames or ())), None)
        if key is None:
            raise InputError(f"{file} has no column named clip or person.")
        return {row[key]: {k: v for k, v in row.items() if k and k != key and v} for row in rows if row[key]}


def _said(attributes: Mapping[str, Mapping[str, str]], *names: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        found |= attributes.get(name, {})
    return found


def _of_dataset(folder: Path, split: str | None, attributes: Mapping[str, Mapping[str, str]]) -> list[LabelledClip]:
    data = LabelledSet(folder)
    there = {clip.split for clip in data.clips}
    wanted = split or ("test" if "test" in there else "all")
    if wanted != "all" and wanted not in there:
        raise InputError(f"{folder} has no part {wanted!r}; it has: {', '.join(sorted(there))}.")
    found = []
    for clip in data.clips:
        if wanted != "all" and clip.split not in (wanted, "val"):
            continue
        own = clip.original or clip.clip
        found.append(
            LabelledClip(
                path=data.path(clip.file),
                name=clip.clip,
                fake=clip.is_fake,
                group=own,
                pair=f"{own} {clip.level}",
                method=clip.method or UNKNOWN if clip.is_fake else "",
                level=clip.level,
                person=clip.target,
                split=clip.split,
                mask=data.path(clip.mask) if clip.mask else None,
                attributes=_said(attributes, clip.target, clip.clip),
            )
        )
    return found


def _of_folders(folder: Path, attributes: Mapping[str, Mapping[str, str]]) -> list[LabelledClip]:
    """Clips below ``real`` and ``fake``; a folder between says the method of its fakes."""
    from evaluate.recalibration import media

    real = {path.relative_to(folder / "real").stem: path for path in media(folder / "real")}
    found = [
        LabelledClip(path, stem, False, stem, stem, person=stem, attributes=_said(attributes, stem))
        for stem, path in real.items()
    ]
    for path in media(folder / "fake"):
        inside = path.relative_to(folder / "fake")
        beside = path.with_name(f"{path.stem}_mask.mkv")
        found.append(
            LabelledClip(
                path=path,
                name=path.stem,
                fake=True,
                group=path.stem,
                pair=path.stem,
                method=inside.parts[0] if len(inside.parts) > 1 else UNKNOWN,
                person=path.stem,
                mask=beside if beside.is_file() else None,
                attributes=_said(attributes, path.stem),
            )
        )
    if not found:
        raise InputError(f"{folder / 'real'} and {folder / 'fake'} hold no clip.")
    return found


def results_in(folders: Sequence[Path]) -> list[Workspace]:
    """Workspaces with a result and its mask: the folders themselves, or those inside them."""
    found = []
    for folder in folders:
        roots = [folder] if (folder / SETTINGS).is_file() else sorted(p.parent for p in folder.glob(f"*/{SETTINGS}"))
        found += [open_workspace(root) for root in roots if not root.name.startswith(".")]
    return [one for one in found if all((one.result / name).is_file() for name in ("result.mp4", "result_mask.mkv"))]


def method_of(workspace: Workspace) -> str:
    """Which method made the result, by ``result.json``, or by the one model that is there."""
    try:
        card = json.loads((workspace.result / "result.json").read_text(encoding="utf-8"))["method"]
        return str(card.get("method") or card["name"])
    except (OSError, ValueError, KeyError, TypeError):
        models = workspace.models()
        return models[0] if len(models) == 1 else UNKNOWN


def _of_workspaces(workspaces: Sequence[Workspace], attributes: Mapping[str, Mapping[str, str]]) -> list[LabelledClip]:
    found = []
    for workspace in workspaces:
        result, name = workspace.result / "result.mp4", workspace.root.resolve().name
        person = Path(workspace.names("destination")[0]).stem
        for fake in (True, False):
            found.append(
                LabelledClip(
                    path=result if fake else workspace.clip("destination"),
                    name=name if fake else f"{name}, original",
                    fake=fake,
                    # One person's clips say much the same, and several swaps may be of one clip.
                    group=person,
                    pair=name,
                    method=method_of(workspace) if fake else "",
                    person=person,
                    like=None if fake else result,
                    mask=workspace.result / "result_mask.mkv" if fake else None,
                    attributes=_said(attributes, person, name),
                )
            )
    return found


def some(clips: Sequence[LabelledClip], most: int | None) -> list[LabelledClip]:
    """At most so many clips, spread over the methods and the set: fakes, each with its own original where it has one.

    A clip that belongs to several chosen ones is taken once. Without pairs, both classes are taken alike.
    """
    if most is None or len(clips) <= most:
        return list(clips)
    fakes = [clip for clip in clips if clip.fake]
    reals = [clip for clip in clips if not clip.fake]
    methods = sorted({clip.method for clip in fakes})
    turns = [_spread([clip for clip in fakes if clip.method == method]) for method in methods]
    ordered = [own[i] for i in range(max(map(len, turns), default=0)) for own in turns if i < len(own)]
    originals = {clip.pair: clip for clip in reals if clip.pair}
    paired = {fake.pair for fake in ordered if fake.pair}
    others = iter(_spread([clip for clip in reals if clip.pair not in paired]))
    taken: dict[int, LabelledClip] = {}
    for fake in ordered or reals:
        partner = originals.get(fake.pair) or next(others, None)
        more = [clip for clip in (fake, partner) if clip is not None and id(clip) not in taken]
        if len(taken) + len(more) > most:
            break
        taken |= {id(clip): clip for clip in more}
    return list(taken.values())


def _spread(clips: Sequence[LabelledClip]) -> list[LabelledClip]:
    """The same clips in an order whose every beginning is spread over all: halves, then quarters, and so on."""
    count, order, step = len(clips), list[int](), 1
    while len(order) < count:
        order += [i for k in range(step) if (i := int((k + 0.5) * count / step)) not in order]
        step *= 2
    return [clips[i] for i in order]
