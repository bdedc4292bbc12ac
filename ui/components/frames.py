"""Pictures of the same moment beside each other, with one time slider under them: the studio's frame player.

The server makes the pictures of the moment that is shown; the component asks for another one. That way a swap's
picture is marked by the one writer and its consent is looked at each time, and any clip works, however long::

    index = moment("player", count=len(times), start=0)
    frames(
        [Panel("Original", first, "A frame of the original"), Panel("Swap", second, "The same frame, swapped")],
        times, index, key="player", curves=[Curve("Swap", x, y, "swap")],
    )

Call both inside one ``st.fragment``, so that only the pictures are made again when the slider moves. ``go_to`` moves it
from a button. Arrow keys, Home, End and Page keys move it, space plays.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        label: its name, shown under it.
        jpeg: the file's bytes, or None where there is none of this moment; a swap's comes out of the one writer.
        alt: what it shows, for who cannot see it.
        note: shown in its place where there is none, and beside the label otherwise.
        overlay: a picture of the same size, PNG or JPEG, that a button of the player lays over it, or None.
    """

    label: str
    jpeg: bytes | None
    alt: str
    note: str = ""
    overlay: bytes | None = None


@dataclass(frozen=True)
class Curve:
    """A line over time under the pictures; a click goes to that moment.

    Attributes:
        label: its name.
        x: seconds, ascending.
        y: values, 0 to 1.
        kind: ``swap``, ``original``, ``one`` or ``two``: its colour and dash, those of the reports.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str


def moment(key: str, count: int, start: int = 0) -> int:
    """The frame number that is shown, 0 to ``count - 1``; ``start`` the first time."""
    return min(max(int(st.session_state.setdefault(_place(key), start)), 0), max(count - 1, 0))


def go_to(key: str, index: int) -> None:
    """Show another frame from the next run on; a button's ``on_click``."""
    st.session_state[_place(key)] = index


def frames(
    panels: Sequence[Panel],
    times: Sequence[float],
    index: int,
    key: str,
    curves: Sequence[Curve] = (),
    shades: Sequence[tuple[float, float, str]] = (),
    columns: int | None = None,
) -> None:
    """Draw the player.

    Args:
        panels: one to six, all of one size in pixels.
        times: seconds of every frame; of a single picture, one.
        index: the frame that the panels show, from :func:`moment`.
        key: of the component on the page.
        curves: drawn under the slider.
        shades: parts of the time that are shaded: start, end, what it is.
        columns: panels in a row; all of them by default.
    """

    def moved() -> None:
        held = st.session_state.get(key) or {}
        if held.get("index") is not None:
            st.session_state[_place(key)] = int(held["index"])

    _renderer()(
        key=key,
        data={
            "panels": [
                {
                    "label": panel.label,
                    "alt": panel.alt,
                    "note": panel.note,
                    "src": _source(panel.jpeg),
                    "overlay": _source(panel.overlay),
                }
                for panel in panels
            ],
            "times": [round(float(time), 4) for time in times],
            "index": index,
            "columns": columns or len(panels),
            "curves": [
                {"label": c.label, "kind": c.kind, "x": [float(v) for v in c.x], "y": [float(v) for v in c.y]}
                for c in curves
            ],
            "shades": [[float(start), float(end), said] for start, end, said in shades],
        },
        on_index_change=moved,
    )


def _place(key: str) -> str:
    return f"{key}-at"


def _source(picture: bytes | None) -> str | None:
    """Inside the message itself: a link could be dead by the time it is fetched, if the slider moved on."""
    if picture is None:
        return None
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")


@cache
def _renderer() -> Any:
    """Register the component once for each process, on first use."""
    from streamlit.components import v2

    html, css, js = ((HERE / f"frames.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    return v2.component("counterface_frames", html=html, css=css, js=js)
