"""Running one job from a worker: a process of its own, watched, stopped when asked, never twice at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from datasets.device import usable_cores
from datasets.errors import InputError
from ui.jobs import store
from ui.settings import studio_settings

POLL_SECONDS = 0.2
LAST_SECONDS = 10.0
INTERRUPTED = 130
# Set when this worker is to end: jobs stop where they can go on, and stay queued for the next worker.
ENDING = threading.Event()


def run_job(id: str) -> None:
    """Run a job that waits, or whose worker was lost, to its end; one that is over or was stopped is left alone."""
    try:
        folder = store.folder_of(id)
    except InputError:
        return  # forgotten while it waited
    with _locked(folder / "lock") as lock:
        if lock is None or ENDING.is_set():
            return
        if store.json_of(folder / "state.json").get("state") not in store.OPEN:
            return
        if (folder / "cancel").exists():
            store.write_state(folder, state="cancelled", finished=time.time())
            return
        (folder / "outcome.json").unlink(missing_ok=True)
        store.write_state(folder, state="running", started=time.time(), host=socket.gethostname())
        code = _run(folder, lock)
        _close(folder, code)


def _run(folder: Path, lock: int) -> int:
    """Start the job's own process and wait for it; returns its exit code."""
    threads = max(1, usable_cores() // studio_settings().workers)
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    with (folder / "log.txt").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "ui.jobs.child", folder.name],
            stdin=subprocess.PIPE,  # closes when this worker is gone, however it went: the job then stops by itself
            stdout=log,
            stderr=log,
            env={**os.environ, **counts, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # a Ctrl-C at the terminal is for the studio, which stops jobs in its own way
            pass_fds=(lock,),  # held as long as the process lives, even without this worker
        )
    asked, grace = 0.0, studio_settings().stop_seconds
    while child.poll() is None:
        if not asked and (ENDING.is_set() or (folder / "cancel").exists()):
            asked = time.monotonic()
            _signal(child, signal.SIGINT)
        if asked and time.monotonic() - asked > grace:
            _signal(child, signal.SIGKILL if time.monotonic() - asked > grace + LAST_SECONDS else signal.SIGTERM)
        time.sleep(POLL_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # what it may have left running
    return child.returncode


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        # Its pools of processes are told by itself; at the end all are ended at once.
        os.killpg(child.pid, number) if number == signal.SIGKILL else child.send_signal(number)


def _close(folder: Path, code: int) -> None:
    """Write down how it ended."""
    outcome, asked = store.json_of(folder / "outcome.json"), (folder / "cancel").exists()
    now = time.time()
    if "result" in outcome:
        store.write_state(folder, state="done", finished=now)
        (folder / "cancel").unlink(missing_ok=True)  # it was done before it could stop
    elif asked:
        store.write_state(folder, state="cancelled", finished=now)
    elif ENDING.is_set() or code == INTERRUPTED:
        store.write_state(folder, state="queued")  # goes on with the next worker
    else:
        store.write_state(folder, state="failed", finished=now, error=outcome.get("error") or _ended(code))


def _ended(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        reason = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"The job's process was ended from outside ({name}{reason}). Retry goes on from what is done."
    return f"The job's process ended without an answer (exit code {code}); its log says more."


@contextmanager
def _locked(file: Path) -> Iterator[int | None]:
    """Hold a lock file, waiting for a process that still stops; gives None when this worker is to end meanwhile."""
    with file.open("a") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if ENDING.wait(POLL_SECONDS):
                    yield None
                    return
        yield held.fileno()
