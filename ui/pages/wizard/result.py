"""The last step: the marked clip to look at and to take away, with how detectable it is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.workspace import Workspace
from evaluate import wording
from ui.components.jobs import job_panel
from ui.components.links import link
from ui.components.look import plain
from ui.components.pair import figures
from ui.pages.wizard.steps import next_button
from ui.services import making, workspaces

FILES = (
    ("result.mp4", "The swap (MP4)", "video/mp4"),
    ("report.html", "The report (HTML)", "text/html"),
    ("result.c2pa", "Its manifest (C2PA)", "application/c2pa"),
    ("result_mask.mkv", "The swap mask (lossless)", "video/x-matroska"),
)


def draw(workspace: Workspace) -> None:
    """Draw the step."""
    job = making.latest("composite", workspace)
    if job is not None and job.state != "done":
        job_panel(job.id)
        if job.open:
            st.caption("It is marked as it is written: watermark, Content Credentials, badge. Then it is scored.")
            return
    try:
        held = workspaces.opened(workspace.root)
        workspace.require_consent()
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return
    if not held.ready:
        st.write("There is no result yet.")
        next_button("composite", "Make it")
        return
    st.subheader(wording.headline(held.results.scores))
    figures(held)
    left, right = st.columns([1.15, 1], gap="large")
    with left:
        st.video(str(held.results.video))
    with right:
        for lacking in held.missing:
            st.info(plain(lacking.sentence))
        for name, label, media in FILES:
            _download(workspace.result / name, label, media, workspace.root.name)
        st.markdown("**It carries**")
        st.markdown("\n".join(f"- **{plain(mark.label)}:** {plain(mark.value)}" for mark in held.marks))
    link("side_by_side", "Look at it frame by frame, beside its original", str(workspace.root))


def _download(file: Path, label: str, media: str, title: str) -> None:
    if file.is_file():
        st.download_button(
            label,
            file.read_bytes if file.stat().st_size < 1 << 30 else file.open("rb"),
            f"{title}{file.suffix if file.stem == 'result' else '-' + file.name}",
            media,
            key=f"download-{file.name}",
            type="primary" if file.name == "result.mp4" else "secondary",
            on_click="ignore",
            width="stretch",
        )
