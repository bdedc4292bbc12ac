"""The clips of the quiz: stretches of a swap and of its own original, made alike, and what the detector says of them.

The badge would give a swap away beside an unmarked original. So nothing of a workspace is shown as it lies there: both
classes go the way of a labelled data set (``datasets.labelled``), cut, encoded and marked alike, watermark, badge and
Credentials in either. What is shown, and can be saved from a browser, therefore always carries its marks; and no mark
says which it is. A labelled data set was made that way, so its clips are taken as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.atomic import remove, write_json
from datasets.errors import InputError
from datasets.progress import Progress, silent, tell
from ui.settings import kept_of

if TYPE_CHECKING:
    from datasets.provenance.writer import Making
    from datasets.workspace import Workspace

INDEX = "clips.json"
VERSION = 1
SECONDS, MOST_STRETCHES, CRF = 2.4, 4, 20
MOST_PAIRS = 8
# Of a stretch that is called a swap, so many frames at least were changed.
SWAPPED_SHARE = 0.8
SCORED_FRAMES = 24


@dataclass(frozen=True)
class QuizClip:
    """One clip of the quiz, with what is shown when it is solved.

    Attributes:
        clip: SHA-256 of the file, hex.
        file: an .mp4 that carries its marks.
        label: ``fake`` or ``real``.
        method: of the swap; empty of an original.
        group: the stretch; a swap and its original are of one.
        machine: the detector's probability, None where it found no face.
        verdict: the detector's answer in its own words.
        reasons, limits: sentences of the detector.
        pictures: each ``{"title", "file", "kind"}``, kind ``face``, ``heat`` or ``cue``; files with their marks.
        cues: each ``{"sentence", "odd", "picture"}``, the oddest first; ``picture`` a file or None.
    """

    clip: str
    file: str
    label: str
    method: str
    group: str
    machine: float | None
    verdict: str
    reasons: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    pictures: tuple[Mapping[str, str], ...] = ()
    cues: tuple[Mapping[str, Any], ...] = ()


def quiz_folder(source: Path) -> Path:
    """Where the clips of a workspace or a data set are kept."""
    return kept_of(source, "quiz")


def stamp(source: Path) -> str:
    """What the clips rest on: they are made anew when the swap, or the set, is another one."""
    from datasets.manifest import INDEX as SET
    from datasets.manifest import is_dataset

    file = source / SET if is_dataset(source) else source / "result" / "result.json"
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def ready(source: Path) -> list[QuizClip]:
    """The clips that are there, those of a swap that is no more left out."""
    file = quiz_folder(source) / INDEX
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        if held["version"] != VERSION or held["stamp"] != stamp(Path(source)):
            return []
        clips = [QuizClip(**_tuples(one)) for one in held["clips"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [clip for clip in clips if Path(clip.file).is_file()]


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}


def prepare(source: Path, progress: Progress = silent) -> int:
    """Make the clips of a workspace, or choose those of a labelled data set, and score them; returns how many.

    Done again it makes only what is missing. The index is written last.

    Raises:
        InputError: there is no swap, or no pair in the set, that could be shown.
        Refused: a consent record no longer holds.
        Interrupted: stopped; what is done stays.
    """
    from datasets.manifest import is_dataset
    from datasets.workspace import open_workspace
    from detect.detector import load_detector
    from detect.library import find

    source = Path(source).resolve()
    folder, now = quiz_folder(source), stamp(source)
    if _made_of(folder) != now:
        remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "made.json", {"stamp": now})
    workspace = None if is_dataset(source) else open_workspace(source)
    chosen = list(_of_set(source) if workspace is None else _of_workspace(workspace, folder, progress))
    if not chosen:
        raise InputError(f"Nothing in {source} can be asked about: there is no swap with its own original.")
    detector = load_detector(find(None), "cpu")
    clips = []
    for number, (file, label, method, group) in enumerate(chosen):
        tell(progress, f"the detector looks at clip {number + 1} of {len(chosen)}")
        making = None if workspace is None else _of_picture(workspace, file, method)
        clips.append(_judged(file, label, method, group, detector, folder, making, progress))
        progress("judging the clips", number + 1, len(chosen))
    write_json(folder / INDEX, {"version": VERSION, "stamp": now, "clips": [asdict(clip) for clip in clips]})
    return len(clips)


def _made_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "made.json").read_text(encoding="utf-8"))["stamp"])
    except (OSError, ValueError, KeyError):
        return ""


def stretches(seconds: float) -> list[tuple[float, float]]:
    """Up to ``MOST_STRETCHES`` parts of a clip, spread over it, none overlapping; the whole of a short clip."""
    if seconds < 1.25 * SECONDS:
        return [(0.0, seconds + 1)]
    count = min(MOST_STRETCHES, int(seconds // SECONDS))
    room = (seconds - count * SECONDS) / count
    return [(k * (SECONDS + room) + room / 2, k * (SECONDS + room) + room / 2 + SECONDS) for k in range(count)]


def _of_workspace(workspace: Workspace, folder: Path, progress: Progress) -> Iterator[tuple[Path, str, str, str]]:
    from datasets.labelled import treat, write_original
    from datasets.video import timestamps

    workspace.require_consent()
    method = _method(workspace)
    clip = workspace.clip("destination")
    times = timestamps(clip)
    length = float(times[-1] - times[0])
    for number, (start, stop) in enumerate(stretches(length)):
        fake, real = folder / f"{number}-a.mp4", folder / f"{number}-b.mp4"
        path = treat(clip, start, stop, CRF)
        if not fake.is_file() and not _fake(workspace, method, path, fake, progress):
            continue
        if not real.is_file():
            write_original(real, path, _said(workspace, method, real.name), progress=progress)
        yield fake, "fake", method, f"{workspace.root.name} {number}"
        yield real, "real", "", f"{workspace.root.name} {number}"


def _method(workspace: Workspace) -> str:
    try:
        made = json.loads((workspace.result / "result.json").read_text(encoding="utf-8"))
        name = str((made.get("method") or {}).get("name") or "")
    except (OSError, ValueError, AttributeError):
        name = ""
    if name not in workspace.models():
        raise InputError(f"{workspace.root} has no swap yet; make one first, then there is something to spot.")
    return name


def _said(workspace: Workspace, method: str, title: str) -> Any:
    from evaluate.loop import merged_with
    from synth.pipeline import describe

    # The title must not say which class it is of.
    return describe(workspace, method, merged_with(workspace, method).to_table(), "swap", title)


def _fake(workspace: Workspace, method: str, path: Any, file: Path, progress: Progress) -> bool:
    """Write the swapped stretch; False, and no file, where too few of its frames can be swapped."""
    from datasets.faceset import FaceSet
    from datasets.labelled import write_labelled
    from datasets.provenance.writer import SIDECAR
    from evaluate.loop import merged_with
    from synth.people import person_of
    from synth.pipeline import load_model
    from synth.rendering import swapped_frames

    faces = FaceSet(workspace.faces("destination"))
    model, settings = load_model(workspace, method, "cpu"), merged_with(workspace, method)
    track, _ = person_of(workspace, "destination", faces)
    wanted = list(range(path.first, path.first + len(path)))
    changed = 0

    def images() -> Iterator[np.ndarray]:
        nonlocal changed
        for done in swapped_frames(workspace.clip("destination"), faces, model, settings, track, wanted):
            changed += done.row is not None and bool(done.mask.any())
            yield done.image

    write_labelled(file, path, _said(workspace, method, file.name), images(), True, progress)
    if changed >= SWAPPED_SHARE * len(path):
        return True
    remove(file)
    remove(file.with_suffix(SIDECAR))
    return False


def _of_set(folder: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Pairs of a data set at a level that browsers play, spread over its methods and people; an original once."""
    from datasets.labelledset import LabelledSet

    data = LabelledSet(folder)
    level = playable_level(data.levels)
    if level is None:
        raise InputError(f"{folder} has only lossless clips, which browsers don't play; build it with a level c23.")
    pairs = [(fake, real) for fake, real in data.pairs() if fake.level == level and fake.watermark and real.watermark]
    order = np.random.default_rng(0).permutation(len(pairs)).tolist()
    seen: set[str] = set()
    taken = 0
    for fake, real in (pairs[i] for i in order):
        if real.clip in seen:
            continue
        seen.add(real.clip)
        yield data.path(fake.file), "fake", str(fake.method or ""), f"{data.index.name} {real.clip}"
        yield data.path(real.file), "real", "", f"{data.index.name} {real.clip}"
        taken += 1
        if taken == MOST_PAIRS:
            return


