"""Scores of many clips, kept as they are made: a run that was stopped goes on, and nothing is scored twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.errors import InputError, Interrupted
from datasets.progress import Progress, silent
from datasets.workspace import sha256
from evaluate.scorecache import ScoreCache, code_id, detector_id, key_text
from evaluate.scoreviews import deciding_track
from evaluate.workers import in_processes

if TYPE_CHECKING:
    from detect.results import ClipScore


@dataclass(frozen=True)
class Job:
    """One clip to score.

    Attributes:
        detector: a trained detector's folder; of another kind of detector what its scorer knows it by.
        crf: encode the clip at this CRF first.
        like: a swap of this clip: encode, and where the swap is marked, mark the clip as that swap was.
        mask: the swap mask of this clip; the heatmaps are then held against it.
    """

    path: Path
    detector: Path
    crf: int | None = None
    like: Path | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class Scored:
    """What came of a job.

    Attributes:
        probability: of the clip; None where no face was found.
        frames: probabilities of the frames of the face that decided.
        width: its median width, pixels; 0.0 without a face.
        overlap: IoU of heatmap and true mask, a value a frame, where a mask was given.
        seconds: it took.
    """

    probability: float | None
    verdict: str
    frames: tuple[float, ...]
    width: float = 0.0
    limits: tuple[str, ...] = ()
    overlap: tuple[float, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, score: ClipScore) -> Scored:
        """What is kept of a score, without the overlap."""
        main = deciding_track(score)
        return cls(
            probability=score.probability,
            verdict=score.verdict,
            frames=tuple(frame.probability for frame in main.frames) if main else (),
            width=main.face_width if main else 0.0,
            limits=score.limits,
            seconds=score.seconds,
        )


Scorer = Callable[[Job, int, str], Scored]


def key_of(job: Job, frames: int, hashes: dict[Path, str] | None = None) -> dict[str, Any]:
    """What tells a score from every other; hashes of contents, no paths.

    Args:
        hashes: what was hashed already, by path; it is added to, so that each file is read once.
    """
    known = {} if hashes is None else hashes

    def of(path: Path, make: Callable[[Path], str] = sha256) -> str:
        if path not in known:
            known[path] = make(path)
        return known[path]

    return {
        "detector": of(job.detector, detector_id),
        "clip": of(job.path),
        "crf": job.crf,
        "like": of(job.like) if job.like else None,
        "mask": of(job.mask) if job.mask else None,
        "frames": frames,
        "code": code_id("evaluate/scored.py"),
    }


def scored_of(held: dict[str, Any]) -> Scored:
    """What came of a job, from the values that a cache holds."""
    return Scored(**held | {name: tuple(held[name]) for name in ("frames", "limits", "overlap")})


def detectors_tried(cache: Path, clips: Iterable[Path]) -> int:
    """How many detectors have a score of one of these clips here: how often somebody looked."""
    wanted = {sha256(clip) for clip in clips}
    return len({line["key"]["detector"] for line in ScoreCache(cache).lines() if line["key"]["clip"] in wanted})


def score_jobs(
    jobs: Sequence[Job],
    frames: int,
    cache: Path,
    device: str = "auto",
    workers: int = 2,
    scorer: Scorer | None = None,
    progress: Progress = silent,
    hashes: dict[Path, str] | None = None,
) -> list[Scored | str]:
    """Score every job, or take what is known of it; the sentence of the error where a clip can't be scored.

    Args:
        workers: processes of one thread each; 1 scores in this process.
        scorer: what scores a job, by default :func:`score_job`.
        hashes: of files that were hashed already, see :func:`key_of`.

    Raises:
        Interrupted: Ctrl-C; the scores made so far are kept.
    """
    hashes = {} if hashes is None else hashes
    keys = [key_of(job, frames, hashes) for job in jobs]
    texts = [key_text(key) for key in keys]
    kept, failed = ScoreCache(cache), dict[str, str]()
    known = {text: scored_of(held) for text, held in kept.known().items() if text in set(texts)}
    missing = {text: (key, job) for text, key, job in zip(texts, keys, jobs, strict=True) if text not in known}
    done = in_processes(
        {text: job for text, (_, job) in missing.items()},
        partial(_call, scorer or score_job, frames, device),
        workers,
    )
    try:
        for count, (text, found) in enumerate(done, 1):
            progress("scoring", count, len(missing))
            if isinstance(found, str):
                failed[text] = found
                continue
            known[text] = found
            kept.add(missing[text][0], asdict(found))
    except KeyboardInterrupt:
        raise Interrupted("Scoring stopped; what was scored is kept, and the same command goes on.") from None
    return [known.get(text) or failed[text] for text in texts]


def _call(scorer: Scorer, frames: int, device: str, job: Job) -> Scored:
    return scorer(job, frames, device)


@lru_cache(maxsize=4)
def loaded(folder: Path, device: str) -> Any:
    """A trained detector, loaded once a process."""
    from detect.detector import load_detector

    return load_detector(folder, device)


def score_job(job: Job, frames: int, device: str) -> Scored:
    """Encode the clip where the job says so, and score it. Raises InputError as :func:`detect.score.score_clip`."""
    with encoded(job) as path:
        from detect.score import score_clip

        detector = loaded(job.detector, device)
        found = score_clip(path, detector, frames, keep_heatmaps=frames if job.mask else 0)
        return replace(Scored.of(found), overlap=_overlap(found, job.mask) if job.mask else ())


@contextmanager
def encoded(job: Job) -> Iterator[Path]:
    """The clip, or a temporary file of it encoded where the job says so."""
    if job.crf is None and job.like is None:
        yield job.path
        return
    with tempfile.TemporaryDirectory(prefix="counterface-") as folder:
        path = Path(folder) / "encoded.mp4"
        _encode(job, path)
        yield path


def _encode(job: Job, path: Path) -> None:
    """Encode the whole clip, its timestamps kept: at a CRF, or as the studio encoded and marked a swap of it."""
    from datasets.encode import DEFAULT_CRF
    from datasets.video import probe, timestamps
    from evaluate.matching import carries_marks, encode_part

    times = timestamps(job.path)
    crf = DEFAULT_CRF if job.crf is None else job.crf
    marked = job.like is not None and carries_marks(job.like)
    encode_part(job.path, probe(job.path), times, [0, len(times) - 1], path, crf, silent, mark=marked)


def _overlap(score: ClipScore, mask: Path) -> tuple[float, ...]:
    """IoU of each heatmap with the true mask; frames and faces in which nothing was swapped are left out."""
    from datasets.video import frames_at
    from evaluate.heatmaps import overlap_with

    by_frame: dict[int, list[Any]] = {}
    for heat in score.heatmaps:
        by_frame.setdefault(heat.index, []).append(heat)
    found = []
    for frame in frames_at(mask, sorted(by_frame)):
        for heat in by_frame[frame.index]:
            value = overlap_with(heat, frame.image[..., 0].astype(np.float32) / 255)
            if value is not None:
                found.append(value)
    return tuple(found)


def clips_in(folder: Path) -> list[Path]:
    """The clips of a folder, by name. Raises InputError when it is no folder or has none."""
    from datasets.footage import CLIPS

    if not Path(folder).is_dir():
        raise InputError(f"{folder} is not a folder of clips.")
    found = sorted(file for file in Path(folder).iterdir() if file.suffix.lower() in CLIPS)
    if not found:
        raise InputError(f"{folder} holds no clip.")
    return found
