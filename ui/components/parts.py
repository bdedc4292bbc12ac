"""Drawn parts that several pages share: notes, cards, a strip of time, a tree, points with intervals, a crowd.

They are HTML inside the page: nothing is fetched. Colours are given to lines and areas alone, in tones that
stand out on light and on dark; text keeps the page's own colour, and every colour is said in words, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import streamlit as st

Tone = Literal["good", "info", "warn", "bad", "plain"]
TONES: Mapping[str, str] = {
    "good": "#12877b",
    "info": "#3b7fd0",
    "warn": "#b7791f",
    "bad": "#cf3f2e",
    "plain": "#80868e",
}
STYLE = """<style>
.cf-note { border-left: 5px solid var(--tone); background: color-mix(in srgb, var(--tone) 12%, transparent);
  border-radius: 10px; padding: .8rem 1.1rem; margin: .2rem 0 .6rem; }
.cf-note b { display: block; font-size: 1.12rem; line-height: 1.35; }
.cf-note .kind { font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; opacity: .8;
  margin-bottom: .15rem; }
.cf-note p { margin: .3rem 0 0; }
.cf-cards { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--cell, 300px)), 1fr)); }
.cf-card { border: 1px solid rgba(128,134,142,.38); border-top: 4px solid var(--tone); border-radius: 10px;
  padding: .8rem 1rem .9rem; }
.cf-card h3, .cf-card h4 { font-size: 1.05rem; margin: 0 0 .35rem; padding: 0; font-weight: 650; }
.cf-card p { margin: .35rem 0 0; }
.cf-card ul { margin: .45rem 0 0; padding-left: 1.15rem; font-size: .92rem; }
.cf-card li { margin: .15rem 0; overflow-wrap: anywhere; }
.cf-card .small, .cf-small { font-size: .88rem; opacity: .8; }
.cf-card dl, .cf-dl { display: grid; grid-template-columns: minmax(0, max-content) minmax(4.5rem, 1fr);
  gap: .25rem 1rem; margin: .5rem 0 0 !important; padding: 0 !important; font-size: .92rem; }
.cf-card dt, .cf-dl dt { opacity: .78; margin: 0; padding: 0; }
.cf-card dd, .cf-dl dd { margin: 0; overflow-wrap: break-word; min-width: 0; }
.st-key-recipe-text textarea { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: .88rem; }
.cf-tree, .cf-tree ul { list-style: none; margin: 0 !important; padding: 0 !important; }
.cf-tree li { margin: 0 !important; }
.cf-tree ul { margin-left: 1.35rem !important; }
.cf-tree ul > li { position: relative; padding: .45rem 0 0 1.35rem; }
.cf-tree ul > li::before { content: ""; position: absolute; left: 0; top: 1.75rem; width: 1.2rem;
  border-top: 2px solid rgba(128,134,142,.55); }
.cf-tree ul > li::after { content: ""; position: absolute; left: 0; top: 0; bottom: 0;
  border-left: 2px solid rgba(128,134,142,.55); }
.cf-tree ul > li:last-child::after { bottom: auto; height: calc(1.75rem + 1px); }
.cf-node { display: inline-block; min-width: 15rem; max-width: 100%; border: 1px solid rgba(128,134,142,.38);
  border-left: 5px solid var(--tone); border-radius: 9px; padding: .45rem .85rem; }
.cf-node b { overflow-wrap: anywhere; } .cf-node span { display: block; font-size: .87rem; opacity: .82; }
[data-testid="stMainBlockContainer"] h3 { font-size: 1.4rem; }
[data-testid="stMetricValue"] { font-size: 1.55rem; }
.cf-card details { margin-top: .45rem; } .cf-card summary { cursor: pointer; font-size: .92rem; }
.cf-strip { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1rem; align-items: center;
  font-size: .92rem; }
.cf-bar { position: relative; height: 20px; border-radius: 6px; overflow: hidden;
  border: 1px solid rgba(128,134,142,.45); }
.cf-bar i { position: absolute; top: 0; bottom: 0; min-width: 2px; }
.cf-ticks { display: flex; justify-content: space-between; font-size: .8rem; opacity: .8; }
.cf-dots { display: grid; grid-template-columns: max-content minmax(140px, 1fr) max-content; gap: .1rem 1.1rem;
  align-items: center; font-size: .92rem; }
.cf-scale { position: relative; height: 30px; border-bottom: 1px solid rgba(128,134,142,.3); }
.cf-scale i { position: absolute; top: 12px; height: 6px; border-radius: 3px; background: var(--tone); opacity: .45; }
.cf-scale b { position: absolute; top: 8px; width: 14px; height: 14px; margin-left: -7px; border-radius: 50%;
  background: var(--tone); }
.cf-scale u { position: absolute; top: 0; bottom: 0; border-left: 2px dashed rgba(128,134,142,.75); }
.cf-limits { position: relative; height: 20px; font-size: .8rem; }
.cf-limits em { position: absolute; padding: 0 .25rem; font-style: normal; white-space: nowrap;
  opacity: .85; }
