"""A job on a page: how far it is, what it says, and the buttons that stop it and go on with it."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from datasets.errors import CounterfaceError
from ui import jobs
from ui.components.look import plain
from ui.jobs import Job

EVERY_SECONDS = 1.0
WORDS = {"queued": "waiting", "running": "running", "done": "done", "failed": "failed", "cancelled": "stopped"}
WAITING_LONG = 15.0


def job_panel(
    id: str, body: Callable[[Job], None] | None = None, stop: str = "Stop", again: str = "Go on"
) -> Job | None:
    """Draw a job and keep it up to date by itself; when it ends, the whole page is run again.

    Args:
        id: of the job; it can be kept in ``st.session_state`` or in ``st.query_params``, which survives a reload.
        body: draws more below the bar each time, such as a live preview, while the job waits or runs.
        stop, again: the words on the two buttons.

    Returns:
        The job as it stands, or None, with a sentence on the page, when nothing is known of it. Where ``job.state`` is
        ``done``, use ``job.result``; a failed job has said its sentence already.
    """
    try:
        job = jobs.read(id)
    except CounterfaceError as error:
        st.warning(str(error))
        return None
    if job.open:
        _live(id, body, stop, again)
    else:
        _drawn(job, stop, again)
    return job


@st.fragment(run_every=EVERY_SECONDS)
def _live(id: str, body: Callable[[Job], None] | None, stop: str, again: str) -> None:
    try:
        job = jobs.read(id)
    except CounterfaceError as error:
        st.warning(str(error))
        return
    if not job.open:
        st.rerun()
    _drawn(job, stop, again)
    if body is not None:
        body(job)


def _drawn(job: Job, stop: str, again: str) -> None:
    with st.container(border=True, key=f"job-{job.id}"):
        words, button = st.columns([5, 1], vertical_alignment="center")
        with words:
            st.markdown(f"**{plain(job.title)}** · {status(job)}")
        with button:
            if job.open and not job.stopping:
                st.button(stop, key=f"stop-{job.id}", on_click=jobs.cancel, args=(job.id,), width="stretch")
            elif job.state in ("failed", "cancelled"):
                st.button(again, key=f"retry-{job.id}", on_click=jobs.retry, args=(job.id,), width="stretch")
        if job.open:
            st.progress(job.progress or 0.0, text=plain(job.message) or WORDS[job.state])
        if job.error:
            st.error(plain(job.error))
        elif job.state == "queued" and time.time() - job.created > WAITING_LONG:
            st.caption("Other jobs are before it, or no worker runs: `counterface studio` starts one.")
        if job.log and job.state != "done":
            with st.expander("What it said"):
                st.code(job.log, language=None, height=180)


def status(job: Job) -> str:
    """Where a job stands, in a few words, with how long it has taken or how long ago it ended."""
    if job.stopping:
        return "stopping"
    word = WORDS[job.state]
    if job.state == "running" and job.started:
        return f"{word} for {duration(time.time() - job.started)}"
    if job.finished and job.started and job.state == "done":
        return f"{word} in {duration(job.finished - job.started)}"
    return word


def duration(seconds: float) -> str:
    """A length of time for people: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
