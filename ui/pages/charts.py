"""The charts of the dashboard, drawn with plotly in the colours of the report."""

from __future__ import annotations

from typing import Any

from evaluate.charts import FEW_POINTS, Chart
from evaluate.report import score_chart
from evaluate.results import Detectability

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


def score_figure(scores: Detectability, duration: float, now: float) -> Any:
    """The score curves with a line at the moment that is shown."""
    figure = line_figure(score_chart(scores, duration), height=300)
    figure.add_vline(x=now, line_width=2, line_color="#8a8f96")
    return figure
