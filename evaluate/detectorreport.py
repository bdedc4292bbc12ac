"""What is shown of a detector's figures: lines for a terminal, pictures, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.pictures import bars, png, reliability_and_risk
from evaluate.studyreport import Part, address, number, with_interval, write_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "auc": "AUC",
    "ap": "AP",
    "eer": "EER",
    "tpr@fpr=0.01": "TPR at 1 % FPR",
    "tpr@fpr=0.05": "TPR at 5 % FPR",
}
SLICES = {"by_method": "method", "by_compression": "compression", "by_face_size": "face width"}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures in sentences."""
    fakes, reals = found["n_fake"], found["n_real"]
    said = [
        f"{fakes} fakes and {reals} real clips, {found['n_frames']} frames; intervals draw clips, fake and original"
    ]
    for level in ("clip", "frame"):
        own, ends = found[level], found["intervals"][level]
        figures = [f"{NAMES[key]} {with_interval(own[key], ends.get(key))}" for key in NAMES if key in own]
        said.append(f"{level}: " + ("; ".join(figures) or "one class alone has no curve"))
    if found["paired_accuracy"] is not None:
        ends = found["intervals"].get("paired_accuracy")
        said.append(f"fake above its own original: {with_interval(found['paired_accuracy'], ends)}")
    said.append(
        f"ECE {with_interval(found['ece'], found['intervals']['ece'])} (a perfect calibration would show "
        f"{number(found['ece_by_chance'])} here by chance); Brier {number(found['brier'])}"
    )
    held = found["threshold"]
    said.append(
        f"accuracy {with_interval(held['accuracy'], held['interval'])} at a threshold of {held['value']:.3f}, fixed on "
        f"{held['fixed_on']}"
    )
    if found["heatmap_iou"] is not None:
        said.append(f"heatmap IoU {with_interval(found['heatmap_iou'], found['intervals'].get('heatmap_iou'))}")
    for name, counts in found["verdicts"].items():
        said.append(
            f"verdicts of {name} clips: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        )
    for title, rows in slices(found):
        said += [
            f"{title} {name}: clip AUC {_auc(row, 'clip')}, {row['n_fake']} fake, {row['n_real']} real"
            for name, row in rows.items()
        ]
    return said + [f"could not be scored: {sentence}" for sentence in found["failed"]]


def slices(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(what it is sorted by, figures by kind), those with more than one kind, and the methods always."""
    held = [(title, found[key]) for key, title in SLICES.items()] + list(found["by_group"].items())
    return [(title, rows) for title, rows in held if len(rows) > 1 or title == "method"]


def _auc(row: Mapping[str, Any], level: str) -> str:
    return with_interval(row[level].get("auc"), row["intervals"][level].get("auc"), 2)


def picture(found: Mapping[str, Any]) -> Figure:
    """Clip AUC of all clips and of each kind, with intervals."""
    rows = [_bar("all", found)]
    for title, kinds in slices(found):
        rows += [_bar(f"{title}: {kind}", row) for kind, row in kinds.items()]
    return bars(
        rows, f"{found['detector']['name']}: clip AUC by kind of clip", "clip AUC, 95 % interval", (0, 1.25), 0.5
    )


def _bar(name: str, row: Mapping[str, Any]) -> tuple[str, float, tuple[float, float] | None, str]:
    value, ends = row["clip"].get("auc"), row["intervals"]["clip"].get("auc")
    words = number(value, 2) if value is not None else "one class"
    return name, float("nan") if value is None else value, tuple(ends) if ends else None, words  # type: ignore[return-value]


def write_report(path: Path, head: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Write the page of a detector's study."""
    detector = found["detector"]
    parts = [
        Part(
            "Figures",
            "Frames and clips are kept apart: a mean over frames is worth several points. Intervals are 95 %, drawing "
            "clips, each with its original and its copies.",
            columns=("", "clips", "frames"),
            rows=[
                (
                    name,
                    *(with_interval(found[lv].get(key), found["intervals"][lv].get(key)) for lv in ("clip", "frame")),
                )
                for key, name in NAMES.items()
            ]
            + _calibration_rows(found),
        ),
        Part("By kind of clip", "", address(png(picture(found))), *_slice_table(found)),
        Part(
            "Calibration and abstention",
            "Left: what was said against what was seen. Right: how often an answer is wrong when only the surest clips "
            "are answered, and what the verdicts make of it.",
            address(png(reliability_and_risk(found))),
            ("", "manipulated", "no manipulation found", "cannot tell"),
            [
                (f"{name} clips", *(str(count) for count in counts.values()))
                for name, counts in found["verdicts"].items()
            ],
            _notes(found),
        ),
    ]
    lead = [
        f"{detector['name']} on {found['n_fake']} manipulated and {found['n_real']} real clips of "
        f"{found['data']['folder']}, {found['n_frames']} frames.",
        f"It was trained on {detector['trained_on'] or 'data that its card does not name'}.",
    ]
    return write_study(path, head, f"How good is {detector['name']}?", lead, parts)


def _calibration_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    ends, frames = found["intervals"], found["frame_calibration"]
    rows: list[tuple[str, ...]] = []
    for key, name in (("ece", "ECE"), ("brier", "Brier score"), ("nll", "negative log-likelihood")):
        own = frames.get(key, {"value": None, "interval": None})
        rows.append((name, with_interval(found[key], ends[key]), with_interval(own["value"], own["interval"])))
    held = found["threshold"]
    said = f"accuracy at {held['value']:.3f}, fixed on {held['fixed_on']}"
    rows.append((said, with_interval(held["accuracy"], held["interval"]), ""))
    if found["paired_accuracy"] is not None:
        rows.append(
            ("fake above its own original", with_interval(found["paired_accuracy"], ends.get("paired_accuracy")), "")
        )
    if found["heatmap_iou"] is not None:
        rows.append(
            ("heatmap IoU with the true mask", with_interval(found["heatmap_iou"], ends.get("heatmap_iou")), "")
        )
    return rows


def _slice_table(found: Mapping[str, Any]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    rows: list[tuple[str, ...]] = []
    for title, kinds in slices(found):
        for kind, row in kinds.items():
            ends = row["intervals"].get("paired_accuracy")
            rows.append(
                (
                    f"{title}: {kind}",
                    f"{row['n_fake']} / {row['n_real']}",
                    _auc(row, "clip"),
                    _auc(row, "frame"),
                    number(row["clip"].get("eer"), 2),
                    with_interval(row["paired_accuracy"], ends, 2),
                )
            )
    return ("", "fake / real", "clip AUC", "frame AUC", "clip EER", "above its original"), rows


def _notes(found: Mapping[str, Any]) -> list[str]:
    said = [f"ECE of a perfect calibration on as many clips, by chance: {number(found['ece_by_chance'])}."]
    if found["splits"]:
        said.append(f"Parts of the data set that count: {', '.join(found['splits'])}.")
    if found["unscored"]:
        said.append(f"No face was found in {len(found['unscored'])} clips; they count in the verdicts alone.")
    return said + [f"Could not be scored: {sentence}" for sentence in found["failed"]]
