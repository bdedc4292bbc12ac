"""The page of one workspace: original, swap and heatmap frame by frame, and all that is known about the swap."""

from __future__ import annotations

import base64
import sys
from html import escape
from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate import wording
from evaluate.report import training_charts
from evaluate.results import Missing
from evaluate.views import chosen
from ui.components.compare import compare
from ui.pages.charts import line_figure, score_figure
from ui.services import workspaces
from ui.services.workspaces import Opened, Pictures

PLAIN_CHART = {"displayModeBar": False, "scrollZoom": False}
STYLE = """<style>
[data-testid="stMainBlockContainer"] { max-width: 1240px; padding-top: 3rem; }
h1 { letter-spacing: -0.015em; text-wrap: balance; }
[data-testid="stImage"] img, .panel img { border-radius: 10px; }
.panel { margin: 0; }
.panel img { display: block; width: 100%; }
.panel figcaption { padding-top: 6px; font-size: .875rem; opacity: .7; text-align: center; }
@media (max-width: 640px) {
  .st-key-figures [data-testid="stColumn"], .st-key-panels [data-testid="stColumn"] { min-width: 44%; flex: 1 1 44%; }
  .st-key-figures [data-testid="stMetricValue"] { font-size: 1.6rem; }
}
</style>"""


def page() -> None:
    """Draw the page of the workspace that was asked for, or say how to get one."""
    st.html(STYLE)
    name = _choose()
    if not name:
        _welcome()
        return
    try:
        held = workspaces.opened(Path(name))
    except CounterfaceError as error:
        st.title("No workspace to show")
        st.warning(str(error))
        st.code("counterface new WORKSPACE --source CLIP --destination CLIP --consent BASIS", language=None)
        return
    _headline(held)
    if held.ready:
        _frames(held)
    _details(held)


def _choose() -> str:
    """The workspace from the sidebar, which begins with the one that the command named."""
    asked = workspaces.wanted(sys.argv[1:])
    with st.sidebar:
        st.subheader("Workspace")
        near = [str(path) for path in workspaces.found(Path.cwd())]
        typed = st.text_input("Folder", value=asked, placeholder="path/to/workspace", key="folder")
        if near:
            st.caption("Found here")
            for path in near[:12]:
                shown = str(Path(path).relative_to(Path.cwd()))
                st.button(shown, key=f"open-{path}", on_click=_open, args=(path,), width="stretch")
    return typed.strip()


def _open(path: str) -> None:
    st.session_state["folder"] = path


def _welcome() -> None:
    st.title("Counterface studio")
    st.write("Choose a workspace on the left, or make one:")
    st.code(
        "counterface demo                          # the whole loop on the sample\n"
        "counterface swap SOURCE DESTINATION -o OUT.mp4 --consent BASIS --workspace DIR",
        language=None,
    )


def _headline(held: Opened) -> None:
    results, scores = held.results, held.results.scores
    if not held.ready:
        st.title("This workspace has no swap yet")
    else:
        source, destination = wording.names(results)
        st.title(wording.headline(scores))
        st.caption(f"{source} on {destination} · {results.workspace.root}")
    for lacking in held.missing:
        _say(lacking)
    if held.ready and scores is not None:
        low, high = scores.interval
        with st.container(key="figures"):
            columns = st.columns((1, 1, 1, 1.5))
        columns[0].metric("Swap", wording.share(scores.fake), help="Score of the swap, 0 to 1")
        columns[1].metric("Original", wording.share(scores.original), help="Score of the clip it was made from")
        columns[2].metric("Detectability", wording.share(scores.difference), help="The first minus the second")
        columns[3].metric("95 % interval", f"{wording.share(low)} to {wording.share(high)}")


def _say(lacking: Missing) -> None:
    st.info(lacking.sentence)
    st.code(lacking.command, language=None)


@st.fragment
def _frames(held: Opened) -> None:
    """The slider and what it moves; a fragment, so that the rest of the page stays as it is."""
    scores, last = held.results.scores, len(held.times) - 1
    start = next(iter(chosen(held.results, 1, last + 1)), 0)
    left, right = st.columns([5, 1.4], vertical_alignment="bottom")
    with left:
        index = st.slider("Frame", 0, last, start, key=f"frame-{held.results.workspace.root}") if last else 0
    with right:
        outline = st.toggle("Swap mask", key="mask", help="Draw the border of what was replaced, and show the mask")
    try:
        shown = workspaces.pictures(held, int(index), outline)
    except CounterfaceError as error:
        st.warning(str(error))
        return
    _side_by_side(shown, outline)
    if scores is not None and scores.frames:
        figure = score_figure(scores, float(held.times[-1]), shown.time)
        st.plotly_chart(figure, config=PLAIN_CHART, key="scores")
    with st.expander("Before and after, one on the other"):
        box, _ = st.columns([2, 1])
        with box:
            compare(shown.original, shown.swap, ("Original", "Swap"), key="compare")


