"""The table of outputs: what is written stays, whoever else writes and whenever the process dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.errors import InputError, Refused
from datasets.provenance import records
from datasets.provenance.consent import from_option
from datasets.provenance.manifest import Ingredient, Making
from datasets.provenance.records import IdTaken, Record, find, recent, record_of, remember, table_path, unused_id

RECORD = Record(
    id="0badcafe",
    kind="swap",
    title="A film [1] “äß”",
    method="quick96",
    format="video/mp4",
    recipe={"mode": "overlay", "steps": 3, "inner": {"a": [1, None]}},
    consent=({"role": "source", "basis": "self", "who": "Ada", "reference": "x", "date": "2026-01-31", "id": "1"},),
    ingredients=({"title": "a.mp4", "relationship": "parentOf", "sha256": "ab" * 32},),
    sha256="cd" * 32,
    created="2026-01-31T10:00:00+00:00",
    manifest=bytes(range(256)) * 20,
)
WRITER = """
import sys
from datasets.provenance.records import Record, remember
first, count = int(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for i in range(first, first + count):
    remember(Record(f"{i:08x}", "swap", "t", "m", "video/mp4", {}, (), (), "ab", "now", bytes(5000)))
    print(f"{i:08x}", flush=True)
"""


@pytest.fixture(autouse=True)
def own_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    return table_path()


def start(first: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(first), str(count)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


def test_what_is_remembered_is_found_as_it_was() -> None:
    remember(RECORD)
    assert find(RECORD.id) == RECORD
    assert find("00000000") is None


def test_asking_makes_nothing(own_table: Path) -> None:
    assert find(RECORD.id) is None and recent() == []
    assert not own_table.parent.exists()


def test_only_the_user_may_read_it_and_nothing_lies_beside_it(own_table: Path) -> None:
    remember(RECORD)
    assert stat.S_IMODE(own_table.stat().st_mode) == 0o600
    assert [path.name for path in own_table.parent.iterdir()] == [own_table.name]


def test_an_id_is_given_once(own_table: Path) -> None:
    remember(RECORD)
    with pytest.raises(IdTaken, match=RECORD.id) as caught:
        remember(replace(RECORD, title="another"))
    assert caught.value.exit_code == 3
    assert find(RECORD.id) == RECORD


def test_a_taken_id_is_drawn_again() -> None:
    remember(RECORD)
    drawn = iter([RECORD.id, RECORD.id, "00000007"])
    assert unused_id(lambda: next(drawn)) == "00000007"
    with pytest.raises(Refused, match="unused"):
        unused_id(lambda: RECORD.id)


@pytest.mark.parametrize("id", ["", "0BADCAFE", "0badcafe0", "xyzxyzxy"])
def test_what_is_no_id_is_not_stored(id: str) -> None:
    with pytest.raises(ValueError):
        remember(replace(RECORD, id=id))


def test_recent_gives_the_newest_first() -> None:
    for i in range(5):
        remember(replace(RECORD, id=f"{i:08x}"))
    assert [record.id for record in recent(3)] == ["00000004", "00000003", "00000002"]
    assert len(recent()) == 5


def test_a_record_holds_what_the_user_entered_and_no_path(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"some clip")
    consent = from_option("self", "a.mp4", "b.mp4")
    settings = {"model": str(tmp_path / "model" / "card.json"), "steps": 3, "all": [str(clip)], "path": clip}
    making = Making(
        "/home/ada/films/out.mp4", "quick96", consent, (Ingredient(clip, str(clip), "parentOf"),), settings, "swap"
    )
    record = record_of(making, "00000001", b"m", "ab", "video/mp4")
    remember(record)
    assert find("00000001") == record
    assert str(tmp_path) not in str(record) and "/home/ada" not in str(record)
    assert record.recipe["steps"] == 3 and record.title == "out.mp4"
    assert [entry["who"] for entry in record.consent] == ["a.mp4", "b.mp4"]


def test_two_processes_and_many_threads_at_once() -> None:
    writers = [start(0, 60), start(1000, 60)]
    errors: list[Exception] = []

    def write(first: int) -> None:
        try:
            for i in range(first, first + 15):
                remember(replace(RECORD, id=f"{i:08x}"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(2000 + 100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [writer.wait() for writer in writers] == [0, 0] and not errors
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    assert len(recent(1000)) == 60 + 60 + 4 * 15


def test_another_thread_does_not_let_go_of_the_lock(own_table: Path) -> None:
    """POSIX locks belong to a process, and end when it closes any descriptor of the file."""
    remember(RECORD)
    holder = sqlite3.connect(own_table, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        records._make(own_table)
        asked = f"import sqlite3; sqlite3.connect({str(own_table)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        assert "locked" in subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stderr
    finally:
        holder.close()


def test_a_kill_loses_nothing_that_was_stored() -> None:
    for round in range(3):
        writer = start(10_000 * round, 5000)
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        said = [writer.stdout.readline().strip() for _ in range(5 + 20 * round)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        assert len(said) < 5000 and all(find(id) is not None for id in said if len(id) == 8)
        remember(replace(RECORD, id=f"{0xF0000000 + round:08x}"))
    with sqlite3.connect(table_path()) as table:
        assert table.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    table.close()


def test_a_kill_right_after_the_file_was_made(own_table: Path) -> None:
    own_table.parent.mkdir()
    own_table.touch()
    assert find(RECORD.id) is None
    remember(RECORD)
    assert find(RECORD.id) == RECORD


def newer(path: Path) -> None:
    with sqlite3.connect(path) as table:
        table.execute(f"PRAGMA user_version = {records.VERSION + 1}")
    table.close()


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as table:
        table.execute("CREATE TABLE bookmarks (url TEXT)")
    table.close()


def junk(path: Path) -> None:
    path.write_bytes(b"no table at all " * 400)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("change", "says"), [(newer, "newer version"), (foreign, "another program"), (junk, "damaged"), (cut, "damaged")]
)
def test_a_table_that_cannot_be_used_is_said_and_left_as_it_is(own_table: Path, change: object, says: str) -> None:
    remember(RECORD)
    for i in range(20):
        remember(replace(RECORD, id=f"{i:08x}", manifest=os.urandom(3000)))
    assert callable(change)
    change(own_table)
    before = own_table.read_bytes()
    with pytest.raises(InputError, match=says):
        recent(100)
    with pytest.raises(Refused, match=says):
        remember(replace(RECORD, id="11111111"))
    with pytest.raises(Refused, match="matched again"):
        for i in range(20):
            unused_id(lambda i=i: f"{i:08x}")  # type: ignore[misc]
    assert own_table.read_bytes() == before


def test_a_flipped_bit_in_a_manifest_is_noticed(own_table: Path) -> None:
    remember(replace(RECORD, manifest=os.urandom(2000)))
    with sqlite3.connect(own_table) as table:
        packed = bytearray(table.execute("SELECT manifest FROM outputs").fetchone()[0])
        packed[1000] ^= 1
        table.execute("UPDATE outputs SET manifest = ?", (bytes(packed),))
    table.close()
    with pytest.raises(InputError, match="damaged"):
        find(RECORD.id)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(own_table: Path) -> None:
    own_table.parent.mkdir()
    own_table.parent.chmod(0o500)
    with pytest.raises(Refused, match="writable"):
        remember(RECORD)
    own_table.parent.chmod(0o700)


def test_a_folder_stands_in_its_place(own_table: Path) -> None:
    own_table.mkdir(parents=True)
    with pytest.raises(Refused, match="outputs"):
        remember(RECORD)
    with pytest.raises(InputError, match="outputs"):
        find(RECORD.id)


def test_a_table_that_stays_locked(own_table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(RECORD)
    monkeypatch.setattr(records, "PATIENCE", 0.1)
    holder = sqlite3.connect(own_table, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Refused, match="in use"):
            remember(replace(RECORD, id="00000001"))
        with pytest.raises(InputError, match="in use"):
            find(RECORD.id)
    finally:
        holder.close()
    assert find(RECORD.id) == RECORD


def test_that_the_table_cannot_be_written_is_known_before_the_work_begins(
    own_table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unused_id(lambda: "00000007") == "00000007" and recent() == []
    remember(RECORD)
    monkeypatch.setattr(records, "PATIENCE", 0.1)
    holder = sqlite3.connect(own_table, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")  # others may read, and not write
    try:
        with pytest.raises(Refused, match="in use"):
            unused_id(lambda: "00000007")
    finally:
        holder.close()
    assert unused_id(lambda: "00000007") == "00000007"
