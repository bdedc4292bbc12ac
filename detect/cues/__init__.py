"""Explainable forensic measurements of a face: each with a number, a picture of where and a sentence of what.

``patch`` cuts the face with its surroundings out of a frame; ``frame`` measures one such patch, ``track`` short runs
of them; ``model`` says from the numbers how likely a manipulation is. A new cue is one new file in ``frames`` or
``tracks``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detect.cues.frame import FRAME_CUES, frame_cue, measure_frame
    from detect.cues.patch import Patch, cut_patch
    from detect.cues.track import TRACK_CUES, measure_track, track_cue

__all__ = [
    "FRAME_CUES",
    "TRACK_CUES",
    "Patch",
    "cut_patch",
    "frame_cue",
    "measure_frame",
    "measure_track",
    "track_cue",
]
_HOME = {"Patch": "patch", "cut_patch": "patch", "TRACK_CUES": "track", "measure_track": "track", "track_cue": "track"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'frame')}"), name)
