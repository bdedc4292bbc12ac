"""The page of ``counterface score --report``: what was found in suspect files, and on what that rests.

One HTML file that needs no network; several files get a section each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from datasets.atomic import refuse_overwrite, write_text
from datasets.errors import InputError
from datasets.progress import Progress, counted, silent
from datasets.provenance.manifest import software_version
from detect.explain import Explainer
from detect.judge import THRESHOLD, judge, segments
from detect.results import ClipScore, CueFinding, FailedScore, FrameScore, TrackScore
from evaluate import scorewording as wording
from evaluate.charts import Band, Chart, Series, responsive
from evaluate.heatmaps import legend
from evaluate.report import TEMPLATES
from evaluate.scoreviews import Moment, Shown, cue_picture, deciding_track, moments, telling

if TYPE_CHECKING:
    from detect.detector import Detector

MOST_FRAMES = 6
MOST_PEOPLE = 8
MOST_CUE_PICTURES = 16
MOST_ROWS = 1000
ODD_SHOWN = 8
STRIP_ROOM = 0.6


@dataclass(frozen=True)
class Cell:
    """One frame of the strip: its data addresses, None where there is no picture."""

    frame: FrameScore
    close_up: str | None
    overlay: str | None


@dataclass(frozen=True)
class CueRow:
    """One measurement: its place on a strip, its sentence and a picture of where."""

    finding: CueFinding
    picture: str | None
    low: float
    high: float
    at: float


def write_score_report(
    path: Path,
    scores: Sequence[ClipScore | FailedScore],
    detector: Detector,
    finder: str = "mediapipe",
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write the page.

    Args:
        path: ``.html``.
        scores: of files that are still where they were; one that could not be scored gets a sentence.
        detector: the one that scored them.
        finder: the face backend that was used.
        force: replace a page that is there.

    Raises:
        InputError: another suffix, the page exists, or a file cannot be read any more.
    """
    check_report(path, force)
    write_text(path, render(scores, detector, finder, progress))
    return path


