"""Datasets: write a recipe, build it, look at what came out, audit it, hand it on."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from ui.components import parts
from ui.components.look import head, plain
from ui.pages.labelled import audit, browse, export, recipe
from ui.services import sets
from ui.services.access import allowed, allowed_folders

KEY, PARTS = "set", ("Recipe", "Browse", "Audit", "Export")


def render() -> None:
    """Draw the page."""
    parts.style()
    head(
        "Datasets",
        "Labelled clips to train and test detectors on: every fake beside its own original, both through one path.",
    )
    part = parts.part_of_page(PARTS, "datasets-part")
    if part == "Recipe":
        recipe.draw()
        return
    folder = _set()
    if folder is not None:
        {"Browse": browse.draw, "Audit": audit.draw, "Export": export.draw}[part](folder)


def _set() -> Path | None:
    """The data set that the page is about: from its address, else the one built last."""
    known = [str(path) for path in sets.found(allowed_folders())]
    named = st.query_params.get(KEY, "")
    if named and named not in known:
        try:
            known.insert(0, str(allowed(named)))
        except CounterfaceError as error:
            st.warning(plain(str(error)))
    if not known:
        st.info("There is no data set in the folders that this studio may read. Build one from a recipe first.")
        return None
    at = known.index(named) if named in known else 0
    chosen = st.selectbox("Data set", known, index=at, format_func=_name, key="set-choice")
    st.query_params[KEY] = chosen
    return Path(chosen)


def _name(path: str) -> str:
    whole = Path(path)
    return f"{whole.parent.name}/{whole.name}"
