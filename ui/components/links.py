"""Links from page to page, by the pages' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

KEY = "pages"


def remember(pages: Mapping[str, Any]) -> None:
    """Tell which pages there are, by the names of their modules; ``ui.app`` does it in each run."""
    st.session_state[KEY] = dict(pages)


def there(name: str) -> bool:
    """Whether there is such a page."""
    return name in st.session_state.get(KEY, {})


def link(name: str, label: str, workspace: str = "") -> None:
    """A link to a page, where there is one.

    Args:
        workspace: the one it shall show.
    """
    if there(name):
        given = {"workspace": workspace} if workspace else None
        st.page_link(st.session_state[KEY][name], label=label, query_params=given, width="content")


def go(name: str) -> None:
    """Switch to a page."""
    st.switch_page(st.session_state[KEY][name])
