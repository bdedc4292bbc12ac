"""Telling which faces in successive frames are the same person's, from where they are and how they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from datasets.faces.finder import Face

# How far (in face sizes) a face may be from where its track expects it, and how much larger or smaller.
REACH = 0.6
SIZE_RATIO = 1.6
# Share of a newly measured velocity in the one that is kept, and how much of it is believed per frame of a gap.
VELOCITY_GAIN = 0.5
VELOCITY_DECAY = 0.9


@dataclass
class _Track:
    id: int
    frame: int
    x: float
    y: float
    size: float
    dx: float = 0.0
    dy: float = 0.0

    def expected(self, frame: int) -> tuple[float, float]:
        gap = frame - self.frame
        worth = (1 - VELOCITY_DECAY**gap) / (1 - VELOCITY_DECAY)
        return self.x + self.dx * worth, self.y + self.dy * worth

    def cost(self, frame: int, x: float, y: float, size: float) -> float:
        """How unlike this track a face is: 0 when it is as expected, inf when it can't be the same."""
        ratio = max(size / self.size, self.size / size)
        if ratio > SIZE_RATIO:
            return np.inf
        ex, ey = self.expected(frame)
        mean = np.sqrt(size * self.size)
        # A velocity can be wrong: the place where the face was last seen counts too, a little less.
        away = min(np.hypot(x - ex, y - ey), 0.1 * mean + np.hypot(x - self.x, y - self.y)) / mean
        return float(away + 0.5 * np.log(ratio)) if away <= REACH else np.inf

    def take(self, frame: int, x: float, y: float, size: float) -> None:
        gap = max(frame - self.frame, 1)
        self.dx += VELOCITY_GAIN * ((x - self.x) / gap - self.dx)
        self.dy += VELOCITY_GAIN * ((y - self.y) / gap - self.dy)
        self.frame, self.x, self.y, self.size = frame, x, y, size


class Tracker:
    """Gives each face of a clip a track number; a number is never used for two people of one frame.

    Faces are joined to the tracks so that the sum of their distances from where the tracks expect them is least
    (Kuhn, 1955). A track that is not seen for longer than ``max_gap`` frames has ended.
    """

    def __init__(self, max_gap: int = 25) -> None:
        self.max_gap = max_gap
        self._tracks: list[_Track] = []
        self._next = 0

    def update(self, frame: int, faces: Sequence[Face]) -> list[int]:
        """The track numbers of one frame's faces, in their order; frames come in ascending order."""
        from scipy.optimize import linear_sum_assignment

        self._tracks = [track for track in self._tracks if frame - track.frame <= self.max_gap]
        places = [_place(face.box) for face in faces]
        costs = np.array([[track.cost(frame, *place) for track in self._tracks] for place in places])
        ids = [-1] * len(places)
        if costs.size:
            never = 1e6
            for i, j in zip(*linear_sum_assignment(np.where(np.isfinite(costs), costs, never)), strict=True):
                if np.isfinite(costs[i, j]):
                    self._tracks[j].take(frame, *places[i])
                    ids[i] = self._tracks[j].id
        for i, place in enumerate(places):
            if ids[i] < 0:
                ids[i] = self._next
                self._tracks.append(_Track(self._next, frame, *place))
                self._next += 1
        return ids

    def end(self) -> None:
        """End all tracks, as between two clips; the numbers go on."""
        self._tracks = []

    def state(self) -> dict[str, Any]:
        """All that ``restored`` needs to go on from here, as plain JSON values."""
        return {"max_gap": self.max_gap, "next": self._next, "tracks": [asdict(track) for track in self._tracks]}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Tracker:
        """A tracker as it was when ``state`` was taken."""
        tracker = cls(int(state["max_gap"]))
        tracker._next = int(state["next"])
        tracker._tracks = [_Track(**track) for track in state["tracks"]]
        return tracker


def _place(box: np.ndarray) -> tuple[float, float, float]:
    """Centre and size (the root of the area) of a box."""
    x0, y0, x1, y1 = (float(v) for v in box)
    return (x0 + x1) / 2, (y0 + y1) / 2, max(np.sqrt(max(x1 - x0, 0.0) * max(y1 - y0, 0.0)), 1.0)
