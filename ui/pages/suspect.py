"""A suspect video or picture: a verdict in plain words, what it rests on, and what it cannot say."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate.forensics import LOOKS
from evaluate.scorewording import MEANS, MEANS_NOT, percent
from ui import jobs
from ui.components.frames import Curve, Panel, frames, go_to, moment
from ui.components.jobs import job_panel
from ui.components.look import head, plain, points, when
from ui.components.strip import scale, strip
from ui.jobs import Job
from ui.services import detectors, scoring
from ui.services.access import SUFFIXES, Looked, allowed, keep_upload, look_at
from ui.services.scoring import Kept

JOB, PLAYER = "job", "suspect-player"
GENERAL = "The general detector that comes with the studio"
EARLIER = 5


def render() -> None:
    """Draw the page."""
    head(
        "Suspect video",
        "Was a face in it manipulated? The answer comes with how sure it is, what it rests on, and what it cannot say.",
    )
    asked = st.query_params.get(JOB)
    if not asked:
        _ask()
        return
    st.button("Score another file", on_click=_forget)
    job = job_panel(str(asked))
    if job is not None and job.state == "done":
        try:
            _answer(job, scoring.kept(job))
        except CounterfaceError as error:
            st.warning(plain(str(error)))


def _forget() -> None:
    st.query_params.pop(JOB, None)


def _open(id: str) -> None:
    st.query_params[JOB] = id


def _ask() -> None:
    """The form: a file, and by which detector."""
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        way = st.segmented_control(
            "Where it is", ["Upload", "On this machine"], default="Upload", required=True, key="suspect-way"
        )
        file: Any = None
        typed = ""
        if way == "Upload":
            file = st.file_uploader("Video or picture", [suffix[1:] for suffix in SUFFIXES], key="suspect-file")
        else:
            typed = st.text_input("Path of the file", key="suspect-path", placeholder="/folder/clip.mp4").strip()
        st.caption("It stays on this machine. It is looked at in a process with limits before anything else reads it.")
    with right:
        known = [GENERAL, *(one.name for one in detectors.listed() if one.place == "own" and not one.broken)]
        detector = st.selectbox("Detector", known, key="suspect-detector")
        count = st.slider("Frames to score", 8, 128, 32, 8, help="Spread evenly over the clip", key="suspect-frames")
    if st.button("Score it", type="primary", disabled=not (file or typed), key="score-it"):
        try:
            with st.spinner("Looking at it ..."):
                found: Looked = keep_upload(file.name, file) if file else look_at(allowed(typed))
            payload = {"file": str(found.path), "frames": count, "detector": None if detector == GENERAL else detector}
            _open(jobs.submit("score", payload, title=f"Score {found.path.name}"))
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return
        st.rerun()
    earlier = jobs.listing("score", limit=EARLIER)
    if earlier:
        st.subheader("Scored before")
    for job in earlier:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(plain(job.title.removeprefix("Score ")), key=f"open-{job.id}", on_click=_open, args=(job.id,))
            said = str(job.result.get("verdict") or job.error or job.state)
            st.caption(plain(f"{said} · {when(job.created)}"))


def _answer(job: Job, held: Kept) -> None:
    views, score = held.views, held.score
    left, right = st.columns([1.6, 1], gap="large", vertical_alignment="center")
    with left:
        st.html(
            f'<div class="verdict {escape(views["kind"])}"><h2>{escape(views["headline"])}</h2>'
            f"<p>{escape(views['explained'])}</p></div>"
        )
    with right:
        if score["probability"] is not None:
            st.html(scale(score["probability"], tuple(score["interval"]), views["zones"]))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Why")
        st.markdown(points(score["reasons"]) or "Nothing speaks clearly either way.")
    with right:
        st.subheader("What limits it")
        st.markdown(points(score["limits"]) or "Nothing known: size, sharpness and compression are what it knows.")
    if views["note"]:
        st.info(plain(views["note"]))
    _in_time(held)
    names = ["Deciding frames", "Forensic views", "Measurements", "Provenance", "What a score means", "The detector"]
    tabs = st.tabs(names)
    with tabs[0]:
        _deciding(held)
    with tabs[1]:
        _looks(held)
    with tabs[2]:
        _cues(held)
    with tabs[3]:
        st.write("Marks are reported beside the score and never enter into it.")
        st.markdown(points(views["provenance"]))
    with tabs[4]:
        left, right = st.columns(2, gap="large")
        left.markdown("**It means**\n\n" + points(MEANS))
        right.markdown("**It does not mean**\n\n" + points(MEANS_NOT))
    with tabs[5]:
        rows = "".join(f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in views["detector"])
        st.html(f'<table class="facts">{rows}</table>')
    if held.report.is_file():
        stem = job.title.removeprefix("Score ").rpartition(".")[0] or "score"
        st.download_button(
            "The report, one page to keep",
            held.report.read_bytes,
            f"{stem}-report.html",
            "text/html",
            on_click="ignore",
        )


@st.fragment
def _in_time(held: Kept) -> None:
    """The scored frames of one person in step with the curve of their scores."""
    tracks = held.tracks
    if not tracks:
        return
    names = {person["id"]: person for person in held.views["people"]}
    if len(tracks) > 1:
        st.subheader("People found")
        track = st.radio(
            "Person",
            tracks,
            format_func=lambda t: (
                f"{names.get(t['id'], {'name': 'Another'})['name']} · {percent(t['probability'])} · "
                f"{t['first']:.1f} to {t['last']:.1f} s · {t['face_width']:.0f} px"
            ),
            label_visibility="collapsed",
            key="suspect-person",
        )
    else:
        track = tracks[0]
    key, scored = f"{PLAYER}-{track['id']}", track["frames"]
    top = max(range(len(scored)), key=lambda i: scored[i]["probability"])
    at = moment(key, len(scored), top)
    frame = scored[at]
    try:
        jpeg = scoring.frame(held, frame["index"], [frame["box"]])
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return
    times = [one["time"] for one in scored]
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        said, named = f"score {percent(frame['probability'])}", f"Frame {frame['index']}"
        if jpeg is None:
            said, named = "No picture of this frame is shown.", f"{named} · {said}"
        panel = Panel(named, jpeg, f"The frame at {frame['time']:.2f} seconds", said)
        curve = Curve("Probability of a manipulation", times, [one["probability"] for one in scored], "swap")
        shades = [(s["start"], s["end"], f"{percent(s['probability'])} on average") for s in held.score["segments"]]
        frames([panel], times, at, key, [curve] if len(scored) > 1 else [], shades)
    with right:
        st.markdown(f"**{plain(names[track['id']]['seen']) if track['id'] in names else ''}**")
        segments = held.score["segments"]
        st.markdown("**Stretches over 50 %**" if segments else "No stretch of it lies over 50 %.")
        for number, one in enumerate(segments[:12]):
            label = f"{one['start']:.1f} to {one['end']:.1f} s · {percent(one['probability'])}"
            near = min(range(len(times)), key=lambda i: abs(times[i] - one["start"]))
            st.button(label, key=f"segment-{number}", on_click=go_to, args=(key, near))


def _grid(cells: list[tuple[str | None, str]], cell: int) -> None:
    """Pictures that are data addresses already, with captions."""
    drawn = "".join(
        f'<figure class="panel"><img alt="{escape(words)}" src="{escape(address)}">'
        f"<figcaption>{escape(words)}</figcaption>"
        "</figure>"
        for address, words in cells
        if address
    )
    if drawn:
        st.html(f'<div class="grid" style="--cell: {cell}px">{drawn}</div>')
    else:
        st.write("There is no picture to show.")


def _deciding(held: Kept) -> None:
    st.write("The frames that speak most clearly, close up, and where in them the detector sees it.")
    for person in held.views["people"]:
        if len(held.views["people"]) > 1:
            st.markdown(f"**{plain(person['name'])}** · {percent(person['probability'])}")
        cells = []
        for one in person["moments"]:
            said = f"{one['time']:.2f} s · {percent(one['probability'])}"
            cells += [(one["close_up"], said), (one["overlay"], f"heatmap · {one['time']:.2f} s")]
        _grid(cells, 176)
    if held.views["heatmap_by"]:
        st.caption(plain(f"Heatmaps are {held.views['heatmap_by']}."))


def _looks(held: Kept) -> None:
    st.write(
        "Three looks that need no detector, on the frames that decide. They show traces; compression, scaling and "
        "filters leave traces too, so none of them is evidence by itself."
    )
    moments = [(person, one) for person in held.views["people"] for one in person["moments"]]
    if not moments:
        st.write("No face was found.")
        return
    chosen = (
        st.select_slider(
            "Frame",
            range(len(moments)),
            format_func=lambda i: f"{moments[i][1]['time']:.2f} s",
            key="look-frame",
        )
        if len(moments) > 1
        else 0
    )
    one = moments[chosen][1]
    if not any((one["close_up"], *one["looks"])):
        st.write("There is no picture to show.")
        return
    columns = st.columns(4)
    with columns[0]:
        _grid([(one["close_up"], "The frame, close up")], 150)
    for column, (name, _, words), address in zip(columns[1:], LOOKS, one["looks"], strict=True):
        with column:
            _grid([(address, name)], 150)
            st.caption(words)


def _cues(held: Kept) -> None:
    cues = held.views["cues"]
    if not cues:
        st.write("This detector has no measurements, or none could be taken.")
        return
    odd = [cue for cue in cues if cue["odd"]]
    st.write(f"{len(odd)} of {len(cues)} measurements lie outside what nine in ten real faces show.")
    columns = st.columns(2, gap="large")
    for number, cue in enumerate([*odd, *(c for c in cues if not c["odd"])][:16]):
        with columns[number % 2], st.container(border=True):
            left, right = st.columns([1, 2.4], vertical_alignment="center")
            with left:
                if cue["picture"]:
                    st.html(
                        '<figure class="panel"><img alt="Where this measurement looks" '
                        f'src="{escape(cue["picture"])}"></figure>'
                    )
            with right:
                st.markdown(("**Unusual.** " if cue["odd"] else "") + plain(cue["sentence"]))
                st.html(strip(cue["low"], cue["high"], (("value", cue["at"]),)))
