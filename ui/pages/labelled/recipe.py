"""The recipe: its text with help beside it, the plan, and the build."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.provenance.consent import BASES
from datasets.provenance.findings import BASIS_WORDS
from synth.factory.build import size_words
from synth.factory.recipe import Recipe
from ui import jobs
from ui.components import parts
from ui.components.jobs import job_panel
from ui.components.look import plain, points
from ui.services import methods, recipes
from ui.services.access import allowed, allowed_folders, require_room
from ui.settings import studio_home

TEXT, PLAN, JOB, NOTE = "recipe-text", "recipe-plan", "build", "recipe-note"


def draw() -> None:
    """Draw this part."""
    st.session_state.setdefault(TEXT, recipes.START)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        text = st.text_area("Recipe (TOML)", key=TEXT, height=470, help="Lines that begin with # are comments.")
        checked = recipes.checked(text)
        if checked.error:
            st.error(plain(checked.error))
        for warning in checked.warnings:
            (st.info if checked.recipe is None else st.warning)(plain(warning))
        if checked.recipe is not None and not checked.warnings:
            st.success("The recipe is whole. Its clips are looked at when it is planned.")
    with right:
        _help()
    if checked.recipe is not None:
        _plan(text, checked.recipe)
    asked = st.query_params.get(JOB)
    if asked:
        job = job_panel(asked)
        if job is not None and job.state == "done" and job.kind == "dataset_build":
            folder = str(job.result["folder"])
            st.success(f"{job.result['clips']} files, {job.result['fakes']} of them fakes.")
            st.button("Look at it", type="primary", on_click=_look, args=(folder,))


def _look(folder: str) -> None:
    st.query_params["set"] = folder
    st.query_params["part"] = "Browse"
    st.session_state["datasets-part"] = "Browse"


def _help() -> None:
    person, method, words = st.tabs(["Add a person", "Add a method", "Help"])
    with person:
        _person()
    with method:
        _method()
    with words, st.container(height=430, border=False):
        parts.rows(list(recipes.HELP.items()))


def _person() -> None:
    note = st.session_state.pop(NOTE, "")
    with st.form("add-person", border=False):
        name = st.text_input("Name", placeholder="anna", help=recipes.HELP["people.name"], key="person-name")
        clips = st.text_area(
            "Clips, one a line", placeholder="/folder/anna1.mp4", height=80, help=recipes.HELP["people.clips"],
            key="person-clips",
        )  # fmt: skip
        basis = st.selectbox("Ground to use the face", BASES, format_func=_basis, key="person-basis")
        reference = st.text_input(
            "Reference", placeholder="contract 2026-14, or where the clip is from", key="person-reference"
        )
        date = st.date_input("Since", dt.date.today(), key="person-date")
        st.form_submit_button("Add to the recipe", on_click=_add_person)
    if note:
        st.error(plain(note))
    del name, clips, basis, reference, date  # read by the callback, before the text is drawn again


def _basis(basis: str) -> str:
    return f"{basis}: {BASIS_WORDS.get(basis, basis)}"


def _add_person() -> None:
    held = {name: st.session_state.get(f"person-{name}") for name in ("name", "clips", "basis", "reference", "date")}
    clips = [line.strip() for line in str(held["clips"] or "").splitlines() if line.strip()]
    name, reference = str(held["name"] or "").strip(), str(held["reference"] or "").strip()
    if not (name and clips and reference):
        st.session_state[NOTE] = (
            "A person needs a name, at least one clip, and a reference for the ground to use the face."
        )
        return
    try:
        for clip in clips:
            allowed(clip)
    except CounterfaceError as error:
        st.session_state[NOTE] = str(error)
        return
    day = held["date"] if isinstance(held["date"], dt.date) else dt.date.today()
    text = st.session_state[TEXT]
    st.session_state[TEXT] = recipes.with_person(text, name, clips, str(held["basis"]), reference, day)
    for field in ("name", "clips"):
        st.session_state[f"person-{field}"] = ""


def _method() -> None:
    trains = methods.known()
    name = st.selectbox("Method", list(trains), key="method-name")
    steps = None
    if trains[name]:
        steps = st.number_input("Steps", 10, 1_000_000, 200, 50, help=recipes.HELP["methods.steps"], key="method-steps")
    else:
        st.caption("This method is not trained.")
    st.button("Add to the recipe", key="add-method", on_click=_add_method, args=(name, steps))


def _add_method(name: str, steps: int | None) -> None:
    st.session_state[TEXT] = recipes.with_method(st.session_state[TEXT], name, steps)


def _plan(text: str, recipe: Recipe) -> None:
    left, right, _ = st.columns([1, 1, 2])
    output = studio_home() / "datasets" / recipe.name
    if left.button("Plan", type="secondary", width="stretch", help="What it makes, how long, how large; makes nothing"):
        st.session_state[PLAN] = (text, _planned(text, recipe, output))
    held = st.session_state.get(PLAN)
    planned: Mapping[str, Any] | None = held[1] if held and held[0] == text else None
    if right.button("Build", type="primary", width="stretch", disabled=planned is None, help="Plan it first"):
        _build(text, recipe, output, int((planned or {}).get("bytes") or 0))
    if planned is not None:
        _figures(planned, output)


def _planned(text: str, recipe: Recipe, output: Path) -> Mapping[str, Any] | None:
    try:
        with st.spinner("Looking at the clips ..."):
            file = recipes.save(studio_home() / "recipes" / recipe.name, text)
            recipes.check_readable(recipe, file, allowed_folders())
            return recipes.plan(file, output)
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return None


def _figures(planned: Mapping[str, Any], output: Path) -> None:
    st.subheader("The plan")
    columns = st.columns(5)
    minutes = planned["seconds"] / 60
    shown = (
        ("Real clips", f"{planned['real_clips']:,}"),
        ("Fakes", f"{planned['fakes']:,}"),
        ("Files", f"{planned['files']:,}"),
        ("Time", f"{minutes:,.0f} min" if minutes >= 1.5 else f"{planned['seconds']:,.0f} s"),
        ("Size", size_words(planned["bytes"])),
    )
    for column, (label, value) in zip(columns, shown, strict=True):
        column.metric(label, value)
    st.markdown(points([words.strip() for words in planned["words"][1:-1]]))
    st.caption(f"It goes into {output}. Times are estimates for {planned['workers']} workers on this machine.")


def _build(text: str, recipe: Recipe, output: Path, size: int) -> None:
    try:
        file = recipes.save(studio_home() / "recipes" / recipe.name, text)
        recipes.check_readable(recipe, file, allowed_folders())
        require_room(size)
        payload = {"recipe": str(file), "output": str(output)}
        st.query_params[JOB] = jobs.submit("dataset_build", payload, title=f"Build {recipe.name}")
    except CounterfaceError as error:
        st.error(plain(str(error)))
