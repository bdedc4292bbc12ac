"""The rows of a data set, filtered, and a pair beside each other."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datasets.errors import CounterfaceError
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow
from synth.factory.build import size_words
from ui.components import parts
from ui.components.instep import Shown, in_step
from ui.components.look import plain
from ui.services import sets

LABELS = {"label": "Label", "method": "Method", "level": "Level", "split": "Split", "person": "Person"}


def draw(folder: Path) -> None:
    """Draw this part."""
    try:
        data = sets.opened(folder)
        rows = data.clips
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return
    _summary(data)
    wanted: dict[str, list[str]] = {}
    facets = {name: values for name, values in sets.facets(rows).items() if len(values) > 1}
    for column, (name, values) in zip(st.columns(max(len(facets), 1)), facets.items(), strict=False):
        with column:
            wanted[name] = st.multiselect(LABELS[name], values, key=f"facet-{name}", placeholder="all")
    shown = sets.filtered(rows, wanted)
    if not shown:
        st.info("No clip is like that.")
        return
    st.caption(f"{len(shown):,} of {len(rows):,} files. Choose a row to see the clip beside the one it belongs to.")
    chosen = st.dataframe(
        sets.table(shown),
        hide_index=True,
        height=min(38 + 35 * len(shown), 330),
        selection_mode="single-row",
        on_select="rerun",
        key="rows",
        column_config={
            "kB": st.column_config.NumberColumn(format="localized"),
            "seconds": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    picked = list(chosen["selection"]["rows"])  # type: ignore[index]
    row = shown[picked[0]] if picked and picked[0] < len(shown) else _first(shown)
    _pair(data, row)


def _first(rows: list[ClipRow]) -> ClipRow:
    return next((row for row in rows if row.is_fake), rows[0])


def _summary(data: LabelledSet) -> None:
    held = sets.summary(data)
    columns = st.columns(6)
    shown = (
        ("Clips", f"{held['clips']:,}"),
        ("Real", f"{held['real']:,}"),
        ("Fake", f"{held['fake']:,}"),
        ("People", f"{held['people']:,}"),
        ("Footage", f"{held['minutes']:.1f} min"),
        ("All levels", size_words(held["bytes"])),
    )
    for column, (label, value) in zip(columns, shown, strict=True):
        column.metric(label, value)
    if held["splits"]:
        st.caption(held["splits"])


def _pair(data: LabelledSet, row: ClipRow) -> None:
    try:
        held = sets.pair_of(data, row)
    except CounterfaceError as error:
        st.error(plain(str(error)))
        return
    if held is None:
        st.info("This clip has no partner, or there is no level of it that browsers play.")
        return
    if max(file.stat().st_size for file in (held.fake_file, held.original_file)) > sets.LARGEST:
        st.info("These clips are too large to be played inside the page; they lie in the set's folder videos.")
        return
    fake, original = held.fake, held.original
    whose = f"{fake.source} on {fake.target}" if fake.source != fake.target else f"{fake.target}, own face changed"
    mask = [Shown(held.mask, "What was changed, halfway", "White where the picture was changed")] if held.mask else []
    in_step(
        [
            Shown(held.original_file.read_bytes(), f"Original: {original.target}", "The original clip"),
            Shown(held.fake_file.read_bytes(), f"Fake: {whose}, {fake.method}", "The same clip with a face changed"),
        ],
        key=f"pair-{fake.clip}-{held.level}",
        stills=mask,
    )
    if held.level != row.level:
        st.caption(f"Shown at {held.level}: {row.level} is lossless, which browsers don't play.")
    with st.expander("All that the manifest says of the fake"):
        parts.rows([(name, _value(value)) for name, value in vars(fake).items() if value not in (None, (), "")])


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
