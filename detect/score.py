"""Scoring a clip or a picture: find the faces, follow them, score their crops, and say what that means.

Frames stream: one thread decodes, one finds faces, one cuts and measures them, and the model runs in the caller's.
What is kept of a frame is a few numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.ahead import Handed, ahead
from datasets.device import half_the_cores, torch_threads
from datasets.errors import CounterfaceError, InputError
from datasets.progress import Progress, silent
from detect.evidence import Evidence
from detect.explain import Explainer, region_heat, region_masks
from detect.judge import THRESHOLD
from detect.library import kind
from detect.look import Found, Seen, SeenRun, Tally, find, measure
from detect.results import ClipScore, FailedScore, Heatmap
from detect.source import Source, open_source
from detect.summary import summarise

if TYPE_CHECKING:
    from datasets.provenance.watermarkgrid import Square
    from datasets.video import LumaSeen
    from detect.detector import Detector, FaceScores

DEFAULT_FRAMES = 32
BATCH = 8
# What a result says of the detector, from its card.
NAMED = ("name", "version", "calibrated_on")
# Faces that may wait for the model, frames for the finder, and small squares for the search for marks.
FACES_AHEAD, FRAMES_AHEAD, SQUARES_AHEAD = 32, 4, 64


def score_clip(
    path: Path,
    detector: Detector,
    frames: int = DEFAULT_FRAMES,
    every: int | None = None,
    finder: str = "mediapipe",
    keep_heatmaps: int = 0,
    progress: Progress = silent,
) -> ClipScore:
    """Score one clip or picture.

    Args:
        frames: how many frames, spread evenly over the clip.
        every: score every n-th frame instead; the whole clip is decoded then.
        finder: the face backend.
        keep_heatmaps: for how many of the frames (spread evenly) the heatmaps are kept in the result.

    Raises:
        InputError: no such file, not a video or picture, damaged. A clip without a face is not an error.
    """
    from datasets.faces.finder import make_finder

    began = time.monotonic()
    path = Path(path)
    if frames < 1 or (every is not None and every < 1):
        raise InputError("At least one frame has to be scored: --frames and --every are 1 or more.")
    marks = Marks(path)
    source = open_source(path, frames, every, wants_runs(detector), marks.luma)
    backend = make_finder(finder)
    wanted = set(np.linspace(0, source.total - 1, min(keep_heatmaps, source.total)).round().astype(int).tolist())
    evidence: dict[int, Evidence] = {}
    runs: dict[int, list[SeenRun]] = {}
    heatmaps: list[Heatmap] = []
    explainer, tally = Explainer(detector), Tally()
    decoded = ahead(source.looked, FRAMES_AHEAD)
    found = ahead(find(decoded, backend, tally), FRAMES_AHEAD)
    seen = ahead(measure(found, detector), FACES_AHEAD)
    with ExitStack() as ends:
        # The marks are looked for beside the faces; what is found of one never enters into the other.
        beside = ThreadPoolExecutor(1)
        ends.callback(beside.shutdown, wait=False, cancel_futures=True)
        # The last is closed first: what still runs must not lose what it stands on.
        for stage in (backend, decoded, found, seen):
            ends.callback(stage.close)
        try:
            provenance = beside.submit(marks.look)
            with _threads():
                for batch in _batches(
                    seen, runs, tally, lambda done: progress(f"scoring {path.name}", done, source.total)
                ):
                    _take(batch, detector, explainer, evidence, heatmaps, wanted)
        except BaseException:
            marks.abandon()
            raise
    said = _said(evidence, runs, detector, tally, source)
    provenance_found = provenance.result()
    return ClipScore(
        file=str(path),
        **said,
        seconds=time.monotonic() - began,
        provenance=provenance_found,
        heatmaps=tuple(heatmaps),
        heatmap_by=explainer.by,
    )


def score_many(
    paths: Sequence[Path],
    detector: Detector,
    frames: int = DEFAULT_FRAMES,
    every: int | None = None,
    finder: str = "mediapipe",
    keep_heatmaps: int = 0,
    progress: Progress = silent,
) -> list[ClipScore | FailedScore]:
    """Score several files; one that can't be scored stays in the list with its error. See :func:`score_clip`."""
    found: list[ClipScore | FailedScore] = []
    for path in paths:
        try:
            found.append(score_clip(path, detector, frames, every, finder, keep_heatmaps, progress))
        except CounterfaceError as error:
            found.append(FailedScore(str(path), str(error)))
    return found


def score_found(found: Iterable[Found], detector: Detector, source: Source, tally: Tally, name: str) -> ClipScore:
    """Score frames whose faces and tracks are known already: what :func:`score_clip` does after finding them.

    For whoever scores the same moments many times: a frame may be another picture than the one in which its faces were
    found, as long as they lie at the same places. No marks are looked for and no heatmaps are made.

    Args:
        found: in the order of time, as :func:`detect.look.find` gives them.
        source: what is known of the file (:class:`detect.source.Source`); its frames are not read.
        tally: of the counted frames.
        name: what the result calls the file.
    """
    began = time.monotonic()
    evidence: dict[int, Evidence] = {}
    runs: dict[int, list[SeenRun]] = {}
    unexplained = Unexplained(detector)
    with _threads():
        for batch in _batches(measure(iter(found), detector), runs, tally, lambda done: None):
            _take(batch, detector, unexplained, evidence, [], set())
    said = _said(evidence, runs, detector, tally, source)
    return ClipScore(file=name, **said, seconds=time.monotonic() - began, provenance={})


