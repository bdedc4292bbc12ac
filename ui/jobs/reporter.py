"""What a job says while it runs: a console whose lines go into the log and whose bar goes into ``progress.json``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from datasets.atomic import write_json
from datasets.errors import CounterfaceError
from ui.console import Console

SECONDS = 0.3


class Reporter(Console):
    """Give it to whatever takes a ``Console`` or a ``datasets.progress.Progress``.

    Args:
        folder: of the job.

    Attributes:
        output: a folder for files that the job keeps beside its result; made by whoever writes into it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.live = False  # lines go to the log
        self.output = folder / "out"
        self._file = folder / "progress.json"
        self._from, self._to, self._written, self._last_step = 0.0, 1.0, 0.0, ""

    @contextmanager
    def part(self, start: float, end: float) -> Iterator[None]:
        """Steps reported inside are this part of the whole job, ``0 <= start < end <= 1``."""
        before = self._from, self._to
        width = before[1] - before[0]
        self._from, self._to = before[0] + width * start, before[0] + width * end
        try:
            yield
        finally:
            self._from, self._to = before

    def __call__(self, step: str, done: float, total: float | None, note: str = "") -> None:
        super().__call__(step, done, total, note)
        now = time.monotonic()
        ended = total is not None and done >= total
        if step == self._last_step and not ended and now - self._written < SECONDS:
            return
        self._written, self._last_step = now, step
        share = None if not total else min(1.0, max(0.0, done / total))
        progress = None if share is None else self._from + share * (self._to - self._from)
        if progress is None and self._from > 0:
            progress = self._from
        # A full disk stops the work itself, with its own sentence; not being able to say how far it is does not.
        with suppress(CounterfaceError):
            write_json(self._file, {"progress": progress, "message": step + (f", {note}" if note else "")})

    def say(self, sentence: str) -> None:
        """One line into the log."""
        print(sentence, file=sys.stderr, flush=True)