def _side_by_side(shown: Pictures, outline: bool) -> None:
    scored = shown.scores
    panels: list[tuple[bytes | None, str]] = [
        (shown.original, "Original" + (f" · score {wording.share(scored.original)}" if scored else "")),
        (shown.swap, "Swap" + (f" · score {wording.share(scored.fake)}" if scored else "")),
        (shown.heat, "Heatmap"),
    ]
    if outline:
        covered = "" if shown.replaced is None else f" · {100 * shown.replaced:.0f}\N{NO-BREAK SPACE}% of frame"
        panels.append((shown.mask, "Swap mask" + covered))
    with st.container(key="panels"):
        columns = st.columns(len(panels))
    for column, (picture, caption) in zip(columns, panels, strict=True):
        with column:
            if picture is not None:
                st.html(_panel(picture, caption))
            else:
                st.caption(f"{caption}: there is none for this frame.")
    where = f"{shown.time:.2f} s"
    if scored is None:
        where += " · this frame was not scored"
    elif scored.seen:
        where += " · the detector learned from this part, so this score does not count"
    st.caption(where)


def _panel(picture: bytes, caption: str) -> str:
    """A JPEG inside the page itself: a link could be dead by the time it is fetched, if the slider moved on."""
    content = base64.b64encode(picture).decode("ascii")
    name = escape(caption)
    return (
        f'<figure class="panel"><img alt="{name}" src="data:image/jpeg;base64,{content}">'
        f"<figcaption>{name}</figcaption></figure>"
    )


def _details(held: Opened) -> None:
    results = held.results
    sections = st.tabs(["What the score means", "How it was made", "Marks", "Training", "Limits"])
    with sections[0]:
        left, right = st.columns(2)
        with left:
            st.subheader("It means")
            st.markdown(_list(wording.means(results.scores)))
        with right:
            st.subheader("It does not mean")
            st.markdown(_list(wording.means_not(results.scores)))
    with sections[1]:
        _made(held)
    with sections[2]:
        if not held.marks:
            st.write("There is no swap yet, so nothing carries marks.")
        for mark in held.marks:
            st.markdown(f"**{_safe(mark.label)}**  \n{_safe(mark.value)}")
            if mark.points:
                st.markdown(_list(mark.points))
    with sections[3]:
        _training(held)
    with sections[4]:
        st.markdown(_list(wording.limits(results)))


def _made(held: Opened) -> None:
    counts = wording.counts(held.results)
    if counts["total"]:
        why = ", ".join(f"{reason}: {number}" for reason, number in counts["why"])
        rest = f"; {counts['left']} were left as they were" + (f" ({why})" if why else "") if counts["left"] else ""
        st.write(_safe(f"{counts['swapped']} of {counts['total']} frames were swapped{rest}."))
    groups = wording.made_rows(held.results)
    columns = st.columns(2)
    for number, (title, rows) in enumerate(groups.items()):
        with columns[number % 2]:
            st.html(f"<h4>{escape(title)}</h4>" + _table([(row.label, row.value) for row in rows]))
    st.html("<h4>Consent</h4>")
    records = [
        {key: record.get(key, "") for key in ("role", "who", "basis", "reference", "date")}
        for record in wording.consent_rows(held.results)
    ]
    st.html(_consent(records))


def _training(held: Opened) -> None:
    results = held.results
    charts = training_charts(results)
    if not charts:
        st.write("Nothing is trained here yet.")
    columns = st.columns(2)
    for number, chart in enumerate(charts):
        with columns[number % 2]:
            st.plotly_chart(line_figure(chart), config=PLAIN_CHART, key=f"training-{number}")
    if results.preview is not None:
        st.image(
            results.preview.read_bytes(),
            caption="The last preview of the training: source, redrawn; destination, redrawn; swap.",
            width=760,
        )


def _list(sentences: list[str] | tuple[str, ...]) -> str:
    return "\n".join(f"- {_safe(s)}" for s in sentences)


def _safe(text: str) -> str:
    """Text from files, so that Markdown shows it as it is written."""
    return "".join("\\" + c if c in r"\`*_{}[]<>()#+!|~$:" else c for c in text.replace("\n", " "))


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><td style="opacity:.7;padding:5px 18px 5px 0;vertical-align:top;width:38%">{escape(label)}</td>'
        f'<td style="padding:5px 0;overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for label, value in rows
    )
    return f'<table style="width:100%;border-collapse:collapse">{cells}</table>'


def _consent(records: list[dict[str, str]]) -> str:
    """One block a record: a table of five columns is too wide for a telephone."""
    return "".join(
        f"<p><b>{escape(r['role'].capitalize())}: {escape(r['who'])}</b><br>"
        f"{escape(r['basis'])} · {escape(r['reference'])} · {escape(r['date'])}</p>"
        for r in records
    )
