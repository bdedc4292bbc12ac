"""Making a swap, step by step: clips and consent, faces, method, training, composite, result."""

from __future__ import annotations

import streamlit as st

from datasets.workspace import Workspace
from ui.components.choose import chosen, forget
from ui.components.look import head, plain
from ui.pages.wizard import clips, composite, faces, method, result, train
from ui.pages.wizard.steps import STEP, go_to
from ui.services import making
from ui.services.projects import project, step_of

STEPS = {
    "clips": ("Clips", clips.draw),
    "faces": ("Faces", faces.draw),
    "method": ("Method", method.draw),
    "train": ("Train", train.draw),
    "composite": ("Composite", composite.draw),
    "result": ("Result", result.draw),
}
# How far one may go in a workspace that stands at ...
REACHES = {"faces": 2, "method": 4, "composite": 6, "result": 6}


def render() -> None:
    """Draw the page."""
    workspace = chosen()
    if workspace is None:
        head("Make a swap", "Two clips and the consent of both people; the studio does the rest, and you watch.")
        _stepper("clips", 1)
        clips.draw(None)
        return
    about = project(workspace)
    left, right = st.columns([5, 1.2], vertical_alignment="bottom")
    with left:
        head(about.title, f"Workspace {workspace.root.name}")
    with right:
        st.button("Begin another", on_click=_another, width="stretch")
    step = str(st.query_params.get(STEP) or _next(workspace))
    reach = REACHES[step_of(workspace)]
    if step not in list(STEPS)[:reach]:
        step = _next(workspace)
    _stepper(step, reach)
    STEPS[step][1](workspace)


def _next(workspace: Workspace) -> str:
    for kind, step in (("composite", "result"), ("train", "train")):
        job = making.latest(kind, workspace)
        if job is not None and job.open:
            return step
    return step_of(workspace)


def _stepper(step: str, reach: int) -> None:
    with st.container(key="stepper"):
        for number, (column, (name, (title, _))) in enumerate(
            zip(st.columns(len(STEPS)), STEPS.items(), strict=True), 1
        ):
            with column:
                st.button(
                    f"{number}  {plain(title)}",
                    key=f"step-{name}",
                    type="primary" if name == step else "secondary",
                    disabled=number > reach,
                    on_click=go_to,
                    args=(name,),
                    width="stretch",
                )


def _another() -> None:
    forget()
    st.query_params.pop(STEP, None)
