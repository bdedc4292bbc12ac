"""Doing a unit: each reads what earlier units left, makes its files under temporary names, renames, and writes its row.

A unit runs in any process that sees the folder; nothing but files passes between two of them. Done again it makes the
same: ids are derived, seeds are the unit's own, and one thread computes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.atomic import remove, replacing
from datasets.errors import InputError
from datasets.labelled import ORIGINAL, treat, write_labelled, write_original
from datasets.mediahash import contents, tensors_hash
from datasets.progress import Progress, silent
from datasets.provenance.consent import Consent
from datasets.provenance.writer import SIDECAR, Ingredient, Making
from datasets.video import Frame, probe
from synth.factory.plan import RAW, WORK, Unit, fitted, level_file, mask_file, raw_file
from synth.factory.recipe import RAW_CRF
from synth.factory.rows import read_row, write_row

if TYPE_CHECKING:
    from synth.method import SwapMethod

KEPT_MODELS = 2


@dataclass(frozen=True)
class Site:
    """Where a build works, and what all of its units share.

    Attributes:
        root: the data set's folder.
        footage: the file of each footage name.
        levels: of the recipe.
        device: for models.
        seed: of the recipe.
    """

    root: Path
    footage: Mapping[str, Path]
    levels: tuple[str, ...]
    device: str = "cpu"


def perform(unit: Unit, site: Site, progress: Progress = silent) -> dict[str, Any]:
    """Do a unit and write its row; returns the row.

    Raises:
        CounterfaceError: with a sentence for a person; nothing is left half-written.
    """
    began = time.monotonic()
    row = _DOING[unit.kind](unit, site, progress)
    write_row(site.root, unit, row, time.monotonic() - began)
    if unit.kind == "train":
        _forget_training(site.root / unit.makes[0])
    return row


def is_done(unit: Unit, root: Path) -> bool:
    """Whether a unit's row is that of this key and all that it makes is there."""
    held = read_row(root, unit)
    return held is not None and all((root / made).exists() for made in unit.makes)


# -- footage -----------------------------------------------------------------------------------------------------------


def _footage(unit: Unit, site: Site, progress: Progress) -> dict[str, Any]:
    """Cut the clip out of the footage, smaller if asked for: without loss, real pictures only."""
    from datasets.encode import encoder_like

    about, clip = unit.params, site.footage[unit.name]
    output = site.root / unit.makes[0]
    stop = None if about["seconds"] is None else about["start"] + about["seconds"]
    cut = treat(clip, about["start"] or None, stop, crf=RAW_CRF)
    size = fitted(cut.like.width, cut.like.height, about["size"])
    like = replace(cut.like, width=size[0], height=size[1], has_audio=False)
    with replacing(output) as temporary, encoder_like(temporary, like, crf=RAW_CRF, name=output) as encoder:
        for frame in cut.frames():
            encoder.write(Frame(frame.index, frame.time, _scaled(frame.image, size)))
            progress("cutting clips", frame.index + 1, len(cut), unit.name)
    held = contents(output)
    return {"sha256": held.sha256, "frames": held.frames, "width": size[0], "height": size[1], "rate": float(like.rate)}


def _scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    if image.shape[1::-1] == size:
        return image
    way = cv2.INTER_AREA if image.shape[1] > size[0] else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way)


def cut_clip(site: Site, name: str) -> Path:
    """The file of a cut clip."""
    return site.root / WORK / "footage" / f"{name}.mp4"


# -- faces -------------------------------------------------------------------------------------------------------------


def _faces(unit: Unit, site: Site, progress: Progress) -> dict[str, Any]:
    """Find the faces of a cut clip: a face set to work with, and its table, which becomes part of the set."""
    from datasets.extract import extract
    from datasets.faceset import TABLE

    folder, geometry = (site.root / made for made in unit.makes)
    info = extract(cut_clip(site, unit.name), folder, force=folder.exists(), progress=progress, names=[unit.name])
    with replacing(geometry) as temporary:
        shutil.copyfile(folder / TABLE, temporary)
    return {
        "faces": info.faces,
        "frames_with_face": info.frames_with_face,
        "several": info.frames_with_several,
        "tracks": len(info.tracks),
        "size": info.size,
        "coverage": info.coverage,
        "main_track": _main_track(folder),
    }


