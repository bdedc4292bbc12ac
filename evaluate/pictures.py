"""Pictures of figures: bars, heatmaps, curves, drawn with matplotlib in the colours of the reports.

Each function gives a drawing (:class:`matplotlib.figure.Figure`), :func:`png` its bytes. There is no photograph in any
of them; where faces belong into a picture, :func:`pixels` hands the drawing on to the one writer of synthetic media.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
INK, SOFT, LINE, GRID = "#1b2026", "#59626c", "#dfdcd5", "#ebe8e2"
SWAP, ORIGINAL, ONE, TWO = "#c2410c", "#1d5fa8", "#0f766e", "#7c3f98"
COLOURS = (ORIGINAL, SWAP, ONE, TWO, "#8a6d1d", "#8a8f96", "#b0336b", "#3f7d20")
LOOK: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@contextmanager
def looking() -> Iterator[None]:
    """The look of all pictures, for drawings that are made inside."""
    from matplotlib import rc_context

    with rc_context(LOOK):
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty drawing, inches, that draws without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def png(drawing: Figure) -> bytes:
    """A drawing as PNG."""
    held = BytesIO()
    with looking():
        drawing.savefig(held, format="png", dpi=DPI, metadata={"Software": "counterface"})
    return held.getvalue()


def pixels(drawing: Figure, dpi: int = DPI) -> np.ndarray:
    """A drawing as uint8 RGB (H, W, 3), for the one writer of synthetic media."""
    drawing.set_dpi(dpi)
    with looking():
        drawing.canvas.draw()
    return np.asarray(drawing.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]


def write_chart(path: Path, drawing: Figure) -> None:
    """Write a drawing as PNG, all or nothing."""
    content = png(drawing)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def heatmap(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    row_label: str,
    column_label: str,
    limits: tuple[float, float] = (0.5, 1.0),
) -> Figure:
    """A matrix with its values written into the cells; NaN cells stay empty.

    Args:
        values: float64 (R, C).
    """
    with looking():
        made = canvas(1.9 + 0.95 * len(columns), 1.5 + 0.5 * len(rows))
        axes = made.subplots()
        draw_heatmap(axes, values, rows, columns, limits)
        axes.set_title(title, pad=10)
        axes.set_xlabel(column_label)
        axes.set_ylabel(row_label)
    return made


def draw_heatmap(
    axes: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], limits: tuple[float, float]
) -> None:
    """The cells of :func:`heatmap` on one pair of axes."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("counterface", ["#f7f6f3", "#9cc3dd", ORIGINAL, "#0b2e57"])
    axes.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    axes.tick_params(length=0)
    middle = limits[0] + 0.55 * (limits[1] - limits[0])
    for (row, column), value in np.ndenumerate(values):
        said = "–" if np.isnan(value) else f"{value:.2f}"
        colour = SOFT if np.isnan(value) else "white" if value > middle else INK
        axes.text(column, row, said, ha="center", va="center", color=colour, fontsize=9.5)


def bars(
    rows: Sequence[tuple[str, float, tuple[float, float] | None, str]],
    title: str,
    label: str,
    limits: tuple[float, float] | None = None,
    level: float | None = None,
    over: bool = False,
) -> Figure:
    """Horizontal bars with intervals.

    Args:
        rows: (name, value, interval or None, the value in words), from the top.
        level: a dashed line.
        over: whether bars that reach over the level have another colour.
    """
    with looking():
        made = canvas(7.2, 0.9 + 0.34 * len(rows))
        axes = made.subplots()
        draw_bars(axes, rows, limits, level, over)
        axes.set_title(title)
        axes.set_xlabel(label)
    return made


