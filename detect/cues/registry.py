"""What a cue is, and the table that the files in ``frames`` and ``tracks`` fill."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import numpy as np

from detect.cues.words import Words

if TYPE_CHECKING:
    from detect.cues.measured import Measured
    from detect.cues.patch import Patch
    from detect.cues.run import Runs


class Cue(Protocol):
    """A measurement that can say what it is and where it was taken."""

    @property
    def name(self) -> str:
        """Under which a detector's card knows it."""
        ...

    def where(self, patch: Patch) -> np.ndarray:
        """Where in a patch the cue looks, brightest where what it looks for is strongest: float32 (h, w) in [0, 1]."""
        ...

    def sentence(self, value: float, usual: tuple[float, float]) -> str:
        """What the value says, for a lay reader; ``usual`` is the 5 to 95 % range of real faces."""
        ...


@dataclass(frozen=True)
class FrameCue:
    """A cue of a single frame.

    Attributes:
        measure: the value, NaN where it can't be measured.
        look: float32 heat over the window of the measured patch, see :meth:`where`.
        words: what its sentence is made of.
    """

    name: str
    measure: Callable[[Measured], float]
    look: Callable[[Measured], np.ndarray]
    words: Words

    def where(self, patch: Patch) -> np.ndarray:
        """See :meth:`Cue.where`."""
        from detect.cues.measured import Measured

        measured = Measured(patch)
        return measured.on_patch(self.look(measured))

    def sentence(self, value: float, usual: tuple[float, float]) -> str:
        """See :meth:`Cue.sentence`."""
        return self.words.sentence(value, usual)


@dataclass(frozen=True)
class TrackCue:
    """A cue of one face's frames over time; ``where`` looks at the one frame it is given."""

    name: str
    measure: Callable[[Runs], float]
    look: Callable[[Measured], np.ndarray]
    words: Words

    def where(self, patch: Patch) -> np.ndarray:
        """See :meth:`Cue.where`."""
        from detect.cues.measured import Measured

        measured = Measured(patch)
        return measured.on_patch(self.look(measured))

    def sentence(self, value: float, usual: tuple[float, float]) -> str:
        """See :meth:`Cue.sentence`."""
        return self.words.sentence(value, usual)


_FRAME: dict[int, tuple[FrameCue, ...]] = {}
_TRACK: dict[int, tuple[TrackCue, ...]] = {}


def register_frame_cues(place: int, cues: Sequence[FrameCue]) -> None:
    """Make a file's cues known.

    Args:
        place: where in the order of all cues they stand. A new file takes a number above all others, so that the
            columns of tables that were measured before stay where they are.
    """
    _FRAME[place] = tuple(cues)


def register_track_cues(place: int, cues: Sequence[TrackCue]) -> None:
    """The same for cues of tracks."""
    _TRACK[place] = tuple(cues)


def frame_cues() -> tuple[FrameCue, ...]:
    """All cues of single frames, in their order: every file in ``detect/cues/frames`` is asked."""
    import detect.cues.frames as home

    _ask(home.__name__, list(home.__path__))
    return tuple(cue for place in sorted(_FRAME) for cue in _FRAME[place])


def track_cues() -> tuple[TrackCue, ...]:
    """All cues of tracks, in their order: every file in ``detect/cues/tracks`` is asked."""
    import detect.cues.tracks as home

    _ask(home.__name__, list(home.__path__))
    return tuple(cue for place in sorted(_TRACK) for cue in _TRACK[place])


def _ask(package: str, paths: list[str]) -> None:
    for found in pkgutil.iter_modules(paths):
        import_module(f"{package}.{found.name}")
