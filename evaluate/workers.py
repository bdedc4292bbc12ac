"""Work in several processes of one thread each: what is done comes back as it is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import TypeVar

from datasets.errors import CounterfaceError

K = TypeVar("K")
U = TypeVar("U")
R = TypeVar("R")
TICK_SECONDS = 2.0


def in_processes(
    units: Mapping[K, U], work: Callable[[U], R], workers: int, tick: Callable[[], None] | None = None
) -> Iterator[tuple[K, R | str]]:
    """Do every unit; (its key, what came of it, or the sentence of the error) as each is done.

    Args:
        units: by key; they and ``work`` must be picklable unless one worker does it.
        workers: processes of one thread each; 1 works in this one.
        tick: called now and then while the processes work, to show how far they are.
    """
    if min(workers, len(units)) <= 1:
        for key, unit in units.items():
            yield key, _caught(work, unit)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # children read it when they load their libraries
    with ProcessPoolExecutor(min(workers, len(units)), get_context("spawn"), _one_thread) as pool:
        waiting = {pool.submit(_caught, work, unit): key for key, unit in units.items()}
        try:
            while waiting:
                done, _ = wait(waiting, TICK_SECONDS, FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
                if tick:
                    tick()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _caught(work: Callable[[U], R], unit: U) -> R | str:
    try:
        return work(unit)
    except CounterfaceError as error:
        return str(error)
