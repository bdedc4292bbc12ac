"""What is shown of a swap's training: the curve of its detectability with the frames below it, lines, a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.provenance.writer import write_picture
from datasets.video import read_picture
from datasets.workspace import Workspace
from evaluate.pictures import COLOURS, ONE, SOFT, canvas, looking, pixels
from evaluate.studyreport import Part, address, number, with_interval, write_study
from evaluate.trajectory import PICTURE
from synth.pipeline import describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN, TOP, STRIP, LEFT = 1.18, 2.6, 1.35, 0.75
# Above the curve: the title, the legend, and room for the badge.
HEAD = 0.85


def drawing(found: Mapping[str, Any], result: Path) -> Figure:
    """The curve with the frames below it. It holds synthetic faces, so it leaves through :func:`write`.

    Args:
        result: the folder that the frames' names are relative to.
    """
    steps, count = found["steps"], len(found["steps"]) + 1
    width, height = LEFT + COLUMN * count + 0.15, TOP + STRIP + 0.42 + HEAD
    with looking():
        made = canvas(width, height)
        made.set_layout_engine("none")
        left, wide = LEFT / width, COLUMN * count / width
        axes = made.add_axes((left, (STRIP + 0.42) / height, wide, TOP / height))
        for order, judge in enumerate(found["detectors"]):
            _line(axes, judge, steps, COLOURS[(order + 1) % len(COLOURS)])
        if steps[-1]["quality"]["identity"] is not None:
            values = [
                row["quality"]["identity"]["to_source"] if row["quality"]["identity"] else np.nan for row in steps
            ]
            axes.plot(range(1, count), values, ":", color=ONE, lw=1.6, label="likeness to the source (cosine)")
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(-0.03, 1.05)
        axes.set_xticks(range(count), ["original", *(f"step {row['step']:,}".replace(",", " ") for row in steps)])
        axes.axvline(0.5, color=SOFT, lw=0.8, ls="--")
        axes.set_ylabel("probability of a manipulation")
        made.text(left, 1 - 0.3 / height, f"How detectable {found['method']} is while it learns", fontsize=11)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
        for place, name in enumerate([found["original_frame"], *(row["frame"] for row in steps)]):
            pad = 0.04
            box = (LEFT + COLUMN * place + pad, 0.06, COLUMN - 2 * pad, STRIP - 0.1)
            picture = made.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            picture.imshow(read_picture(result / name))
            picture.axis("off")
    return made


def _line(axes: Any, judge: Mapping[str, Any], steps: Any, colour: str) -> None:
    name = judge["name"]
    said = [judge["original"], *(row["scores"][name] for row in steps)]
    values = np.array([np.nan if one["probability"] is None else one["probability"] for one in said])
    ends = np.array([one["interval"] or (np.nan, np.nan) for one in said], dtype=np.float64)
    words = "the swap's own detector" if judge["kind"] == "pair" else name
    axes.plot(range(1, len(said)), values[1:], "o-", ms=4, lw=1.8, color=colour, label=words)
    axes.plot([0], values[:1], "o", ms=5, color=colour, mfc="white", mew=1.6)
    for x, (low, high) in enumerate(ends):
        axes.plot([x, x], [low, high], color=colour, lw=1, alpha=0.45)
    if np.isfinite(values[0]):
        axes.axhline(values[0], color=colour, lw=0.9, ls=(0, (2, 3)), alpha=0.7)


def write(workspace: Workspace, found: Mapping[str, Any]) -> Path:
    """Write ``result/trajectory.jpg``, marked. Raises Refused where a consent record is missing."""
    path = workspace.result / PICTURE
    making = describe(workspace, found["method"], {}, "report", "Frames of a face swap in training, with its scores")
    write_picture(path, pixels(drawing(found, workspace.result)), making)
    return path


def lines(found: Mapping[str, Any]) -> list[str]:
    """The curve in sentences."""
    said = []
    for judge in found["detectors"]:
        said.append(f"{judge['name']}: original {number(judge['original']['probability'], 2)}")
        for row in found["steps"]:
            one = row["scores"][judge["name"]]
            apart = with_interval(one["detectability"], one["detectability_interval"], 2)
            said.append(
                f"  step {row['step']}: {number(one['probability'], 2)}, detectability {apart}, {one['verdict']}"
            )
    return said


def write_report(path: Path, head: Mapping[str, Any], found: Mapping[str, Any], picture: Path) -> Path:
    """Write the page of a training's study."""
    names = [judge["name"] for judge in found["detectors"]]
    parts = [
        Part(
            "Detectability against training step",
            "The same moment of the same clip at each step, and what the detectors say of it. The dashed line is the "
            "original's own score.",
            address(picture.read_bytes(), "image/jpeg"),
            ("step", *names, *(f"{name}, less the original" for name in names), "pose, degrees", "landmarks, %", *LIKE),
            [_row(row, names) for row in found["steps"]],
            [
                "Worked out after the fact from the model's snapshots: nothing of it goes back into a training.",
                "Landmark error is over the distance of the pupils. Likeness: cosine of MobileFaceNet's vectors.",
            ],
        )
    ]
    lead = [
        f"{len(found['probe']['frames'])} frames of the destination in {found['probe']['windows']} windows, scored."
    ]
    return write_study(path, head, f"How detectable is {found['method']} while it learns?", lead, parts, marked=True)


LIKE = ("likeness to the source", "to the destination")


def _row(row: Mapping[str, Any], names: list[str]) -> list[str]:
    scores, quality = [row["scores"][name] for name in names], row["quality"]
    landmarks = None if quality["landmarks"] is None else 100 * quality["landmarks"]
    likeness = quality["identity"] or {"to_source": None, "to_destination": None}
    return [
        str(row["step"]),
        *(with_interval(one["probability"], one["interval"], 2) for one in scores),
        *(with_interval(one["detectability"], one["detectability_interval"], 2) for one in scores),
        number(quality["pose"], 1),
        number(landmarks, 1),
        number(likeness["to_source"], 2),
        number(likeness["to_destination"], 2),
    ]
