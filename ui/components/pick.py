"""Choosing a file: an upload, looked at in a process with limits first, or a path inside the allowed folders."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from ui.components.look import plain
from ui.services import access


def pick_file(
    key: str, kinds: tuple[str, ...] = ("video", "picture"), label: str = "A video or a picture"
) -> Path | None:
    """An upload or a path; None until there is one, with the sentence that says why on the page.

    Args:
        key: of the widgets on the page.
        kinds: what is wanted.
    """
    way = st.segmented_control("Where is it?", ["Upload", "On this machine"], default="Upload", key=f"{key}-way")
    if way == "On this machine":
        typed = st.text_input("Path", key=f"{key}-path", placeholder="a file inside the allowed folders")
        if not typed.strip():
            st.caption("Allowed: " + ", ".join(f"`{folder}`" for folder in access.allowed_folders()))
            return None
        try:
            return access.look_at(access.allowed(typed.strip()), kinds).path
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return None
    given = st.file_uploader(label, key=f"{key}-upload", type=[suffix.lstrip(".") for suffix in access.SUFFIXES])
    if given is None:
        return None
    kept = st.session_state.get(f"{key}-kept")
    if kept and kept[0] == given.file_id:
        return Path(kept[1])
    try:
        path = access.keep_upload(given.name, given, kinds).path
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return None
    st.session_state[f"{key}-kept"] = (given.file_id, str(path))
    return path
