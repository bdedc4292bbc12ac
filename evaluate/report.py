"""The page that shows a swap and its score: one HTML file that needs no network, made from what is on disk."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from datasets.atomic import write_text
from datasets.errors import InputError
from datasets.progress import Progress, counted, silent
from datasets.provenance.writer import picture_bytes
from datasets.video import probe
from datasets.workspace import Workspace
from evaluate import wording
from evaluate.charts import Band, Chart, Series, responsive
from evaluate.heatmaps import legend
from evaluate.marking import mark_rows
from evaluate.players import players
from evaluate.results import Curve, Detectability, Results, read_results
from evaluate.views import View, chosen, close_ups, making, moments, original_picture, plain_picture, views

REPORT = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = 6
CELL = 264
STILL = 640
JPEG_QUALITY = 88


@dataclass(frozen=True)
class StripRow:
    """One row of the frame strip: data addresses of its pictures, None where there is none."""

    title: str
    pictures: list[str | None]


def write_report(workspace: Workspace, progress: Progress = silent) -> Path:
    """Write ``result/report.html`` from what the workspace holds, replacing an older one.

    Raises:
        InputError: the swap is not merged yet, or a file of the result cannot be read.
        Refused: a consent record no longer holds, so that no picture of the swap may be made.
    """
    results = read_results(workspace)
    lacking = results.lacks("result")
    if lacking is not None:
        raise InputError(f"{lacking.sentence.rstrip('.')}, so there is nothing to report; run: {lacking.command}")
    path = workspace.result / REPORT
    write_text(path, render(results, progress))
    return path


def render(results: Results, progress: Progress = silent) -> str:
    """The page as text. Raises as :func:`write_report` does."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html").render(_context(results, progress))


def _context(results: Results, progress: Progress) -> Mapping[str, Any]:
    scores, info = results.scores, probe(results.video)
    shown, note = players(results, progress)
    times = moments(results)
    indices = chosen(results, COLUMNS if shown else 2 * COLUMNS, len(times))
    picked = list(counted(views(results, indices, times), "drawing the frames", len(indices), progress))
    source, destination = wording.names(results)
    return {
        "css": _asset("report.css"),
        "js": _asset("report.js"),
        "ramp": Markup(", ".join("#" + bytes(c).hex() for c in legend(9))),
        "headline": wording.headline(scores),
        "explained": wording.explained(scores) if scores else "",
        "source": source,
        "destination": destination,
        "scores": scores,
        "missing": [m for m in results.missing if m.part == "scores"],
        "players": shown,
        "players_note": note,
        "stills": [] if shown else _stills(results, picked),
        "aspect": f"{info.width}/{info.height}",
        "rate": float(info.rate),
        "heat": results.heatmaps is not None,
        "strip": _strip(results, picked),
        "score_chart": responsive(score_chart(scores, info.duration)) if scores and scores.frames else "",
        "means": wording.means(scores),
        "means_not": wording.means_not(scores),
        "marks": mark_rows(results),
        "made": wording.made_rows(results),
        "counts": wording.counts(results),
        "consent": wording.consent_rows(results),
        "training": [
            {"title": chart.title, "legend": [(s.label, s.kind) for s in chart.series], "svg": responsive(chart)}
            for chart in training_charts(results)
        ],
        "preview": _data("image/jpeg", results.preview.read_bytes()) if results.preview else None,
        "limits": wording.limits(results),
        "software": str(results.result.get("software") or "counterface"),
        "created": wording.day(results),
        "share": wording.share,
        "pct": lambda value: round(100 * float(np.clip(value, 0, 1)), 2),
        "place": lambda value: round(50 + 50 * float(np.clip(value, -1, 1)), 2),
    }


def score_chart(scores: Detectability, duration: float) -> Chart:
    """The two score curves over the whole clip, with the parts that were trained on and scored shaded."""
    last = max(duration, float(scores.times[-1]))
    seen = np.array([f.seen for f in scores.frames], dtype=bool)
    bands = []
    if scores.trained_until:
        bands.append(Band(0.0, scores.trained_until, "learned here", "trained"))
    if scores.scored_from is not None:
        bands.append(Band(scores.scored_from, last, "scored here", "scored"))
    return Chart(
        title="Scores of the swap and of its original over time",
        series=tuple(
            Series(label, kind, scores.times[part], scores.curve(which)[part], faint)
            for faint, part in ((True, seen), (False, ~seen))
            for label, kind, which in (("Original", "original", "original"), ("Swap", "swap", "fake"))
        ),
        x_label="time, seconds",
        y_label="score",
        x_range=(0.0, last),
        y_range=(-0.02, 1.02),
        bands=tuple(bands),
        x_unit="s",
        seek=True,
    )


