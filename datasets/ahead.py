"""Making things in a thread ahead of their use."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], depth: int = 4) -> Generator[T, None, None]:
    """Yield ``items``, made in a thread up to ``depth`` ahead, so that decoding overlaps the work on frames.

    Closing it ends the thread.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stop, end = threading.Event(), object()

    def put(thing: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put(thing, timeout=0.1)
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
