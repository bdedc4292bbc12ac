"""What every page looks like: its style, its head, and pictures inside the page."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


def dress() -> None:
    """The style of all pages; ``ui.app`` calls it once a run."""
    st.html(f"<style>{_style()}</style>")


@cache
def _style() -> str:
    return (HERE / "look.css").read_text(encoding="utf-8")


def head(title: str, lead: str = "") -> None:
    """The title of a page and a sentence under it that says what it is for."""
    st.title(title)
    if lead:
        st.html(f'<p class="lead">{escape(lead)}</p>')


def picture(jpeg: bytes, alt: str, caption: str = "") -> None:
    """A JPEG or PNG with a caption under it, inside the page itself, so that no link to it can go dead.

    Args:
        jpeg: the file's bytes; of a swap, out of the one writer.
        alt: what it shows, for who cannot see it.
    """
    st.html(_figure(jpeg, alt, caption))


def pictures(cells: Sequence[tuple[bytes, str, str]], cell: int = 112, most: int | None = None) -> None:
    """Many pictures in a grid: bytes, alternative text, caption.

    Args:
        cell: the least width of each, pixels.
        most: where it is given, the pictures share the whole width, each at most that wide.
    """
    drawn = "".join(_figure(*one) for one in cells)
    whole = "" if most is None else f"; --most: {len(cells) * (int(most) + 10) - 10}px"
    kind = "grid" if most is None else "grid whole"
    st.html(f'<div class="{kind}" style="--cell: {int(cell)}px{whole}">{drawn}</div>')


def _figure(picture: bytes, alt: str, caption: str) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    content = base64.b64encode(picture).decode("ascii")
    under = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="panel"><img alt="{escape(alt)}" src="data:image/{kind};base64,{content}">{under}</figure>'


def plain(text: str) -> str:
    """Text that may hold a file's name, for ``st.markdown``: it is shown as it is written."""
    return "".join("\\" + sign if sign in r"\`*_{}[]<>()#+!|~$:" else sign for sign in text.replace("\n", " "))


def points(sentences: Sequence[str]) -> str:
    """A Markdown list of sentences that may hold names of files."""
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)


def when(moment: float) -> str:
    """A point in time, local, for people: ``2026-11-27 20:14``."""
    return f"{dt.datetime.fromtimestamp(moment):%Y-%m-%d %H:%M}"
