"""Handing a data set on, in a layout that the field's own tools load."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from synth.factory.build import size_words
from ui import jobs
from ui.components.jobs import job_panel
from ui.components.look import plain, points
from ui.services import sets
from ui.services.access import require_room

JOB = "export"
ABOUT = {
    "ffpp": "Real and fake clips in folders by method and compression; all levels.",
    "celebdf": "Flat folders of real and fake clips with a list of test videos; one level.",
    "dfdc": "Parts with a metadata.json each; one level.",
    "deepfakebench": "32 aligned frames a clip with masks and 81 landmarks; each level a set of its own.",
    "webdataset": "Tar files, a sample a clip, for training that streams.",
    "hf": "Parquet and files with card and Croissant, for the datasets library.",
}


def draw(folder: Path) -> None:
    """Draw this part."""
    try:
        data = sets.opened(folder)
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return
    left, right = st.columns([1, 1.2], gap="large")
    with left:
        format = st.selectbox("Layout", list(sets.FORMATS), format_func=lambda name: sets.FORMATS[name][0])
        level = None
        if sets.FORMATS[format][1]:
            level = st.selectbox("Level", data.levels, index=min(1, len(data.levels) - 1))
        if st.button("Export", type="primary"):
            _export(folder, format, level, sum(row.bytes for row in data.clips if level in (None, row.level)))
    with right:
        st.markdown(f"**{sets.FORMATS[format][0]}**  \n{ABOUT[format]}")
        st.write(
            "Labels, splits, people, masks and consent that the layout has no room for go along in a folder "
            "counterface beside it. Every picture with a synthetic face keeps its marks."
        )
        st.caption(f"The set holds {size_words(sum(row.bytes for row in data.clips))} at all levels.")
    asked = st.query_params.get(JOB)
    if asked:
        job = job_panel(asked)
        if job is not None and job.state == "done" and job.kind == "dataset_export":
            st.success(plain(f"It lies in {job.result['folder']}."))
            if job.result["notes"]:
                st.markdown(points([str(note) for note in job.result["notes"]]))


def _export(folder: Path, format: str, level: str | None, size: int) -> None:
    output = sets.export_folder(folder, format, level)
    payload = {"folder": str(folder), "format": format, "level": level, "output": str(output)}
    try:
        require_room(size)
        title = f"Export {folder.name} as {sets.FORMATS[format][0]}"
        st.query_params[JOB] = jobs.submit("dataset_export", payload, title=title)
    except CounterfaceError as error:
        st.error(plain(str(error)))
