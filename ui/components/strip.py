"""Small scales as markup: where a value lies against what is usual, and a probability with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

NAMES = {"original": "original", "swap": "swap", "value": "this face"}


def strip(low: float, high: float, dots: Sequence[tuple[str, float]]) -> str:
    """A strip with the usual range shaded and a dot a value, each place in [0, 1]; its kind colours a dot."""
    drawn = "".join(
        f'<i class="dot {escape(kind)}" style="left:{_percent(at)}" title="{NAMES.get(kind, kind)}"></i>'
        for kind, at in dots
    )
    said = ", ".join(
        f"{NAMES.get(kind, kind)} {'inside' if low <= at <= high else 'outside'} what is usual" for kind, at in dots
    )
    keys = "".join(f'<span><i class="dot {escape(kind)}"></i>{NAMES.get(kind, kind)}</span>' for kind, _ in dots)
    return (
        f'<div class="strip" role="img" aria-label="{said}"><div class="rail">'
        f'<b style="left:{_percent(low)};width:{_percent(high - low)}"></b>{drawn}</div>'
        f'<div class="keys"><span><i class="usual"></i>nine in ten real faces</span>{keys}</div></div>'
    )


def scale(probability: float, interval: tuple[float, float], zones: Sequence[tuple[str, float, float]]) -> str:
    """A probability on a scale from 0 to 100 %, its interval, and where on it which answer is given.

    Args:
        zones: kind (``swap``, ``original``, ``unsure``), from, to, in [0, 1].
    """
    words = {"swap": "manipulated", "original": "no sign", "unsure": "cannot tell"}
    parts = "".join(
        f'<b class="{escape(kind)}" style="left:{_percent(start)};width:{_percent(end - start)}"></b>'
        for kind, start, end in zones
    )
    kinds = list(dict.fromkeys(kind for kind, _, _ in zones))
    keys = "".join(f'<span><i class="{escape(kind)}"></i>{words.get(kind, kind)}</span>' for kind in kinds)
    low, high = interval
    said = f"{100 * probability:.0f} per cent, 95 per cent interval {100 * low:.0f} to {100 * high:.0f}"
    return (
        f'<div class="scale" role="img" aria-label="{said}"><div class="rail">{parts}'
        f'<u style="left:{_percent(low)};width:{_percent(max(high - low, 0.004))}"></u>'
        f'<i class="dot value" style="left:{_percent(probability)}"></i></div>'
        f'<div class="ends"><span>0 %</span><span>50 %</span><span>100 %</span></div>'
        f'<div class="keys">{keys}</div></div>'
    )


def _percent(value: float) -> str:
    return f"{100 * min(max(value, 0.0), 1.0):.2f}%"
