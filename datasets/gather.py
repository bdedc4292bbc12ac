"""From real clips and pictures to a bank of faces (``datasets.facebank``): who is who, and each one's faces cut out.

What is one person, for certain, is a clip and a sub-folder. Names of files say nothing. Pictures that lie in one folder
are told apart by their faces where the identity network is on this machine; where it is not, the whole folder counts as
one person, so that nobody is learnt on one side of a split and tried on the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import remove, replacing, write_json
from datasets.errors import InputError, Interrupted
from datasets.facebank import BANK, VERSION, FaceBank, load_bank
from datasets.faces.align import align_affine, transform_points, warp_crop
from datasets.faces.finder import Face, FaceFinder, make_finder
from datasets.footage import CLIPS
from datasets.progress import Progress, silent
from datasets.video import PICTURES, Frame, is_picture, probe, read_picture, spread

SETTINGS = "settings.json"
FACES_A_CLIP = 48
MOST_LOOSE = 2000  # pictures of a folder in which several people are told apart
SMALLEST_FACE = 40


@dataclass(frozen=True)
class Source:
    """What is taken for one person's: a clip, or pictures.

    Attributes:
        person: how the person is called.
        files: one clip or several pictures.
        alone: whether all these pictures were only assumed to show one person, being in one folder.
    """

    person: str
    files: tuple[Path, ...]
    alone: bool = False


def sources(given: Sequence[Path]) -> list[Source]:
    """Who is in these clips and folders, as far as files tell: a clip is one person, and so is a sub-folder.

    Raises:
        InputError: one of them is not there, is of another kind, or holds neither a clip nor a picture.
    """
    found: list[Source] = []
    for path in map(Path, given):
        if path.is_dir():
            own = list(_in_folder(path, path.resolve().name))
            if not own:
                raise InputError(f"{path} holds no clip and no picture.")
            found += own
        elif not path.exists():
            raise InputError(f"There is no file {path}.")
        elif path.suffix.lower() in CLIPS or is_picture(path):
            found.append(Source(path.stem, (path,)))
        else:
            raise InputError(f"{path} is neither a clip nor a picture nor a folder of them.")
    seen: dict[str, Path] = {}
    unique = []
    for source in found:
        where = source.files[0].resolve().parent
        if seen.setdefault(source.person, where) != where:
            source = Source(f"{where.name}/{source.person}", source.files, source.alone)
        unique.append(source)
    return unique


def _in_folder(folder: Path, name: str) -> Iterator[Source]:
    entries = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name.casefold())
    pictures = tuple(p for p in entries if p.is_file() and p.suffix.lower() in PICTURES)
    if pictures:
        yield Source(name, pictures, alone=True)
    for clip in (p for p in entries if p.is_file() and p.suffix.lower() in CLIPS):
        yield Source(f"{name}/{clip.stem}", (clip,))
    for inner in (p for p in entries if p.is_dir()):
        files = sorted(p for p in inner.rglob("*") if p.is_file() and not p.name.startswith("."))
        for clip in (p for p in files if p.suffix.lower() in CLIPS):
            yield Source(f"{name}/{inner.name}", (clip,))
        inside = tuple(p for p in files if p.suffix.lower() in PICTURES)
        if inside:
            yield Source(f"{name}/{inner.name}", inside)


def gather_faces(
    people: Sequence[Source],
    folder: Path,
    size: int,
    coverage: float,
    most: int = FACES_A_CLIP,
    progress: Progress = silent,
    force: bool = False,
) -> FaceBank:
    """Cut out faces of real clips and pictures, the largest of each frame, and pack them into ``folder``.

    Stopped, the same call goes on after the last whole source. A bank of the same footage and settings is only read.

    Args:
        people: who is where, see :func:`sources`.
        size, coverage: of the crops that are kept.
        most: frames of a clip, spread over it, and pictures of a person.
        force: make a bank of other footage or settings anew.

    Raises:
        InputError: a clip that can't be read, no face in any of them, or a bank of other footage.
        Interrupted: Ctrl-C.
    """
    for source in people:
        if not is_picture(source.files[0]):
            probe(source.files[0])
    wanted = _settings(people, size, coverage, most)
    folder = Path(folder)
    try:
        held = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if held is not None and held != wanted and force:
        remove(folder)
        held = None
    if held is not None and held != wanted:
        raise InputError(
            f"{folder} holds faces of other footage or of other settings; remove it, or choose another -o."
        )
    if held is not None and (folder / BANK).is_file():
        return load_bank(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SETTINGS, wanted)
    try:
        _make(people, folder, size, coverage, most, progress)
    except KeyboardInterrupt as stop:
        raise Interrupted("Stopped while cutting out faces; the same command goes on from there.") from stop
    return load_bank(folder)


def _settings(people: Sequence[Source], size: int, coverage: float, most: int) -> dict[str, Any]:
    files = [[s.person, *([f.name, f.stat().st_size] for f in s.files)] for s in people]
    return {"version": VERSION, "size": size, "coverage": coverage, "most": most, "files": files}


def _make(people: Sequence[Source], folder: Path, size: int, coverage: float, most: int, progress: Progress) -> None:
    entries: list[dict[str, Any]] = []
    from datasets.faces.likeness import best_likeness

    counted = dict.fromkeys(COUNTS, 0)
    loose_most = most if best_likeness().weak else MOST_LOOSE
    with closing(make_finder("mediapipe")) as finder:
        for number, source in enumerate(people):
            progress("cutting out faces", number, len(people), source.person)
            kept = folder / f"{number:05d}.npz"
            if not kept.is_file():
                _cut(source, folder, number, finder, size, coverage, loose_most if source.alone else most)
            with np.load(kept, allow_pickle=False) as arrays:
                count = len(arrays["times"])
                counted = {key: value + int(arrays[key]) for key, value in counted.items()}
            entries.append({"person": source.person, "faces": count, "file": source.files[0].name})
    progress("cutting out faces", len(people), len(people))
    if not sum(entry["faces"] for entry in entries):
        raise InputError("No face large enough to learn from was found in what was given.")
    notes = _notes(entries, **counted)
    entries, said = _told_apart(people, entries, folder, size, coverage)
    bank = {"version": VERSION, "size": size, "coverage": coverage, "sources": entries, "notes": notes + said}
    write_json(folder / BANK, bank)


COUNTS = ("several", "unread", "small")


def _cut(source: Source, folder: Path, number: int, finder: FaceFinder, size: int, coverage: float, most: int) -> None:
    """The faces of one source, into two files; the second one says that both are whole."""
    crops: list[np.ndarray] = []
    points, times, widths, scales, fives = [], [], [], [], []
    counts = dict.fromkeys(COUNTS, 0)
    for frame in _frames(source.files, most, counts):
        finder.reset()
        found = finder.find(frame.image)
        meshed = [face for face in found if face.landmarks is not None]
        counts["several"] += len(found) > 1
        if not meshed:
            continue
        face: Face = max(meshed, key=lambda f: float(f.box[2] - f.box[0]))
        width = float(face.box[2] - face.box[0])
        if width < SMALLEST_FACE or face.landmarks is None:
            counts["small"] += 1
            continue
        affine = align_affine(face, size, coverage)
        crops.append(warp_crop(frame.image, affine, size))
        points.append(transform_points(face.landmarks, affine)[:, :2])
        fives.append(transform_points(face.five_points, affine)[:, :2])
        times.append(frame.time)
        widths.append(width)
        scales.append(float(np.sqrt(abs(np.linalg.det(affine[:, :2])))))
    with replacing(folder / f"{number:05d}.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8), allow_pickle=False)
    with replacing(folder / f"{number:05d}.npz") as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            landmarks=np.array(points, np.float32).reshape(-1, 478, 2),
            five_points=np.array(fives, np.float32).reshape(-1, 5, 2),
            times=np.array(times, np.float64),
            widths=np.array(widths, np.float32),
            scales=np.array(scales, np.float32),
            **{key: np.array(value) for key, value in counts.items()},  # type: ignore[arg-type]
        )


def _frames(files: Sequence[Path], most: int, counts: dict[str, int]) -> Iterator[Frame]:
    if not is_picture(files[0]):
        yield from spread(files[0], most)
        return
    chosen = np.unique(((np.arange(min(most, len(files))) + 0.5) * len(files) / min(most, len(files))).astype(int))
    for index in chosen.tolist():
        try:
            yield Frame(index, 0.0, read_picture(files[index]))
        except InputError:
            counts["unread"] += 1


def _notes(entries: Sequence[dict[str, Any]], several: int, unread: int, small: int) -> list[str]:
    said = ["Each clip and each sub-folder was taken for one person of its own."]
    if several:
        said.append(f"{several} frames or pictures show several faces; the largest of each was taken.")
    if small:
        said.append(f"{small} faces narrower than {SMALLEST_FACE} pixels were left out.")
    if unread:
        said.append(f"{unread} pictures could not be read and were left out.")
    empty = [entry["file"] for entry in entries if not entry["faces"]]
    if empty:
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        said.append(f"No face was found in {', '.join(empty[:5])}{more}.")
    return said


def _told_apart(
    people: Sequence[Source], entries: list[dict[str, Any]], folder: Path, size: int, coverage: float
) -> tuple[list[dict[str, Any]], list[str]]:
    """Part the pictures of one folder by who they show, where that can be told; each person becomes a source."""
    loose = [i for i, s in enumerate(people) if s.alone and len(s.files) > 1 and entries[i]["faces"] > 1]
    if not loose:
        return entries, []
    from datasets.faces.likeness import best_likeness

    likeness = best_likeness()
    if likeness.weak:
        said = ", ".join(people[i].person for i in loose)
        return entries, [
            f"The pictures of the folder {said} were taken for one person: telling people apart needs the identity "
            "network (counterface weights fetch mobilefacenet)."
        ]
    made, said_of = [], []
    extra: list[tuple[dict[str, Any], dict[str, np.ndarray], np.ndarray]] = []
    for number, entry in enumerate(entries):
        if number not in loose:
            made.append(entry)
            continue
        crops = np.load(folder / f"{number:05d}.npy", allow_pickle=False)
        with np.load(folder / f"{number:05d}.npz", allow_pickle=False) as held:
            arrays = {key: held[key] for key in held.files}
        groups = _groups(crops, arrays["five_points"], likeness)
        made.append({"person": entry["person"], "faces": 0, "file": entry["file"]})
        for nth, members in enumerate(groups):
            own = {"person": f"{entry['person']}/{nth:04d}", "faces": len(members), "file": entry["file"]}
            extra.append((own, {k: v[members] if v.ndim else v for k, v in arrays.items()}, crops[members]))
        said_of.append(f"{entry['person']} ({len(groups)} people in {entry['faces']} pictures)")
    for entry, arrays, crops in extra:
        number = len(made)
        made.append(entry)
        with replacing(folder / f"{number:05d}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, crops, allow_pickle=False)
        with replacing(folder / f"{number:05d}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    return made, [f"Pictures in one folder were grouped by the likeness of their faces: {', '.join(said_of)}."]


def _groups(crops: np.ndarray, fives: np.ndarray, likeness: Any) -> list[np.ndarray]:
    """Numbers of the pictures of each person: joined where any two of them are alike enough (single linkage)."""
    from datasets.faces.likeness import View

    vectors = np.stack([likeness.describe([View(crop, five, None)]) for crop, five in zip(crops, fives, strict=True)])
    group = np.arange(len(crops))
    for one, other in np.argwhere(np.triu(vectors @ vectors.T >= likeness.same, 1)).tolist():
        group[group == group[other]] = group[one]
    return [np.flatnonzero(group == g) for g in dict.fromkeys(group.tolist())]
