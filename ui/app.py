"""The dashboard: what ``counterface studio`` starts. It draws pages; the work is in ``ui.services`` and ``ui.jobs``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import streamlit as st
from PIL import Image

# Section, then its pages: module of ui.pages (its name is the address too), title. A page is a module with render().
PAGES: dict[str, list[tuple[str, str]]] = {
    "": [("home", "Home")],
    "Swap": [("make", "Make"), ("side_by_side", "Side by side")],
    "Judge": [("suspect", "Suspect video"), ("verify", "Verify")],
    "Research": [("datasets", "Datasets"), ("detectors", "Detectors")],
    "Teach": [("learn", "Learn"), ("spot", "Spot the fake")],
}


def _icon() -> Image.Image:
    """A disc of two halves; an emoji or a named icon would be fetched from a server far away."""
    y, x = np.mgrid[0:64, 0:64] - 31.5
    inside = np.hypot(x, y) <= 30
    halves = np.where((x < 0)[..., None], (29, 95, 168), (194, 65, 12))
    return Image.fromarray(np.where(inside[..., None], halves, 255).astype(np.uint8))


def _page(name: str, title: str) -> st.Page:  # type: ignore[valid-type]
    def render() -> None:
        import_module(f"ui.pages.{name}").render()

    render.__name__ = name
    chosen: Callable[[], None] = render
    return st.Page(chosen, title=title, url_path=name.replace("_", "-"), default=name == "home")


def main() -> None:
    """Every page that there is, in the sidebar's sections."""
    from ui.components.look import dress

    st.set_page_config(page_title="Counterface studio", page_icon=_icon(), layout="wide", initial_sidebar_state="auto")
    dress()
    there = {
        section: [_page(name, title) for name, title in pages if find_spec(f"ui.pages.{name}")]
        for section, pages in PAGES.items()
    }
    st.navigation({section: pages for section, pages in there.items() if pages}).run()


if __name__ == "__main__":  # the server runs this file as a script
    main()
