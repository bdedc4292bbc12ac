"""The first page: what this is, the sample's swap beside its original, and what was done last."""

from __future__ import annotations

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate import wording
from ui import jobs
from ui.components.choose import forget
from ui.components.jobs import job_panel, status
from ui.components.links import go, link, there
from ui.components.look import head, plain, when
from ui.components.pair import figures, pair_player
from ui.services import workspaces
from ui.services.projects import projects
from ui.services.sample import sample_job, sample_workspace

RECENT = 6
WAYS = (
    (
        "make",
        "Make a swap",
        "Two clips, consent, a model, a composite: marked, and scored against its original.",
    ),
    ("suspect", "Score a suspect video", "A verdict in plain words, with its interval, reasons, limits and a report."),
    ("learn", "See how it is done", "Every step on the sample, and where a swap gives itself away."),
    ("spot", "Spot the fake", "Guess first, then see what the machine saw."),
)


def render() -> None:
    """Draw the page."""
    head(
        "Counterface studio",
        "Makes face swaps and detects them, and always shows the two together. Every swap is marked for life; no face "
        "is used without a record of consent.",
    )
    _ways()
    _sample()
    left, right = st.columns(2, gap="large")
    with left:
        _recent_workspaces()
    with right:
        _recent_jobs()


def _ways() -> None:
    shown = [way for way in WAYS if there(way[0])]
    for column, (name, label, words) in zip(st.columns(max(1, len(shown))), shown, strict=False):
        with column, st.container(border=True, height="stretch"):
            link(name, f"**{label}**")
            st.caption(words)


def _sample() -> None:
    st.header("The sample")
    workspace = sample_workspace()
    if workspace is None:
        job = sample_job()
        st.write(
            "Grace Hopper's face on Eileen Collins's: two public-domain portraits that the studio sets in motion "
            "itself. It is made on this machine, once, in some minutes; everything else can be used meanwhile."
        )
        if job is not None:
            job_panel(job.id)
        return
    try:
        held = workspaces.opened(workspace.root)
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return
    source, destination = wording.names(held.results)
    st.write(plain(f"{wording.headline(held.results.scores)} ({source} on {destination})"))
    if held.ready:
        pair_player(held, "sample")
        figures(held)
    link("side_by_side", "All about this swap", str(workspace.root))


def _recent_workspaces() -> None:
    st.header("Workspaces")
    known = projects(RECENT)
    if not known:
        st.write("None yet.")
    for project in known:
        with st.container(border=True):
            words, button = st.columns([4, 1.3], vertical_alignment="center")
            with words:
                st.markdown(f"**{plain(project.title)}**  \n{plain(project.root.name)} · {project.stands}")
            with button:
                page = "side_by_side" if project.step == "result" else "make"
                link(page, "Look" if project.step == "result" else "Go on", str(project.root))
    if there("make") and st.button("Make another"):
        forget()
        go("make")


@st.fragment(run_every=5.0)
def _recent_jobs() -> None:
    st.header("Jobs")
    known = jobs.listing(limit=RECENT)
    if not known:
        st.write("None yet.")
    for job in known:
        with st.container(border=True):
            st.markdown(f"**{plain(job.title)}** · {status(job)}")
            if job.open:
                st.progress(job.progress or 0.0, text=plain(job.message) or "waiting")
            elif job.error:
                st.caption(plain(job.error))
            else:
                st.caption(when(job.finished or job.created))
