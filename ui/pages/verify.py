"""Verify: which marks a file carries, on what they rest, where in time, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from ui import jobs
from ui.components import parts
from ui.components.jobs import job_panel
from ui.components.look import head, plain
from ui.components.pick import pick_file
from ui.services import verifying

TONES: Mapping[str, parts.Tone] = {"marked": "good", "foreign": "info", "warning": "bad", "nothing": "plain"}


def render() -> None:
    """Draw the page."""
    parts.style()
    head("Verify", "Which marks does a file carry, on what does the answer rest, and what was the file made from?")
    path = pick_file("verify")
    if path is not None and st.button("Look for marks", type="primary"):
        try:
            name = path.name
            st.query_params["job"] = jobs.submit("verify", {"path": str(path), "name": name}, title=f"Verify {name}")
        except CounterfaceError as error:
            st.error(plain(str(error)))
    asked = st.query_params.get("job")
    if asked:
        job = job_panel(asked)
        if job is not None and job.state == "done" and job.kind == "verify":
            _answer(job.result)
    elif path is None:
        _explained()


def _explained() -> None:
    st.subheader("Three marks, three strengths")
    parts.cards(
        [
            parts.Card(
                "Content Credentials",
                "A signed record inside the file: who made it, how, and of what.",
                "Strong while they last: one changed byte shows. Any platform that encodes the file again drops them.",
                tone="good",
            ),
            parts.Card(
                "Invisible watermark",
                "A pattern in every frame with an id of its own.",
                "Survives compression, scaling, cropping. It can be copied onto another picture by someone who tries.",
                tone="info",
            ),
            parts.Card(
                "Visible badge",
                "The letters “AI” in the top right corner, from the first frame.",
                "Everyone can see it, and everyone can paste, cover or crop it.",
                tone="warn",
            ),
        ],
        cell=240,
    )
    st.caption("Nothing found never means authentic: marks can be lost, and most files never had any.")


def _answer(look: Mapping[str, Any]) -> None:
    tone = str(look["tone"])
    parts.note(look["headline"], TONES[tone], verifying.TONE_WORDS[tone])
    parts.cards([_card(finding, look) for finding in look["findings"]], cell=240)
    _time(look)
    _tree(look)
    content = json.dumps(look["answer"], ensure_ascii=False, indent=2)
    st.download_button(
        "Save the whole answer (JSON)",
        content,
        f"{look['name']}.verify.json",
        "application/json",
        help="The same as counterface verify --json gives",
    )


def _card(finding: Mapping[str, Any], look: Mapping[str, Any]) -> parts.Card:
    rests = str(finding["rests"])
    small = f"This rests on {rests}." if rests else ""
    return parts.Card(
        str(finding["label"]),
        str(finding["said"]),
        small,
        points=finding["points"],
        tone=_tone(str(finding["label"]), look),
        more="Details",
    )


def _tone(label: str, look: Mapping[str, Any]) -> parts.Tone:
    answer = look["answer"]
    if label == "Content Credentials":
        return parts.STATE_TONES.get(str(answer["credentials"]["state"]), "plain")
    if label == "Invisible watermark":
        return "good" if answer["watermark"]["present"] else "plain"
    if label == "Visible badge":
        return "warn" if answer["badge"]["found"] else "plain"
    return "bad"


def _time(look: Mapping[str, Any]) -> None:
    held = verifying.passages(look)
    if not held:
        return
    seconds, answer = float(look["seconds"]), look["answer"]
    stretches = [
        parts.Stretch(
            one["start"],
            one["end"],
            "good",
            f"found from {one['start']:.1f} to {one['end']:.1f} s" + (f", id {one['id']}" if one["id"] else ""),
        )
        for one in held
        if one["present"]
    ]
    state = str(answer["credentials"]["state"])
    whole = [] if state == "none" else [parts.Stretch(0, seconds, parts.STATE_TONES[state], "cover the whole file")]
    st.subheader("Where in time")
    parts.strip([("Watermark", stretches), ("Credentials", whole)], seconds)
    if stretches and sum(s.end - s.start for s in stretches) < 0.95 * seconds:
        st.caption("Not every part of the clip carries the watermark: something may have been cut in, or out.")


def _tree(look: Mapping[str, Any]) -> None:
    node, stored = look.get("tree"), look.get("stored_tree")
    if node is None and stored is None:
        return
    st.subheader("What it was made from")
    if node is not None:
        parts.tree(node, verifying.STATE_WORDS, verifying.PART_WORDS, verifying.RELATION_WORDS)
        return
    st.caption("The file has lost its Credentials. Its watermark leads to this record, which this machine kept.")
    assert stored is not None
    parts.tree(stored, verifying.STATE_WORDS, verifying.PART_WORDS, verifying.RELATION_WORDS)
