"""Jobs: outside the page, told how far they are, stopped and gone on with, never lost with their worker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datasets.errors import InputError
from ui import jobs
from ui.jobs import kinds, store
from ui.jobs.queue import call, waiting

ROOT = Path(__file__).parents[2]
LONGEST = 60.0
# A step that goes on from what it finds done, as the studio's own do. Told to, it ends itself or goes wrong.
COUNTING = """
import os, sys, time
from pathlib import Path
from datasets.errors import InputError

def run(payload, report):
    file = Path(payload["file"])
    begun = len(file.read_text()) if file.exists() else 0
    report.say(f"begins at {begun}")
    if payload.get("wrong") == "input":
        raise InputError("There is no such clip.")
    if payload.get("wrong") == "bug":
        raise RuntimeError("secret detail")
    if payload.get("wrong") == "killed":
        os.kill(os.getpid(), 9)
    for done in range(begun, payload["steps"]):
        with file.open("a") as out:
            out.write("x")
        report("counting", done + 1, payload["steps"], "loss 0.1")
        time.sleep(payload.get("pause", 0))
    return {"begun": begun, "threads": os.environ["OMP_NUM_THREADS"]}
"""


@pytest.fixture(scope="module")
def own_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A studio's folder of these tests alone, with one kind of job more, which child processes know too."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "kinds").mkdir()
    (folder / "kinds" / "counting.py").write_text(COUNTING)
    (folder / "sitecustomize.py").write_text(
        f"import ui.jobs.kinds as kinds\nkinds.__path__.append({str(folder / 'kinds')!r})\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFACE_HOME", str(folder / "home"))
        patch.setenv("COUNTERFACE_STUDIO_STOP_SECONDS", "20")
        patch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
        patch.setattr(kinds, "__path__", [*kinds.__path__, str(folder / "kinds")])
        yield folder


class Worker:
    """A worker process, as the studio starts it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ui.jobs.worker"], stdin=subprocess.PIPE, start_new_session=True
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(LONGEST)


@pytest.fixture(scope="module")
def worker(own_studio: Path) -> Iterator[Worker]:
    held = Worker()
    yield held
    held.end()


def until(id: str, holds: Callable[[jobs.Job], bool]) -> jobs.Job:
    deadline = time.monotonic() + LONGEST
    while not holds(job := jobs.read(id)):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def submit(own_studio: Path, name: str, **payload: object) -> str:
    return jobs.submit("counting", {"file": str(own_studio / name), "steps": 3, **payload}, title=f"Count {name}")


def test_a_job_waits_where_nobody_works_and_can_be_taken_back(own_studio: Path) -> None:
    id = submit(own_studio, "waits")
    job = jobs.read(id)
    assert job.state == "queued" and job.open and id in waiting() and job.title == "Count waits"
    jobs.cancel(id)
    assert jobs.read(id).state == "cancelled" and not jobs.read(id).stopping
    call().huey.flush()


def test_a_job_runs_outside_and_its_result_is_kept(own_studio: Path, worker: Worker) -> None:
    job = until(submit(own_studio, "runs"), lambda job: not job.open)
    assert job.state == "done" and job.progress == 1 and job.result["begun"] == 0 and "begins at 0" in job.log
    assert "Fatal" not in job.log and job.log.endswith("\n")
    assert job.message == "counting, loss 0.1" and job.finished and job.started and job.finished >= job.started
    assert int(job.result["threads"]) >= 1 and jobs.listing("counting")[0].id == job.id
    jobs.forget(job.id)
    with pytest.raises(InputError, match="Nothing is known"):
        jobs.read(job.id)


def test_a_job_stops_when_asked_and_goes_on_from_what_is_done(own_studio: Path, worker: Worker) -> None:
    id = submit(own_studio, "stops", steps=60, pause=0.1)
    running = until(id, lambda job: (job.progress or 0) > 0.03)
    assert running.state == "running" and running.message.startswith("counting")
    with pytest.raises(InputError, match="still runs"):
        jobs.forget(id)
    jobs.cancel(id)
    stopped = until(id, lambda job: not job.open)
    assert stopped.state == "cancelled" and not stopped.result
    (own_studio / "stops").write_text("x" * 58)
    jobs.retry(id)
    assert until(id, lambda job: not job.open).result["begun"] == 58


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("input", "There is no such clip."), ("bug", "was not foreseen"), ("killed", "ended from outside")],
)
def test_a_job_that_fails_says_one_sentence(own_studio: Path, worker: Worker, wrong: str, said: str) -> None:
    job = until(submit(own_studio, wrong, wrong=wrong), lambda job: not job.open)
    assert job.state == "failed" and said in job.error and "secret" not in job.error and "Traceback" not in job.error


