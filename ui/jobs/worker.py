"""The worker: ``python -m ui.jobs.worker``. Takes ids from the queue and runs their jobs, a few at a time.

One worker a machine: a second waits until the first has gone. It ends when asked (SIGINT, SIGTERM) and when whoever
started it is gone (its standard input closes); jobs then stop where they can go on and stay queued.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Container
from typing import IO

from datasets.errors import CounterfaceError
from ui.jobs import store
from ui.jobs.queue import call, enqueue, waiting
from ui.jobs.running import ENDING
from ui.settings import studio_home, studio_settings

FIRST_DELAY, LONGEST_DELAY = 0.1, 1.0
HEALTH_SECONDS = 5.0
QUIET_SECONDS = 60.0


def main() -> int:
    """Work until told to end; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    away = Away()
    for handler in logging.getLogger().handlers:
        handler.addFilter(away)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ENDING.set())
    threading.Thread(target=_follow_studio, daemon=True).start()
    try:
        lock = _alone()
        if lock is None:
            return 0
        put_back()
        consumer = call().huey.create_consumer(
            workers=studio_settings().workers,
            periodic=False,
            initial_delay=FIRST_DELAY,
            max_delay=LONGEST_DELAY,
        )
    except CounterfaceError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    consumer._set_signal_handlers = lambda: None  # ours let jobs stop first
    consumer.start()
    while not ENDING.wait(HEALTH_SECONDS):
        consumer.check_worker_health()
        if away.noticed.is_set():
            away.noticed.clear()
            try:
                put_back(("queued",))  # what was submitted meanwhile; what runs here goes on running
            except CounterfaceError:
                away.noticed.set()
    consumer.stop(graceful=True)
    return 0


class Away(logging.Filter):
    """Of a queue that cannot be read for a while, one line a minute is logged, not a traceback with every try.

    Attributes:
        noticed: set whenever it could not be read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.noticed = threading.Event()
        self._said = -QUIET_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        if not (record.exc_info and str(record.msg).startswith("Error reading")):
            return True
        self.noticed.set()
        if time.monotonic() - self._said < QUIET_SECONDS:
            return False
        self._said = time.monotonic()
        record.msg, record.args = "The queue of jobs cannot be read (%s); it is tried again.", (record.exc_info[1],)
        record.exc_info = None
        return True


def put_back(states: Container[str] = store.OPEN) -> None:
    """Queue again what waits or ran on this machine and is in no queue: its worker was lost.

    Args:
        states: of the jobs that are looked at.
    """
    queued, here = waiting(), socket.gethostname()
    for job in reversed(store.listing()):
        if job.state not in states or job.id in queued:
            continue
        stands = store.json_of(store.folder_of(job.id) / "state.json")
        if stands.get("host", here) == here:
            enqueue(job.id)


def _alone() -> IO[str] | None:
    """Hold the lock of this machine's worker, waiting for it; None when told to end meanwhile."""
    held = (studio_home() / f"worker-{socket.gethostname()}.lock").open("a")
    while not ENDING.is_set():
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return held
        except BlockingIOError:
            time.sleep(0.5)
    return None


def _follow_studio() -> None:
    """End when the studio that started this worker is gone. Started by hand at a terminal, it ends by Ctrl-C."""
    if sys.stdin is None or not stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        return
    while os.read(sys.stdin.fileno(), 64):
        pass
    ENDING.set()


if __name__ == "__main__":
    sys.exit(main())
