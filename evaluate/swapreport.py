"""What is shown of a swap's quality: lines, bars against yardsticks, a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluate.pictures import bars, png
from evaluate.studyreport import NOTHING, Part, address, number, with_interval, write_study
from evaluate.swapquality import FIGURES, RATIO

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SHOWN = 3.0
MEANT = {
    "to_source": "likeness of the swap to the source",
    "to_destination": "likeness of the swap to the destination",
    "original_to_source": "likeness of the original to the source",
}


def share(name: str, value: float) -> float:
    """How far a figure is from a swap without fault, in units of its yardstick's distance: up to 1 is good enough.

    Ratios count alike both ways: half as sharp is as far off as twice as sharp.
    """
    said = FIGURES[name]
    if said.unit == RATIO:
        return float(abs(np.log2(max(value, 1e-6))) / abs(np.log2(said.yardstick)))
    return float(abs(value - said.perfect) / abs(said.yardstick - said.perfect))


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures in sentences."""
    said = []
    for name, held in found["figures"].items():
        one = FIGURES[name]
        good = "" if share(name, held["value"]) <= 1 else "; over"
        value = with_interval(held["value"], held["interval"])
        said.append(f"{one.name}: {value} {one.unit} (yardstick {one.yardstick:g}{good})")
    if found["identity"] is not None:
        said += [f"{words}: {number(found['identity'][name], 2)}" for name, words in MEANT.items()]
        said.append(f"nearer to the source in {found['identity']['nearer']:.0%} of the frames")
    return said


def picture(found: Mapping[str, Any]) -> Figure:
    """Each figure's distance from a swap without fault over its yardstick's, as bars."""
    rows: list[tuple[str, float, tuple[float, float] | None, str]] = []
    for name, held in found["figures"].items():
        said = FIGURES[name]
        words = f"{number(held['value'])} {said.unit}".strip()
        rows.append((said.name, min(share(name, held["value"]), MOST_SHOWN), None, words))
    title = "How far from a swap without fault: up to one yardstick is good enough"
    return bars(rows, title, "distance, in yardsticks", (0, MOST_SHOWN + 0.9), 1.0, over=True)


def write_report(path: Path, head: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Write the page of a swap's study."""
    rows = []
    for name, held in found["figures"].items():
        said = FIGURES[name]
        value = with_interval(held["value"], held["interval"])
        rows.append((said.name, value, said.unit or NOTHING, f"{said.yardstick:g}", str(held["frames"]), said.formula))
    parts = [
        Part(
            "Quality",
            "Every figure compares the swap with its own original, frame for frame. Intervals draw seconds.",
            address(png(picture(found))),
            ("figure", "value", "unit", "yardstick", "frames", "formula"),
            rows,
            ["Yardsticks of pose, landmarks and flicker are those asked of this studio's own methods; the others are a "
             "choice.", f"The mask is {found['mask']}."],
        ),
        Part("Identity", *_identity(found)),
    ]  # fmt: skip
    lead = [
        f"{found['data']['fake']} against {found['data']['original']}, {found['frames']} frames with a swapped face."
    ]
    return write_study(path, head, "How good is this swap?", lead, parts)


def _identity(found: Mapping[str, Any]) -> tuple[str, None, tuple[str, ...], list[tuple[str, str]]]:
    held = found["identity"]
    if held is None:
        return found["data"]["identity_missing"], None, (), []
    rows = [(words, number(held[name], 2)) for name, words in MEANT.items()]
    rows.append(("nearer to the source, share of frames", f"{held['nearer']:.0%}"))
    return "Cosine of MobileFaceNet's vectors (Chen et al., 2018); 1 is the same picture.", None, ("", "value"), rows
