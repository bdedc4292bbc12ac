"""A moment of a swap and of its original through the forensic cues: where each looks, and how far the two part."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from evaluate.scoreviews import cue_picture

MOST = 8


@dataclass(frozen=True)
class CueView:
    """One cue on one frame of a pair.

    Attributes:
        name: of the cue.
        sentence: what its value in the swap says, for a lay reader.
        original, swap: its values.
        usual: the range of 90 % of real faces.
        odd: whether the swap's value lies outside it.
        picture: where it looks in the swap, uint8 RGB; a synthetic picture: it needs the marks.
    """

    name: str
    sentence: str
    original: float
    swap: float
    usual: tuple[float, float]
    odd: bool
    picture: np.ndarray


def cue_views(original: np.ndarray, swap: np.ndarray, most: int = MOST) -> list[CueView]:
    """The cues by which the two part most, the most telling first; empty where a face is not found in both.

    The usual ranges are those of the general detector that comes with the program.

    Args:
        original, swap: the same frame, uint8 RGB HxWx3.
        most: how many.
    """
    from detect.cues.frame import FRAME_CUES, frame_cue, measure_frame

    pair = [largest_patch(image) for image in (original, swap)]
    if pair[0] is None or pair[1] is None:
        return []
    ranges = usual_ranges()
    names = [name for name in FRAME_CUES if name in ranges]
    before, after = (measure_frame(patch, names) for patch in pair if patch is not None)
    usual = np.array([ranges[name] for name in names])
    apart = np.abs(after - before) / np.maximum(usual[:, 1] - usual[:, 0], 1e-9)
    outside = np.maximum(usual[:, 0] - after, after - usual[:, 1]) > 0
    worth = np.where(np.isfinite(apart), apart * (1 + outside), -1.0)
    found: list[CueView] = []
    for i in np.argsort(-worth, kind="stable"):
        picture = cue_picture(names[i], pair[1]) if worth[i] > 0 else None
        if picture is None or len(found) == most:
            break
        span = (float(usual[i, 0]), float(usual[i, 1]))
        found.append(
            CueView(
                names[i],
                frame_cue(names[i]).sentence(float(after[i]), span),
                float(before[i]),
                float(after[i]),
                span,
                bool(outside[i]),
                picture,
            )
        )
    return found


@lru_cache(maxsize=1)
def usual_ranges() -> dict[str, tuple[float, float]]:
    """What nine in ten real faces show, by cue, from the card of the general detector that comes with the program."""
    from datasets.checkpoint import read_card
    from detect.library import shipped

    folder = next(iter(shipped()), None)
    card: dict[str, Any] = {} if folder is None else read_card(folder)
    return {name: (float(low), float(high)) for name, (low, high) in (card.get("cue_ranges") or {}).items()}


_FINDING = threading.Lock()


def largest_patch(image: np.ndarray) -> Any:
    """The largest face of a frame, cut for the cues; None where there is none with a mesh."""
    from datasets.faces.finder import make_finder
    from detect.cues.patch import cut_patch

    with _FINDING:
        finder = make_finder("mediapipe")
        try:
            faces = finder.find(image)
        finally:
            finder.close()
    face = max(faces, key=lambda f: (f.box[2] - f.box[0]) * (f.box[3] - f.box[1]), default=None)
    return None if face is None else cut_patch(image, face)
