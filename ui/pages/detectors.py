"""Detectors: who they are, what they were trained on, how good they are, and how to train another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.provenance.consent import BASES
from datasets.provenance.findings import BASIS_WORDS
from evaluate.charts import Chart, Series
from ui import jobs
from ui.components import parts
from ui.components.jobs import job_panel
from ui.components.look import head, plain
from ui.jobs import Job
from ui.pages.charts import PLAIN_CHART, heat_figure, line_figure, reliability_figure
from ui.services import detectorcards, detectortraining, studies
from ui.services.access import allowed, allowed_folders
from ui.services.detectorcards import Sheet
from ui.services.studies import Study

PARTS, JOB = ("The detectors", "Compare", "Train"), "training"
TABLES = {
    "methods": ("Trained on one method", "Rows: what a detector learned from. Columns: what it is tried on."),
    "leave one out": ("Trained on all methods but one", "On the diagonal stands a method that it never saw."),
    "compression": ("Trained at one compression", "Rows: the level it learned at. Columns: the level it is tried at."),
}


def render() -> None:
    """Draw the page."""
    parts.style()
    head("Detectors", "Who they are, what they learned from, how far they can be believed, and how to train another.")
    part = parts.part_of_page(PARTS, "detectors-part")
    if part == "Train":
        _train()
        return
    known = studies.found(allowed_folders())
    if part == "Compare":
        _compare(known)
        return
    for number, sheet in enumerate(detectorcards.sheets()):
        _card(sheet, studies.of(known, "detector", sheet.name), number == 0)


def _card(sheet: Sheet, measured: Sequence[Study], first: bool) -> None:
    with st.container(border=True):
        if sheet.broken:
            st.subheader(plain(sheet.name))
            st.error(plain(sheet.broken))
            return
        left, right = st.columns([1.35, 1], gap="large")
        with left:
            st.subheader(plain(sheet.name))
            st.caption(f"{sheet.place} · {sheet.scope}")
            st.markdown(f"**Learned from** {plain(sheet.trained_on)}.")
            if sheet.calibrated_on:
                st.markdown(f"**Calibrated on** {plain(sheet.calibrated_on)}.")
            if sheet.answers:
                st.markdown(f"**Answers** {plain(sheet.answers)}.")
        with right:
            parts.rows(sheet.figures or [("Measured", "nothing was measured when it was made")])
            st.caption(
                "Measured when it was made, on people kept out of its training and on swaps of the kinds that it "
                "learned from. On good swaps by other programs a detector is weaker."
            )
        with st.expander("More of its card"):
            parts.rows(sheet.rows)
        for study in measured[:1]:
            _study(study)
        if not measured and first:
            st.caption("Measured on a set of yours, its figures and its reliability are shown here:")
            st.code(f"counterface evaluate detector {sheet.name} DATASET --json FILE", language=None)


def _study(study: Study) -> None:
    where = plain(str((study.held.get("data") or {}).get("folder") or ""))
    st.markdown(f"**Measured on {where}**, {study.created[:10]}")
    left, right = st.columns([1, 1.3], gap="large")
    with left:
        parts.rows(studies.figures(study))
    bins = studies.reliability(study)
    if bins:
        with right:
            figure = reliability_figure(bins)
            st.plotly_chart(figure, config=PLAIN_CHART, key=f"reliability-{study.path}")
            st.caption(
                "On the dashed line it is right as often as it says. Below it, it is too sure of a manipulation."
            )


def _compare(known: Sequence[Study]) -> None:
    matrices, robust = studies.of(known, "matrix"), studies.of(known, "robustness")
    st.subheader("What one kind of swap teaches about another")
    if matrices:
        study = _pick(matrices, "matrix")
        for table in studies.tables(study):
            title, said = TABLES.get(table.kind, (table.kind, ""))
            st.markdown(f"**{title}** (clip AUC)")
            figure = heat_figure(table.rows, table.columns, table.values)
            st.plotly_chart(figure, config=PLAIN_CHART, key=f"{study.path}-{table.kind}", width="content")
            st.caption(said)
    else:
        _lacking("matrix", "counterface evaluate matrix DATASET... -o FOLDER")
    st.subheader("What a detector still sees when a clip is damaged")
    if robust:
        study = _pick(robust, "robustness")
        where = plain(str((study.held.get("data") or {}).get("folder") or ""))
        st.write(f"{plain(study.about)} on {study.held.get('n_clips')} clips of {where}.")
        columns = st.columns(3)
        for number, chart in enumerate(studies.robustness(study)):
            with columns[number % 3]:
                figure = line_figure(chart, height=220)
                st.plotly_chart(figure, config=PLAIN_CHART, key=f"{study.path}-{chart.title}")
        st.caption("Level 0: the clips as they are. A clip AUC of 0.5 is chance.")
    else:
        _lacking("robustness", "counterface evaluate robustness NAME DATASET --json FILE")


def _pick(held: Sequence[Study], key: str) -> Study:
    if len(held) == 1:
        return held[0]
    names = {str(one.path): one for one in held}
    chosen = st.selectbox("Study", list(names), format_func=lambda path: _title(names[path]), key=f"study-{key}")
    return names[chosen]


def _title(study: Study) -> str:
    return " · ".join(
        part for part in (study.about, study.path.parent.name, study.created[:16].replace("T", " ")) if part
    )


def _lacking(what: str, command: str) -> None:
    st.write(f"There is no {what} study in the folders that this studio may read. This makes one:")
    st.code(command, language=None)


def _train() -> None:
    known = detectortraining.inputs_here(allowed_folders())
    left, right = st.columns([1.3, 1], gap="large")
    with left:
        chosen = st.multiselect("Learn from", list(known), format_func=known.__getitem__, key="train-inputs")
        more = st.text_area(
            "And from clips or pictures of real faces, one path a line",
            height=80,
            key="train-more",
            help="Self-blending turns real faces into training pairs; no swap is needed.",
        )
        paths = [line.strip() for line in more.splitlines() if line.strip()]
        name = st.text_input("Name", placeholder="my-detector", key="train-name")
        recipes = detectortraining.RECIPES
        recipe = st.selectbox("Recipe", list(recipes), format_func=recipes.__getitem__, key="train-recipe")
    with right:
        minutes = st.slider("Minutes", 1, 240, 20, key="train-minutes")
        size = st.select_slider("Side of the input, pixels", [96, 128, 160, 224], value=128, key="train-size")
        batch = st.select_slider("Pairs a step", [4, 8, 16, 32], value=16, key="train-batch")
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="train-seed")
        consent = ""
        if paths:
            consent = st.selectbox("Ground to use these faces", BASES, format_func=_basis, key="train-consent")
    if st.button("Train", type="primary", disabled=not (name and (chosen or paths))):
        inputs = [*chosen, *paths]
        payload = {"name": name.strip(), "recipe": recipe, "minutes": minutes, "size": size, "batch": batch}
        _submit(payload | {"seed": int(seed), "consent": consent}, inputs)
    asked = st.query_params.get(JOB)
    if not asked:
        running = next((one for one in jobs.listing("detector_train", 5) if one.open), None)
        asked = running.id if running else None
    if asked:
        _job(asked)


def _basis(basis: str) -> str:
    return f"{basis}: {BASIS_WORDS.get(basis, basis)}"


def _submit(payload: Mapping[str, Any], inputs: Sequence[str]) -> None:
    try:
        detectortraining.check_name(str(payload["name"]))
        whole = dict(payload) | {"inputs": [str(allowed(Path(path))) for path in inputs]}
        st.query_params[JOB] = jobs.submit("detector_train", whole, title=f"Train the detector {payload['name']}")
    except CounterfaceError as error:
        st.error(plain(str(error)))


def _job(id: str) -> None:
    job = job_panel(id, _curves)
    if job is None or job.kind != "detector_train" or job.open:
        return
    _curves(job)
    if job.state == "done":
        st.success(plain(f"{job.result['name']} is in the library, after {job.result['steps']:,} steps."))


def _curves(job: Job) -> None:
    """Loss and held-out figures of a training, as far as it is."""
    try:
        held = detectortraining.curves(str(job.payload.get("name", "")))
    except CounterfaceError:
        return
    shown = [("loss", "Loss", "one"), ("auc", "AUC on what is held out", "swap"), ("heat_iou", "Heatmap IoU", "two")]
    there = [(key, title, kind) for key, title, kind in shown if key in held]
    if not there:
        return
    for column, (key, title, kind) in zip(st.columns(len(there)), there, strict=True):
        curve = held[key]
        chart = Chart(title, (Series(title, kind, curve.x, curve.y),), "step", title.lower())
        with column:
            st.plotly_chart(line_figure(chart, height=230), config=PLAIN_CHART, key=f"{job.id}-{key}")
