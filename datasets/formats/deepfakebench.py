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
from pathlib import Path
from typing import Any

from datasets.atomic import write_json, write_text
from datasets.errors import InputError, Refused
from datasets.formats.deepfakebenchcut import FRAMES, Job, cut
from datasets.formats.exchange import OWN, Loaded, Placed, label_of, nothing, picked_levels, with_own, write_own
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow
from datasets.progress import Progress, silent
from datasets.splits import SPLITS

HOLDS = ("clip", "label", "split", "level", "method")
RGB, TABLES, LINES = "datasets/rgb", "preprocessing/dataset_json", "config_lines.yaml"
REAL_SET = "originals"
REPEATS = "repeats.json"  # {Name: {label: {split: the split that is repeated in it}}}


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
    for own in levels:
        _repeats(_name(data, own), [clip for clip in clips if clip.level == own])
    jobs = [Job(data.folder, clip, folder / _top(data, clip), clip.clip) for clip in clips]
    counts: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
    many = min(workers or usable_cores(), len(jobs))
    if many > 1:
        from multiprocessing import get_context

        with ProcessPoolExecutor(many, mp_context=get_context("spawn")) as pool:
            results: Iterator[Any] = pool.map(cut, jobs)
            for done, (job, found) in enumerate(zip(jobs, results, strict=True), 1):
                counts[job.clip.clip, job.clip.level] = found
                progress("cutting frames", done, len(jobs), job.video)
    else:
        for done, job in enumerate(jobs, 1):
            counts[job.clip.clip, job.clip.level] = cut(job)
            progress("cutting frames", done, len(jobs), job.video)
    notes = [
        f"{clip.clip} at {clip.level} shows no face of its person and was left out."
        for clip in clips
        if not counts[clip.clip, clip.level][0]
    ]
    repeats: dict[str, dict[str, dict[str, str]]] = {}
    kept = [clip for clip in clips if counts[clip.clip, clip.level][0]]
    for own in levels:
        table, said = _table(data, [clip for clip in kept if clip.level == own], counts, own)
        write_json(folder / TABLES / f"{_name(data, own)}.json", table)
        notes += said
        repeats[_name(data, own)] = _repeats(_name(data, own), [clip for clip in kept if clip.level == own])
    write_text(folder / LINES, _lines(data, levels))
    placed = [_placed(data, clip) for clip in kept]
    write_own(data, placed, folder)
    write_json(folder / OWN / REPEATS, repeats)
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
    repeats = _repeats(name, clips)
    for label, own in repeats.items():
        for split, other in own.items():
            held[label][split] = dict(held[label][other])
    notes = []
    for split in SPLITS:
        count = sum(split in own for own in repeats.values())
        if count:
            other = next(own[split] for own in repeats.values() if split in own)
            notes.append(
                f"{name}: {split} is empty for {count} labels, and the loader needs every split, so it repeats "
                f"{other} there."
            )
    return {name: held}, notes


def _repeats(name: str, clips: list[ClipRow]) -> dict[str, dict[str, str]]:
    """Of each label the splits that are empty, and which one is repeated there: ``val`` and ``test`` for each other.

    Raises:
        InputError: a label still misses a split, and the benchmark's loader would break on it.
    """
    there: dict[str, set[str]] = {}
    for clip in clips:
        there.setdefault(_label(name, clip), set()).add(clip.split)
    found: dict[str, dict[str, str]] = {}
    for label, splits in there.items():
        for split, other in (("val", "test"), ("test", "val")):
            if split not in splits and other in splits:
                found.setdefault(label, {})[split] = other
        missing = [split for split in SPLITS if split not in splits | set(found.get(label, {}))]
        if missing:
            raise InputError(
                f"DeepfakeBench's loader needs every label in every split, and {label} has none in "
                f"{' and '.join(missing)}; take more people who are in no swap with each other, or other shares."
            )
    return found


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
    repeats, twice = _read_repeats(folder / OWN / REPEATS), set[str]()
    for table in tables:
        try:
            held = json.loads(table.read_text(encoding="utf-8"))
            for file, video, split in _videos(held, repeats):
                parts = file.split("/")
                method = None if "original_sequences" in parts else parts[parts.index("manipulated_sequences") + 1]
                if file in clips and clips[file].split != split:
                    twice.add(file)
                # Whoever wrote the table repeated a split to satisfy the loader; ``test`` is the safer one.
                if file not in clips or clips[file].split != "test":
                    clips[file] = _layout(file, video, method, split)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(f"{table} is no table of DeepfakeBench: {error}.") from error
    missing = [file for file in clips if not (folder / file).is_dir()]
    kept = tuple(clip for file, clip in clips.items() if file not in missing)
    if not kept:
        raise InputError(f"Of the {len(missing)} videos in {folder / TABLES} the frames of not one are there.")
    notes: tuple[str, ...] = (
        (f"The frames of {len(missing)} videos are not there; they were left out.",) if missing else ()
    )
    if twice:
        said = "videos are listed in two splits, and which one they belong to is not said; test is taken before others."
        notes = (*notes, f"{len(twice)} {said}")
    return with_own(Loaded(folder.resolve().name, kept, folder.resolve(), notes=notes), folder)


def _read_repeats(file: Path) -> dict[str, dict[str, dict[str, str]]]:
    if not file.is_file():
        return {}
    try:
        return {
            name: {label: dict(own) for label, own in labels.items()}
            for name, labels in json.loads(file.read_text(encoding="utf-8")).items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{file} is damaged; delete {file.parent} to load the layout as it is.") from error


def _videos(
    held: Mapping[str, Any], repeats: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> Iterator[tuple[str, str, str]]:
    """(folder of the frames, video, split) of a table, with or without compressions between split and video.

    What is known to be a repeat of another split is left out.
    """
    for name, labels in held.items():
        for label, splits in labels.items():
            for split, videos in splits.items():
                if split in repeats.get(name, {}).get(label, {}):
                    continue
                flat = videos
                if videos and all("frames" not in one for one in videos.values()):
                    flat = {video: one for own in videos.values() for video, one in own.items()}
                for video, one in flat.items():
                    if one["frames"]:
                        yield Path(one["frames"][0]).parent.as_posix().removeprefix("./"), video, split