def training_charts(results: Results) -> list[Chart]:
    """Charts of the two trainings, those for which there are figures."""
    return training_charts_of(results.swap_curves, results.detector_curves)


def training_charts_of(swap: Mapping[str, Curve], detector: Mapping[str, Curve] | None = None) -> list[Chart]:
    """The same from figures by name over the trainings of a swap model and of a detector."""
    detector = detector or {}
    wanted = [
        ("Swap model: held-out SSIM", "SSIM", (("Source", "ssim_source"), ("Destination", "ssim_destination")), swap),
        ("Swap model: loss", "loss", (("Source", "loss_source"), ("Destination", "loss_destination")), swap),
        ("Detector: held-out AUC", "AUC", (("AUC", "auc"),), detector),
        ("Detector: loss", "loss", (("Loss", "loss"),), detector),
    ]
    charts = []
    for title, unit, lines, curves in wanted:
        held = [(label, curves[name]) for label, name in lines if name in curves]
        if not held and unit == "loss" and "loss" in curves:
            held = [("Loss", curves["loss"])]
        if held:
            charts.append(_training_chart(title, unit, held))
    return charts


def _training_chart(title: str, unit: str, held: list[tuple[str, Curve]]) -> Chart:
    series = tuple(Series(label, kind, c.step, c.value) for (label, c), kind in zip(held, ("one", "two"), strict=False))
    values = np.concatenate([s.y[np.isfinite(s.y)] for s in series])
    most = float(values.max()) if len(values) else 1.0
    least = float(values.min()) if len(values) else 0.0
    y_range = (0.0, most * 1.05 or 1.0) if unit == "loss" else (min(0.5, least), 1.0)
    x_range = (0.0, max((float(s.x[-1]) for s in series if len(s.x)), default=1.0))
    return Chart(title, series, "training step", unit, x_range, y_range, x_unit="step")


def _strip(results: Results, picked: list[View]) -> Mapping[str, Any]:
    originals: list[str | None] = []
    swaps: list[str | None] = []
    masks: list[str | None] = []
    heats: list[str | None] = []
    for view, (x0, y0, x1, y1) in zip(picked, close_ups(picked), strict=True):
        region = np.s_[y0:y1, x0:x1]
        originals.append(_original(results, _cell(view.original[region])))
        swaps.append(signed(results, _cell(view.swap[region]), "Frame of a face swap"))
        masks.append(None if view.mask is None else plain(_cell(view.mask[region])))
        overlay = None if view.heat is None else _cell(view.overlay[region])
        heats.append(None if overlay is None else signed(results, overlay, "Heatmap on a frame of a face swap"))
    rows = [StripRow("Original", originals), StripRow("Swap", swaps), StripRow("Swap mask", masks)]
    if results.heatmaps is not None:
        rows.append(StripRow("Heatmap", heats))
    spread = "scored part" if results.scores is not None else "clip"
    lead = f"{len(picked)} moments spread over the {spread}, close up: what was filmed, what was made of it, where the "
    lead += "picture was really changed" + (", and where the detector saw it." if results.heatmaps is not None else ".")
    return {"columns": picked, "rows": rows, "lead": lead}


def _stills(results: Results, picked: list[View]) -> list[Mapping[str, str]]:
    view = picked[len(picked) // 2]
    stills: list[Mapping[str, str]] = [
        {"kind": "original", "title": "Original", "src": _original(results, _cell(view.original, STILL))},
        {"kind": "swap", "title": "Swap", "src": signed(results, _cell(view.swap, STILL), "Frame of a face swap")},
    ]
    if view.heat is not None:
        heat = signed(results, _cell(view.overlay, STILL), "Heatmap on a frame of a face swap")
        stills.append({"kind": "heat", "title": "Heatmap", "src": heat})
    return stills


def _cell(image: np.ndarray, side: int = CELL) -> np.ndarray:
    """The picture with its longer side at most ``side`` pixels long."""
    import cv2

    scale = min(1.0, side / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA) if scale < 1 else image


def _original(results: Results, image: np.ndarray) -> str:
    return _data("image/jpeg", original_picture(results, image, JPEG_QUALITY))


def plain(image: np.ndarray) -> str:
    """A picture without a synthetic face (a mask, say) as a data address."""
    return _data("image/jpeg", plain_picture(image, JPEG_QUALITY))


def signed(results: Results, image: np.ndarray, title: str) -> str:
    """A picture with a synthetic face as a data address: with badge and Credentials."""
    return _data("image/jpeg", picture_bytes(image, making(results, title), quality=JPEG_QUALITY))


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _asset(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
