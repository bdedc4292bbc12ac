"""Scoring a suspect file for a page: done once in a job, kept as files, read by the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.video import frames_at, is_picture, read_picture
from ui.jobs import Job
from ui.jobs.reporter import Reporter
from ui.jobs.store import folder_of

SCORE, VIEWS, REPORT = "score.json", "views.json", "report.html"
MOST_FRAMES, MOST_PEOPLE = 6, 8
WIDEST, KEPT = 900, 64
BOX, BOX_EDGE = (255, 255, 255), (20, 20, 20)


@dataclass(frozen=True)
class Kept:
    """What was kept of the score of a file.

    Attributes:
        file: where it is.
        score: the object that ``counterface score --json`` writes.
        views: what the page shows beside it: ``headline``, ``explained``, ``zones``, ``people`` with their deciding
            frames, ``cues``, ``provenance``, ``note``.
        report: the page to keep.
    """

    file: str
    score: Mapping[str, Any]
    views: Mapping[str, Any]
    report: Path

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What marks the file carries."""
        return self.score["provenance"]

    @property
    def tracks(self) -> list[dict[str, Any]]:
        """The people, the one that decides first."""
        order = [person["id"] for person in self.views["people"]]
        return sorted(self.score["tracks"], key=lambda t: order.index(t["id"]) if t["id"] in order else len(order))


def score_file(
    file: Path, folder: Path, detector: str | None, frames: int, finder: str, device: str, report: Reporter
) -> dict[str, Any]:
    """Score a file and write ``score.json``, ``views.json`` and ``report.html`` into a folder.

    Raises:
        InputError: no such file or detector, or it cannot be read.
    """
    from detect.onnx import open_detector
    from detect.score import score_clip
    from evaluate.scorereport import write_score_report

    loaded = open_detector(detector, device)
    report.say(f"detector: {loaded.card['name']}.")
    with report.part(0, 0.75):
        score = score_clip(file, loaded, frames, finder=finder, progress=report)
    folder.mkdir(parents=True, exist_ok=True)
    with report.part(0.75, 0.9):
        write_json(folder / VIEWS, views_of(score, loaded, finder, report))
    with report.part(0.9, 1):
        write_score_report(folder / REPORT, [score], loaded, finder, force=True, progress=report)
    write_json(folder / SCORE, score.to_json())
    return {"verdict": score.verdict, "probability": score.probability, "frames": score.frames_scored}


def views_of(score: Any, detector: Any, finder: str, report: Reporter) -> dict[str, Any]:
    """What the page shows beside the figures, with pictures as data addresses, marked where they must be."""
    from detect.explain import Explainer
    from evaluate import scorewording as wording
    from evaluate.forensics import LOOKS
    from evaluate.scorereport import cue_rows, zones
    from evaluate.scoreviews import Shown, deciding_track, moments, telling

    shown, explainer, main = Shown(score), Explainer(detector), deciding_track(score)
    ordered = sorted(score.tracks, key=lambda track: (track is not main, -track.probability))[:MOST_PEOPLE]
    people: list[dict[str, Any]] = []
    cues: list[dict[str, Any]] = []
    for order, track in enumerate(ordered):
        report("looking at the frames that decide", order, len(ordered))
        seen = list(moments(score, telling(score, track, MOST_FRAMES), detector, explainer, finder))
        people.append(
            {
                "id": track.id,
                "name": wording.person(order, track, len(ordered)),
                "seen": wording.seen(track),
                "probability": track.probability,
                "interval": track.interval,
                "moments": [
                    {
                        "index": moment.frame.index,
                        "time": moment.frame.time,
                        "probability": moment.frame.probability,
                        "close_up": shown(moment.close_up, "Close-up of a scored frame"),
                        "overlay": None
                        if moment.overlay is None
                        else shown(moment.overlay, "Heatmap on a scored frame"),
                        "looks": [shown(look(moment.close_up), f"{name} of a scored frame") for name, look, _ in LOOKS],
                    }
                    for moment in seen
                ],
            }
        )
        if track is main:
            cues = [
                {
                    "sentence": row.finding.sentence,
                    "odd": row.finding.odd,
                    "picture": row.picture,
                    "low": row.low,
                    "high": row.high,
                    "at": row.at,
                }
                for row in cue_rows(score.cues, seen, shown)
            ]
    report("looking at the frames that decide", len(ordered), len(ordered))
    return {
        "headline": wording.HEADLINES[score.verdict],
        "kind": wording.KINDS[score.verdict],
        "explained": wording.explained(score),
        "zones": zones(detector),
        "people": people,
        "cues": cues,
        "heatmap_by": score.heatmap_by,
        "provenance": wording.provenance(score.provenance),
        "detector": [(row.label, row.value) for row in wording.detector_rows(detector.card, explainer.by)],
        "note": shown.note,
    }


def kept(job: Job) -> Kept:
    """What a finished job kept. Raises InputError when it is not there any more."""
    folder = folder_of(job.id) / "out"
    try:
        score, views = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (SCORE, VIEWS))
    except (OSError, ValueError) as error:
        raise InputError("What this job found is not there any more; score the file again.") from error
    return Kept(str(job.payload["file"]), score, views, folder / REPORT)


def frame(held: Kept, index: int, boxes: Sequence[tuple[float, ...]]) -> bytes | None:
    """One frame with a box around each scored face, JPEG, at most ``WIDEST`` pixels wide; None where none is shown.

    Raises:
        InputError: the file is not there any more, or is damaged.
    """
    return _frame(held.file, json.dumps(held.provenance, sort_keys=True), index, tuple(map(tuple, boxes)))


@lru_cache(maxsize=KEPT)
def _frame(file: str, provenance: str, index: int, boxes: tuple[tuple[float, ...], ...]) -> bytes | None:
    import cv2

    from evaluate.scoreviews import Shown

    path = Path(file)
    image = read_picture(path) if is_picture(path) else next(frames_at(path, [index])).image
    image = image.copy()
    line = max(1, round(max(image.shape[:2]) / 480))
    for box in boxes:
        (x0, y0), (x1, y1) = (tuple(round(v) for v in corner) for corner in (box[:2], box[2:]))
        cv2.rectangle(image, (x0, y0), (x1, y1), BOX_EDGE, 3 * line, cv2.LINE_AA)
        cv2.rectangle(image, (x0, y0), (x1, y1), BOX, line, cv2.LINE_AA)
    scale = min(1.0, WIDEST / image.shape[1])
    if scale < 1:
        size = (WIDEST, max(1, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return Shown(_Marks(file, json.loads(provenance))).jpeg(image, "Frame of a scored clip")


@dataclass(frozen=True)
class _Marks:
    file: str
    provenance: Mapping[str, Any]