def test_a_job_whose_worker_was_killed_goes_on_with_the_next(own_studio: Path, worker: Worker) -> None:
    id = submit(own_studio, "orphan", steps=25, pause=0.1)
    until(id, lambda job: (job.progress or 0) > 0.05)
    worker.kill()
    file = own_studio / "orphan"
    worker.__init__()  # type: ignore[misc]
    done = until(id, lambda job: not job.open)
    assert done.state == "done" and done.result["begun"] > 0
    # Never two at a time: each step was made once.
    assert len(file.read_text()) == 25


@pytest.mark.slow
def test_jobs_stop_with_their_studio_and_go_on_at_the_next_start(own_studio: Path, worker: Worker) -> None:
    id = submit(own_studio, "studio", steps=25, pause=0.1)
    until(id, lambda job: (job.progress or 0) > 0.05)
    assert worker.process.stdin is not None
    worker.process.stdin.close()  # the studio is gone
    worker.process.wait(LONGEST)
    assert jobs.read(id).state == "queued"
    worker.__init__()  # type: ignore[misc]
    assert until(id, lambda job: not job.open).result["begun"] > 0


def test_nothing_of_the_queue_can_run_code(own_studio: Path) -> None:
    """Redis may be shared: a pickle in it must be an error, never run."""
    import pickle

    with pytest.raises(ValueError):
        call().huey.serializer.deserialize(pickle.dumps({"name": "x"}))


@pytest.mark.parametrize("id", ["../../etc", "", "20260101T000000-0123456", "x" * 300])
def test_an_id_is_never_a_path(own_studio: Path, id: str) -> None:
    with pytest.raises(InputError, match="Nothing is known"):
        jobs.read(id)


def test_an_unknown_kind_is_refused_at_once(own_studio: Path) -> None:
    with pytest.raises(InputError, match="no kind of job 'x'; there are"):
        jobs.submit("x", {}, title="X")


def test_what_a_job_keeps_is_readable_even_half_written(own_studio: Path) -> None:
    id = store.create("counting", {}, "Half")
    (store.folder_of(id) / "progress.json").write_text('{"progress": 0.')
    assert jobs.read(id).progress is None


@pytest.fixture
def redis(own_studio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A real Redis that the studio's settings name; called, it goes away, and called again it is back."""
    pytest.importorskip("redis", reason="the package redis is not installed (pip install .[redis])")
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server is installed")
    socket, held = tmp_path / "redis.sock", list[subprocess.Popen[bytes]]()

    def change() -> None:
        if held:
            server = held.pop()
            server.terminate()
            server.wait()
            return
        line = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
        held.append(subprocess.Popen(line, stdout=subprocess.DEVNULL))
        deadline = time.monotonic() + LONGEST
        while not socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    # One worker a machine and folder: this one is not that of the other tests.
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COUNTERFACE_STUDIO_REDIS", f"unix://{socket}")
    change()
    yield change
    if held:
        change()


@pytest.mark.slow
def test_a_redis_carries_jobs_and_may_go_away_for_a_while(own_studio: Path, redis: Callable[[], None]) -> None:
    id = submit(own_studio, "redis", steps=30, pause=0.1)
    assert waiting() == {id}
    first = Worker()
    until(id, lambda job: (job.progress or 0) > 0.05)
    first.kill()
    second = Worker()
    redis()
    with pytest.raises(InputError, match="cannot be reached"):
        submit(own_studio, "away")
    redis()
    # Nothing was lost: neither what ran when its worker was killed nor what was asked for meanwhile.
    assert until(id, lambda job: not job.open).result["begun"] > 0
    assert until(jobs.listing(limit=1)[0].id, lambda job: not job.open).state == "done"
    second.end()


def test_what_is_wrong_with_the_address_of_a_redis_is_said_without_its_password(
    own_studio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("redis", reason="the package redis is not installed (pip install .[redis])")
    for address in ("http://user:secret@host", "redis://user:se/cret@host:6379/0"):
        monkeypatch.setenv("COUNTERFACE_STUDIO_REDIS", address)
        with pytest.raises(InputError, match="is no address of a Redis") as refused:
            waiting()
        assert "cret" not in str(refused.value)
