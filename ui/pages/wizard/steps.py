"""What the steps of making a swap share."""

from __future__ import annotations

import streamlit as st

STEP = "step"


def next_button(name: str, label: str, key: str | None = None, disabled: bool = False) -> None:
    """A button that goes on to another step."""
    st.button(label, type="primary", key=key or f"to-{name}", on_click=go_to, args=(name,), disabled=disabled)


def go_to(name: str) -> None:
    """Show another step from the next run on."""
    st.query_params[STEP] = name