def _said(
    evidence: dict[int, Evidence], runs: dict[int, list[SeenRun]], detector: Detector, tally: Tally, source: Source
) -> dict[str, Any]:
    """What a result says of the faces that were seen, and of who judged them."""
    for track, own in evidence.items():
        own.track_cues = _track_cues(runs.get(track, []))
    return {
        **summarise(evidence, detector, tally, source),
        "detector": {key: detector.card[key] for key in NAMED} | {"kind": kind(detector.card)},
        "frames_scored": tally.frames,
        "frames_without_face": tally.empty,
    }


class Unexplained(Explainer):
    """Explains nothing, for scores that nobody looks at one by one."""

    def heat(self, crops: np.ndarray, scores: FaceScores) -> None:
        return None


class Abandoned(Exception):
    """The score was stopped."""


class Marks:
    """The marks of a file, looked for in a thread beside its faces; both see the same decoded frames where they can."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._squares: Handed[Square] | None = Handed(SQUARES_AHEAD) if _shared(path) else None
        self._abandoned = False

    @property
    def luma(self) -> LumaSeen | None:
        """Who has to be shown every frame; None where the marks are read apart."""
        return None if self._squares is None else self

    def __call__(self, luma: np.ndarray, time: float, is_key: bool) -> None:
        from datasets.provenance.watermarkgrid import canonical

        if self._abandoned:
            raise Abandoned
        if self._squares is not None:
            self._squares.put((canonical(luma), time, is_key))

    def ended(self, error: InputError | None) -> None:
        """No more frames come."""
        if self._squares is not None:
            self._squares.end(error)

    def abandon(self) -> None:
        """Nobody waits for the answer: whoever shows frames or looks through them stops at the next."""
        self._abandoned = True
        if self._squares is not None:
            self._squares.close()

    def _go_on(self, step: str, done: float, total: float | None, note: str = "") -> None:
        if self._abandoned:
            raise Abandoned

    def look(self) -> dict[str, Any]:
        """What marks the file carries, as ``score --json`` reports it beside the score; they never enter into it.

        ``watermark`` is the object that ``verify --json`` has, or None where there is no watermark.
        """
        from datasets.provenance.verify import verify

        try:
            found = verify(self.path, self._go_on, badge=False, squares=self._squares)
        finally:
            if self._squares is not None:
                self._squares.close()
        said = found.to_json()
        return {
            "credentials": found.credentials.state,
            "watermark": said["watermark"] if found.watermark.present else None,
            "studio_output": found.studio_output,
            "synthetic": found.synthetic,
        }


def _shared(path: Path) -> bool:
    """Whether the marks are read from every frame of a video."""
    from datasets.provenance.watermarkreading import every_frame
    from datasets.video import is_picture, probe

    return not is_picture(path) and every_frame(path, probe(path).duration)


@contextmanager
def _threads() -> Iterator[None]:
    """OpenCV on one thread while a clip is gone through, and PyTorch on half the cores.

    The stages run beside each other: on two cores a model that takes both waits for itself most of the time.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with torch_threads(half_the_cores()):
            yield
    finally:
        cv2.setNumThreads(before)


def wants_runs(detector: Detector) -> bool:
    """Whether the detector knows cues that only runs of frames have."""
    named = {*detector.card.get("cue_ranges", {}), *detector.card.get("clip", {}).get("names", ())}
    if not named:
        return False
    from detect.cues import TRACK_CUES

    return not named.isdisjoint(TRACK_CUES)


def _track_cues(runs: Sequence[SeenRun]) -> dict[str, float]:
    if not runs:
        return {}
    from detect.cues import TRACK_CUES, measure_track

    values = measure_track([run.run for run in runs])
    return dict(zip(TRACK_CUES, (float(value) for value in values), strict=True))


def _batches(
    items: Iterator[Seen | SeenRun],
    runs: dict[int, list[SeenRun]],
    tally: Tally,
    progress: Callable[[int], None],
) -> Iterator[list[Seen]]:
    """Faces in batches; the runs are put aside, by track."""
    progress(0)
    batch: list[Seen] = []
    for item in items:
        if isinstance(item, SeenRun):
            runs.setdefault(item.track, []).append(item)
            continue
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
            progress(tally.frames)
    if batch:
        yield batch
    progress(tally.frames)


def _take(
    batch: list[Seen],
    detector: Detector,
    explainer: Explainer,
    evidence: dict[int, Evidence],
    heatmaps: list[Heatmap],
    wanted: set[int],
) -> None:
    """Score a batch of crops and add what they say to the tracks."""
    crops = np.stack([seen.crop for seen in batch])
    cues = [seen.cues for seen in batch if seen.cues is not None]
    scores = detector.score(crops, np.stack(cues)) if cues else detector.score(crops)
    distance = detector.competence.distance(scores.features)
    heat = explainer.heat(crops, scores)
    for i, seen in enumerate(batch):
        probability = float(scores.probability[i])
        own = evidence.setdefault(seen.track, Evidence())
        own.add(seen, probability, float(scores.logit[i]), float(scores.network[i]), float(distance[i]))
        if heat is None:
            continue
        side = len(seen.crop)
        if probability >= THRESHOLD and (masks := region_masks(seen.face, seen.affine, side)) is not None:
            own.regions += np.nan_to_num(region_heat(heat[i], masks))
            own.hot_frames += 1
        if seen.order in wanted:
            heatmaps.append(Heatmap(seen.frame_index, seen.time, seen.track, heat[i].copy(), seen.affine, side))
