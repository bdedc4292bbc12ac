"""What every page looks like: its style, its head, and pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import streamlit as st

STYLE = """<style>
[data-testid="stMainBlockContainer"] { max-width: 1280px; padding-top: 3.2rem; padding-bottom: 4rem; }
h1 { letter-spacing: -0.015em; text-wrap: balance; }
p, li { text-wrap: pretty; }
[data-testid="stImage"] img, .panel img { border-radius: 10px; }
.panel { margin: 0; }
.panel img { display: block; width: 100%; height: auto; }
.panel figcaption { padding-top: 6px; font-size: .875rem; opacity: .8; text-align: center; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--cell, 112px), 1fr)); gap: 10px; }
.lead { font-size: 1.08rem; opacity: .86; max-width: 62rem; margin: -.4rem 0 1rem; }
@media (max-width: 640px) {
  .st-key-figures [data-testid="stColumn"] { min-width: 44%; flex: 1 1 44%; }
  .st-key-figures [data-testid="stMetricValue"] { font-size: 1.6rem; }
}
</style>"""


def dress() -> None:
    """The style of all pages; ``ui.app`` calls it once a run."""
    st.html(STYLE)


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


def pictures(cells: Sequence[tuple[bytes, str, str]], cell: int = 112) -> None:
    """Many pictures in a grid: bytes, alternative text, caption; each at least ``cell`` pixels wide."""
    drawn = "".join(_figure(*one) for one in cells)
    st.html(f'<div class="grid" style="--cell: {int(cell)}px">{drawn}</div>')


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