def _main_track(folder: Path) -> int | None:
    """The track of the person of a clip, None where all of its tracks are."""
    from datasets.faceset import FaceSet
    from synth.people import one_person

    return one_person(FaceSet(folder))[0]


def _own_faces(site: Site, names: list[str], kind: Any) -> Any:
    """The faces of one person from all of the cut clips, as arrays."""
    from datasets.facearrays import FaceArrays
    from datasets.faceset import FaceSet, load_arrays
    from synth.people import one_person
    from synth.pipeline import MOST_FACES

    parts, first = [], 0
    for name in names:
        faces = FaceSet(site.root / WORK / "faces" / name)
        limit = max(1, MOST_FACES // len(names))
        part = load_arrays(faces, kind.size, kind.coverage, one_person(faces)[0], limit)
        parts.append(replace(part, frames=part.frames + first))
        first += faces.info.frames
    if len(parts) == 1:
        return parts[0]
    names_of = ("images", "masks", "landmarks", "frames", "times", "angles")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names_of}
    return FaceArrays(**joined, coverage=parts[0].coverage)


# -- training ----------------------------------------------------------------------------------------------------------


def _train(unit: Unit, site: Site, progress: Progress) -> dict[str, Any]:
    """Train a pair in its folder, going on from what an earlier try left, and name the model by its tensors."""
    from datasets.checkpoint import CARD
    from synth.method import Budget, method_class

    about, folder = unit.params, site.root / unit.makes[0]
    kind = method_class(about["method"])
    marker = folder / "unit"
    if folder.exists() and (not marker.is_file() or marker.read_text() != unit.key):
        remove(folder)  # of another recipe
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(unit.key)
    model = kind(seed=about["seed"], device=site.device, options=about["options"] or None)
    source, target = (_own_faces(site, about[role], kind) for role in ("source", "target"))
    budget = Budget(about["steps"], about["minutes"]) if kind.trains else Budget(steps=1)
    model.fit(source, target, folder, budget, progress)
    if not (folder / CARD).is_file():
        raise InputError(f"{unit.name} left no model.")
    _models.cache_clear()
    return {"sha256": tensors_hash(folder)}


def _forget_training(folder: Path) -> None:
    """Remove what only a training that goes on needs: most of what a model takes on the disk."""
    from datasets.trainingstate import BACKUPS, STATE

    for name in (STATE, BACKUPS):
        remove(folder / name)


@lru_cache(maxsize=KEPT_MODELS)
def _models(folder: Path, method: str, device: str) -> SwapMethod:
    """A trained model, kept in the process that renders: several clips of a pair need it."""
    from synth.method import method_class

    return method_class(method).load(folder, device)


# -- rendering ---------------------------------------------------------------------------------------------------------


def making(unit: Unit, site: Site, title: str) -> Making:
    """What the Credentials of a take say."""
    about = unit.params
    footage = cut_clip(site, about["footage"])
    files = [Ingredient(footage, about["footage"], "parentOf")]
    files += [Ingredient(cut_clip(site, name), name, "componentOf") for name in about.get("source_footage", ())]
    people = [about["source"], about["target"]] if about["source"] else [about["target"]]
    who = dict(zip(people, about["consent"], strict=True))
    source = who.get(about["source"] or about["target"], about["consent"][-1])
    consent = (
        _record("source", about["source"] or about["target"], source),
        _record("destination", about["target"], who[about["target"]]),
    )
    settings = {"settings_sha256": about.get("settings_sha256"), "model": about.get("model")}
    return Making(title, about.get("method") or ORIGINAL, consent, tuple(files), settings, "swap")


def _record(role: Any, name: str, held: Mapping[str, Any]) -> Consent:
    return Consent(
        role, held["basis"], held["who"] or name, held["reference"], held["date"], held["expires"], held["withdrawn"]
    )


