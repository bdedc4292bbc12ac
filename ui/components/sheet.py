"""A contact sheet of faces from which some are picked: pictures that are buttons, by mouse or keyboard."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def sheet(cells: Sequence[tuple[str, bytes, str]], key: str) -> list[str]:
    """Draw the sheet; returns the names of the picked faces.

    Args:
        cells: name, JPEG, and words under it, of each face. Shift and a click picks all between two.
        key: of the component on the page; another key begins with nothing picked.
    """
    data = {
        "cells": [
            {"name": name, "src": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii"), "words": words}
            for name, jpeg, words in cells
        ]
    }
    found = _renderer()(key=key, data=data, default={"picked": []}, on_picked_change=lambda: None)
    known = {name for name, _, _ in cells}
    return [name for name in (found.get("picked") or []) if name in known]


@cache
def _renderer() -> Any:
    """Register the component once for each process, on first use."""
    from streamlit.components import v2

    html, css, js = ((HERE / f"sheet.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    return v2.component("counterface_sheet", html=html, css=css, js=js)
