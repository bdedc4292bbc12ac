"""Scores of many clips, kept as they are made: a run that was stopped goes on, and nothing is scored twice.

A JSON line a clip, under a key of the detector's weights and card, the clip's bytes, how it was encoded before it was
scored, the number of frames, and the code that scores: after a change to it, old lines are passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.checkpoint import CARD, WEIGHTS
from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.progress import Progress, silent
from datasets.workspace import sha256

if TYPE_CHECKING:
    from detect.results import ClipScore, TrackScore

ROOT = Path(__file__).resolve().parent.parent
JUDGING_CODE = ("detect", "datasets/faces")
MESONET = ".h5"


@dataclass(frozen=True)
class Job:
    """One clip to score.

    Attributes:
        detector: a trained detector's folder, or the published MesoNet's weights (``.h5``).
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


Scorer = Callable[[Job, int, str], Scored]


def detector_id(folder: Path) -> str:
    """SHA-256 of a detector's weights and card, or of one file of weights."""
    if Path(folder).is_file():
        return sha256(Path(folder))
    return hashlib.sha256("".join(sha256(Path(folder) / name) for name in (CARD, WEIGHTS)).encode()).hexdigest()


@lru_cache(maxsize=1)
def code_id() -> str:
    """SHA-256 of the source files that make a score."""
    files = sorted(file for part in JUDGING_CODE for file in (ROOT / part).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in [*files, Path(__file__)])).hexdigest()


def key_of(job: Job, frames: int) -> dict[str, Any]:
    """What tells a score from every other; hashes of contents, no paths."""
    return {
        "detector": detector_id(job.detector),
        "clip": sha256(job.path),
        "crf": job.crf,
        "like": sha256(job.like) if job.like else None,
        "mask": sha256(job.mask) if job.mask else None,
        "frames": frames,
        "code": code_id(),
    }


def _lines(cache: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a cache; a line that a kill cut off is passed over."""
    if cache.is_file():
        for line in cache.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _known(cache: Path) -> dict[str, Scored]:
    found = {}
    for line in _lines(cache):
        held = line["score"]
        listed = {name: tuple(held[name]) for name in ("frames", "limits", "overlap")}
        found[json.dumps(line["key"], sort_keys=True)] = Scored(**held | listed)
    return found


def detectors_tried(cache: Path, clips: Iterable[Path]) -> int:
    """How many detectors have a score of one of these clips here: how often somebody looked."""
    wanted = {sha256(clip) for clip in clips}
    return len({line["key"]["detector"] for line in _lines(cache) if line["key"]["clip"] in wanted})


def score_jobs(
    jobs: Sequence[Job],
    frames: int,
    cache: Path,
    device: str = "auto",
    workers: int = 2,
    scorer: Scorer | None = None,
    progress: Progress = silent,
) -> list[Scored | str]:
    """Score every job, or take what is known of it; the sentence of the error where a clip can't be scored.

    Args:
        workers: processes of one thread each; 1 scores in this process.
        scorer: what scores a job, by default :func:`score_job`.

    Raises:
        Interrupted: Ctrl-C; the scores made so far are kept.
    """
    keys = [json.dumps(key_of(job, frames), sort_keys=True) for job in jobs]
    known, failed = _known(cache), dict[str, str]()
    missing = {key: job for key, job in zip(keys, jobs, strict=True) if key not in known}
    cache.parent.mkdir(parents=True, exist_ok=True)
    cut_off = cache.is_file() and cache.read_bytes()[-1:] not in (b"", b"\n")
    try:
        with cache.open("a", encoding="utf-8") as file:
            if cut_off:
                file.write("\n")
            done = _run(missing, frames, device, min(workers, len(missing)), scorer or score_job)
            for count, (key, found) in enumerate(done, 1):
                progress("scoring", count, len(missing))
                if isinstance(found, str):
                    failed[key] = found
                    continue
                known[key] = found
                file.write(json.dumps({"key": json.loads(key), "score": found.__dict__}) + "\n")
                file.flush()
    except KeyboardInterrupt:
        raise Interrupted("Scoring stopped; what was scored is kept, and the same command goes on.") from None
    return [known.get(key) or failed[key] for key in keys]


def _run(
    missing: Mapping[str, Job], frames: int, device: str, workers: int, scorer: Scorer
) -> Iterator[tuple[str, Scored | str]]:
    if workers <= 1:
        for key, job in missing.items():
            yield key, _caught(scorer, job, frames, device)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # children read it when they load their libraries
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        waiting = {pool.submit(_caught, scorer, job, frames, device): key for key, job in missing.items()}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _caught(scorer: Scorer, job: Job, frames: int, device: str) -> Scored | str:
    try:
        return scorer(job, frames, device)
    except CounterfaceError as error:
        return str(error)


@lru_cache(maxsize=4)
def _loaded(folder: Path, device: str) -> Any:
    from detect.detector import load_detector

    return load_detector(folder, device)


def score_job(job: Job, frames: int, device: str) -> Scored:
    """Encode the clip where the job says so, and score it. Raises InputError as :func:`detect.score.score_clip`."""
    with tempfile.TemporaryDirectory(prefix="counterface-") as folder:
        path = job.path
        if job.crf is not None or job.like is not None:
            path = Path(folder) / "encoded.mp4"
            _encode(job, path)
        if job.detector.suffix == MESONET:
            from benchmarks.mesonet import score_with

            return score_with(job.detector, path, frames)
        from detect.score import score_clip

        detector = _loaded(job.detector, device)
        found = score_clip(path, detector, frames, keep_heatmaps=frames if job.mask else 0)
    main = deciding_track(found)
    return Scored(
        probability=found.probability,
        verdict=found.verdict,
        frames=tuple(frame.probability for frame in main.frames) if main else (),
        width=main.face_width if main else 0.0,
        limits=found.limits,
        overlap=_overlap(found, job.mask) if job.mask else (),
        seconds=found.seconds,
    )


def deciding_track(score: ClipScore) -> TrackScore | None:
    """The face whose probability is the clip's; of several, the one seen longest."""
    whole = score.probability
    if not score.tracks or whole is None:
        return None
    return min(score.tracks, key=lambda track: (abs(track.probability - whole), -len(track.frames)))


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
