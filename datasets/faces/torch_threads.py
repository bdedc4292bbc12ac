"""How many threads torch may use while a face finder runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 8


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def torch_threads(count: int | None = None) -> Iterator[None]:
    """Run torch with so many threads (all cores of this process, at most 8, when None), and as before afterwards.

    A finder handles one picture at a time, so it takes the cores; elsewhere (a training loop in the same process, one
    process a core) another number may be set, which is put back.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or min(cores(), MOST))
    try:
        yield
    finally:
        torch.set_num_threads(before)
