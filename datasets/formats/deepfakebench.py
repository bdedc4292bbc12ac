"""DeepfakeBench (Yan et al., 2023): aligned frames as pictures, landmarks, masks, and a table in JSON.

::

    datasets/rgb/<Name>/original_sequences/<set>/<level>/{frames,landmarks}/<video>/000.{png,npy}
    datasets/rgb/<Name>/manipulated_sequences/<Method>/<level>/{frames,landmarks,masks}/<video>/000.{png,npy,png}
    preprocessing/dataset_json/<Name>.json   {Name: {label: {train|val|test: {video: {"label", "frames", "masks"}}}}}
    config_lines.yaml                        what to add to the benchmark's own two config files

Its loader breaks on what does not keep eight rules, and the export keeps them: paths begin with ``./``; the stem of a
frame is a number; at most 32 frames, spread evenly; no two videos have one name, real or fake; the word ``frames``
stands once in a path; masks carry the frame's name and are 0 or 255, landmarks are (81, 2); no video is empty; every
label has every split. One level is one ``<Name>``, since only the loader's built-in sets may have several.

The pictures are outputs of the studio like any other: both classes leave through the one writer, marked and signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import write_json, write_text
from datasets.errors import InputError, Refused
from datasets.formats.exchange import Loaded, Placed, label_of, nothing, picked_levels, with_own, write_own
from datasets.labelledset import FaceCrop, LabelledSet, chosen_frames
from datasets.manifest import ClipRow
from datasets.progress import Progress, silent
from datasets.splits import SPLITS

HOLDS = ("clip", "label", "split", "level", "method")
SIZE, COVERAGE, MOST = 256, "full", 32
RGB, TABLES, LINES = "datasets/rgb", "preprocessing/dataset_json", "config_lines.yaml"
REAL_SET, FRAMES = "originals", "frames"


@dataclass(frozen=True)
class _Job:
    """A clip to be cut into pictures: plain values, so that another process can do it."""

    data: Path
    clip: ClipRow
    top: Path
    video: str


def save(
    data: LabelledSet, folder: Path, level: str | None = None, progress: Progress = silent, workers: int = 0
) -> list[str]:
    """Write a set in this layout; returns notes for a person.

    Args:
        level: one level alone; else all, each under a name of its own.
        workers: processes; one a usable core when 0.

    Raises:
        InputError: the manifest has no faces, or a name holds the word ``frames``.
        Refused: the faces of a clip are there without a consent record in force.
    """
    from datasets.device import usable_cores

    levels = picked_levels(data, level)
    clips = [clip for clip in data.clips if clip.level in levels]
    _check(data, clips)
    jobs = [_Job(data.folder, clip, folder / _top(data, clip), clip.clip) for clip in clips]
    counts: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
    many = min(workers or usable_cores(), len(jobs))
    if many > 1:
        from multiprocessing import get_context

        with ProcessPoolExecutor(many, mp_context=get_context("spawn")) as pool:
            results: Iterator[Any] = pool.map(_cut, jobs)
            for done, (job, found) in enumerate(zip(jobs, results, strict=True), 1):
                counts[job.clip.clip, job.clip.level] = found
                progress("cutting frames", done, len(jobs), job.video)
    else:
        for done, job in enumerate(jobs, 1):
            counts[job.clip.clip, job.clip.level] = _cut(job)
            progress("cutting frames", done, len(jobs), job.video)
    notes = [
        f"{clip.clip} at {clip.level} shows no face of its person and was left out."
        for clip in clips
        if not counts[clip.clip, clip.level][0]
    ]
    kept = [clip for clip in clips if counts[clip.clip, clip.level][0]]
    for own in levels:
        table, said = _table(data, [clip for clip in kept if clip.level == own], counts, own)
        write_json(folder / TABLES / f"{_name(data, own)}.json", table)
        notes += said
    write_text(folder / LINES, _lines(data, levels))
    placed = [_placed(data, clip) for clip in kept]
    write_own(data, placed, folder)
    return [*notes, f"Add the lines of {LINES} to training/config/train_config.yaml and test_config.yaml."]


def _check(data: LabelledSet, clips: list[ClipRow]) -> None:
    if not data.faces(clips[0].clip):
        raise InputError(
            f"{data.folder} has no rows of faces, which cutting frames needs; build a set, or import an export."
        )
    for clip in clips:
        for word in (data.index.name, clip.clip, clip.method or ""):
            if FRAMES in word:
                raise InputError(f"DeepfakeBench's loader can't have \"{FRAMES}\" in a name, and {word} has it.")
        if not clip.consent or any(one not in data.index.consent for one in clip.consent):
            raise Refused(
                f"The manifest has no consent record for the faces of {clip.clip}, so no pictures of them are made."
            )


def _name(data: LabelledSet, level: str) -> str:
    return f"{data.index.name}_{level}"


def _label(name: str, clip: ClipRow) -> str:
    return f"{name}_{clip.method}" if clip.is_fake else f"{name}_Real"


def _top(data: LabelledSet, clip: ClipRow) -> str:
    """The folder above ``frames``, ``masks`` and ``landmarks``."""
    part = f"manipulated_sequences/{clip.method}" if clip.is_fake else f"original_sequences/{REAL_SET}"
    return f"{RGB}/{_name(data, clip.level)}/{part}/{clip.level}"


def _cut(job: _Job) -> tuple[list[int], list[int]]:
    """Cut a clip into pictures; returns the numbers of its frames and those that have a mask."""
    from datasets.provenance.consent import Consent
    from datasets.provenance.writer import Ingredient, Making, write_picture

    data = LabelledSet(job.data, check=False)
    clip = job.clip
    meshes = _meshes(data, clip)
    records = tuple(Consent.from_table(data.index.consent[one]) for one in clip.consent)
    parent = (Ingredient(data.path(clip.file), Path(clip.file).name, "parentOf"),)
    frames, masked = [], []
    for crop in _crops(data, clip):
        name = f"{crop.face.frame:03d}"
        making = Making(
            f"{job.video}-{name}.png",
            clip.method or "original",
            records,
            parent,
            {"frame": crop.face.frame},
            "swap" if clip.is_fake else "original",
        )
        write_picture(job.top / FRAMES / job.video / f"{name}.png", crop.image, making)
        frames.append(crop.face.frame)
        if clip.is_fake and clip.mask:
            _write_mask(job.top / "masks" / job.video / f"{name}.png", crop.mask)
            masked.append(crop.face.frame)
        mesh = meshes.get((crop.face.frame, crop.face.track))
        if mesh is not None:
            _write_points(job.top / "landmarks" / job.video / f"{name}.npy", mesh, crop)
    return frames, masked


def _crops(data: LabelledSet, clip: ClipRow) -> Iterator[FaceCrop]:
    """The crops of the person that a clip is about: of a fake, where the face was changed; one a frame, 32 at most."""
    own = sorted(
        {
            face.frame
            for face in data.faces(clip.clip)
            if (face.label == "fake" if clip.is_fake else face.identity == clip.target)
        }
    )
    seen = set[int]()
    for crop in data.crops(clip, SIZE, COVERAGE, frames=chosen_frames(own, most=MOST)):
        face = crop.face
        meant = face.label == "fake" if clip.is_fake else face.identity == clip.target
        if meant and face.frame not in seen:
            seen.add(face.frame)
            yield crop


def _meshes(data: LabelledSet, clip: ClipRow) -> dict[tuple[int, int], np.ndarray]:
    from datasets.facetable import read_rows

    if clip.geometry is None:
        return {}
    rows = read_rows(data.path(clip.geometry))
    return {(row.frame, row.track): row.landmarks for row in rows if row.landmarks is not None}


def _write_points(path: Path, mesh: np.ndarray, crop: FaceCrop) -> None:
    from datasets.faces.align import rescale_affine, transform_points
    from datasets.faces.points81 import points_81
    from datasets.manifest import CROP_COVERAGE, CROP_SIZE

    affine = rescale_affine(np.array(crop.face.affine).reshape(2, 3), CROP_SIZE, CROP_COVERAGE, SIZE, COVERAGE)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, transform_points(points_81(mesh), affine))


def _write_mask(path: Path, mask: np.ndarray) -> None:
    """0 where a pixel was left, 255 where it was changed by more than half."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    done, encoded = cv2.imencode(".png", np.where(mask > 127, 255, 0).astype(np.uint8))
    if not done:
        raise InputError(f"{path} could not be written.")
    path.write_bytes(encoded.tobytes())


