"""Which workspace a page is about: from its address, else from before, else the one that the command named."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.workspace import Workspace
from ui.components.look import plain
from ui.services.projects import Project, open_project, projects
from ui.services.workspaces import wanted

KEY, PICK, FOLDER = "workspace", "pick-workspace", "folder"


def chosen(default: Path | None = None, finished: bool = False) -> Workspace | None:
    """The workspace, with a list to choose another from in the sidebar; None, with a sentence, where it is none.

    Args:
        default: shown where none was chosen yet.
        finished: list those alone that hold a result.
    """
    before = st.session_state[KEY] if KEY in st.session_state else wanted(sys.argv[1:])
    named = st.query_params.get(KEY) or before or str(default or "")
    known = [one for one in projects() if one.step == "result" or not finished]
    _sidebar(known, named)
    if not named:
        return None
    try:
        workspace = open_project(named)
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return None
    choose(str(workspace.root))
    return workspace


def choose(root: str) -> None:
    """Make a workspace the one that pages are about; its folder goes into the page's address."""
    st.session_state[KEY] = root
    if st.query_params.get(KEY) != root:
        st.query_params[KEY] = root


def forget() -> None:
    """Be about no workspace."""
    st.session_state[KEY] = ""
    st.query_params.pop(KEY, None)


def _sidebar(known: list[Project], named: str) -> None:
    with st.sidebar:
        roots = {str(one.root): one for one in known}
        at = str(Path(named).expanduser().resolve()) if named else ""
        options = list(roots) if at in roots or not at else [at, *roots]
        st.session_state[PICK] = at or None
        st.selectbox(
            "Workspace",
            options,
            index=None,
            key=PICK,
            format_func=lambda root: _label(roots.get(root), root),
            placeholder="Choose one" if options else "None yet",
            on_change=_picked,
            args=(PICK,),
        )
        with st.expander("Another folder"):
            st.text_input("Folder of a workspace", key=FOLDER, on_change=_picked, args=(FOLDER,))


def _picked(key: str) -> None:
    root = st.session_state.get(key)
    if root:
        choose(str(root).strip())


def _label(project: Project | None, root: str) -> str:
    return f"{project.title} · {project.root.name}" if project else Path(root).name
