"""The card of a labelled data set: what is in it, how it was made, on what ground, what it can't be used for.

It is made from the manifest alone, and from the last audit where there was one, so that it never says more than is
there. The strip of samples beside it is a picture with synthetic faces and leaves through the one writer.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import write_text
from datasets.errors import InputError, Refused
from datasets.labelledset import FaceCrop, LabelledSet
from datasets.manifest import ClipRow
from datasets.progress import Progress, silent, tell

CARD, STRIP, AUDIT = "README.md", "strip.jpg", "audit.json"
CELL, COLUMNS, METHODS = 128, 6, 4


def write_card(folder: Path, progress: Progress = silent) -> Path:
    """Write ``README.md`` and ``strip.jpg`` of a data set; returns the card's path.

    Raises:
        InputError: the manifest is damaged, or the disk is full.
    """
    data = LabelledSet(folder, check=False)
    try:
        shown = write_strip(data)
    except (InputError, Refused) as error:
        shown = False
        tell(progress, f"The card has no strip of samples: {error}")
    write_text(data.folder / CARD, card(data, read_audit(data.folder), shown))
    return data.folder / CARD


def read_audit(folder: Path) -> Mapping[str, Any] | None:
    """The last audit of a data set, if it is of the manifest that is there."""
    try:
        held = json.loads((folder / AUDIT).read_text(encoding="utf-8"))
        known = LabelledSet(folder, check=False).index.sha256
        return held if held["manifest"] == dict(known) else None
    except (OSError, ValueError, KeyError, InputError):
        return None


def card(data: LabelledSet, audit: Mapping[str, Any] | None, strip: bool) -> str:
    """The card as Markdown."""
    index, about = data.index, data.index.about
    said = [f"# {index.name}", ""]
    said += [str(about["about"]), ""] if about.get("about") else []
    if strip:
        said += [f"![Samples: original, fakes by method, and where they were changed]({STRIP})", ""]
    said += ["## What is in it", "", *_contents(data), ""]
    said += ["## How it was made", "", *_making(data), ""]
    said += ["## Consent and licence", "", *_consent(data), ""]
    said += ["## Intended use", "", *INTENDED, "", "## Known limits", "", *_limits(data), ""]
    said += ["## Audit", "", *_audit(audit), ""]
    return "\n".join(said)


INTENDED = (
    "To train and to measure detectors of face manipulation, each fake beside its own original. Read the pictures, not",
    "the Credentials in the files: those say by design which clips are fakes. Not for recognising people, not for",
    "training a swap so that it escapes detection.",
)


def _contents(data: LabelledSet) -> list[str]:
    clips = data.clips
    takes = {(clip.clip, clip.label) for clip in clips}
    seconds = sum(clip.frames / clip.rate for clip in clips if clip.level == data.levels[0] and clip.rate)
    size = sum(clip.bytes for clip in clips)
    said = [
        f"{len(clips)} files: {sum(label == 'real' for _, label in takes)} real clips and "
        f"{sum(label == 'fake' for _, label in takes)} fakes, each at {', '.join(data.levels)}; "
        f"{seconds / 60:.1f} min of footage and {size / 1e6:.0f} MB at all levels together.",
        "",
        "| split | level | real | fake |",
        "| --- | --- | --- | --- |",
    ]
    counts = data.counts()
    for split, level in dict.fromkeys(
        (clip.split, clip.level) for clip in sorted(clips, key=lambda c: (c.split, c.level))
    ):
        said.append(f"| {split} | {level} | {counts[split, level, 'real']} | {counts[split, level, 'fake']} |")
    methods = Counter(clip.method for clip in clips if clip.is_fake and clip.level == data.levels[0])
    said += ["", "| method | fakes | frames changed |", "| --- | --- | --- |"]
    for method, count in sorted(methods.items(), key=lambda item: str(item[0])):
        own = [clip for clip in clips if clip.method == method and clip.level == data.levels[0]]
        share = sum(clip.swapped for clip in own) / max(1, sum(clip.frames for clip in own))
        said.append(f"| {method} | {count} | {share:.0%} |")
    words = data.index.splits.get("words")
    return said + (["", f"Splits: {words}"] if words else [])


def _making(data: LabelledSet) -> list[str]:
    index, about = data.index, data.index.about
    if index.kind == "imported":
        return [f"Imported with {index.made_by}; the files are as they came."]
    said = [
        f"Built with {index.made_by} from the recipe `recipe.toml` (SHA-256 {index.recipe_sha256}), seed "
        f"{about.get('seed')}. Real clips and fakes go through one path: cut, (swapped,) marked, encoded without loss, "
        "then at each level. Each clip carries an invisible watermark with an id of its own, a visible badge, and "
        "Content Credentials, both classes alike.",
        "",
    ]
    for name, how in about.get("methods", {}).items():
        budget = f"{how['steps']} steps" if how.get("steps") else f"{how['minutes']} min" if how.get("minutes") else ""
        options = ", ".join(f"{key}={value}" for key, value in {**how["options"], **how["composite"]}.items())
        said.append(f"- `{name}`" + "".join(f", {part}" for part in (budget, options) if part))
    return said


def _consent(data: LabelledSet) -> list[str]:
    records = data.index.consent
    licences = ", ".join(sorted({clip.licence for clip in data.clips}))
    if not records:
        return [f"No consent records came with it. Licence: {licences}."]
    by: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records.values():
        by[str(record["basis"]), str(record["reference"])].add(str(record["who"]))
    said = [f"Licence: {licences}. Every face is there under a record that was in force when it was made:", ""]
    for (basis, reference), who in sorted(by.items()):
        said.append(f"- {basis}: {len(who)} people ({reference})")
    return said


def _limits(data: LabelledSet) -> list[str]:
    clips = data.clips
    people = {clip.target for clip in clips}
    said = [f"- {len(people)} people: figures on them say little of others."]
    made = sorted({str(clip.method) for clip in clips if clip.is_fake})
    if made:
        said.append(f"- Fakes by {', '.join(made)} alone: a detector that knows them may not know other methods.")
    alone = [clip for clip in clips if clip.is_fake and clip.source == clip.target]
    if alone:
        said.append(
            "- Where source and target are one person, the face is that person's own, changed: no other identity."
        )
    sizes = sorted({f"{clip.width} x {clip.height}" for clip in clips})
    said.append(f"- Pictures of {', '.join(sizes[:6])}{' and other sizes' if len(sizes) > 6 else ''}.")
    empty = [split for split in ("train", "val", "test") if not any(clip.split == split for clip in clips)]
    if empty:
        said.append(f"- There is no clip in {' or '.join(empty)}.")
    return said


def _audit(audit: Mapping[str, Any] | None) -> list[str]:
    if audit is None:
        return ["Not audited yet: `counterface dataset audit` does it and writes the outcome here."]
    said = ["Nothing was found." if audit["clean"] else f"{len(audit['findings'])} findings:"]
    said += [f"- {finding['kind']}: {finding['sentence']}" for finding in audit["findings"][:20]]
    said += ["", "| probe that sees only | AUC (95 %) | within pairs | verdict |", "| --- | --- | --- | --- |"]
    for one in audit["probes"]:
        auc = "-" if one["auc"] is None else f"{one['auc']:.2f} ({one['interval'][0]:.2f} to {one['interval'][1]:.2f})"
        within = "-" if one["within_pairs"] is None else f"{one['within_pairs']:.2f}"
        said.append(f"| {one['name']} | {auc} | {within} | {one['verdict']} |")
    fit = audit["figures"].get("mask_fit")
    if fit:
        said += ["", f"Masks against what changed: fit {fit['median']:.2f} (median), {fit['least']:.2f} (least)."]
    return said + [""] + [f"- {remark}" for remark in audit["remarks"]]


# -- the strip ---------------------------------------------------------------------------------------------------------


def write_strip(data: LabelledSet) -> bool:
    """Write the strip of samples: a column a person, the original on top, then a fake of each method and its mask.

    Returns whether there was something to show.

    Raises:
        Refused: no consent record that is in force stands behind a face. InputError: a clip can't be read.
    """
    from datasets.provenance.consent import Consent
    from datasets.provenance.writer import Ingredient, Making, write_picture

    chosen = _chosen(data)
    if not chosen:
        return False
    records: dict[str, Consent] = {}
    files: dict[str, Path] = {}
    columns: list[list[np.ndarray]] = []
    for original, fakes in chosen:
        for clip in (original, *fakes):
            files[clip.file] = data.path(clip.file)
            records |= {one: Consent.from_table(data.index.consent[one]) for one in clip.consent}
        column = [_middle(data, original, None)]
        for fake in fakes:
            crop = _middle(data, fake, column[0].face.frame if column[0] else None)
            column += [crop, crop]
        if all(crop is not None for crop in column):
            columns.append([_cell(crop, at) for at, crop in enumerate(column)])
    if not columns:
        return False
    rows = max(len(column) for column in columns)
    image = np.full((rows * CELL, len(columns) * CELL, 3), 24, np.uint8)
    for x, cells in enumerate(columns):
        for y, cell in enumerate(cells):
            image[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL] = cell
    parts = tuple(Ingredient(path, Path(name).name, "componentOf") for name, path in files.items())
    making = Making(STRIP, "strip of samples", tuple(records.values()), parts, {}, "report")
    write_picture(data.folder / STRIP, image, making)
    return True


def _chosen(data: LabelledSet) -> list[tuple[ClipRow, Sequence[ClipRow]]]:
    """Some originals, each with a fake of each method that there is of it; only clips with consent records."""
    level = "c23" if "c23" in data.levels else data.levels[0]
    fakes: dict[str, dict[str, ClipRow]] = defaultdict(dict)
    for fake, original in data.pairs(level):
        if all(one in data.index.consent for one in (*fake.consent, *original.consent)):
            fakes[original.clip].setdefault(str(fake.method), fake)
    known = {clip.clip: clip for clip in data.select(level=level, label="real")}
    methods = sorted({method for own in fakes.values() for method in own})[:METHODS]
    whole = [name for name, own in fakes.items() if all(method in own for method in methods)]
    return [(known[name], [fakes[name][method] for method in methods]) for name in whole[:COLUMNS]]


def _middle(data: LabelledSet, clip: ClipRow, frame: int | None) -> FaceCrop | None:
    """A face of the middle of a clip, or of that frame; the one that the clip is about."""
    crops = [
        crop
        for crop in data.crops(clip, CELL, "full", most=1, frames=None if frame is None else [frame])
        if crop.face.identity == clip.target
    ]
    return crops[0] if crops else None


def _cell(crop: FaceCrop | None, at: int) -> np.ndarray:
    """A cell of the strip: the face, or, every second one from the third on, the mask."""
    assert crop is not None
    return np.repeat(crop.mask[..., None], 3, 2) if at and at % 2 == 0 else crop.image
