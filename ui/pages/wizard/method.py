"""The third step: by which method, and for how long it may learn."""

from __future__ import annotations

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.workspace import Workspace
from ui import jobs
from ui.commands.training import method_options
from ui.components.look import plain
from ui.pages.wizard.steps import go_to
from ui.services.methods import CHOICES, check, known

WORDS = {name: (title, words) for name, title, words in CHOICES}


def draw(workspace: Workspace) -> None:
    """Draw the step."""
    names = [name for name in WORDS if name in known()]
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        name = st.radio(
            "Method",
            names,
            format_func=lambda one: WORDS[one][0],
            captions=[WORDS[one][1] for one in names],
            key="method",
        )
    trains = known()[name]
    with right:
        minutes, device = 10.0, "auto"
        if trains:
            minutes = st.number_input(
                "Minutes of training",
                0.1,
                6000.0,
                10.0,
                1.0,
                format="%.1f",
                help="Counted with what it has had already",
            )
            steps = st.number_input("Or a number of steps", 0, 10_000_000, 0, 100, help="0: as long as the minutes say")
        device = st.selectbox("Computes on", ["auto", "cpu", "cuda", "mps"], help="auto: a GPU where there is one")
        with st.expander("Settings of the method"):
            typed = st.text_area("A line each, KEY=VALUE", key="options", placeholder="shape=0.3", height=100)
    label = "Train" if trains else "Make it ready"
    if st.button(label, type="primary", key="start-training"):
        try:
            options = method_options([line for line in typed.splitlines() if line.strip()], {})
            check(name, device, options)
            payload: dict[str, object] = {
                "workspace": str(workspace.root),
                "method": name,
                "device": device,
                "options": options,
            }
            if trains:
                payload |= {"steps": int(steps)} if steps else {"minutes": float(minutes)}
            workspace.require_consent()
            jobs.submit("train", payload, title=f"{label} {name} for {workspace.root.name}")
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return
        go_to("train")
        st.rerun()
