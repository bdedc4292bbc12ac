"""From footage to a face set: find the faces of every frame, follow them, cut them out, write them down.

The work is done in parts of ``PART_FRAMES`` frames in a hidden folder beside the wanted one, which is renamed when all
is there. Every part, and every clip, starts the finder afresh, so that a run that was broken off goes on after its last
whole part and ends with the same face set as one that was not.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from datasets.ahead import ahead
from datasets.atomic import aside, disk_error, refuse_overwrite, remove, write_json
from datasets.cropsize import AUTO, check_size, fitting_size
from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.faces import again
from datasets.faces.align import coverage_value
from datasets.faces.cut import cut_face
from datasets.faces.finder import Face, FaceFinder, make_finder
from datasets.faces.track import Tracker
from datasets.faceset import INFO, FaceSetInfo
from datasets.facetable import FaceRow, join_tables, write_rows
from datasets.footage import footage_hash, is_picture, looks
from datasets.progress import Progress, silent
from datasets.tally import Tally
from datasets.video import Frame, probe

PART_FRAMES = 250
PENDING_CROPS = 6
TRACK_GAP = 25
SETTINGS, CHOSEN = "settings.json", "size.json"
VERSION = 2


def extract(
    footage: Path | Sequence[Path],
    folder: Path,
    finder: str = "mediapipe",
    every: int = 1,
    size: int | str = AUTO,
    coverage: str | float = "whole",
    force: bool = False,
    progress: Progress = silent,
    names: Sequence[str] | None = None,
) -> FaceSetInfo:
    """Make the face set of a clip, or one face set of several clips and pictures.

    With the mediapipe finder, RetinaFace looks again at the frames in which a face was lost, when its weights are on
    this machine (see :func:`advice`). A picture that can't be read is left out and named in the notes.

    Args:
        footage: the video, or videos and pictures; they are not touched.
        folder: where the face set goes; it appears when it is whole.
        finder: a backend of ``datasets.faces.finder``.
        every: look at each how manieth frame of a clip.
        size: side of the crops, pixels, or ``auto``: 256, 384 or 512, so that they are no coarser than the footage.
        coverage: of the crops, a name of ``datasets.faces.align.COVERAGES`` or a number.
        force: replace a face set that is there; another folder that holds something is never replaced.
        names: how the clips and pictures are called; by default as their files are.

    Raises:
        InputError: a clip can't be read, there is no face, the folder is there already or is no face set, or a bad
            argument.
        Interrupted: stopped by Ctrl-C; the same call goes on from the last whole part.
    """
    files = (Path(footage),) if isinstance(footage, str | Path) else tuple(map(Path, footage))
    folder = Path(folder).resolve()
    names = [file.name for file in files] if names is None else list(names)
    said_of = str(files[0]) if len(files) == 1 else f"{names[0]} and {len(files) - 1} more"
    if every < 1:
        raise InputError(f"Every {every} frames cannot be extracted: it is 1 or more.")
    check_size(size)
    coverage_value(coverage)
    _refuse_folder(folder, files, force)
    total = sum(1 if is_picture(file) else -(-probe(file).frames // every) for file in files)
    partial = folder.with_name(f".{folder.name}.partial")
    second = again.second_finder() if finder == "mediapipe" else None
    settings = _settings(files, finder, every, size, coverage) | {"second": second is not None}
    try:
        done, tally, tracker = _prepare(partial, settings)
        first = make_finder(finder)
        with closing(again.SecondLook(first, second) if finder == "mediapipe" else first) as looking:
            side = _side(partial, settings, files, first)
            work = _Work(partial, looking, tracker, tally, side, coverage, names)
            _run(work, files, done, every, total, progress)
        if not tally.faces:
            raise InputError(_no_face(tally, said_of))
        sizes = next(clip for clip in tally.clips if clip["frames"])
        info = FaceSetInfo(
            clip=names[0] if len(files) == 1 else said_of,
            clip_sha256=settings["clip_sha256"],
            width=sizes["width"],
            height=sizes["height"],
            size=side,
            coverage=coverage,
            finder=finder,
            every=every,
            frames=tally.frames,
            frames_with_face=tally.with_face,
            frames_with_several=tally.several,
            faces=tally.faces,
            small_faces=tally.small,
            faces_without_mesh=tally.without_mesh,
            tracks=tally.tracks(),
            clips=tally.clips,
            lost=tally.lost,
            remarks=tally.remarks(),
        )
        _finish(partial, folder, info)
    except KeyboardInterrupt as stop:
        raise Interrupted(f"Stopped while extracting {said_of}; the same command goes on from there.") from stop
    except Interrupted:
        raise
    except CounterfaceError:
        remove(partial)
        raise
    except OSError as error:
        said = disk_error(error, folder)
        if said is None:
            raise
        raise said from error
    return info


def advice(info: FaceSetInfo) -> list[str]:
    """What would make this face set better on this machine, a sentence each."""
    if info.finder != "mediapipe" or not info.lost or again.second_finder() is not None:
        return []
    return [
        f"In {info.lost} of {info.frames} frames a face was lost or none was found; RetinaFace looks again at such "
        "frames when its weights are here: counterface weights fetch retinaface"
    ]


def _refuse_folder(folder: Path, files: Sequence[Path], force: bool) -> None:
    """Raise InputError when a face set can't be made there: ``force`` replaces a face set, and nothing else.

    One that a process had moved aside when it was killed is put back first.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and a face set is a folder; choose another name with -o.")
    if folder.name and aside(folder).is_dir() and not folder.exists():
        aside(folder).rename(folder)
        if any(folder.iterdir()) and not force:
            raise InputError(f"{folder} is back as it was before a run that was broken off; --force makes it anew.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    refuse_overwrite(folder, force)
    if not (folder / INFO).is_file():
        raise InputError(f"{folder} is not empty and no face set: it is not replaced. Choose another name with -o.")
    for file in files:
        if any(path.is_relative_to(folder) for path in (file.resolve(), file.parent.resolve() / file.name)):
            raise InputError(f"{folder} holds {file.name}, which is never replaced; choose another name with -o.")


def _no_face(tally: Tally, said_of: str) -> str:
    if not tally.frames:
        return f"None of the pictures of {said_of} can be read."
    return f"No face was found in the {tally.frames} frames of {said_of} that were looked at."


def _settings(files: Sequence[Path], finder: str, every: int, size: int | str, coverage: str | float) -> dict[str, Any]:
    from datasets.workspace import sha256

    return {
        "version": VERSION,
        "clip_sha256": footage_hash([sha256(file) for file in files]),
        "finder": finder,
        "every": every,
        "size": size,
        "coverage": coverage,
    }


def _part(partial: Path, number: int, suffix: str) -> Path:
    return partial / f"part-{number:05d}{suffix}"


def _prepare(partial: Path, settings: dict[str, Any]) -> tuple[int, Tally, Tracker]:
    """How many whole parts are there from a run with the same settings, and where that run stood after them."""
    try:
        same = json.loads((partial / SETTINGS).read_text(encoding="utf-8")) == settings
    except (OSError, ValueError):
        same = False
    if not same:
        remove(partial)
        partial.mkdir(parents=True)
        write_json(partial / SETTINGS, settings)
    done = 0
    while _part(partial, done, ".json").is_file():
        done += 1
    tally, tracker = Tally(), Tracker(TRACK_GAP * settings["every"])
    if done:
        held = json.loads(_part(partial, done - 1, ".json").read_text(encoding="utf-8"))
        tally, tracker = Tally.from_json(held["tally"]), Tracker.restored(held["tracker"])
    for stale in partial.glob("*.jpg"):
        if int(stale.name.split("_")[0]) >= tally.place.offset + tally.place.start:
            stale.unlink()
    return done, tally, tracker


def _side(partial: Path, settings: dict[str, Any], files: Sequence[Path], finder: FaceFinder) -> int:
    """The side of the crops; what ``auto`` came to is kept for a run that goes on."""
    if settings["size"] != AUTO:
        return int(settings["size"])
    kept = partial / CHOSEN
    if not kept.is_file():
        write_json(kept, fitting_size(files, finder, settings["coverage"]))
    return int(json.loads(kept.read_text(encoding="utf-8")))


@dataclass
class _Work:
    partial: Path
    finder: FaceFinder
    tracker: Tracker
    tally: Tally
    size: int
    coverage: str | float
    names: Sequence[str]

    def faces(self, frame: Frame) -> Iterator[tuple[Frame, Face, int, int]]:
        faces = self.finder.find(frame.image)
        if getattr(self.finder, "cut", False):
            self.tracker.end()  # who stands at the same place in the next scene may be somebody else
        ids = self.tracker.update(frame.index, faces)
        self.tally.add(frame.index, faces, ids)
        if isinstance(self.finder, again.SecondLook):
            self.tally.lost += self.finder.lost
            self.tally.again += self.finder.looked
            self.tally.found += self.finder.found
        for face, track in zip(faces, ids, strict=True):
            yield frame, face, track, len(self.tally.clips) - 1

    def cut(self, frame: Frame, face: Face, track: int, clip: int) -> FaceRow:
        """Cut one face out and write its crop."""
        row, crop = cut_face(frame, face, track, clip, self.size, self.coverage)
        (self.partial / row.file).write_bytes(crop)
        return row


def _run(work: _Work, files: Sequence[Path], done: int, every: int, total: int, progress: Progress) -> None:
    """Make the parts that are missing."""
    number, tally = done, work.tally
    step = "extracting faces"
    progress(step, tally.frames, max(total, tally.frames))
    frames = ahead(looks(files, every, tally.place))
    with closing(frames), ThreadPoolExecutor(1) as pool:  # type: ignore[type-var]
        while True:
            work.finder.reset()
            rows: list[FaceRow] = []
            pending: deque[Future[FaceRow]] = deque()
            looked = 0
            for look in islice(frames, PART_FRAMES):
                looked += 1
                if tally.begin(look, work.names[look.place.clip]):
                    work.finder.reset()
                    work.tracker.end()
                if look.frame is not None:
                    for found in work.faces(look.frame):
                        pending.append(pool.submit(work.cut, *found))
                while len(pending) > PENDING_CROPS:
                    rows.append(pending.popleft().result())
                progress(step, tally.frames, max(total, tally.frames), f"{tally.faces} faces")
            rows += [future.result() for future in pending]
            if not looked:
                break
            write_rows(_part(work.partial, number, ".parquet"), rows)
            write_json(
                _part(work.partial, number, ".json"), {"tally": tally.to_json(), "tracker": work.tracker.state()}
            )
            number += 1


def _finish(partial: Path, folder: Path, info: FaceSetInfo) -> None:
    """Join the parts and put the face set in its place."""
    parts = sorted(partial.glob("part-*.parquet"))
    join_tables(parts, partial / "faces.parquet")
    info.save(partial)
    for leftover in [*partial.glob("part-*"), partial / SETTINGS, partial / CHOSEN]:
        leftover.unlink(missing_ok=True)
    old = aside(folder)
    remove(old)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    remove(old)