def draw_bars(
    axes: Axes,
    rows: Sequence[tuple[str, float, tuple[float, float] | None, str]],
    limits: tuple[float, float] | None = None,
    level: float | None = None,
    over: bool = False,
) -> None:
    """The bars of :func:`bars` on one pair of axes."""
    place = np.arange(len(rows))[::-1]
    values = np.array([row[1] for row in rows], dtype=np.float64)
    colours = [SWAP if over and level is not None and value > level else ORIGINAL for value in values]
    axes.barh(place, np.nan_to_num(values), height=0.62, color=colours, alpha=0.85)
    for at, (_, value, ends, words) in zip(place, rows, strict=True):
        right = 0.0 if np.isnan(value) else value
        if ends is not None:
            axes.plot(ends, [at, at], color=INK, lw=1.4, solid_capstyle="butt")
            right = max(right, ends[1])
        axes.annotate(
            words, (right, at), (5, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK,
            annotation_clip=False, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2}, zorder=5,
        )  # fmt: skip
    axes.set_yticks(place, [row[0] for row in rows])
    axes.grid(axis="y", visible=False)
    if limits:
        axes.set_xlim(*limits)
        axes.set_xticks([tick for tick in axes.get_xticks() if limits[0] <= tick <= max(1.0, np.nanmax(values)) + 1e-3])
    if level is not None:
        axes.axvline(level, color=SOFT, ls="--", lw=1)


def curves(
    panels: Sequence[tuple[str, Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray | None]]]],
    x_label: str,
    y_label: str,
    y_range: tuple[float, float],
    level: tuple[float, str] | None = None,
    columns: int = 4,
    ticks: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Small line charts side by side on one scale.

    Args:
        panels: (title, lines), each line (name, x (N,), y (N,), interval (N, 2) or None).
        level: a dashed line and its name.
        ticks: of a panel, the names of its x values in order.
    """
    with looking():
        rows = -(-len(panels) // columns)
        made = canvas(2.35 * min(columns, len(panels)) + 0.5, 2.05 * rows + 0.5)
        grid = np.atleast_1d(made.subplots(rows, min(columns, len(panels)), sharey=True, squeeze=False)).ravel()
        for axes, (title, lines) in zip(grid, panels, strict=False):
            for number, (name, x, y, ends) in enumerate(lines):
                colour = COLOURS[number % len(COLOURS)]
                axes.plot(x, y, "o-", ms=3, lw=1.6, color=colour, label=name)
                if ends is not None:
                    axes.fill_between(x, ends[:, 0], ends[:, 1], color=colour, alpha=0.14, lw=0)
            axes.set_title(title)
            axes.set_ylim(*y_range)
            if ticks and title in ticks:
                axes.set_xticks(range(len(ticks[title])), ticks[title])
            if level:
                axes.axhline(level[0], color=SOFT, ls="--", lw=1)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        made.supxlabel(x_label, fontsize=9, color=SOFT)
        made.supylabel(y_label, fontsize=9, color=SOFT)
        handles, names = grid[0].get_legend_handles_labels()
        if len(names) > 1:
            made.legend(handles, names, loc="outside upper right", ncols=len(names))
    return made


def reliability_and_risk(found: Mapping[str, Any]) -> Figure:
    """What was said against what was seen, and the risk-coverage curve, of a detector's figures."""
    with looking():
        made = canvas(8.4, 3.5)
        left, right = made.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=SOFT, lw=1, ls="--")
        for colour, (name, bins) in zip((SWAP, ORIGINAL), found["reliability"].items(), strict=True):
            if bins:
                count = sum(one["count"] for one in bins)
                x, y = ([one[key] for one in bins] for key in ("said", "seen"))
                left.plot(x, y, "o-", ms=3.5, lw=1.5, color=colour, label=f"{count} {name}s")
        left.set(xlabel="probability said", ylabel="share manipulated", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        left.set_title("Reliability, bins of equal mass")
        left.legend()
        risk, said = found["risk_coverage"], found["abstention"]
        right.step(risk["coverage"], risk["risk"], where="post", color=ORIGINAL, label="surest clips first")
        if said["error"] is not None:
            right.plot([said["coverage"]], [said["error"]], "D", ms=6, color=SWAP, label="the verdicts")
        right.set(xlabel="share answered", ylabel="error among them", xlim=(0, 1.02))
        right.set_ylim(-0.01, max(0.1, 1.1 * max(risk["risk"])))
        right.set_title("Risk and coverage")
        right.legend()
    return made
