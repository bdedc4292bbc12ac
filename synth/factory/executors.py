"""Who does the units: this process, a pool of processes on this machine, or a Ray cluster (``rayexecutor``).

An executor takes units whose needs are done and gives back what became of each; it keeps nothing. A worker that dies
takes its unit with it, and the unit is given to another one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from datasets.errors import CounterfaceError, InputError
from synth.factory.plan import Unit
from synth.factory.units import Site, perform

TRIES = 3
WATCH_SECONDS = 0.5
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Executor(Protocol):
    """Does units, several at once or one."""

    @property
    def places(self) -> int:
        """How many units it does at once."""
        ...

    def give(self, unit: Unit) -> None:
        """Take a unit; its needs are done."""
        ...

    def finished(self) -> Iterator[str]:
        """Wait until at least one unit is done, and yield the ids of those that are. Raises what a unit raised."""
        ...

    def close(self) -> None:
        """Stop at once; what was in hand is done again by the next run."""
        ...


class Here:
    """One unit after the other in this process."""

    places = 1

    def __init__(self, site: Site, progress: Any) -> None:
        self.site, self.progress = site, progress
        self.waiting: list[Unit] = []

    def give(self, unit: Unit) -> None:
        self.waiting.append(unit)

    def finished(self) -> Iterator[str]:
        unit = self.waiting.pop(0)
        perform(unit, self.site, self.progress)
        yield unit.id

    def close(self) -> None:
        self.waiting.clear()


class Pool:
    """Processes on this machine, one thread each.

    Raises (from :meth:`finished`):
        InputError: workers died ``TRIES`` times with the same unit in hand.
    """

    def __init__(self, site: Site, workers: int) -> None:
        self.site, self.places = site, workers
        self.pool = self._start()
        self.running: dict[Future[Any], Unit] = {}
        self.tries: dict[str, int] = {}

    def _start(self) -> ProcessPoolExecutor:
        # Not forked: torch and mediapipe hold threads and locks that a fork would copy half-way.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.places, mp_context=context, initializer=_begin, initargs=(os.getpid(),))

    def give(self, unit: Unit) -> None:
        try:
            self.running[self.pool.submit(perform, unit, self.site)] = unit
        except BrokenProcessPool:
            self._again([*self.running.values(), unit])

    def finished(self) -> Iterator[str]:
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        broken: list[Unit] = []
        for future in done:
            unit = self.running.pop(future, None)
            if unit is None:
                continue
            try:
                future.result()
            except BrokenProcessPool:
                broken.append(unit)
                continue
            yield unit.id
        if broken:
            self._again([*broken, *self.running.values()])

    def _again(self, units: Sequence[Unit]) -> None:
        """Start anew after a worker died: all that was in hand is done again."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.running.clear()
        for unit in units:
            count_try(self.tries, unit)
        self.pool = self._start()
        for unit in units:
            self.give(unit)

    def close(self) -> None:
        processes = list((getattr(self.pool, "_processes", None) or {}).values())
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()


def count_try(tries: dict[str, int], unit: Unit) -> None:
    """Count that a worker died over a unit. Raises InputError when it did so too often."""
    tries[unit.id] = tries.get(unit.id, 0) + 1
    if tries[unit.id] >= TRIES:
        raise InputError(
            f"Workers died {TRIES} times with the unit {unit.id} in hand (too little memory?); run it with fewer "
            "workers, and the same command goes on from there."
        )


def _begin(parent: int) -> None:
    """Set a worker of a pool up; it ends with the process that gave the work, however that ends.

    A killed parent says nothing to its workers, and one that went on would work beside those of the next run.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    one_thread()


def one_thread() -> None:
    """Set a worker process up: one thread, Ctrl-C left to the process that gave the work."""
    for name in ONE_THREAD:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        pass


def make_executor(name: str, site: Site, workers: int, resources: Mapping[str, float], progress: Any) -> Executor:
    """The executor of that name: ``local`` or ``ray``. Raises InputError for another, or where Ray is not installed."""
    if name == "local":
        return Here(site, progress) if workers == 1 else Pool(site, workers)
    if name == "ray":
        from synth.factory.rayexecutor import RayExecutor

        return RayExecutor(site, workers, resources)
    raise InputError(f"There is no executor {name!r}; there are: local, ray.")


__all__ = ["CounterfaceError", "Executor", "Here", "Pool", "count_try", "make_executor", "one_thread"]
