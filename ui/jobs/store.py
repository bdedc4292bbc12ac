"""How a job stands, in a folder of its own that a person can read.

::

    jobs/<id>/job.json        what it is; never changed
    jobs/<id>/state.json      where it stands; written by whoever queues it, then by the worker
    jobs/<id>/progress.json   how far it is; written by the job's own process
    jobs/<id>/outcome.json    its result, or the sentence that says what went wrong; written by the job's own process
    jobs/<id>/log.txt         what it said
    jobs/<id>/out/            files that it keeps beside its result, see ``Reporter.output``
    jobs/<id>/cancel          there, when somebody wants it to stop
    jobs/<id>/lock            locked while it runs
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.atomic import write_json
from datasets.errors import InputError
from ui.settings import studio_home

State = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: tuple[State, ...] = ("queued", "running")
ID = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}")
TAIL_BYTES = 6000
FORGOTTEN = "Nothing is known of this job; its folder may have been deleted."


@dataclass(frozen=True)
class Job:
    """One job as it stands.

    Attributes:
        id: its folder's name; sorts by time.
        kind: a module of ``ui.jobs.kinds``.
        title: its name for people.
        payload: what it was given.
        state: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        progress: 0 to 1, or None where it is not known.
        message: what it does at the moment, in a few words.
        log: the end of what it said.
        result: what it returned; empty until it is done.
        error: a sentence for people; empty unless it failed.
        stopping: whether it was asked to stop and still runs.
        created, started, finished: seconds since 1970; the last two None until it has.
    """

    id: str
    kind: str
    title: str
    payload: Mapping[str, Any]
    state: State
    progress: float | None
    message: str
    log: str
    result: Mapping[str, Any]
    error: str
    stopping: bool
    created: float
    started: float | None
    finished: float | None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN


def jobs_home() -> Path:
    """The folder of all jobs."""
    folder = studio_home() / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_of(id: str) -> Path:
    """The folder of a job. Raises InputError when there is no such job."""
    folder = jobs_home() / id if ID.fullmatch(id) else None
    if folder is None or not (folder / "job.json").is_file():
        raise InputError(FORGOTTEN)
    return folder


def create(kind: str, payload: Mapping[str, Any], title: str) -> str:
    """Write down a new job, queued; returns its id. The payload must be plain JSON."""
    now = dt.datetime.now(dt.UTC)
    id = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
    folder = jobs_home() / id
    folder.mkdir()
    write_state(folder, state="queued")
    write_json(
        folder / "job.json",
        {"id": id, "kind": kind, "title": title, "payload": dict(payload), "created": now.timestamp()},
    )
    return id


def read(id: str, tail: bool = True) -> Job:
    """A job as it stands now.

    Args:
        tail: read the end of its log too.

    Raises:
        InputError: there is no such job.
    """
    folder = folder_of(id)
    about, stands = json_of(folder / "job.json"), json_of(folder / "state.json")
    ahead, outcome = json_of(folder / "progress.json"), json_of(folder / "outcome.json")
    if not about:
        raise InputError(FORGOTTEN)
    asked = (folder / "cancel").exists()
    state: State = stands.get("state", "queued")
    if asked and state == "queued":
        state = "cancelled"  # no worker has taken it, and none will
    done = state == "done"
    return Job(
        id=id,
        kind=str(about.get("kind", "")),
        title=str(about.get("title", "")),
        payload=about.get("payload") or {},
        state=state,
        progress=1.0 if done else ahead.get("progress"),
        message=str(ahead.get("message", "")),
        log=log_tail(folder / "log.txt") if tail else "",
        result=(outcome.get("result") or {}) if done else {},
        error=str(stands.get("error") or "") if state == "failed" else "",
        stopping=asked and state == "running",
        created=float(about.get("created", 0)),
        started=stands.get("started"),
        finished=stands.get("finished"),
    )


def listing(kind: str | None = None, limit: int | None = None) -> list[Job]:
    """All jobs, the latest first, without their logs; of one kind only where it is named."""
    found: list[Job] = []
    for folder in sorted(jobs_home().iterdir(), reverse=True):
        if limit is not None and len(found) >= limit:
            break
        if not ID.fullmatch(folder.name):
            continue
        try:
            job = read(folder.name, tail=False)
        except InputError:
            continue
        if kind is None or job.kind == kind:
            found.append(job)
    return found


def forget(id: str) -> None:
    """Delete what is kept of a job that no longer runs; what it made stays. Raises InputError while it runs."""
    if read(id, tail=False).open:
        raise InputError("This job still runs; stop it first.")
    shutil.rmtree(folder_of(id), ignore_errors=True)


def write_state(folder: Path, **changes: Any) -> None:
    """Change some fields of ``state.json``, all or nothing."""
    write_json(folder / "state.json", {**json_of(folder / "state.json"), **changes})


def json_of(file: Path) -> dict[str, Any]:
    """What a file holds; nothing where it is missing or not whole."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def log_tail(file: Path) -> str:
    """The last lines of a log."""
    try:
        with file.open("rb") as held:
            size = held.seek(0, 2)
            held.seek(max(0, size - TAIL_BYTES))
            text = held.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= TAIL_BYTES else text.partition("\n")[2]
