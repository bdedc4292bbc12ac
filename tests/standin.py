"""A face finder that says what it was told to say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.faces.finder import Face


class StandIn:
    """Shows, of each frame, the faces that it was told to; remembers how often it was asked."""

    name = "stand-in"

    def __init__(self, frames: Sequence[list[Face]] = (), always: list[Face] | None = None) -> None:
        self.frames, self.always, self.asked, self.closed = list(frames), always, 0, False
        self.adopted: list[Face] = []

    def find(self, image: np.ndarray) -> list[Face]:
        self.asked += 1
        return self.always if self.always is not None else self.frames[self.asked - 1]

    def adopt(self, faces: list[Face]) -> None:
        self.adopted += faces

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
