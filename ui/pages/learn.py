"""Learn: how a swap is made, where it gives itself away, what a score can say, and the rules."""

from __future__ import annotations

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate import scorewording
from ui import jobs
from ui.components import parts
from ui.components.jobs import job_panel
from ui.components.look import head, picture, pictures, plain, points
from ui.services import album, baserates, lessons, sample
from ui.services.album import Album, CueShot

PARTS = {
    "made": "How a swap is made",
    "traces": "Where it gives itself away",
    "score": "What a score says",
    "rules": "Law and rules",
}
# One clip in so many is a fake.
RARE = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
CLIPS = 1000


def render() -> None:
    """Draw the page."""
    parts.style()
    head("Learn", "A face swap from its first frame to its detection, and what a detector's answer is worth.")
    asked = st.query_params.get("part", "made")
    chosen = st.segmented_control(
        "Lesson",
        list(PARTS),
        format_func=PARTS.__getitem__,
        default=asked if asked in PARTS else "made",
        key="lesson",
        label_visibility="collapsed",
    )
    part = chosen or "made"
    if part != asked:
        st.query_params["part"] = part
    {"made": _made, "traces": _traces, "score": _score, "rules": _rules}[part]()


def _album() -> Album | None:
    """The pictures, or on the page what is being done about them."""
    job = sample.sample_job()
    if job is not None:
        st.write("The sample's swap is being made; these pictures are of it. This takes a few minutes, once.")
        job_panel(job.id)
        return None
    root = sample.sample_root()
    held = album.opened(root)
    if held is not None:
        return held
    known = next((one for one in jobs.listing("learn_album", 20) if one.payload.get("workspace") == str(root)), None)
    if known is None or known.state == "done":
        try:
            id = jobs.submit("learn_album", {"workspace": str(root)}, title="Make the pictures of this page")
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return None
        job_panel(id)
    else:
        job_panel(known.id)
    return None


def _made() -> None:
    held = _album()
    if held is None:
        return
    for number, step in enumerate(lessons.steps(held.source, held.destination, held.steps), 1):
        shots = held.shots.get(step.key, ())
        if not shots:
            continue
        left, right = st.columns([1, 1.35], gap="large")
        with left:
            st.subheader(f"{number} · {step.title}")
            st.write(step.said)
            st.caption(step.look)
        with right:
            cell = {1: 300, 2: 200}.get(len(shots), 140)
            pictures([(held.picture(shot), shot.alt, shot.caption) for shot in shots], cell, most=330)
    if held.scores is not None:
        fake, real = (scorewording.percent(score) for score in held.scores)
        parts.note(
            f"The detector gives this frame of the swap {fake}, and the same frame of the original {real}.",
            "info",
            "Side by side",
            "It learned from an earlier part of these two clips. On other clips a detector is far less sure: see the "
            "third lesson.",
        )
    with st.expander("A lesson of 45 minutes"):
        st.table([{"Time": time, "What to do": said} for time, said in lessons.TEACH], hide_index=True)


def _traces() -> None:
    held = _album()
    if held is None:
        return
    st.write(
        "A swap is drawn by a model, bent into place and blended. Each of these steps leaves traces that can be "
        "measured against the rest of the frame, which went through the same camera. Warm colours show where a "
        "measurement looks; its sentence says what it found."
    )
    said: set[str] = set()
    for cue in held.cues:
        _cue(held, cue, "" if cue.why in said else cue.why)
        said.add(cue.why)
    if not held.cues:
        st.info("On this frame no measurement sets the swap apart from its original.")
    st.caption(
        "Measured on five frames of the sample, beside what nine in ten real faces show. A single odd value proves "
        "nothing: real faces show one now and then, and a good swap may show none."
    )


def _cue(held: Album, cue: CueShot, why: str) -> None:
    with st.container(border=True):
        words, swap, original = st.columns([2.2, 1, 1], gap="medium")
        with words:
            st.subheader(cue.title)
            if why:
                st.write(why)
            st.markdown(f"**Swap:** {plain(cue.said_of_swap)}")
            st.markdown(f"**Original:** {plain(cue.said_of_original)}")
        with swap:
            picture(held.picture(cue.swap), cue.swap.alt, cue.swap.caption)
        with original:
            picture(held.picture(cue.original), cue.original.alt, cue.original.caption)


def _score() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("It can say")
        st.markdown(points(scorewording.MEANS))
    with right:
        st.subheader("It cannot say")
        st.markdown(points(scorewording.MEANS_NOT))
    st.subheader("Try it: how many alarms are true?")
    controls, outcome = st.columns([1, 1.5], gap="large")
    with controls:
        rare = st.select_slider("One clip in … is a fake", RARE, value=100, key="rare", format_func=lambda n: f"{n:,}")
        finds = st.slider("Of 100 fakes, the detector finds", 0, 100, 90, key="finds")
        alarms = st.slider("Of 100 real clips, it calls fake", 0, 50, 5, key="alarms")
        st.caption(
            "Five in a hundred is what this program's own detector allows itself on clips like those it was "
            "calibrated on. It pays for that with “cannot tell”."
        )
    with outcome:
        _crowd(rare, finds, alarms)
    st.subheader("The same, for one score")
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        score = st.slider("The detector's score", 1, 99, 90, key="score", format="%d %%")
    with right:
        means = baserates.at_base_rate(score / 100, 1 / rare)
        parts.note(
            f"Where one clip in {rare:,} is a fake, a score of {score} % means {scorewording.percent(means)}.",
            "info",
            more="A score is calibrated on clips of which half are fakes. The traces are the same; how common fakes "
            "are where the clip comes from is not in the pixels, and you have to add it.",
        )


def _crowd(rare: int, finds: int, alarms: int) -> None:
    held = baserates.crowd(CLIPS, 1 / rare, finds / 100, alarms / 100)
    share = baserates.share_of_true(1 / rare, finds / 100, alarms / 100)
    if share is None:
        said = "Nothing is called fake at these settings."
    else:
        said = f"Of {held.called:,} clips that are called fake, {held.found:,} are: {scorewording.percent(share)}."
        if not held.called:
            said = f"Of the clips that are called fake, {scorewording.percent(share)} are."
    parts.note(said, "warn" if share is None or share < 0.5 else "good", f"{CLIPS:,} clips, a dot each")
    parts.crowd(held.found, held.missed, held.alarms, held.passed)


def _rules() -> None:
    st.subheader("Two rules of this studio")
    parts.cards([parts.Card(title, said, tone="good") for title, said in lessons.RULES], cell=380)
    st.subheader("What the law asks")
    parts.cards([parts.Card(title, said, tone="info") for title, said in lessons.LAW], cell=310)
    st.write(lessons.BEYOND)
    st.caption(lessons.NO_ADVICE)
