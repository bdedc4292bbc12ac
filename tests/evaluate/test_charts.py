"""Charts: round ticks inside the range, lines that break at gaps, text from outside escaped."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluate.charts import Band, Chart, Series, draw, responsive, thin, ticks


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5), st.integers(2, 12))
def test_ticks_are_inside_ascending_even_and_few(low: float, span: float, most: int) -> None:
    found = ticks(low, low + span, most)
    slack = 1e-6 * span
    assert 1 <= len(found) <= most + 1
    assert all(low - slack <= t <= low + span + slack for t in found)
    assert np.allclose(np.diff(found), np.diff(found)[:1], rtol=1e-6, atol=1e-9) and all(np.diff(found) > 0)


@given(st.integers(1, 2000), st.integers(2, 100))
def test_thinning_keeps_short_lines_and_bounds_long_ones(length: int, most: int) -> None:
    x = np.arange(length, dtype=float)
    fewer, same = thin(x, x * 2, most)
    assert len(fewer) == min(length, most) and np.allclose(same, fewer * 2)
    assert fewer.min() >= 0 and fewer.max() <= length - 1


def a_chart(**changes: object) -> Chart:
    x = np.array([0.0, 1, 2, 10, 11])
    series = (Series("<b>a</b>", "swap", x, np.array([0.1, 0.4, np.nan, 0.9, 1.0])),)
    return Chart(**({"title": 'a "title"', "series": series, "x_label": "s", "y_label": "score"} | changes))  # type: ignore[arg-type]


def test_a_line_breaks_at_a_gap_and_at_a_missing_value() -> None:
    drawn = str(draw(a_chart(), 400, 200))
    assert len(re.findall(r'<path class="line swap"', drawn)) == 2


def test_the_numbers_are_in_the_drawing_for_the_hover() -> None:
    drawn = str(draw(a_chart(), 400, 200))
    data = json.loads(unescape(re.search(r'data-chart="([^"]+)"', drawn)[1]))  # type: ignore[index]
    assert data["series"][0]["y"] == [0.1, 0.4, None, 0.9, 1.0]
    assert "<b>" not in drawn and 'a "title"' not in drawn


def test_bands_are_drawn_and_clipped_to_the_axis() -> None:
    drawn = str(draw(a_chart(bands=(Band(-5, 4, "learned here", "trained"),), x_range=(0.0, 12.0)), 600, 240))
    left, width = map(float, re.search(r'class="band trained" x="([\d.]+)".* width="([\d.]+)"', drawn).groups())  # type: ignore[union-attr]
    assert left == 52 and left + width < 600
    assert "learned here" in drawn


def test_an_empty_chart_is_nothing_and_one_point_is_a_dot() -> None:
    none = np.empty(0)
    assert draw(a_chart(series=(Series("a", "one", none, none),)), 400, 200) == ""
    one = draw(a_chart(series=(Series("a", "one", np.ones(1), np.ones(1)),)), 400, 200)
    assert "<circle" in one and "nan" not in one.lower()


def test_both_sizes_are_there() -> None:
    assert responsive(a_chart()).count("<svg") == 2