def _table(
    data: LabelledSet, clips: list[ClipRow], counts: Mapping[tuple[str, str], tuple[list[int], list[int]]], level: str
) -> tuple[dict[str, Any], list[str]]:
    name = _name(data, level)
    labels = list(dict.fromkeys(_label(name, clip) for clip in clips))
    held: dict[str, dict[str, dict[str, Any]]] = {label: {split: {} for split in SPLITS} for label in labels}
    for clip in clips:
        frames, masked = counts[clip.clip, clip.level]
        top = f"./{_top(data, clip)}"
        held[_label(name, clip)][clip.split][clip.clip] = {
            "label": _label(name, clip),
            "frames": [f"{top}/{FRAMES}/{clip.clip}/{frame:03d}.png" for frame in frames],
            "masks": [f"{top}/masks/{clip.clip}/{frame:03d}.png" for frame in masked],
        }
    notes = []
    for split, other in (("val", "test"), ("test", "val")):
        empty = [label for label in labels if not held[label][split] and held[label][other]]
        for label in empty:
            held[label][split] = dict(held[label][other])
        if empty:
            notes.append(
                f"{name}: {split} is empty for {len(empty)} labels, and the loader needs every split, so it repeats "
                f"{other} there."
            )
    short = [f"{label} has none in {split}" for label in labels for split in SPLITS if not held[label][split]]
    if short:
        notes.append(f"{name}: the loader needs every label in every split, and {'; '.join(short)}.")
    return {name: held}, notes