.cf-crowd { display: grid; grid-template-columns: repeat(50, 1fr); gap: 3px; max-width: 720px; margin: .3rem 0 .5rem; }
.cf-crowd i { aspect-ratio: 1; border-radius: 50%; border: 1.5px solid rgba(128,134,142,.55); }
.cf-crowd i.hit { background: #cf3f2e; border-color: #cf3f2e; } .cf-crowd i.miss { border: 2px solid #cf3f2e; }
.cf-crowd i.alarm { background: #d99a2b; border-color: #d99a2b; border-radius: 2px; }
.cf-key { display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; font-size: .9rem; }
.cf-key i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: .45rem;
  border: 1.5px solid rgba(128,134,142,.7); }
.cf-key i.hit { background: #cf3f2e; border-color: #cf3f2e; } .cf-key i.miss { border: 2px solid #cf3f2e; }
.cf-key i.alarm { background: #d99a2b; border-color: #d99a2b; border-radius: 2px; }
</style>"""


def style() -> None:
    """The style of these parts; a page that uses one calls it once."""
    st.html(STYLE)


def part_of_page(names: Sequence[str], key: str) -> str:
    """Which part of a page is shown: a choice at its head that its address keeps (``?part=``), the first at first."""
    asked = st.query_params.get("part", names[0])
    part = st.segmented_control(
        "Part",
        names,
        default=asked if asked in names else names[0],
        required=True,
        key=key,
        label_visibility="collapsed",
    )
    st.query_params["part"] = str(part)
    return str(part)


def note(words: str, tone: Tone = "info", kind: str = "", more: str = "") -> None:
    """A sentence that matters, with a word that says of what kind it is, and what else is to be said."""
    head = f'<div class="kind">{escape(kind)}</div>' if kind else ""
    under = f"<p>{escape(more)}</p>" if more else ""
    st.html(f'<div class="cf-note" style="--tone: {TONES[tone]}" role="note">{head}<b>{escape(words)}</b>{under}</div>')


@dataclass(frozen=True)
class Card:
    """A card: its title, a sentence, a smaller one, label and value in rows, points.

    Attributes:
        more: what opens the points; empty where they are shown at once.
    """

    title: str
    said: str = ""
    small: str = ""
    rows: Sequence[tuple[str, str]] = ()
    points: Sequence[str] = ()
    tone: Tone = "plain"
    more: str = ""


def cards(held: Sequence[Card], cell: int = 300) -> None:
    """Cards beside each other, each at least ``cell`` pixels wide."""
    st.html(f'<div class="cf-cards" style="--cell: {int(cell)}px">{"".join(map(_card, held))}</div>')


def _card(card: Card) -> str:
    parts = [f"<h3>{escape(card.title)}</h3>"]
    if card.said:
        parts.append(f"<p>{escape(card.said)}</p>")
    if card.small:
        parts.append(f'<p class="small">{escape(card.small)}</p>')
    if card.rows:
        parts.append(f"<dl>{rows_html(card.rows)}</dl>")
    if card.points:
        listed = f"<ul>{''.join(f'<li>{escape(point)}</li>' for point in card.points)}</ul>"
        parts.append(f"<details><summary>{escape(card.more)}</summary>{listed}</details>" if card.more else listed)
    return f'<section class="cf-card" style="--tone: {TONES[card.tone]}">{"".join(parts)}</section>'


def rows(held: Sequence[tuple[str, str]]) -> None:
    """Labels with their values."""
    st.html(f'<dl class="cf-dl">{rows_html(held)}</dl>')


def rows_html(held: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in held)


# Limits nearer than so many per cent of the scale have their names on either side.
CLOSE = 20
STATE_TONES: Mapping[str, Tone] = {"trusted": "good", "valid": "info", "invalid": "bad", "none": "plain"}


def tree(
    node: Mapping[str, Any], states: Mapping[str, str], within: Mapping[str, str], relations: Mapping[str, str]
) -> None:
    """What a file was made from, as deep as it is known: ``{"title", "relationship", "state", ..., "parts"}``.

    Args:
        states: words for the state of the file's own Credentials. within: for those of what it was made from.
        relations: words for the relationships.
    """
    drawn = _node(node, states, within, relations)
    st.html(f'<ul class="cf-tree" aria-label="What it was made from"><li>{drawn}</li></ul>')


def _node(
    node: Mapping[str, Any], states: Mapping[str, str], within: Mapping[str, str], relations: Mapping[str, str]
) -> str:
    state = str(node.get("state"))
    said = [f"<b>{escape(str(node.get('title')))}</b>"]
    relation = node.get("relationship")
    if relation:
        said.append(f"<span>{escape(relations.get(str(relation), str(relation)))}</span>")
    said.append(f"<span>Credentials: {escape(states.get(state, state))}</span>")
    if node.get("signer"):
        said.append(f"<span>Signed by {escape(str(node['signer']))}</span>")
    if node.get("synthetic") is not None:
        declared = "says that it is synthetic" if node["synthetic"] else "says that it is not synthetic"
        said.append(f"<span>It {declared}</span>")
    tone = TONES[STATE_TONES.get(state, "plain")]
    inside = "".join(f"<li>{_node(part, within, within, relations)}</li>" for part in node.get("parts") or ())
    below = f"<ul>{inside}</ul>" if inside else ""
    return f'<div class="cf-node" style="--tone: {tone}">{"".join(said)}</div>{below}'


@dataclass(frozen=True)
class Stretch:
    """A part of a row of :func:`strip`: start and end in seconds, its tone, and what it is in words."""

    start: float
    end: float
    tone: Tone
    said: str


def strip(held: Sequence[tuple[str, Sequence[Stretch]]], seconds: float) -> None:
    """Rows over the time of a clip, each with its stretches."""
    length = max(seconds, 1e-3)
    drawn = []
    for label, stretches in held:
        bars = "".join(
            f'<i style="left: {100 * part.start / length:.2f}%; width: {100 * (part.end - part.start) / length:.2f}%; '
            f'background: {TONES[part.tone]}" title="{escape(part.said)}"></i>'
            for part in stretches
        )
        drawn.append(f"<span>{escape(label)}</span><div class='cf-bar'>{bars}</div>")
    ticks = "".join(f"<span>{length * share:.1f} s</span>" for share in (0, 0.25, 0.5, 0.75, 1))
    said = "; ".join(f"{label}: {', '.join(s.said for s in parts) or 'nothing'}" for label, parts in held)
    st.html(
        f'<div class="cf-strip" role="img" aria-label="{escape(said)}">{"".join(drawn)}'
        f'<span></span><div class="cf-ticks">{ticks}</div></div>'
    )


@dataclass(frozen=True)
class Dot:
    """A row of :func:`dots`: a value with its interval, a tone, and words at its end."""

    label: str
    value: float
    interval: tuple[float, float] | None
    tone: Tone
    said: str


def dots(held: Sequence[Dot], low: float, high: float, lines: Sequence[tuple[float, str]]) -> None:
    """Values with intervals on one scale from ``low`` to ``high``; ``lines`` are limits with their names."""

    def at(value: float) -> float:
        return 100 * (min(max(value, low), high) - low) / (high - low)

    limits = "".join(f'<u style="left: {at(value):.2f}%"></u>' for value, _ in lines)
    places = [at(value) for value, _ in lines]
    names = ""
    for number, (value, said) in enumerate(lines):
        crowded = [
            other - at(value) for k, other in enumerate(places) if k != number and abs(other - at(value)) < CLOSE
        ]
        # At an end, or beside another limit, a name stands on the side where there is room.
        shift = -100 if at(value) > 95 or any(gap > 0 for gap in crowded) else -50
        shift = 0 if at(value) < 5 or any(gap < 0 for gap in crowded) else shift
        names += f'<em style="left: {at(value):.2f}%; transform: translateX({shift}%)">{escape(said)}</em>'
    drawn = [f'<span></span><div class="cf-limits">{names}</div><span></span>']
    for dot in held:
        whisker = ""
        if dot.interval is not None:
            start, end = at(dot.interval[0]), at(dot.interval[1])
            whisker = f'<i style="left: {start:.2f}%; width: {max(end - start, 0.4):.2f}%"></i>'
        drawn.append(
            f'<span>{escape(dot.label)}</span><div class="cf-scale" style="--tone: {TONES[dot.tone]}">{limits}{whisker}'
            f'<b style="left: {at(dot.value):.2f}%"></b></div><span>{escape(dot.said)}</span>'
        )
    said = "; ".join(f"{dot.label}: {dot.value:.2f}, {dot.said}" for dot in held)
    st.html(f'<div class="cf-dots" role="img" aria-label="{escape(said)}">{"".join(drawn)}</div>')


def crowd(hits: int, misses: int, alarms: int, rest: int) -> None:
    """A crowd of clips, a dot each: fakes found, fakes missed, real ones called fake, and the others."""
    kinds = (("hit", hits), ("miss", misses), ("alarm", alarms), ("", rest))
    dots = "".join(f'<i class="{kind}"></i>' * count for kind, count in kinds)
    said = f"{hits} fakes found, {misses} fakes missed, {alarms} real clips called fake, {rest} real clips let pass"
    key = "".join(
        f'<span><i class="{kind}"></i>{escape(words)}</span>'
        for kind, words in (
            ("hit", f"{hits:,} fakes found"),
            ("miss", f"{misses:,} fakes missed"),
            ("alarm", f"{alarms:,} real, called fake"),
            ("", f"{rest:,} real, let pass"),
        )
    )
    st.html(f'<div class="cf-crowd" role="img" aria-label="{said}">{dots}</div><div class="cf-key">{key}</div>')
