"""The dashboard: what ``counterface studio`` starts. It draws pages; the work is in ``ui.services`` and ``ui.jobs``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

ARRIVED = "arrived"
_settled = 0
# Section, then its pages: module of ui.pages (its name is the address too), title, icon (of Streamlit's own font). A
# page is a module with render().
PAGES: dict[str, list[tuple[str, str, str]]] = {
    "": [("home", "Home", ":material/home:")],
    "Swap": [
        ("make", "Make", ":material/auto_fix_high:"),
        ("side_by_side", "Side by side", ":material/view_column_2:"),
    ],
    "Judge": [
        ("suspect", "Suspect video", ":material/troubleshoot:"),
        ("verify", "Verify", ":material/verified:"),
    ],
    "Research": [
        ("datasets", "Datasets", ":material/dataset:"),
        ("detectors", "Detectors", ":material/radar:"),
    ],
    "Teach": [
        ("learn", "Learn", ":material/school:"),
        ("spot", "Spot the fake", ":material/quiz:"),
    ],
}


# A picture of its own, so that it follows the scheme of the user's machine by its own style.
WORDMARK = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 216 40" width="216" height="40" role="img">
<title>Counterface</title>
<style>text{font:700 25px system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;letter-spacing:-.4px;fill:#1f242b}
@media (prefers-color-scheme:dark){text{fill:#f2f0ec}}</style>
<path d="M20 4a16 16 0 0 0 0 32z" fill="#3b7fd0"/><path d="M20 4a16 16 0 0 1 0 32z" fill="#d4541a"/>
<text x="46" y="29">Counterface</text></svg>"""


def _icon() -> Image.Image:
    """A disc of two halves; an emoji or a named icon would be fetched from a server far away."""
    y, x = np.mgrid[0:64, 0:64] - 31.5
    inside = np.hypot(x, y) <= 30
    halves = np.where((x < 0)[..., None], (29, 95, 168), (194, 65, 12))
    return Image.fromarray(np.where(inside[..., None], halves, 255).astype(np.uint8))


def _page(name: str, title: str, icon: str) -> st.Page:  # type: ignore[valid-type]
    def render() -> None:
        import_module(f"ui.pages.{name}").render()

    render.__name__ = name
    chosen: Callable[[], None] = render
    return st.Page(chosen, title=title, icon=icon, url_path=name.replace("_", "-"), default=name == "home")


def settle() -> None:
    """Take what was imported since the last time out of the garbage collector's sight.

    Streamlit collects all garbage after each run of a page or a fragment, before its answer is sent; with every library
    of the studio loaded, looking through what stays for good anyway would take a tenth of a second each time. What was
    kept the last time and is garbage by now is let go first.
    """
    global _settled
    if len(sys.modules) > _settled:
        _settled = len(sys.modules)
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def main() -> None:
    """Every page that there is, in the sidebar's sections."""
    from ui.components.gate import let_in
    from ui.components.links import remember
    from ui.components.look import dress
    from ui.services.workspaces import wanted

    st.set_page_config(page_title="Counterface studio", page_icon=_icon(), layout="wide", initial_sidebar_state="auto")
    st.logo(WORDMARK, size="large")
    dress()
    pages, sections = {}, dict[str, list[Any]]()
    for section, listed in PAGES.items():
        for name, title, icon in listed:
            if find_spec(f"ui.pages.{name}"):
                pages[name] = _page(name, title, icon)
                sections.setdefault(section, []).append(pages[name])
    remember(pages)
    page = st.navigation(sections)
    if not let_in():
        return
    # Named on the command line, a workspace is what its user wants to see first.
    if wanted(sys.argv[1:]) and not st.session_state.get(ARRIVED) and page == pages["home"]:
        st.session_state[ARRIVED] = True
        st.switch_page(pages["side_by_side"])
    st.session_state[ARRIVED] = True
    page.run()
    settle()