def playable_level(levels: Sequence[str]) -> str | None:
    """The best level that browsers play; ``raw`` is lossless, which they don't."""
    lossy = [level for level in levels if level != "raw"]
    return min(lossy, key=lambda level: int(level[1:]) if level[1:].isdigit() else 99, default=None)


def _of_picture(workspace: Workspace, file: Path, method: str) -> Making:
    """What the marks of a picture of a quiz clip say."""
    from datasets.provenance.writer import Ingredient, Making

    made_of = (Ingredient(file, "a clip of the quiz", "parentOf"),)
    return Making("A picture of the quiz", method or "original", workspace.require_consent(), made_of, {}, "report")


def _judged(
    file: Path,
    label: str,
    method: str,
    group: str,
    detector: Any,
    folder: Path,
    making: Making | None,
    progress: Progress,
) -> QuizClip:
    from datasets.provenance.manifest import file_hash
    from detect.score import score_clip

    digest = file_hash(file)
    kept = folder / f"{digest[:16]}.json"
    if kept.is_file():
        held = json.loads(kept.read_text(encoding="utf-8"))
        if all(Path(one["file"]).is_file() for one in held["pictures"]):
            return QuizClip(**_tuples(held))
    score = score_clip(file, detector, SCORED_FRAMES, progress=progress)
    pictures, cues = _pictures(score, detector, folder / digest[:16], making)
    clip = QuizClip(
        clip=digest,
        file=str(file),
        label=label,
        method=method,
        group=group,
        machine=None if score.probability is None else round(score.probability, 4),
        verdict=score.verdict,
        reasons=score.reasons,
        limits=score.limits,
        pictures=tuple(pictures),
        cues=tuple(cues),
    )
    write_json(kept, asdict(clip))
    return clip


