"""Two pictures on top of each other with a border that can be dragged: before and after."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@cache
def _renderer() -> Any:
    """Register the component once for each process, on first use."""
    from streamlit.components import v2

    html, css, js = ((HERE / f"compare.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    return v2.component("counterface_compare", html=html, css=css, js=js)


def compare(left: bytes, right: bytes, labels: tuple[str, str], key: str) -> None:
    """Draw the component.

    Args:
        left, right: JPEG files of the same size in pixels.
        labels: what they are called.
        key: of the component on the page; with the same key the border stays where the user put it.
    """
    data = {
        "left": "data:image/jpeg;base64," + base64.b64encode(left).decode("ascii"),
        "right": "data:image/jpeg;base64," + base64.b64encode(right).decode("ascii"),
        "labels": list(labels),
    }
    _renderer()(data=data, key=key)
