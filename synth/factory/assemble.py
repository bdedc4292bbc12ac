"""From the rows of the units to the manifest: always the same bytes for the same rows, in the plan's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datasets.errors import InputError
from datasets.manifest import (
    CROP_COVERAGE,
    CROP_SIZE,
    FAKE,
    INDEX,
    REAL,
    ClipRow,
    Index,
    LabelledFace,
    is_dataset,
    read_index,
    write_tables,
)
from datasets.progress import Progress, silent
from datasets.provenance.manifest import software_version
from datasets.splits import SplitReport, part
from synth.factory.plan import Plan, Take, level_file, mask_file, raw_file
from synth.factory.recipe import crf_of
from synth.factory.rows import read_row


def assemble(plan: Plan, root: Path, recipe_file: Path, progress: Progress = silent) -> Index:
    """Write the manifest and the card of a build whose units are all done.

    Raises:
        InputError: the row of a unit is missing.
    """
    from datasets.card import write_card

    rows = _rows(plan, root)
    splits = splits_of(plan)
    clips = list(clip_rows(plan, rows, splits))
    consent = {record["id"]: record for row in rows.values() for record in row.get("consent", ())}
    recipe = plan.recipe
    index = Index(
        name=recipe.name,
        kind="built",
        made_by=f"counterface {software_version()}",
        recipe_sha256=recipe.fingerprint,
        consent={key: consent[key] for key in sorted(consent)},
        splits=splits.to_json() | {"words": splits.words},
        about=_about(plan),
    )
    before = _sums(root)
    written = write_tables(root, clips, _counted(face_rows(plan, rows, splits, root), progress), index)
    if before != dict(written.sha256) or not (root / "README.md").is_file():
        write_card(root, progress=progress)
    return written


def _sums(root: Path) -> dict[str, str] | None:
    try:
        return dict(read_index(root, check=False).sha256) if is_dataset(root) else None
    except InputError:
        return None


def _rows(plan: Plan, root: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for unit in plan.units.values():
        row = read_row(root, unit)
        if row is not None:
            found[unit.id] = row
        elif unit.kind in ("render", "encode", "faces"):
            raise InputError(f"The unit {unit.id} of {root} is not done; the same counterface dataset build does it.")
    return found


def splits_of(plan: Plan) -> SplitReport:
    """How the people of a plan are parted: known before anything is made."""
    recipe = plan.recipe
    edges = [(take.source, take.target) for take in plan.takes if take.source]
    clips = Counter(take.target for take in plan.takes)
    return part([person.name for person in recipe.people], edges, clips, recipe.splits.model_dump(), recipe.seed)


def _about(plan: Plan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "about": recipe.about,
        "licence": recipe.licence,
        "seed": recipe.seed,
        "levels": {level: crf_of(level) for level in recipe.levels},
        "methods": {part.name: part.model_dump(mode="json", exclude={"name"}) for part in recipe.methods},
        "people": len(recipe.people),
        "pairs": len(plan.pairs),
    }


def clip_rows(plan: Plan, rows: Mapping[str, Mapping[str, Any]], splits: SplitReport) -> Iterator[ClipRow]:
    """A row for every take at every level, in the plan's order."""
    recipe = plan.recipe
    for take in plan.takes:
        unit, row = plan.units[f"render/{take.name}"], rows[f"render/{take.name}"]
        cut = plan.units[f"footage/{take.footage}"].params
        for level in recipe.levels:
            own = row if level == "raw" else rows[f"encode/{take.name}-{level}"]
            yield ClipRow(
                clip=take.name,
                level=level,
                file=raw_file(take.name, recipe.levels) if level == "raw" else level_file(take.name, level),
                target=take.target,
                split=splits.split[take.target],
                crf=crf_of(level),
                footage=take.footage,
                footage_sha256=cut["sha256"],
                start=float(cut["start"]),
                frames=own["frames"],
                rate=row["rate"],
                width=row["width"],
                height=row["height"],
                swapped=len({frame for frame, _, _ in row["swapped"]}),
                watermark=row["watermark"],
                sha256=own["sha256"],
                mask_sha256=row.get("mask_sha256"),
                bytes=own["bytes"],
                geometry=f"geometry/{take.footage}.parquet",
                **_shared(take, unit.params, row, recipe.licence),
            )


def _shared(take: Take, params: Mapping[str, Any], row: Mapping[str, Any], licence: str) -> dict[str, Any]:
    """What a clip's row and the rows of its faces have in common."""
    fake = take.method is not None
    return {
        "label": FAKE if fake else REAL,
        "method": take.method,
        "source": take.source,
        "settings_sha256": params.get("settings_sha256"),
        "model_sha256": row.get("model_sha256"),
        "seed": params.get("seed"),
        "original": take.footage if fake else None,
        "mask": mask_file(take.name) if fake else None,
        "consent": tuple(record["id"] for record in row["consent"]),
        "licence": licence,
    }


def face_rows(
    plan: Plan, rows: Mapping[str, Mapping[str, Any]], splits: SplitReport, root: Path
) -> Iterator[LabelledFace]:
    """A row for every face in every frame of every take, in the plan's order."""
    from datasets.faces.align import rescale_affine
    from datasets.facetable import read_rows

    for take in plan.takes:
        unit, row = plan.units[f"render/{take.name}"], rows[f"render/{take.name}"]
        found = rows[f"faces/{take.footage}"]
        swapped = {(frame, track): share for frame, track, share in row["swapped"]}
        shared = _shared(take, unit.params, row, plan.recipe.licence)
        for face in read_rows(root / "geometry" / f"{take.footage}.parquet"):
            share = swapped.get((face.frame, face.track))
            person = found["main_track"] in (None, face.track)
            own = dict(shared)
            if share is None:
                own |= {"label": REAL, "source": None}
            affine = rescale_affine(face.affine, found["size"], found["coverage"], CROP_SIZE, CROP_COVERAGE)
            yield LabelledFace(
                clip=take.name,
                frame=face.frame,
                time=round(face.time, 6),
                track=face.track,
                split=splits.split[take.target],
                box=_numbers(face.box, 2),
                points=_numbers(face.five_points, 2),
                affine=_numbers(affine, 6),
                identity=take.target if person else None,
                changed=share or 0.0,
                **own,
            )


def _numbers(values: Any, digits: int) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values.ravel())


def _counted(faces: Iterator[LabelledFace], progress: Progress) -> Iterator[LabelledFace]:
    done = 0
    for done, face in enumerate(faces, 1):
        yield face
        if done % 2000 == 0:
            progress("writing the manifest", done, None)
    progress("writing the manifest", done, done)


__all__ = ["INDEX", "assemble", "clip_rows", "face_rows", "splits_of"]
