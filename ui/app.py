"""The dashboard: what ``counterface studio`` starts. It draws pages; the work is in ``ui.services``."""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from ui.pages import workspace


def _icon() -> Image.Image:
    """A disc of two halves; an emoji or a named icon would be fetched from a server far away."""
    y, x = np.mgrid[0:64, 0:64] - 31.5
    inside = np.hypot(x, y) <= 30
    halves = np.where((x < 0)[..., None], (29, 95, 168), (194, 65, 12))
    return Image.fromarray(np.where(inside[..., None], halves, 255).astype(np.uint8))


def main() -> None:
    """One page for now: a workspace and its swap."""
    st.set_page_config(page_title="Counterface studio", page_icon=_icon(), layout="wide", initial_sidebar_state="auto")
    page = st.Page(workspace.page, title="Workspace", url_path="workspace", default=True)
    st.navigation([page], position="hidden").run()


if __name__ == "__main__":  # the server runs this file as a script
    main()
