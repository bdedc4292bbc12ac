"""Choosing a file: an upload, looked at in a process with limits first, or a path inside the allowed folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from ui.components.look import plain
from ui.services import access
from ui.services.access import Looked


def stamp(typed: str) -> str:
    """Tells a file as it is now from another, and from itself when it has changed."""
    try:
        return f"{typed} {Path(typed).expanduser().stat().st_mtime_ns}"
    except (OSError, ValueError, RuntimeError):
        return typed


def looked_once(held: str, key: str, look: Callable[[], Looked]) -> Looked | None:
    """A look at a file that is taken once a session, however often the page is drawn; None with the reason on the page.

    Args:
        held: where the session keeps what was looked at. key: of the file, as it is now.
        look: see ``ui.services.access``.
    """
    taken: dict[str, Looked] = st.session_state.setdefault(held, {})
    if key not in taken:
        try:
            with st.spinner("Looking at it ..."):
                taken[key] = look()
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return None
    return taken[key]


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
            path = access.allowed(typed.strip())
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return None
        found = looked_once(f"{key}-looked", stamp(str(path)), lambda: access.look_at(path, kinds))
        return found.path if found else None
    given = st.file_uploader(label, key=f"{key}-upload", type=[suffix.lstrip(".") for suffix in access.SUFFIXES])
    if given is None:
        return None
    found = looked_once(f"{key}-kept", given.file_id, lambda: access.keep_upload(given.name, given, kinds))
    return found.path if found else None
