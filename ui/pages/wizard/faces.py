"""The second step: the faces found in both clips, in an order, and those that should go taken out."""

from __future__ import annotations

from typing import cast

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.workspace import Role, Workspace
from ui import jobs
from ui.components.jobs import job_panel
from ui.components.look import plain
from ui.components.sheet import sheet
from ui.pages.wizard.steps import next_button
from ui.services import making

PAGE = 60
ORDER_WORDS = {
    "blur": "sharpest first",
    "motion-blur": "least smeared first",
    "yaw": "turned left to right",
    "pitch": "looking up to down",
    "size": "largest first",
    "brightness": "brightest first",
    "hue": "by hue",
    "similarity": "most alike beside each other",
    "dissimilarity": "oddest last",
    "eyes": "eyes open first",
    "mouth": "mouth open first",
    "best": "best of each pose first",
}
FINDERS = {
    "mediapipe": "MediaPipe (fast, the default)",
    "retinaface": "RetinaFace (hard cases; needs its weights)",
    "mtcnn": "MTCNN (slow)",
}


def draw(workspace: Workspace) -> None:
    """Draw the step."""
    job = making.latest("faces", workspace)
    if job is not None and job.state != "done":
        job_panel(job.id)
        if job.open:
            return
    if not all(making.faces_found(workspace, role) for role in ("source", "destination")):
        if job is None:
            _begin(workspace)
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        said = st.segmented_control(
            "Whose faces", ["source", "destination"], default="source", required=True, format_func=str.capitalize
        )
    with right:
        by = st.selectbox("Order", making.ORDER_NAMES, format_func=lambda one: ORDER_WORDS.get(one, one), key="order")
    role = cast(Role, said)
    try:
        _sheet(workspace, role, str(by))
    except CounterfaceError as error:
        st.warning(plain(str(error)))
    next_button("method", "On to the method")


def _begin(workspace: Workspace) -> None:
    st.write("The faces of both clips are found, followed from frame to frame and aligned.")
    box, _ = st.columns([1, 1])
    with box:
        finder = st.selectbox("Finder", FINDERS, format_func=lambda one: FINDERS[one])
    if st.button("Find the faces", type="primary", key="find-faces"):
        payload = {"workspace": str(workspace.root), "finder": finder}
        jobs.submit("faces", payload, title=f"Find the faces of {workspace.root.name}")
        st.rerun()


def _sheet(workspace: Workspace, role: Role, by: str) -> None:
    place = f"{workspace.root.name}-{role}-{by}"
    start = int(st.session_state.get(f"at-{place}", 0))
    with st.spinner("Putting faces in order ..."):
        found = making.face_sheet(workspace, role, by, start, PAGE)
    for note in found.notes:
        st.caption(plain(note))
    if found.tracks:
        _person(workspace, role, found)
    picked = sheet(
        [(c.file, c.jpeg, f"{c.frame} · {c.figure:.3g}") for c in found.cells],
        key=f"sheet-{place}-{start}-{found.removed}",
    )
    end = min(start + PAGE, found.total)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Earlier", disabled=start == 0, on_click=_turn, args=(place, max(0, start - PAGE)))
        st.button("Later", disabled=end >= found.total, on_click=_turn, args=(place, start + PAGE))
        st.caption(f"{start + 1} to {end} of {found.total} faces · under each: its frame, and {plain(found.unit)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        many = "1 face" if len(picked) == 1 else f"{len(picked)} faces"
        if st.button(f"Remove {many}" if picked else "Remove picked faces", disabled=not picked, key="remove-faces"):
            making.remove_faces(workspace, role, picked)
            st.rerun()
        if found.removed and st.button(f"Bring back the {found.removed} removed", key="restore-faces"):
            making.restore_faces(workspace, role)
            st.rerun()
        st.caption("Nothing is deleted. A destination face that is removed leaves its frame as it is.")


def _person(workspace: Workspace, role: Role, found: making.FaceSheet) -> None:
    tracks = dict(found.tracks)
    held = workspace.person(role)
    current = held.track if held is not None and held.track in tracks else None
    wanted = st.selectbox(
        "Who is meant",
        list(tracks),
        index=list(tracks).index(current) if current is not None else None,
        format_func=lambda one: tracks[one],
        placeholder="As the studio chose",
        key=f"track-{role}",
    )
    if wanted is not None and wanted != current:
        making.choose_person(workspace, role, wanted)
        st.rerun()


def _turn(place: str, start: int) -> None:
    st.session_state[f"at-{place}"] = start