def _lines(data: LabelledSet, levels: tuple[str, ...]) -> str:
    said = ["# Add these to training/config/train_config.yaml and training/config/test_config.yaml.", "lmdb: False"]
    said += ["dataset_json_folder: ./preprocessing/dataset_json", "rgb_dir: ./datasets/rgb", "label_dict:"]
    for level in levels:
        labels = {_label(_name(data, level), clip): int(clip.is_fake) for clip in data.clips}
        said += [f"  {label}: {value}" for label, value in labels.items()]
    return "\n".join(said) + "\n"


def _placed(data: LabelledSet, clip: ClipRow) -> Placed:
    file = f"{_top(data, clip)}/{FRAMES}/{clip.clip}"
    return Placed(clip, file, None, _layout(file, clip.clip, clip.method, clip.split))


def _layout(file: str, video: str, method: str | None, split: str) -> ClipRow:
    """A row as the layout tells it; its file is the folder of its frames."""
    return ClipRow(
        clip=video,
        level=file.split("/")[-3],
        file=file,
        label=label_of(method is not None),
        target=video,
        split=split,
        method=method,
    )


def load(folder: Path, into: Path | None = None, progress: Progress = silent) -> Loaded:
    """Read a folder in this layout; a clip is a folder of aligned frames.

    Raises:
        InputError: there is nothing of it, or a table can't be read.
    """
    folder = Path(folder)
    tables = sorted((folder / TABLES).glob("*.json"))
    if not tables:
        raise nothing(folder, "DeepfakeBench", f"{TABLES}/NAME.json")
    clips: dict[str, ClipRow] = {}
    for table in tables:
        try:
            held = json.loads(table.read_text(encoding="utf-8"))
            for file, video, split in _videos(held):
                parts = file.split("/")
                method = None if "original_sequences" in parts else parts[parts.index("manipulated_sequences") + 1]
                # A split that repeats another one to satisfy the loader comes first here, and the later one counts.
                if file not in clips or clips[file].split != "test":
                    clips[file] = _layout(file, video, method, split)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(f"{table} is no table of DeepfakeBench: {error}.") from error
    missing = [file for file in clips if not (folder / file).is_dir()]
    kept = tuple(clip for file, clip in clips.items() if file not in missing)
    if not kept:
        raise InputError(f"Of the {len(missing)} videos in {folder / TABLES} the frames of not one are there.")
    notes = (f"The frames of {len(missing)} videos are not there; they were left out.",) if missing else ()
    return with_own(Loaded(folder.resolve().name, kept, folder.resolve(), notes=notes), folder)


def _videos(held: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(folder of the frames, video, split) of a table, with or without compressions between split and video."""
    for labels in held.values():
        for splits in labels.values():
            for split, videos in splits.items():
                flat = videos
                if videos and all("frames" not in one for one in videos.values()):
                    flat = {video: one for own in videos.values() for video, one in own.items()}
                for video, one in flat.items():
                    if one["frames"]:
                        yield Path(one["frames"][0]).parent.as_posix().removeprefix("./"), video, split
