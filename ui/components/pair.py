"""A swap beside its original in the frame player, with the score of both over time."""

from __future__ import annotations

import streamlit as st

from datasets.errors import CounterfaceError
from evaluate import wording
from evaluate.views import chosen
from ui.components.frames import Curve, Panel, frames, moment
from ui.components.look import plain
from ui.services import workspaces
from ui.services.workspaces import Opened


@st.fragment
def pair_player(held: Opened, key: str, mask: bool = False) -> None:
    """Original, swap and heatmap of one moment, in step; a fragment, so that the rest of the page stays as it is.

    Args:
        held: with a swap (``held.ready``).
        mask: show the swap mask as a fourth picture.
    """
    scores, count = held.results.scores, len(held.times)
    index = moment(key, count, next(iter(chosen(held.results, 1, count)), 0))
    try:
        shown = workspaces.pictures(held, index)
    except CounterfaceError as error:
        st.warning(plain(str(error)))
        return
    scored = shown.scores
    unscored = "" if scores is None else "not scored"
    at = f"{shown.time:.2f} seconds"
    panels = [
        Panel(
            "Original",
            shown.original,
            f"The original at {at}",
            f"score {wording.share(scored.original)}" if scored else unscored,
            shown.outline,
        ),
        Panel(
            "Swap",
            shown.swap,
            f"The swap at {at}",
            f"score {wording.share(scored.fake)}" if scored else unscored,
            shown.outline,
        ),
        Panel(
            "Heatmap",
            shown.heat,
            f"The swap at {at}, in grey, with colour where the detector sees a manipulation",
            "" if shown.heat is not None else "There is no heatmap of this frame.",
            shown.outline,
        ),
    ]
    if mask:
        covered = "" if shown.replaced is None else f"{100 * shown.replaced:.0f}\N{NO-BREAK SPACE}% of the frame"
        panels.append(Panel("Swap mask", shown.mask, f"White where the picture was replaced at {at}", covered))
    frames(panels, held.times.tolist(), index, key, *_curves(held))
    if scored is not None and scored.seen:
        st.caption("The detector learned from this part, so this frame's score does not count.")


def _curves(held: Opened) -> tuple[list[Curve], list[tuple[float, float, str]]]:
    scores = held.results.scores
    if scores is None or not scores.frames:
        return [], []
    curves = []
    for label, which, kind in (("Swap", "fake", "swap"), ("Original", "original", "original")):
        known = [(f.time, getattr(f, which)) for f in scores.frames if getattr(f, which) == getattr(f, which)]
        curves.append(Curve(label, [x for x, _ in known], [y for _, y in known], kind))
    shades = [(0.0, scores.trained_until, "The detector learned from this part")] if scores.trained_until else []
    return curves, shades


def figures(held: Opened) -> None:
    """The four figures of a scored swap; the first two are the terms of the third."""
    scores = held.results.scores
    if scores is None:
        return
    low, high = scores.interval
    with st.container(key="figures"):
        columns = st.columns((1, 1, 1, 1.5))
    columns[0].metric("Swap", wording.share(scores.fake), help="Score of the swap, 0 to 1")
    columns[1].metric("Original", wording.share(scores.original), help="Score of the clip it was made from")
    columns[2].metric("Detectability", wording.share(scores.difference), help="The first minus the second")
    columns[3].metric("95 % interval", f"{wording.share(low)} to {wording.share(high)}")