def check_report(path: Path, force: bool = False) -> None:
    """Raise InputError when a page cannot be written there, before any work is done."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path} must end in .html.")
    refuse_overwrite(path, force)


def render(
    scores: Sequence[ClipScore | FailedScore],
    detector: Detector,
    finder: str = "mediapipe",
    progress: Progress = silent,
) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    explainer = Explainer(detector)
    files = [
        _file(number, score, detector, explainer, finder)
        for number, score in enumerate(counted(scores, "writing the report", len(scores), progress))
    ]
    return environment.get_template("score.html").render(
        css=_asset("report.css") + _asset("score.css"),
        js=_asset("report.js"),
        ramp=Markup(", ".join("#" + bytes(c).hex() for c in legend(9))),
        title=wording.title(scores),
        files=files,
        marked=any(file["signed"] for file in files),
        means=wording.MEANS,
        means_not=wording.MEANS_NOT,
        detector=wording.detector_rows(detector.card, explainer.by),
        software=f"counterface {software_version()}",
        created=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        percent=wording.percent,
        share=lambda value: round(100 * float(np.clip(value, 0, 1)), 2),
        number=lambda value: f"{value:.3g}".replace("-", "\N{MINUS SIGN}"),
        most_rows=MOST_ROWS,
        odd_shown=ODD_SHOWN,
    )


def _file(
    number: int, score: ClipScore | FailedScore, detector: Detector, explainer: Explainer, finder: str
) -> dict[str, Any]:
    """What the template shows of one file."""
    base: dict[str, Any] = {"anchor": f"file-{number + 1}", "name": Path(score.file).name, "path": score.file}
    if isinstance(score, FailedScore):
        return base | {"error": score.error, "kind": "unsure", "verdict": "not scored", "signed": False}
    shown = Shown(score)
    main = deciding_track(score)
    ordered = sorted(score.tracks, key=lambda track: (track is not main, -track.probability))
    people = [
        _person(order, track, score, detector, explainer, finder, shown, len(ordered))
        for order, track in enumerate(ordered[:MOST_PEOPLE])
    ]
    return base | {
        "error": None,
        "score": score,
        "kind": wording.KINDS[score.verdict],
        "verdict": score.verdict,
        "headline": wording.HEADLINES[score.verdict],
        "explained": wording.explained(score),
        "zones": zones(detector),
        "people": people,
        "others": len(ordered) - len(people),
        "provenance": wording.provenance(score.provenance),
        "pictures_note": shown.note,
        "signed": shown.signed and any(c.close_up for p in people for c in p["strip"]),
    }


def _person(
    order: int,
    track: TrackScore,
    score: ClipScore,
    detector: Detector,
    explainer: Explainer,
    finder: str,
    shown: Shown,
    count: int,
) -> dict[str, Any]:
    main = track is deciding_track(score)
    picked = telling(score, track, MOST_FRAMES)
    seen = list(moments(score, picked, detector, explainer, finder))
    name = wording.person(order, track, count)
    cells = [
        Cell(
            moment.frame,
            shown(moment.close_up, "Close-up of a scored frame"),
            None if moment.overlay is None else shown(moment.overlay, "Heatmap on a scored frame"),
        )
        for moment in seen
    ]
    cues = cue_rows(score.cues, seen, shown) if main else []
    return {
        "name": name,
        "track": track,
        "main": main,
        "seen": wording.seen(track),
        "strip": cells,
        "has_heat": any(cell.overlay for cell in cells),
        "chart": responsive(curve(track, picked), narrow=(380, 240)) if len(track.frames) > 1 else "",
        "segments": segments(track.frames),
        "odd": [row for row in cues if row.finding.odd],
        "ordinary": [row for row in cues if not row.finding.odd],
    }


def curve(track: TrackScore, marked: Sequence[FrameScore]) -> Chart:
    """The probability of each frame over time, stretches over the threshold shaded, the frames that decided marked."""
    times = np.array([frame.time for frame in track.frames])
    values = np.array([frame.probability for frame in track.frames])
    room = max(0.02 * float(times[-1] - times[0]), 1e-3)
    dots = sorted(marked, key=lambda frame: frame.time)
    # A hole after every point: these are points, and no line.
    x = np.array([v for frame in dots for v in (frame.time, frame.time + 1e-6)])
    y = np.array([v for frame in dots for v in (frame.probability, np.nan)])
    return Chart(
        title="Probability of a manipulation over time",
        series=(Series("frame", "score", times, values), Series("decided", "deciding", x, y)),
        x_label="time, seconds",
        y_label="probability",
        x_range=(float(times[0]) - room, float(times[-1]) + room),
        y_range=(-0.02, 1.02),
        bands=tuple(Band(s.start - room / 2, s.end + room / 2, "over 50 %", "over") for s in segments(track.frames)),
        x_unit="s",
        level=(THRESHOLD, ""),
    )


def cue_rows(findings: Sequence[CueFinding], seen: Sequence[Moment], shown: Shown) -> list[CueRow]:
    """The measurements with their strips, and with pictures for the first of them."""
    patches = [(moment.frame.probability, moment.patch) for moment in seen if moment.patch is not None]
    patch = max(patches, key=lambda held: held[0])[1] if patches else None
    rows: list[CueRow] = []
    for finding in (f for f in findings if np.isfinite(f.value)):
        picture = cue_picture(finding.name, patch) if patch is not None and len(rows) < MOST_CUE_PICTURES else None
        low, high, at = strip_places(finding.value, finding.usual)
        rows.append(
            CueRow(finding, None if picture is None else shown(picture, "Where a measurement looks"), low, high, at)
        )
    return rows


def strip_places(value: float, usual: tuple[float, float]) -> tuple[float, float, float]:
    """Where the usual range begins and ends and where the value lies on a strip, each in [0, 1].

    The strip reaches beyond the range by 0.6 of its width each way, further where the value asks for it.
    """
    low, high = usual
    room = STRIP_ROOM * max(high - low, 1e-9)
    start, end = min(low, value) - room, max(high, value) + room
    return (low - start) / (end - start), (high - start) / (end - start), (value - start) / (end - start)


def zones(detector: Detector) -> list[tuple[str, float, float]]:
    """Where on the scale a verdict can be given at all: ``(kind, from, to)`` in [0, 1]; empty without abstention."""
    if detector.conformal is None:
        return []
    grid = np.linspace(0, 1, 401)
    kinds = [wording.KINDS[judge((p, p), (), p, detector.conformal)] for p in grid.tolist()]
    found: list[tuple[str, float, float]] = []
    for kind, p in zip(kinds, grid.tolist(), strict=True):
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1], p)
        else:
            found.append((kind, found[-1][2] if found else 0.0, p))
    return found


def _asset(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
