"""The charts of the dashboard, drawn with plotly in the colours of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluate.charts import FEW_POINTS, Chart

# Readable on a light and on a dark page.
COLOURS = {"swap": "#e0622a", "original": "#3b82d6", "one": "#159a8c", "two": "#a06cc0"}
DASHED = frozenset({"original", "two"})
PLAIN_CHART = {"displayModeBar": False, "scrollZoom": False}
SHADES = {"trained": "rgba(128,134,142,0.16)", "scored": "rgba(59,130,214,0.06)"}


def line_figure(chart: Chart, height: int = 280) -> Any:
    """A plotly figure of a chart."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for line in (line for line in chart.series if len(line.x)):
        mode = "lines+markers" if len(line.x) <= FEW_POINTS else "lines"
        style = {"color": COLOURS[line.kind], "width": 2.2, "dash": "dash" if line.kind in DASHED else "solid"}
        figure.add_scatter(
            x=line.x,
            y=line.y,
            name=line.label,
            mode=mode,
            line=style,
            opacity=0.4 if line.faint else 1,
            showlegend=not line.faint,
            hovertemplate="%{y:.3f}",
        )
    for band in chart.bands:
        figure.add_vrect(x0=band.start, x1=band.end, fillcolor=SHADES[band.kind], line_width=0, layer="below")
        if band.end - band.start > 0.2 * (chart.x_range or (0, 1))[1]:
            figure.add_annotation(
                x=(band.start + band.end) / 2, y=1, yref="paper", yanchor="bottom", text=band.label, showarrow=False
            )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34 if chart.bands else 40, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "x": 0, "y": -0.28, "yanchor": "top"},
        showlegend=len({line.label for line in chart.series if len(line.x)}) > 1,
        title=None if chart.bands else {"text": chart.title, "font": {"size": 15}, "x": 0},
        dragmode=False,
    )
    figure.update_xaxes(title=chart.x_label, range=chart.x_range, showgrid=False, fixedrange=True)
    figure.update_yaxes(title=chart.y_label, range=chart.y_range, fixedrange=True)
    return figure


def heat_figure(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]) -> Any:
    """A table of AUCs as coloured cells with their numbers; .5 is chance, 1 is perfect."""
    import plotly.graph_objects as go

    words = [["" if value is None else f"{value:.2f}" for value in row] for row in values]
    figure = go.Figure(
        go.Heatmap(
            x=list(columns),
            y=list(rows),
            z=[list(row) for row in values],
            text=words,
            texttemplate="%{text}",
            # Two ends and a middle that carry dark figures on all of their way.
            colorscale=[[0, "#f0b8a0"], [0.5, "#f2ead8"], [1, "#8ecfc6"]],
            zmin=0.4,
            zmax=1.0,
            textfont={"color": "#14171c", "size": 14},
            showscale=False,
            xgap=3,
            ygap=3,
            hovertemplate="learned from %{y}, tried on %{x}: %{z:.3f}<extra></extra>",
        )
    )
    figure.update_layout(
        height=90 + 44 * len(rows),
        width=220 + 120 * len(columns),
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        dragmode=False,
    )
    figure.update_yaxes(autorange="reversed", fixedrange=True, tickfont={"size": 13})
    figure.update_xaxes(side="top", fixedrange=True, tickfont={"size": 13})
    return figure


def reliability_figure(bins: Sequence[Mapping[str, float]], height: int = 300) -> Any:
    """What was said against what came true; on the dashed line the two agree. Points are as large as their share."""
    import plotly.graph_objects as go

    count = [float(one.get("count", 1)) for one in bins]
    most = max([*count, 1.0])
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dash", "color": "#8a8f96", "width": 1.5}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[one["said"] for one in bins],
        y=[one["seen"] for one in bins],
        mode="lines+markers",
        line={"color": COLOURS["one"], "width": 2},
        marker={"size": [8 + 10 * value / most for value in count]},
        customdata=count,
        hovertemplate="said %{x:.2f}, true %{y:.2f}, %{customdata:.0f} clips<extra></extra>",
    )
    figure.update_layout(height=height, margin={"l": 8, "r": 8, "t": 10, "b": 8}, showlegend=False, dragmode=False)
    figure.update_xaxes(title="probability said", range=[-0.02, 1.02], fixedrange=True, showgrid=False)
    figure.update_yaxes(title="share that was manipulated", range=[-0.02, 1.02], fixedrange=True)
    return figure
