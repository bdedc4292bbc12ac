"""What the command line shows while it works: a live bar on a terminal, plain lines otherwise, nothing if quiet."""

from __future__ import annotations

import sys
import time
from collections import deque
from types import TracebackType
from typing import Any

PLAIN_SECONDS = 10.0
RECENT_SECONDS = 60.0


class Console:
    """Progress and sentences for a person, on standard error, so that standard output stays for results.

    Use it as a context manager; call it as a ``datasets.progress.Progress``.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live = not quiet and sys.stderr.isatty()
        self._step, self._last, self._ended = "", 0.0, False
        self._recent: deque[tuple[float, float]] = deque()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Console:
        if self.live:
            from rich.console import Console as RichConsole
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[count]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("[dim]{task.fields[note]}"),
                console=RichConsole(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, step: str, done: float, total: float | None, note: str = "") -> None:
        if self.quiet:
            return
        count = f"{done:.0f}" if total is None else f"{done:.0f}/{total:.0f}"
        if self._bar:
            if step != self._step:
                self._task = self._bar.add_task(step, total=total, count=count, note=note)
            self._bar.update(self._task, completed=done, total=total, count=count, note=note)
        else:
            now, ended = time.monotonic(), total is not None and done >= total
            new = step != self._step
            left = self._left(new, now, done, total)
            note = ", ".join(said for said in (note, left) if said)
            if new or now - self._last >= PLAIN_SECONDS or (ended and not self._ended):
                print(f"{step}: {count}{', ' + note if note else ''}", file=sys.stderr, flush=True)
                self._last = now
            self._ended = ended
        self._step = step

    def _left(self, new: bool, now: float, done: float, total: float | None) -> str:
        """How long it will still take, from the pace of the last minute; empty where that can't be told yet."""
        if new or (self._recent and done < self._recent[-1][1]):
            self._recent.clear()
        if not self._recent or now - self._recent[-1][0] > 0.2:
            self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[0][0] > RECENT_SECONDS:
            self._recent.popleft()
        began, first = self._recent[0]
        if total is None or done <= first or done >= total:
            return ""
        seconds = (total - done) * (now - began) / (done - first)
        return f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"

    def say(self, sentence: str) -> None:
        """One line for a person."""
        if self.quiet:
            return
        if self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            print(sentence, file=sys.stderr, flush=True)
