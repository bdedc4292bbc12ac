"""Which device to compute on, and how many threads: chosen on purpose, never by accident."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from datasets.errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")
MOST_THREADS = 8


def pick_device(wanted: str = "auto") -> str:
    """The device for models: ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        InputError: an unknown name, or a device that this machine has not got. Nothing is swapped silently.
    """
    import torch

    if wanted not in DEVICES:
        raise InputError(f"There is no device {wanted!r}; there are: {', '.join(DEVICES)}.")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[wanted]:
        raise InputError(f"This machine has no {wanted} device; use --device cpu or --device auto.")
    return wanted


def usable_cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count(count: int | None = None) -> int:
    """How many threads torch should use: ``count``, or one a usable core, at most ``MOST_THREADS``.

    ``OMP_NUM_THREADS`` has the last word. More threads than cores make small convolutions tens of times slower.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return count or min(usable_cores(), MOST_THREADS)


@contextmanager
def torch_threads(count: int | None = None) -> Iterator[int]:
    """Run torch with :func:`thread_count` threads, and as before afterwards; yields their number."""
    import torch

    before, now = torch.get_num_threads(), thread_count(count)
    torch.set_num_threads(now)
    try:
        yield now
    finally:
        torch.set_num_threads(before)


def half_the_cores() -> int:
    """Threads for a network that shares the machine with a decoder and an encoder: half the cores, at least one."""
    return max(1, min(usable_cores(), MOST_THREADS) // 2)
