"""How long steps tell where they are, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Called by every step that may take over two seconds.

    Args:
        step: what is being done, in a few words ("extracting faces").
        done: units finished so far.
        total: units in all, or None when it is not known.
        note: one short figure worth showing beside the bar ("loss 0.12").
    """

    def __call__(self, step: str, done: float, total: float | None, note: str = "") -> None: ...


def silent(step: str, done: float, total: float | None, note: str = "") -> None:
    """The listener that does not listen."""


def counted(items: Iterable[T], step: str, total: float | None, progress: Progress) -> Iterator[T]:
    """Yield ``items`` and report each one as done when the next is asked for."""
    progress(step, 0, total)
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        progress(step, done, total)
    progress(step, done, done)


def tell(progress: Progress, sentence: str) -> None:
    """Give a listener a whole sentence, if it can say one (a method ``say``, as the console has)."""
    say = getattr(progress, "say", None)
    if say is not None:
        say(sentence)
