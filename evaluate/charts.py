"""Line charts as inline SVG: pure functions from arrays to markup, with the numbers inside for the page's hover."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup, escape

MOST_POINTS = 360
GAP = 3.5
FEW_POINTS = 24


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        label: its name for people.
        kind: the CSS class that colours it ("swap", "original", "one", "two").
        x: float64 (N,), ascending.
        y: float64 (N,); NaN breaks the line.
        faint: drawn paler: values that do not count.
    """

    label: str
    kind: str
    x: np.ndarray
    y: np.ndarray
    faint: bool = False

    @property
    def style(self) -> str:
        """The CSS classes of its line."""
        return f"{self.kind} faint" if self.faint else self.kind


@dataclass(frozen=True)
class Band:
    """A shaded range of the x axis with a short label at its top."""

    start: float
    end: float
    label: str
    kind: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows, independent of the size it is drawn at.

    Attributes:
        title: read out by screen readers.
        x_label, y_label: with their units.
        x_range, y_range: limits of the axes, or None for those of the data.
        bands: shaded ranges.
        x_unit: written after a value of x in the hover text.
        level: a value of y with a dashed line and a label, or None.
        seek: whether a click on the chart moves the players to that time.
    """

    title: str
    series: tuple[Series, ...]
    x_label: str
    y_label: str
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    bands: tuple[Band, ...] = ()
    x_unit: str = ""
    level: tuple[float, str] | None = None
    seek: bool = False


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers in [low, high], at most ``most`` + 1, a step of 1, 2, 2.5 or 5 times a power of ten apart."""
    span = high - low
    if not span > 0:
        return [low]
    raw = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def number(value: float) -> str:
    """A short text for an axis: 12000 as 12k, no trailing zeros."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.6g}"


def thin(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most ``most`` points, each the mean of an equal run of the original ones; short lines are kept as they are."""
    if len(x) <= most:
        return x, y
    parts = np.array_split(np.arange(len(x)), most)
    return np.array([x[p].mean() for p in parts]), np.array([y[p].mean() for p in parts])


def draw(chart: Chart, width: int, height: int, kind: str = "") -> Markup:
    """The chart as an SVG element of that size in user units; text is 12 or 13 units high.

    Args:
        kind: an extra CSS class of the element.
    """
    series = [_thinned(s) for s in chart.series if len(s.x)]
    if not series:
        return Markup("")
    x_low, x_high = chart.x_range or _limits([s.x for s in series])
    y_low, y_high = chart.y_range or _limits([s.y for s in series], room=0.06)
    if not x_high > x_low:
        x_low, x_high = x_low - 0.5, x_high + 0.5
    left, right, top, bottom = 52, 14, 12 + (20 if chart.bands else 0), 44
    plot_w, plot_h = width - left - right, height - top - bottom

    def px(value: float) -> float:
        return round(left + (value - x_low) / (x_high - x_low) * plot_w, 2)

    def py(value: float) -> float:
        return round(top + (y_high - value) / (y_high - y_low) * plot_h, 2)

    out: list[str] = []
    for band in chart.bands:
        start, end = px(max(band.start, x_low)), px(min(band.end, x_high))
        if end - start < 1:
            continue
        out.append(f'<rect class="band {escape(band.kind)}" x="{start}" y="{top}" width="{end - start:.2f}" ')
        out.append(f'height="{plot_h}"/>')
        if end - start > 6.4 * len(band.label):
            middle = (start + end) / 2
            out.append(f'<text class="band-label" x="{middle:.1f}" y="{top - 8}">{escape(band.label)}</text>')
    for value in ticks(y_low, y_high, max(2, plot_h // 46)):
        out.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{py(value)}" y2="{py(value)}"/>')
        out.append(f'<text class="tick" x="{left - 8}" y="{py(value) + 4}" text-anchor="end">{number(value)}</text>')
    for value in ticks(x_low, x_high, max(2, plot_w // 72)):
        out.append(
            f'<line class="mark" x1="{px(value)}" x2="{px(value)}" y1="{top + plot_h}" y2="{top + plot_h + 5}"/>'
        )
        out.append(
            f'<text class="tick" x="{px(value)}" y="{top + plot_h + 19}" text-anchor="middle">{number(value)}</text>'
        )
    if chart.level and y_low <= chart.level[0] <= y_high:
        at = py(chart.level[0])
        out.append(f'<line class="level" x1="{left}" x2="{width - right}" y1="{at}" y2="{at}"/>')
        out.append(f'<text class="level-label" x="{width - right - 4}" y="{at - 5}">{escape(chart.level[1])}</text>')
    out.append(f'<line class="axis" x1="{left}" x2="{width - right}" y1="{top + plot_h}" y2="{top + plot_h}"/>')
    out.append(f'<text class="axis-label" x="{left + plot_w / 2:.0f}" y="{height - 6}">{escape(chart.x_label)}</text>')
    middle = top + plot_h / 2
    out.append(
        f'<text class="axis-label" transform="translate(13 {middle:.0f}) rotate(-90)">{escape(chart.y_label)}</text>'
    )
    for line in series:
        for piece in _pieces(line):
            path = "M" + "L".join(f"{px(x)} {py(y)}" for x, y in piece)
            out.append(f'<path class="line {escape(line.style)}" d="{path}"/>')
            if len(piece) == 1 or len(line.x) <= FEW_POINTS:
                out += [
                    f'<circle class="dot {escape(line.style)}" cx="{px(x)}" cy="{py(y)}" r="2.8"/>' for x, y in piece
                ]
    data = {
        "plot": [left, top, plot_w, plot_h],
        "x": [x_low, x_high],
        "y": [y_low, y_high],
        "unit": chart.x_unit,
        "seek": chart.seek,
        "series": [{"label": s.label, "kind": s.kind, "x": _listed(s.x), "y": _listed(s.y)} for s in series],
    }
    head = (
        f'<svg class="chart {escape(kind)}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(chart.title)}" data-chart="{escape(json.dumps(data))}">'
    )
    return Markup(head + "".join(out) + '<g class="cursor"></g></svg>')


def responsive(chart: Chart, wide: tuple[int, int] = (980, 300), narrow: tuple[int, int] = (380, 260)) -> Markup:
    """The chart at two sizes; the style sheet shows the one that fits, so that text keeps its size."""
    return draw(chart, *wide, kind="wide") + draw(chart, *narrow, kind="narrow")


def _thinned(line: Series) -> Series:
    x, y = thin(line.x, line.y)
    return replace(line, x=x, y=y)


def _limits(arrays: Sequence[np.ndarray], room: float = 0.0) -> tuple[float, float]:
    held = np.concatenate([a[np.isfinite(a)] for a in arrays])
    if not len(held):
        return 0.0, 1.0
    low, high = float(held.min()), float(held.max())
    spare = (high - low) * room or (abs(high) * 0.1 if high == low else 0.0)
    return low - spare, high + spare


def _pieces(line: Series) -> list[list[tuple[float, float]]]:
    """Runs of points without a NaN and without a gap that is much longer than the usual step."""
    steps = np.diff(line.x)
    usual = float(np.median(steps)) if len(steps) else 0.0
    pieces: list[list[tuple[float, float]]] = [[]]
    last = None
    for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True):
        if not math.isfinite(y) or (last is not None and usual > 0 and x - last > GAP * usual):
            pieces.append([])
        if math.isfinite(y):
            pieces[-1].append((x, y))
        last = x
    return [p for p in pieces if p]


def _listed(values: np.ndarray) -> list[float | None]:
    return [round(v, 5) if math.isfinite(v) else None for v in values.tolist()]