def _render(unit: Unit, site: Site, progress: Progress) -> dict[str, Any]:
    """Write a take without loss, marked and signed: an original as it is, a fake with its swap mask beside it."""
    about = unit.params
    output = site.root / raw_file(unit.name, site.levels)
    path = treat(cut_clip(site, about["footage"]), crf=RAW_CRF)
    said = making(unit, site, output.name)
    row: dict[str, Any] = {"consent": [record.to_table() for record in said.consent]}
    remove(output.with_suffix(SIDECAR))  # of a try that was killed between two renames
    if about.get("method"):
        row |= _rendered(unit, site, path, said, output, progress)
    else:
        marks = write_original(output, path, said, True, progress, about["watermark"])
        row |= {"watermark": marks.watermark, "consent": [said.consent[1].to_table()], "swapped": []}
    held, info = contents(output), probe(output)
    row |= {"sha256": held.sha256, "bytes": held.bytes, "frames": held.frames}
    return row | {"width": info.width, "height": info.height, "rate": float(info.rate)}


def _rendered(unit: Unit, site: Site, path: Any, said: Making, output: Path, progress: Progress) -> dict[str, Any]:
    from datasets.encode import encoder_like
    from datasets.faceset import FaceSet
    from synth.composite.settings import for_method
    from synth.people import one_person
    from synth.rendering import swapped_frames

    about = unit.params
    folder = site.root / WORK / "models" / about["model"]
    model = _models(folder, about["method"], site.device)
    faces = FaceSet(site.root / WORK / "faces" / about["footage"])
    settings = for_method(model, about["composite"])
    mask_path = site.root / mask_file(unit.name)
    swapped: list[list[float]] = []

    def images() -> Iterator[np.ndarray]:
        clip = cut_clip(site, about["footage"])
        for done in swapped_frames(clip, faces, model, settings, one_person(faces)[0]):
            masks.write(Frame(done.frame.index, float(path.times[done.frame.index]), done.mask))
            if done.row is not None and done.mask.any():
                swapped.append([done.frame.index, done.row.track, _share(done.mask, done.row.box)])
            yield done.image

    with (
        replacing(mask_path) as temporary,
        encoder_like(temporary, path.like, sound=False, codec="ffv1", grey=True, name=mask_path) as masks,
    ):
        marks = write_labelled(output, path, said, images(), True, progress, about["watermark"])
        if not swapped:
            remove(output)
            remove(output.with_suffix(SIDECAR))
            raise InputError(
                f"No face of {about['footage']} could be swapped by {about['method']}; leave one of them out."
            )
    held = contents(mask_path)
    return {
        "watermark": marks.watermark,
        "swapped": swapped,
        "mask_sha256": held.sha256,
        "model_sha256": tensors_hash(folder),
    }


def _share(mask: np.ndarray, box: np.ndarray) -> float:
    """Share of a box that is under the mask, to four digits."""
    x0, y0, x1, y1 = (max(0, round(float(v))) for v in box)
    part = mask[y0:y1, x0:x1]
    return round(float((part > 127).mean()), 4) if part.size else 0.0


def _encode(unit: Unit, site: Site, progress: Progress) -> dict[str, Any]:
    """Encode a marked take at another level."""
    from datasets.provenance.levels import write_level

    about = unit.params
    output = site.root / level_file(about["take"], about["level"])
    marked = site.root / raw_file(about["take"], site.levels)
    said = level_making(marked, output.name)
    remove(output.with_suffix(SIDECAR))
    write_level(output, marked, said, about["crf"], True, progress)
    held = contents(output)
    return {"sha256": held.sha256, "bytes": held.bytes, "frames": held.frames}


def level_making(marked: Path, title: str) -> Making:
    """What the Credentials of a take at another level say: made of the marked clip, as that was made."""
    from datasets.provenance.reading import read_credentials

    held = read_credentials(marked)
    consent = tuple(Consent.from_table(record) for record in held.making.get("consent") or ())
    settings = {"of": held.making.get("settings_sha256"), "level": title}
    files = (Ingredient(marked, marked.name, "parentOf"),)
    return Making(title, str(held.making.get("method")), consent, files, settings, held.kind or "swap")  # type: ignore[arg-type]


_DOING: dict[str, Callable[[Unit, Site, Progress], dict[str, Any]]] = {
    "footage": _footage,
    "faces": _faces,
    "train": _train,
    "render": _render,
    "encode": _encode,
}
assert RAW == "raw"
