"""The first step: two clips, and on what ground their faces may be used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.provenance.consent import BASES, Consent
from datasets.provenance.findings import BASIS_WORDS
from datasets.workspace import Workspace
from ui.components.choose import choose
from ui.components.look import plain
from ui.components.pick import looked_once, stamp
from ui.pages.wizard.steps import go_to, next_button
from ui.services.access import SUFFIXES, VIDEO_SUFFIXES, Looked, allowed, drop_upload, keep_upload, look_at
from ui.services.projects import new_project, record
from ui.services.sample import sample_consent, sample_pair

TAKEN = "taken-uploads"
SAMPLE = "make-sample"
ROLES = (
    ("source", "Source", "The person whose face is taken. One clip, several, or pictures of one person."),
    ("destination", "Destination", "The clip whose face is replaced. Its sound and everything else stay."),
)


def draw(workspace: Workspace | None) -> None:
    """Draw the step."""
    if workspace is not None:
        _stands(workspace)
        return
    if sample_pair() is not None:
        st.toggle("Try it with the sample's two clips", key=SAMPLE, help="Two public-domain portraits set in motion")
    if st.session_state.get(SAMPLE):
        _sample()
        return
    columns = st.columns(2, gap="large")
    clips: dict[str, list[Looked]] = {}
    given: dict[str, dict[str, Any]] = {}
    for column, (role, title, words) in zip(columns, ROLES, strict=True):
        with column, st.container(border=True):
            st.subheader(title)
            st.caption(words)
            clips[role] = _clips(role)
            given[role] = _consent(role)
    st.caption(
        "The studio cannot judge whether a record is true. It holds you to writing one, and it goes into the file."
    )
    ready = all(clips.values())
    if st.button("Make the workspace", type="primary", disabled=not ready, key="make-workspace"):
        try:
            records = [record(role, given[role]) for role, _, _ in ROLES]
            _begin([one.path for one in clips["source"]], clips["destination"][0].path, records)
        except CounterfaceError as error:
            st.error(plain(str(error)))
    if not ready:
        st.caption("Both clips are needed first.")


def _begin(source: list[Path], destination: Path, records: list[Consent]) -> None:
    with st.spinner("Copying the clips ..."):
        made = new_project(source, destination, records)
    for clip in (*source, destination):
        drop_upload(clip)  # the workspace has its own copy
    choose(str(made.root))
    go_to("faces")
    st.session_state.pop(TAKEN, None)
    st.rerun()


def _sample() -> None:
    pair = sample_pair()
    assert pair is not None
    source, destination = pair
    for column, clip, said in zip(st.columns(2, gap="large"), (source, destination), sample_consent(), strict=True):
        with column, st.container(border=True):
            st.subheader(said.role.capitalize())
            st.video(str(clip), loop=True, muted=True)
            st.markdown(f"**{plain(said.who)}**  \n{BASIS_WORDS[said.basis]}: {plain(said.reference)}")
    if st.button("Make the workspace", type="primary", key="make-workspace"):
        try:
            _begin([source], destination, list(sample_consent()))
        except CounterfaceError as error:
            st.error(plain(str(error)))


def _clips(role: str) -> list[Looked]:
    """The files of a role: uploaded, or of a path; each looked at before it counts."""
    several = role == "source"
    kinds = ("video", "picture") if several else ("video",)
    way = st.segmented_control(
        "Where it is", ["Upload", "On this machine"], default="Upload", required=True, key=f"way-{role}"
    )
    if way == "On this machine":
        typed = st.text_input("Path of the file", key=f"path-{role}", placeholder="/folder/clip.mp4").strip()
        return _once(f"{role} {stamp(typed)}", lambda: look_at(allowed(typed), kinds)) if typed else []
    types = [suffix[1:] for suffix in (SUFFIXES if several else VIDEO_SUFFIXES)]
    files = st.file_uploader(
        "Clips or pictures" if several else "Clip", types, accept_multiple_files=several, key=f"upload-{role}"
    )
    given = files if isinstance(files, list) else [files] if files else []
    found: list[Looked] = []
    for file in given:
        found += _once(file.file_id, lambda file=file: keep_upload(file.name, file, kinds))  # type: ignore[misc]
    return found


def _once(key: str, look: Callable[[], Looked]) -> list[Looked]:
    """Look at a file, unless it was looked at before; refused, say why."""
    found = looked_once(TAKEN, key, look)
    return _said(found) if found else []


def _said(found: Looked) -> list[Looked]:
    about = f"{found.width} × {found.height}"
    if found.kind == "video":
        about += f", {found.duration:.1f} s, {found.rate:.3g} frames/s{', with sound' if found.sound else ''}"
    st.caption(f"✓ {plain(found.path.name)}: {about}")
    return [found]


def _consent(role: str) -> dict[str, Any]:
    """The fields of a consent record."""
    st.markdown("**Consent**")
    basis = st.selectbox("Ground", BASES, index=1, format_func=lambda one: BASIS_WORDS[one], key=f"basis-{role}")
    who = st.text_input("Who it is", key=f"who-{role}", placeholder="Name of the person")
    reference = st.text_input("Where the proof is", key=f"reference-{role}", placeholder="contract 2026-14, page 3")
    left, right = st.columns(2)
    with left:
        date = st.date_input("In force from", dt.date.today(), key=f"date-{role}")
    with right:
        expires = st.date_input("Until (may stay empty)", None, key=f"expires-{role}")
    return {"basis": basis, "who": who.strip(), "reference": reference.strip(), "date": date, "expires": expires}


def _stands(workspace: Workspace) -> None:
    """The clips and records of a workspace that is there."""
    records = {one.role: one for one in workspace.consent}
    for column, (role, title, _) in zip(st.columns(2, gap="large"), ROLES, strict=True):
        with column, st.container(border=True):
            st.subheader(title)
            st.markdown("  \n".join(plain(name) for name in workspace.names(role)[:6]))  # type: ignore[arg-type]
            said = records.get(role)  # type: ignore[call-overload]
            if said is not None:
                until = f", until {said.until}" if said.until else ""
                st.caption(plain(f"{said.who}: {BASIS_WORDS[said.basis]}, {said.reference}, from {said.date}{until}"))
    try:
        workspace.require_consent()
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return
    next_button("faces", "On to the faces")
