"""Making things in a thread ahead of their use, and handing them from one thread to another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
WAIT_SECONDS = 0.1


def ahead(items: Iterable[T], depth: int = 4) -> Generator[T, None, None]:
    """Yield ``items``, made in a thread up to ``depth`` ahead, so that decoding overlaps the work on frames.

    Closing it ends the thread.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stop, end = threading.Event(), object()

    def put(thing: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put(thing, timeout=WAIT_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(end)
        except BaseException as error:  # handed to the consumer, which raises it
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (thing := ready.get()) is not end:
            if isinstance(thing, BaseException):
                raise thing
            yield thing
    finally:
        stop.set()
        thread.join(timeout=10)


class Handed(Generic[T]):
    """Things that one thread makes beside its own work and another uses, at most ``depth`` of them waiting.

    The maker says :meth:`end`, or who waits waits for ever; the user says :meth:`close` when it wants no more, and
    whatever is put from then on is dropped. Both may be said twice; the first end counts.
    """

    def __init__(self, depth: int) -> None:
        self._ready: queue.Queue[Any] = queue.Queue(maxsize=depth)
        self._closed, self._ended = threading.Event(), threading.Event()
        self._error: Exception | None = None

    def put(self, thing: T) -> None:
        while not self._closed.is_set():
            try:
                self._ready.put(thing, timeout=WAIT_SECONDS)
                return
            except queue.Full:
                continue

    def end(self, error: Exception | None = None) -> None:
        """No more comes. The error, where there was one, is raised to the user after all that was put."""
        if not self._ended.is_set():
            self._error = error
            self._ended.set()

    def close(self) -> None:
        self._closed.set()

    def __iter__(self) -> Iterator[T]:
        while not self._closed.is_set():
            ended = self._ended.is_set()  # asked first: what was put before the end is still given
            try:
                yield self._ready.get(timeout=WAIT_SECONDS if not ended else 0)
            except queue.Empty:
                if ended and self._error is not None:
                    raise self._error from None
                if ended:
                    return
