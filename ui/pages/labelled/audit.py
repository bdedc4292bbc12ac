"""The audit of a data set: what is wrong with it, and whether something but the face tells the classes apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from datasets.audit.run import LIMIT
from datasets.errors import CounterfaceError
from ui import jobs
from ui.components import parts
from ui.components.jobs import job_panel
from ui.components.look import plain, points
from ui.services import sets

JOB = "audit"
TONES: Mapping[str, parts.Tone] = {"leak": "bad", "passed": "good", "cannot tell": "warn"}


def draw(folder: Path) -> None:
    """Draw this part."""
    held, current = sets.last_audit(folder)
    asked = st.query_params.get(JOB)
    if asked:
        job_panel(asked)
    words = "Audit again" if held else "Audit this set"
    writable = _writable(folder)
    if st.button(words, type="secondary" if held else "primary", disabled=not writable):
        try:
            id = jobs.submit("dataset_audit", {"folder": str(folder)}, title=f"Audit {folder.name}")
        except CounterfaceError as error:
            st.error(plain(str(error)))
            return
        st.query_params[JOB] = id
        st.rerun()
    if not writable:
        st.caption("This folder can't be written to, so the outcome of an audit could not be kept.")
    if held is None:
        st.write("This set was not audited yet.")
        return
    if not current:
        st.warning("The set was changed since this audit; what it says is of the set as it was.")
    _outcome(held)


def _writable(folder: Path) -> bool:
    import os

    return os.access(folder, os.W_OK)


def _outcome(held: Mapping[str, Any]) -> None:
    findings = list(held.get("findings") or [])
    seconds = (held.get("figures") or {}).get("seconds")
    took = f"{held.get('clips', 0):,} files were looked at" + (f" in {seconds:,.0f} s." if seconds else ".")
    if findings:
        parts.note(f"{len(findings)} findings.", "bad", "Audit", took)
        for one in findings:
            st.markdown(f"- **{plain(str(one['kind']))}**: {plain(str(one['sentence']))}")
    else:
        parts.note("Nothing was found.", "good", "Audit", took)
    probes = list(held.get("probes") or [])
    if probes:
        st.subheader("Can the classes be told apart without the face?")
        st.write(
            "A probe is a small classifier that may see one thing only and is asked about people it was not trained "
            f"on. An AUC of 0.5 is chance; above {LIMIT:g} it has found a shortcut that a detector would learn, too."
        )
        parts.dots(
            [_dot(one) for one in probes if one.get("auc") is not None], 0.3, 0.9, [(0.5, "chance"), (LIMIT, "limit")]
        )
    remarks = list(held.get("remarks") or [])
    if remarks:
        st.markdown(points([str(remark) for remark in remarks]))
    left, right = st.columns([1, 1], gap="large")
    with left:
        rows = sets.balance(held)
        if rows:
            st.subheader("Balance")
            st.dataframe(rows, hide_index=True)
    with right:
        fit = (held.get("figures") or {}).get("mask_fit")
        if fit:
            st.subheader("Masks")
            st.write(
                "Do the masks lie where fake and original differ? "
                f"Least {fit['least']:.2f}, median {fit['median']:.2f}; 1 is perfect."
            )


def _dot(probe: Mapping[str, Any]) -> parts.Dot:
    held = [float(end) for end in probe.get("interval") or () if end is not None]
    ends = (held[0], held[1]) if len(held) == 2 else None
    verdict = str(probe["verdict"])
    said = f"{probe['auc']:.2f} · {sets.VERDICTS.get(verdict, verdict)}"
    if verdict == "cannot tell" and probe.get("people_needed"):
        said += f" (takes {probe['people_needed']} people)"
    name = str(probe["name"])
    return parts.Dot(sets.PROBES.get(name, name), float(probe["auc"]), ends, TONES.get(verdict, "plain"), said)
