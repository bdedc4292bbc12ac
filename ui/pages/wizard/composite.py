"""The fifth step: how the face is put back, tried on any frame at once, then done for the whole clip."""

from __future__ import annotations

from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.workspace import Workspace
from synth.composite.settings import BOUNDS, MASKS, MODES, OCCLUSIONS, CompositeSettings, for_method
from ui import jobs
from ui.components.compare import compare
from ui.components.jobs import job_panel
from ui.components.look import plain
from ui.pages.wizard.steps import go_to, next_button
from ui.services import making

COLOURS = ("rct", "lct", "mkl", "idt", "sot", "none")
MODE_WORDS = {
    "overlay": "overlay",
    "histogram": "overlay, histogram matched",
    "seamless": "seamless (by gradients)",
    "seamless-histogram": "seamless, histogram matched",
    "raw": "raw: as the model made it",
}
COLOUR_WORDS = {
    "rct": "Reinhard",
    "lct": "linear",
    "mkl": "Monge-Kantorovich",
    "idt": "iterated distributions",
    "sot": "sliced transport",
    "none": "none",
}
MASK_WORDS = {"both": "where both agree", "learned": "the model's own", "hull": "the face's outline"}
OCCLUSION_WORDS = {
    "off": "nothing: always swap",
    "learned": "what the model leaves out",
    "segment": "hands and hair, by segmentation",
    "auto": "all that can be told",
}
NUMBERS = {
    "erode": ("Edge drawn in", "Part of the crop's side; below 0 the mask grows"),
    "blur": ("Softness of the edge", "Part of the crop's side"),
    "motion_blur": ("Motion blur", "Part of a frame's interval for which the shutter is open"),
    "sharpen": ("Sharpening", "0: none"),
    "grain": ("Grain", "Part of the clip's own noise that the face is given where it has less"),
    "compression": ("Detail matched to the clip", "0: the face's own"),
}


def draw(workspace: Workspace) -> None:
    """Draw the step."""
    job = making.latest("composite", workspace)
    if job is not None and job.open:
        job_panel(job.id)
        return
    models = workspace.models()
    if not models:
        st.write("Nothing is trained here yet: choose a method first.")
        next_button("method", "Choose a method")
        return
    if job is not None and job.state in ("failed", "cancelled"):
        job_panel(job.id)
    _tune(workspace, models)


@st.fragment
def _tune(workspace: Workspace, models: list[str]) -> None:
    """Settings and preview; a fragment, so that another setting redraws these alone."""
    left, right = st.columns([1, 1.6], gap="large")
    with left:
        asked = making.latest("train", workspace)
        last = str(asked.payload["method"]) if asked is not None else models[0]
        method = st.selectbox(
            "Model", models, index=models.index(last) if last in models else 0, key="composite-method"
        )
        settings = _settings(method)
    with right:
        count = len(making.frame_times(workspace))
        index = st.slider("Frame", 0, max(count - 1, 1), count // 3, key="composite-frame")
        try:
            shown = making.PREVIEWS.frame(workspace, method, settings, min(index, count - 1))
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return
        compare(shown.before, shown.after, ("Original", "Swap"), key="preview")
        if shown.why:
            st.caption(shown.why)
        st.caption("The preview is marked like every output. Drag the border, or move it with the arrow keys.")
        if st.button("Make the whole clip", type="primary", key="make-result"):
            payload = {"workspace": str(workspace.root), "method": method, "settings": settings}
            jobs.submit("composite", payload, title=f"Composite and score {workspace.root.name}")
            go_to("result")
            st.rerun()


def _settings(method: str) -> dict[str, Any]:
    """The settings from their controls, which begin with the method's own."""
    own: CompositeSettings = for_method(method)
    held: dict[str, Any] = {
        "mode": _one_of("Mode", MODES, own.mode, MODE_WORDS, method),
        "colour": _one_of("Colour transfer", COLOURS, own.colour, COLOUR_WORDS, method),
        "occlusion": _one_of("In front of the face", OCCLUSIONS, own.occlusion, OCCLUSION_WORDS, method),
        "mask": _one_of("Mask", MASKS, own.mask, MASK_WORDS, method),
    }
    for name in ("erode", "blur"):
        held[name] = _number(name, getattr(own, name), method)
    with st.expander("Detail"):
        for name in ("motion_blur", "sharpen", "grain", "compression"):
            held[name] = _number(name, getattr(own, name), method)
    return held


def _one_of(label: str, options: tuple[str, ...], value: str, words: dict[str, str], method: str) -> str:
    at = options.index(value) if value in options else 0
    return str(st.selectbox(label, options, at, format_func=lambda one: words.get(one, one), key=f"{method}-{label}"))


def _number(name: str, value: float, method: str) -> float:
    low, high = BOUNDS[name]
    label, words = NUMBERS[name]
    step = 0.005 if high < 1 else 0.05
    return float(st.slider(label, low, high, value, step, help=words, key=f"{method}-{name}"))
