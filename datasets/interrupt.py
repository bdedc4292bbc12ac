"""Ctrl-C that waits for the end of the step in hand, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopRequested:
    """While entered, Ctrl-C (and SIGTERM) sets ``self.now`` instead of raising; a second Ctrl-C raises as usual.

    Outside the main thread signals can't be caught; there it does nothing.
    """

    def __init__(self) -> None:
        self.now = False
        self._old: dict[int, Any] = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.now:
            raise KeyboardInterrupt
        self.now = True

    def __enter__(self) -> StopRequested:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
