"""The fourth step: the training as it runs, with what it has learned so far to look at."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datasets.workspace import Workspace
from evaluate.report import training_charts_of
from ui import jobs
from ui.components.jobs import duration, job_panel
from ui.components.look import picture, plain
from ui.jobs import Job
from ui.pages.charts import PLAIN_CHART, line_figure
from ui.pages.wizard.steps import go_to, next_button
from ui.services import making


def draw(workspace: Workspace) -> None:
    """Draw the step."""
    job = making.latest("train", workspace)
    if job is None:
        known = workspace.models()
        if not known:
            st.write("Nothing is trained here yet: choose a method first.")
            next_button("method", "Choose a method")
            return
        st.write(plain(f"Trained here: {', '.join(known)}."))
        _progress(workspace, known[0], None)
        next_button("composite", "On to the composite")
        return
    method = str(job.payload["method"])
    job_panel(job.id, lambda now: _progress(workspace, method, now), stop="Pause", again="Resume")
    if job.open:
        st.button("Stop, and go on with what it has learned", on_click=_stop, args=(job.id,), key="stop-training")
        return
    _progress(workspace, method, job)
    with st.container(horizontal=True):
        next_button("composite", "On to the composite", disabled=not workspace.models())
        st.button("Train longer, or another method", on_click=go_to, args=("method",))


def _stop(id: str) -> None:
    jobs.cancel(id)
    go_to("composite")


def _progress(workspace: Workspace, method: str, job: Job | None) -> None:
    now = making.training(workspace, method)
    if job is not None and job.open:
        left = now.left(job.payload.get("minutes"), job.payload.get("steps"))
        columns = st.columns(4)
        columns[0].metric("Step", f"{now.step:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"))
        columns[1].metric("Seconds a step", "–" if now.pace is None else f"{now.pace:.2f}")
        columns[2].metric("Trained for", duration(now.seconds))
        columns[3].metric("Time left", "–" if left is None else duration(left))
    charts = training_charts_of(now.curves)
    shown = [*charts[:2]]
    for number, (column, chart) in enumerate(zip(st.columns(max(len(shown), 1), gap="large"), shown, strict=False)):
        with column:
            st.plotly_chart(line_figure(chart, height=300), config=PLAIN_CHART, key=f"live-{number}")
    if now.preview is not None:
        _preview(now.preview)
    elif job is not None and job.open:
        st.caption("The first pictures come after some steps.")


def _preview(file: Path) -> None:
    step = file.stem.removeprefix("step-").lstrip("0") or "0"
    box, _ = st.columns([3, 1])
    with box:
        picture(
            file.read_bytes(),
            "Rows of faces from the training",
            f"After step {step}, from left to right: source, redrawn; destination, redrawn; swap.",
        )
