"""A swap beside its original: in step, with the score of both, and all that is known about how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate import wording
from evaluate.report import training_charts
from ui import jobs
from ui.components.choose import chosen
from ui.components.compare import compare
from ui.components.frames import moment
from ui.components.jobs import job_panel
from ui.components.links import link
from ui.components.look import head, picture, plain, points
from ui.components.pair import figures, pair_player
from ui.components.strip import strip
from ui.pages.charts import PLAIN_CHART, line_figure
from ui.services import workspaces
from ui.services.making import latest
from ui.services.sample import sample_root
from ui.services.trajectory import trajectory
from ui.services.workspaces import Opened

PLAYER = "pair"


def render() -> None:
    """Draw the page."""
    default = sample_root()
    workspace = chosen(default if (default / "workspace.toml").is_file() else None)
    if workspace is None:
        head("Side by side", "A swap beside its original, frame by frame, with what the detector sees in both.")
        st.write("There is no workspace to show yet. Make one, or open Home, where the sample is made.")
        link("make", "Make a swap")
        return
    try:
        held = workspaces.opened(workspace.root)
    except CounterfaceError as error:
        st.title("No workspace to show")
        st.warning(plain(str(error)))
        return
    _headline(held)
    if held.ready:
        pair_player(held, PLAYER)
    _details(held)


def _headline(held: Opened) -> None:
    results = held.results
    if not held.ready:
        head("This workspace has no swap yet")
    else:
        source, destination = wording.names(results)
        st.title(wording.headline(results.scores))
        st.caption(plain(f"{source} on {destination} · {results.workspace.root}"))
        figures(held)
    for lacking in held.missing:
        st.info(plain(lacking.sentence))
        st.code(lacking.command, language=None)
    if held.missing:
        link("make", "Go on with it under Make", str(results.workspace.root))


def _details(held: Opened) -> None:
    drawn = {
        "Before and after": _compare,
        "Cues": _cues,
        "Meaning": _means,
        "Training": _training,
        "Making": _made,
        "Marks": _marks,
        "Limits": _limits,
    }
    # What is behind a tab is made when it is opened: the cues are measured, the pictures signed.
    for tab, draw in zip(st.tabs(list(drawn), key="details", on_change="rerun"), drawn.values(), strict=True):
        with tab:
            if tab.open is not False:
                draw(held)


@st.fragment
def _compare(held: Opened) -> None:
    if not held.ready:
        st.write("There is no swap yet.")
        return
    index = moment(PLAYER, len(held.times))
    try:
        shown = workspaces.pictures(held, index)
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        compare(shown.original, shown.swap, ("Original", "Swap"), key="compare")
    with right:
        st.write(f"The moment at {shown.time:.2f} s. Drag the border, or move it with the arrow keys.")
        st.button("Show the moment of the player", help="Takes the frame that the player above shows")
        if shown.mask is not None:
            picture(shown.mask, "The swap mask: white where the picture was replaced", "Swap mask")


@st.fragment
def _cues(held: Opened) -> None:
    if not held.ready:
        st.write("There is no swap yet.")
        return
    st.write(
        "Measurements of the face that need no network. Each says in a sentence how the swap lies against nine in ten "
        "real faces, and its picture shows where it looks. They are hints for a look of your own."
    )
    index = moment(PLAYER, len(held.times))
    st.button(f"Measure the moment of the player (frame {index})", key="measure")
    try:
        with st.spinner("Measuring ..."):
            found = workspaces.cues(held, index)
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return
    if not found:
        st.write("No face is found in both frames at this moment; choose another one.")
    columns = st.columns(2, gap="large")
    for number, cue in enumerate(found):
        with columns[number % 2], st.container(border=True):
            left, right = st.columns([1, 1.5], vertical_alignment="center")
            with left:
                picture(cue.picture, "Where this measurement looks in the swap")
            with right:
                st.markdown(("**Unusual.** " if cue.odd else "") + plain(cue.sentence))
                st.html(strip(cue.low, cue.high, (("original", cue.original), ("swap", cue.swap))))


def _means(held: Opened) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("It means")
        st.markdown(points(wording.means(held.results.scores)))
    with right:
        st.subheader("It does not mean")
        st.markdown(points(wording.means_not(held.results.scores)))


def _training(held: Opened) -> None:
    found = trajectory(held.results.workspace)
    if found is not None:
        st.plotly_chart(line_figure(found.chart, height=320), config=PLAIN_CHART, key="trajectory")
        framed = [moment for moment in found.moments if moment.frame is not None]
        if framed:
            at = st.select_slider("Training step", [one.step for one in framed], framed[-1].step, key="trajectory-step")
            one = next(one for one in framed if one.step == at)
            assert one.frame is not None
            left, right = st.columns(2)
            if found.original is not None:
                with left:
                    picture(found.original.read_bytes(), "The original", f"Original · {found.original_words}")
            with right if found.original is not None else left:
                picture(one.frame.read_bytes(), f"The swap after {one.step} steps", f"{one.step} steps · {one.words}")
    elif held.ready:
        _measure(held)
    charts = training_charts(held.results)
    if not charts:
        st.write("Nothing is trained here yet.")
    columns = st.columns(2, gap="large")
    for number, chart in enumerate(charts):
        with columns[number % 2]:
            st.plotly_chart(line_figure(chart), config=PLAIN_CHART, key=f"training-{number}")
    if held.results.preview is not None:
        box, _ = st.columns([2, 1])
        with box:
            picture(
                held.results.preview.read_bytes(),
                "Rows of faces from the training",
                "The last preview of the training: source, redrawn; destination, redrawn; swap.",
            )


def _measure(held: Opened) -> None:
    """Offer to measure detectability against training step, or show the job that does."""
    workspace = held.results.workspace
    job = latest("trajectory", workspace)
    if job is not None and job.state != "done":
        job_panel(job.id)
        return
    st.write("How detectable the swap was at each step of its training was not measured yet.")
    if st.button("Measure it", key="measure-trajectory"):
        title = f"Detectability over the training of {workspace.root.name}"
        jobs.submit("trajectory", {"workspace": str(workspace.root)}, title=title)
        st.rerun()


def _made(held: Opened) -> None:
    counts = wording.counts(held.results)
    if counts["total"]:
        why = ", ".join(f"{reason}: {number}" for reason, number in counts["why"])
        rest = f"; {counts['left']} were left as they were" + (f" ({why})" if why else "") if counts["left"] else ""
        st.write(plain(f"{counts['swapped']} of {counts['total']} frames were swapped{rest}."))
    columns = st.columns(2, gap="large")
    for number, (title, rows) in enumerate(wording.made_rows(held.results).items()):
        with columns[number % 2]:
            st.html(f"<h4>{escape(title)}</h4>" + _table([(row.label, row.value) for row in rows]))
    st.html("<h4>Consent</h4>" + "".join(_consent(record) for record in wording.consent_rows(held.results)))


def _marks(held: Opened) -> None:
    if not held.marks:
        st.write("There is no swap yet, so nothing carries marks.")
    for mark in held.marks:
        st.markdown(f"**{plain(mark.label)}**  \n{plain(mark.value)}")
        if mark.points:
            st.markdown(points(mark.points))


def _limits(held: Opened) -> None:
    st.markdown(points(wording.limits(held.results)))


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th scope='row'>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in rows)
    return f'<table class="facts">{cells}</table>'


def _consent(record: Mapping[str, object]) -> str:
    """One block a record: a table of five columns is too wide for a telephone."""
    said = {key: escape(str(record.get(key, ""))) for key in ("role", "who", "basis", "reference", "date")}
    return (
        f"<p><b>{said['role'].capitalize()}: {said['who']}</b><br>"
        f"{said['basis']} · {said['reference']} · {said['date']}</p>"
    )
