"""The queue of jobs: huey, on a SQLite file or on a Redis. It carries ids; what a job is lies in its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.errors import InputError
from ui.jobs import kinds, store
from ui.settings import studio_home, studio_settings

NAME = "counterface"


def submit(kind: str, payload: Mapping[str, Any], *, title: str) -> str:
    """Queue a job; returns its id.

    Args:
        kind: a module of ``ui.jobs.kinds``.
        payload: plain JSON, given to it.
        title: its name for people.

    Raises:
        InputError: there is no such kind, or the queue cannot be reached.
    """
    if kind not in kinds.names():
        raise InputError(f"There is no kind of job {kind!r}; there are: {', '.join(kinds.names())}.")
    id = store.create(kind, payload, title)
    enqueue(id)
    return id


def cancel(id: str) -> None:
    """Ask a job to stop, at a point from which ``retry`` goes on. Raises InputError when there is no such job."""
    if store.read(id, tail=False).open:
        (store.folder_of(id) / "cancel").touch()


def retry(id: str) -> None:
    """Queue a job again that failed or was stopped; it goes on from what is done.

    Raises:
        InputError: there is no such job.
    """
    job, folder = store.read(id, tail=False), store.folder_of(id)
    if job.open:
        return
    for name in ("cancel", "outcome.json", "progress.json"):
        (folder / name).unlink(missing_ok=True)
    store.write_state(folder, state="queued", error="", finished=None)
    enqueue(id)


def enqueue(id: str) -> None:
    """Put a job's id into the queue. Raises InputError when the queue cannot be reached."""
    with _reached("the job waits until a worker starts"):
        call()(id)


def waiting() -> set[str]:
    """The ids in the queue. Raises InputError when it cannot be reached."""
    with _reached("jobs wait until it can be"):
        return {str(one.args[0]) for one in call().huey.pending() if one.args}


@contextmanager
def _reached(then: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise  # a setting that will not do: its sentence says what to change
    except Exception as error:  # each kind of queue has errors of its own
        raise InputError(f"The queue of jobs cannot be reached ({error}); {then}.") from error


def call() -> Any:
    """What puts a job's id into the queue that the settings name, ``call()(id)``; its ``huey`` is that queue."""
    return _call(studio_home() / "queue.sqlite", studio_settings().redis)


@lru_cache(maxsize=4)
def _call(file: Path, redis: str) -> Any:
    import huey
    from huey.registry import Message
    from huey.serializer import Serializer

    class Plain(Serializer):
        """JSON: what comes out of a queue that others can reach must not be able to run anything."""

        def _serialize(self, data: Any) -> bytes:
            return json.dumps(data._asdict() if isinstance(data, Message) else data, default=str).encode()

        def _deserialize(self, data: bytes) -> Any:
            held = json.loads(bytes(data))
            return Message(**held) if isinstance(held, dict) and "name" in held else held

    if redis:
        try:
            made = huey.RedisHuey(NAME, results=False, serializer=Plain(), url=redis)
        except huey.exceptions.ConfigurationError as error:
            raise InputError(
                "Jobs in a Redis need the package redis, which is not installed: pip install 'counterface[redis]'."
            ) from error
        except ValueError:  # its text may hold the password
            raise InputError(
                "The studio's setting redis is no address of a Redis: redis://[user:password@]host:6379/0, rediss:// "
                "with TLS, or unix:///path."
            ) from None
    else:
        made = huey.SqliteHuey(NAME, results=False, serializer=Plain(), filename=str(file))
    return made.task(name="run_job")(_run_job)


def _run_job(id: str) -> None:
    from ui.jobs.running import run_job

    run_job(id)
