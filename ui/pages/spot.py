"""Spot the fake: a clip is shown, you guess and say how sure you are, then it is revealed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate import scorewording
from evaluate.quizanswers import Answer
from ui import jobs
from ui.components import parts
from ui.components.instep import Shown, in_step
from ui.components.jobs import job_panel
from ui.components.look import head, pictures, plain
from ui.services import quiz, quizsources, sample
from ui.services.quiz import Tally
from ui.services.quizclips import QuizClip, ready
from ui.settings import studio_settings

SWAPPED, NOT = "Swapped", "Not swapped"
LABELS = {"fake": "a face was swapped in it", "real": "no face was swapped in it"}
KIND = "quiz_clips"


def render() -> None:
    """Draw the page."""
    parts.style()
    head(
        "Spot the fake", "One clip at a time: was the face swapped? Say it, and how sure you are, before you are told."
    )
    parts.note(
        "Some of the clips on this page are AI-made face swaps.",
        "warn",
        "Marked",
        "So that the mark gives nothing away, all of them carry it: swapped or not, each went through the same path, "
        "with the same “AI” badge, watermark and signed Credentials. What each one is, it says when it is revealed.",
    )
    player = _player()
    play, scores = st.tabs(["Play", "Scores"])
    with play:
        source = _source()
        if source is not None:
            _play(source, player)
    with scores:
        _scores(player)


def _player() -> str:
    """A random id that a reload keeps and that names nobody."""
    if "player" not in st.query_params:
        st.query_params["player"] = st.session_state.setdefault("player", quiz.new_id())
    return str(st.query_params["player"])[:32]


def _source() -> Path | None:
    job = sample.sample_job()
    if job is not None:
        st.write("The sample's swap is still being made; then there is something to spot.")
        job_panel(job.id)
    known = quizsources.sources()
    if not known:
        if job is None:
            st.info("There is no swap and no labelled data set yet. Make a swap on the page Make.")
        return None
    names = {str(one.path): one.title for one in known}
    if len(known) == 1:
        return known[0].path
    chosen = st.selectbox("Clips of", list(names), format_func=names.__getitem__, key="quiz-source")
    return Path(chosen)


def _play(source: Path, player: str) -> None:
    clips = ready(source)
    if not clips:
        _prepare(source)
        return
    state = st.session_state.get("quiz")
    if state is None or state["source"] != str(source):
        state = _begin(source, clips)
    clip = next((one for one in clips if one.clip == state["clip"]), None)
    if clip is None:
        _over(source, clips, state)
        return
    total, number = len({one.group for one in clips}), len(state["seen"])
    st.progress(number / total, text=f"Clip {number} of {total}")
    left, right = st.columns([1.1, 1], gap="large")
    with left:
        in_step([Shown(Path(clip.file).read_bytes(), "", "The clip to judge")], key=f"quiz-{clip.clip[:12]}")
    with right:
        if state["answer"] is None:
            _ask(clip, state, player)
        else:
            _revealed(clip, state["answer"])
            last = number == total
            st.button("See how it went" if last else "Next clip", type="primary", on_click=_next, args=(clips,))
    if state["answer"] is not None:
        _why(clip, clips)


def _prepare(source: Path) -> None:
    known = next((one for one in jobs.listing(KIND, 20) if one.payload.get("source") == str(source)), None)
    if known is not None and known.state != "done":
        job_panel(known.id)
        return
    st.write(
        "The clips have to be made once: stretches of the swap and of its original, cut, encoded and marked alike, "
        "and looked at by the detector. This takes a minute or two."
    )
    if st.button("Make the clips", type="primary"):
        try:
            jobs.submit(KIND, {"source": str(source)}, title=f"Clips for the quiz, {source.name}")
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return
        st.rerun()


def _begin(source: Path, clips: list[QuizClip]) -> dict[str, Any]:
    state: dict[str, Any] = {"source": str(source), "sitting": quiz.new_id(), "seen": [], "rounds": []}
    st.session_state["quiz"] = state
    _next(clips)
    return state


def _next(clips: list[QuizClip]) -> None:
    state = st.session_state["quiz"]
    clip = quiz.next_clip(clips, state["seen"])
    state |= {"clip": clip and clip.clip, "answer": None, "began": time.monotonic()}
    if clip is not None:
        state["seen"].append(clip.group)


def _ask(clip: QuizClip, state: dict[str, Any], player: str) -> None:
    st.subheader("Was the face in this clip swapped?")
    with st.form(f"guess-{clip.clip[:12]}", border=False):
        guess = st.radio("Your guess", [SWAPPED, NOT], index=None, horizontal=True)
        sure = st.slider(
            "How sure are you?", 50, 100, 70, 5, format="%d %%", help="50 %: a coin would do as well. 100 %: certain."
        )
        sent = st.form_submit_button("Answer", type="primary")
    if not sent:
        return
    if guess is None:
        st.warning("Choose one of the two first.")
        return
    called: quiz.Guess = "fake" if guess == SWAPPED else "real"
    try:
        took = time.monotonic() - state["began"]
        state["answer"] = quiz.answer(clip, state["sitting"], player, called, sure / 100, took)
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return
    state["rounds"].append(state["answer"])
    st.rerun()


def _revealed(clip: QuizClip, said: Answer) -> None:
    truth = LABELS[clip.label] + (f" (method {clip.method})" if clip.method else "")
    parts.note(f"{'Right' if said.right else 'Not so'}: {truth}.", "good" if said.right else "bad", "The answer")
    yours = f"{SWAPPED if said.guess == 'fake' else NOT}, {100 * said.confidence:.0f} % sure"
    machine = "found no face" if clip.machine is None else f"{scorewording.percent(clip.machine)} for a swap"
    verdict = f"“{clip.verdict}”" + ("" if clip.verdict == "cannot tell" else _hit(clip))
    parts.rows([("You", yours), ("The detector", machine), ("Its answer", verdict)])


def _hit(clip: QuizClip) -> str:
    return ", which is right" if quiz.CALLED.get(clip.verdict) == clip.label else ", which is wrong"


def _why(clip: QuizClip, clips: list[QuizClip]) -> None:
    st.subheader("Where the detector looked")
    shown = [
        (Path(one["file"]).read_bytes(), one["title"], one["title"])
        for one in clip.pictures
        if Path(one["file"]).is_file()
    ]
    if shown:
        pictures(shown, 185)
    else:
        st.write("There are no pictures of this clip: the detector found no face, or may show none.")
    if clip.cues:
        st.markdown("**What was measured**")
    for cue in clip.cues:
        left, right = st.columns([1, 5], vertical_alignment="center")
        with left:
            if cue["picture"] and Path(cue["picture"]).is_file():
                pictures([(Path(cue["picture"]).read_bytes(), "Where this measurement looks", "")], 90)
        with right:
            st.markdown(plain(str(cue["sentence"])))
    for limit in clip.limits:
        st.caption(plain(limit))
    other = next((one for one in clips if one.group == clip.group and one.label != clip.label), None)
    if other is not None:
        with st.expander("The same moment, swapped and not"):
            both = sorted((clip, other), key=lambda one: one.label, reverse=True)
            in_step(
                [
                    Shown(
                        Path(one.file).read_bytes(),
                        SWAPPED if one.label == "fake" else NOT,
                        "The clip with the swap" if one.label == "fake" else "Its original",
                    )
                    for one in both
                ],
                key=f"both-{clip.clip[:12]}",
            )


def _over(source: Path, clips: list[QuizClip], state: dict[str, Any]) -> None:
    held: list[Answer] = state["rounds"]
    people, machine = quiz.of_people(held), quiz.of_machine(held)
    said = f"You had {people.right} of {people.of} right; the detector {machine.right} of the {machine.of} it answered"
    said += f", and could not tell {machine.unsure} times." if machine.unsure else "."
    parts.note(said, "info", "This sitting")
    st.caption("Each stretch of a clip was asked about once. Again, chance decides anew which of the two you see.")
    if st.button("Play again", type="primary"):
        _begin(source, clips)
        st.rerun()


def _scores(player: str) -> None:
    every = quiz.rounds()
    own = [one for one in every if one.player == player]
    parts.cards(
        [
            _tally("You", quiz.of_people(own), "in this tab"),
            _tally("Everyone here", quiz.of_people(every), "on this installation"),
            _tally("The detector", quiz.of_machine(every), "on the same clips, each counted as often as it was shown"),
        ],
        cell=250,
    )
    if not every:
        return
    st.subheader("Right as often as sure?")
    held = quiz.by_confidence(own or every)
    parts.dots(
        [
            parts.Dot(
                f"{row['band']} sure", row["right"], None, "info", f"{row['answers']} answers, {row['right']:.0%} right"
            )
            for row in held
        ],
        0.0,
        1.0,
        [(0.0, "none right"), (0.5, "half"), (1.0, "all right")],
    )
    st.caption("Who is right less often than sure is too sure. " + ("Your answers." if own else "Everyone's answers."))
    one, other, third = st.columns([1, 1, 1])
    name = "application/x-ndjson"
    one.download_button("Save my answers", quiz.exported(own), "answers-mine.jsonl", name, disabled=not own)
    other.download_button("Save all answers", quiz.exported(every), "answers.jsonl", name)
    with third.popover("Delete answers"):
        st.write("Answers hold no name: a random number, the clip, the guess. Deleted, they are gone.")
        if st.button("Delete mine", disabled=not own):
            quiz.forget(player)
            st.rerun()
        # Where others reach this studio, nobody deletes what is theirs.
        if not studio_settings().public and st.button("Delete everyone's"):
            quiz.forget()
            st.rerun()


def _tally(title: str, tally: Tally, where: str) -> parts.Card:
    if tally.share is None:
        unsure = f"; could not tell {tally.unsure} times" if tally.unsure else ""
        return parts.Card(title, "no answer yet" + unsure, where)
    low, high = tally.interval or (0.0, 1.0)
    rows = [("right", f"{tally.right} of {tally.of}"), ("95 % interval", f"{low:.0%} to {high:.0%}")]
    if tally.confidence is not None:
        rows.append(("sure, on average", f"{tally.confidence:.0%}"))
    if tally.unsure:
        rows.append(("could not tell", f"{tally.unsure} times"))
    return parts.Card(f"{title}: {tally.share:.0%} right", "", where, rows, tone="info")