def _pictures(
    score: Any, detector: Any, folder: Path, making: Making | None
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """Close-ups and heatmaps of the frames that decided, and where the oddest measurements look, marked."""
    from base64 import b64decode

    from detect.explain import Explainer
    from evaluate.scorereport import cue_rows
    from evaluate.scoreviews import Shown, deciding_track, moments, telling

    track = deciding_track(score)
    if track is None:
        return [], []
    folder.mkdir(exist_ok=True)
    shown = Shown(score, making)
    pictures: list[dict[str, str]] = []

    def keep(name: str, address: str | None) -> str | None:
        if address is None:
            return None
        file = folder / f"{name}.jpg"
        file.write_bytes(b64decode(address.partition(",")[2]))
        return str(file)

    seen = list(moments(score, telling(score, track, 2), detector, Explainer(detector), "mediapipe"))
    for number, moment in enumerate(seen):
        at = f"{moment.frame.time:.1f} s"
        for kind, image in (("face", moment.close_up), ("heat", moment.overlay)):
            title = f"The face at {at}" if kind == "face" else f"Where the detector looked at {at}"
            if image is not None and (file := keep(f"{kind}-{number}", shown(image, title))):
                pictures.append({"title": title, "file": file, "kind": kind})
    cues: list[dict[str, Any]] = []
    for number, row in enumerate(cue_rows(score.cues, seen, shown)[:3]):
        picture = keep(f"cue-{number}", row.picture)
        cues.append({"sentence": row.finding.sentence, "odd": row.finding.odd, "picture": picture})
    return pictures, cues
