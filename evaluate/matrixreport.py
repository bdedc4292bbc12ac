"""What is shown of a matrix: lines, heatmaps, a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluate.pictures import canvas, draw_heatmap, looking, png
from evaluate.studyreport import Part, address, number, with_interval, write_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "methods": "trained on one method",
    "leave one out": "trained on all methods but one",
    "compression": "trained at one compression",
}
LEADS = {
    "methods": "Rows: the method that a detector learned from. Columns: the method that it is tried on.",
    "leave one out": "Rows: the method that was left out of the training. On the diagonal stands what a detector makes "
    "of a method that it never saw.",
    "compression": "Rows: the level that a detector learned at, all methods. Columns: the level that it is tried at.",
}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The cells in sentences."""
    said = []
    for kind, table in found["matrices"].items():
        said.append(f"{TITLES[kind]}: clip AUC")
        for name, row in zip(table["rows"], table["auc"], strict=True):
            cells = ", ".join(f"{c} {number(v, 2)}" for c, v in zip(table["columns"], row, strict=True))
            said.append(f"  {name}: {cells}")
    return said


def picture(found: Mapping[str, Any]) -> Figure:
    """All tables as heatmaps, side by side."""
    tables = found["matrices"]
    wide = [1.0 + len(table["columns"]) for table in tables.values()]
    tall = max(len(table["rows"]) for table in tables.values())
    with looking():
        made = canvas(1.05 * sum(wide) + 0.6, 1.5 + 0.5 * tall)
        grid = np.atleast_1d(made.subplots(1, len(tables), width_ratios=wide, squeeze=False)).ravel()
        for axes, (kind, table) in zip(grid, tables.items(), strict=True):
            values = np.array(table["auc"], dtype=np.float64)
            draw_heatmap(axes, values, table["rows"], table["columns"], (0.4, 1.0))
            axes.set_title(TITLES[kind], pad=9)
            axes.set_xlabel("tried on")
        made.suptitle("Clip AUC", x=0.01, ha="left", fontsize=11)
    return made


def write_report(path: Path, head: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Write the page of a matrix."""
    parts = [Part("All tables", "", address(png(picture(found))))]
    for kind, table in found["matrices"].items():
        rows = [
            (f"{name} ({count} pairs)", *(_cell(cell) for cell in row))
            for name, count, row in zip(table["rows"], table["train_pairs"], table["cells"], strict=True)
        ]
        columns = [f"{c} ({n} pairs)" for c, n in zip(table["columns"], table["test_pairs"], strict=True)]
        notes = ["Clip AUC with its 95 % interval; in brackets how often a fake stands above its own original."]
        title = TITLES[kind][0].upper() + TITLES[kind][1:]
        parts.append(Part(title, LEADS[kind], columns=("", *columns), rows=rows, notes=notes))
    lead = [
        f"Detectors of {found['pairs']} pairs of {', '.join(found['data'])}, tried on people that none of them saw; "
        f"methods are compared at level {found['level']}."
    ]
    return write_study(path, head, "What one kind of swap teaches about another", lead, parts)


def _cell(cell: Mapping[str, Any]) -> str:
    if not cell:
        return number(None)
    value = with_interval(cell["clip"].get("auc"), cell["intervals"]["clip"].get("auc"), 2)
    return f"{value} [{number(cell['paired_accuracy'], 2)}]"
