"""Clips of one length beside each other, played in step by one button and one slider."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Shown:
    """A clip (MP4) or a still (JPEG).

    Attributes:
        content: the file's bytes, with its marks where it is synthetic.
        label: its name, under it.
        alt: what it shows, for who cannot see it.
    """

    content: bytes
    label: str
    alt: str


@cache
def _renderer() -> Any:
    """Register the component once for each process, on first use."""
    from streamlit.components import v2

    html, css, js = ((HERE / f"instep.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    return v2.component("counterface_instep", html=html, css=css, js=js)


def in_step(clips: Sequence[Shown], key: str, stills: Sequence[Shown] = ()) -> None:
    """Draw the player.

    Args:
        clips: one or more, small enough to live inside the page.
        key: of the component on the page; with another one it begins anew.
        stills: pictures beside them.
    """

    def packed(one: Shown, kind: str) -> dict[str, str]:
        source = f"data:{kind};base64," + base64.b64encode(one.content).decode("ascii")
        return {"src": source, "label": one.label, "alt": one.alt}

    data = {
        "id": key,
        "clips": [packed(one, "video/mp4") for one in clips],
        "stills": [packed(one, "image/jpeg") for one in stills],
    }
    _renderer()(data=data, key=key)
