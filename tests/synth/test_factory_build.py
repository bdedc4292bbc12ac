"""Builds that are stopped at any moment go on, and end in the same manifest, byte for byte."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from setkit import manifest_bytes, recipe, write_recipe

from datasets.errors import InputError, Refused
from datasets.formats.ffpp import move_mask
from datasets.labelledset import LabelledSet
from datasets.mediahash import contents
from datasets.provenance.reading import read_credentials
from synth.factory import build as building
from synth.factory.build import build
from synth.factory.executors import Pool, count_try

# Where a build is killed: the module, the name in it, and at which call of it.
PHASES = {
    "cutting a clip": ("datasets.encode", "ClipEncoder.write", 5),
    "finding faces": ("datasets.extract", "write_rows", 1),
    "after training, before its row": ("synth.factory.units", "tensors_hash", 1),
    "rendering": ("datasets.provenance.writer", "SyntheticWriter.write", 3),
    "after the record, before the rename": ("synth.factory.units", "contents", 6),
    "encoding a level": ("datasets.provenance.levels", "write_level", 2),
    "writing a row": ("synth.factory.units", "write_row", 20),
    "training": ("synth.training", "write_state", 1),
    "writing the manifest": ("pyarrow.parquet", "ParquetWriter.write_table", 5),
}
TRAINED = ("training",)  # only of a method that trains
KILLED = """
import importlib, os, signal, sys
module, name, call = sys.argv[1], sys.argv[2], int(sys.argv[3])
holder = importlib.import_module(module)
*parts, last = name.split(".")
for part in parts:
    holder = getattr(holder, part)
real, seen = getattr(holder, last), 0
def stop(*given, **named):
    global seen
    seen += 1
    if seen == call:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **named)
setattr(holder, last, stop)
from pathlib import Path
from synth.factory.build import build
build(Path(sys.argv[4]), Path(sys.argv[5]), workers=1)
"""


def killed(phase: str, recipe_file: Path, root: Path) -> int:
    """Build in a process of its own that is killed (SIGKILL) in that phase; returns how it ended."""
    module, name, call = PHASES[phase]
    arguments = [sys.executable, "-c", KILLED, module, name, str(call), str(recipe_file), str(root)]
    return subprocess.run(arguments, cwd=Path(__file__).parents[2], capture_output=True).returncode


def recipe_of(built_set: Path) -> Path:
    return built_set.parent / "clips" / "recipe.toml"


@pytest.mark.slow
@pytest.mark.parametrize("phase", [one for one in PHASES if one not in TRAINED])
def test_killed_in_one_phase_it_ends_in_the_same_manifest(built_set: Path, tmp_path: Path, phase: str) -> None:
    root = tmp_path / "set"
    assert killed(phase, recipe_of(built_set), root) == -signal.SIGKILL
    assert not (root / "dataset.json").exists()
    build(recipe_of(built_set), root, workers=1)
    assert manifest_bytes(root) == manifest_bytes(built_set)
    assert not [path for path in root.rglob("*") if ".tmp" in path.name or path.name.endswith(".old")]


@pytest.mark.slow
def test_killed_in_the_middle_of_a_training_it_ends_in_the_same_manifest(tmp_path: Path) -> None:
    text = recipe(methods=['name = "quick96"\nsteps = 12\noptions = { batch = 4 }'], pairs='list = [["hop", "ast"]]')
    file = write_recipe(tmp_path / "clips", text)
    whole = build(file, tmp_path / "whole", workers=1)
    assert killed("training", file, tmp_path / "set") == -signal.SIGKILL
    build(file, tmp_path / "set", workers=1)
    assert manifest_bytes(tmp_path / "set") == manifest_bytes(whole)


def test_a_finished_build_does_nothing_more(own_set: Path, built_set: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in own_set.rglob("*.mp4")}
    build(recipe_of(built_set), own_set, workers=1)
    assert {path: path.stat().st_mtime_ns for path in own_set.rglob("*.mp4")} == before
    assert manifest_bytes(own_set) == manifest_bytes(built_set)


def test_what_was_removed_or_edited_after_the_build_is_made_again(own_set: Path, built_set: Path) -> None:
    data = LabelledSet(own_set)
    clip = data.select(level="c30", label="fake")[0]
    raw = data.select(level="raw", label="fake")[1]
    (own_set / clip.file).unlink()
    (own_set / raw.file).unlink()
    (own_set / "clips.jsonl").write_text("edited by hand\n")
    shutil.rmtree(own_set / ".work" / "footage")  # working files may be gone, too
    build(recipe_of(built_set), own_set, workers=1)
    assert manifest_bytes(own_set) == manifest_bytes(built_set)
    assert contents(own_set / clip.file).sha256 == clip.sha256 and contents(own_set / raw.file).sha256 == raw.sha256


def test_everything_that_is_made_is_marked(built_set: Path) -> None:
    clips = [path for path in built_set.rglob("*.mp4") if "footage" not in path.parts]
    assert clips and all(read_credentials(path).by_studio for path in clips)
    assert read_credentials(built_set / "strip.jpg").by_studio


@pytest.mark.slow
def test_raw_is_marked_too_where_it_is_no_level(tmp_path: Path) -> None:
    text = recipe(levels='"c30"', pairs='list = [["hop", "ast"]]', people=("hop", "ast"))
    root = build(write_recipe(tmp_path / "clips", text), tmp_path / "set", workers=1)
    assert LabelledSet(root).levels == ("c30",) and not (root / "videos" / "raw").exists()
    kept = list((root / ".work" / "raw").glob("*.mp4"))
    assert len(kept) == 3 and all(read_credentials(path).by_studio for path in kept)


def test_another_recipe_does_not_build_over_it(own_set: Path, built_set: Path, tmp_path: Path) -> None:
    file = write_recipe(tmp_path / "clips", recipe(more="").replace("seed = 3", "seed = 4"))
    with pytest.raises(InputError, match="was built from another recipe"):
        build(file, own_set, workers=1)
    shutil.copytree(file.parent, own_set / "clips")
    with pytest.raises(InputError, match="from which the set is built"):
        build(own_set / "clips" / "recipe.toml", own_set, workers=1, force=True)
    assert manifest_bytes(own_set) == manifest_bytes(built_set)


def test_another_folder_is_never_replaced(built_set: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(InputError, match="no data set"):
            build(recipe_of(built_set), tmp_path, workers=1, force=force)
    assert (tmp_path / "letter.txt").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        build(recipe_of(built_set), tmp_path / "letter.txt", workers=1)


def test_a_disk_that_is_too_small_is_said_before_it_starts(
    built_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(InputError, match=r"needs about .* and only 1.0 MB are free"):
        build(recipe_of(built_set), tmp_path / "set", workers=1)
    assert not (tmp_path / "set").exists()


def test_what_a_kill_before_the_first_unit_leaves_is_no_other_folder(built_set: Path, tmp_path: Path) -> None:
    file = recipe_of(built_set)
    (tmp_path / "set" / ".work").mkdir(parents=True)
    (tmp_path / "set" / ".work" / ".build.1.tmp.json").write_text("{")
    ready = building.prepare(file, derive=False)
    other = building._is_other(tmp_path / "set", ready, file, force=False)
    building._open(tmp_path / "set", ready.recipe, file, other)
    assert not other
    assert (tmp_path / "set" / "recipe.toml").read_text() == file.read_text()


def test_two_builds_do_not_work_in_one_folder(own_set: Path, built_set: Path) -> None:
    with building._alone(own_set), pytest.raises(InputError, match="Another build is working"):
        build(recipe_of(built_set), own_set, workers=1)


@pytest.mark.slow
def test_an_older_set_goes_only_when_nothing_speaks_against_the_new_one(
    own_set: Path, built_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_recipe(tmp_path / "clips", recipe().replace("seed = 3", "seed = 4"))
    with building._alone(own_set), pytest.raises(InputError, match="Another build is working"):
        build(file, own_set, workers=1, force=True)
    with pytest.raises(InputError, match="no executor"):
        build(file, own_set, executor="moon", workers=1, force=True)
    with monkeypatch.context() as patch:
        patch.setattr(building.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        patch.setattr(building, "_bytes_in", lambda root: 1000)
        with pytest.raises(InputError, match=r"only 2.0 kB are free"):
            build(file, own_set, workers=1, force=True)
    assert manifest_bytes(own_set) == manifest_bytes(built_set)


def test_an_emptied_folder_keeps_its_lock_and_whose_it_was(own_set: Path, built_set: Path, tmp_path: Path) -> None:
    file = write_recipe(tmp_path / "clips", recipe().replace("seed = 3", "seed = 4"))
    lock = own_set / ".work" / "lock"
    with building._alone(own_set):
        held = lock.stat().st_ino
        building._empty(own_set)
        assert lock.stat().st_ino == held
    assert sorted(p.relative_to(own_set).as_posix() for p in own_set.rglob("*")) == [
        ".work",
        ".work/build.json",
        ".work/lock",
    ]
    with pytest.raises(InputError, match="from another recipe"):
        build(file, own_set, workers=1)
    assert building._is_other(own_set, building.prepare(file, derive=False), file, force=True)


def test_what_is_not_real_is_no_footage(built_set: Path, tmp_path: Path) -> None:
    data = LabelledSet(built_set)
    swap, original = (built_set / data.select(level="raw", label=label)[0].file for label in ("fake", "real"))
    bare = tmp_path / "clips" / "ast.mp4"
    file = write_recipe(bare.parent)
    shutil.copyfile(swap, bare)
    with pytest.raises(Refused, match=r"ast.mp4 says in its Content Credentials"):
        building.prepare(file, derive=False)
    bare.unlink()
    move_mask(swap, bare)  # the same packets, without Credentials
    assert read_credentials(bare).state == "none"
    with pytest.raises(Refused, match=r"ast.mp4 carries the watermark"):
        build(file, tmp_path / "set", workers=1)
    assert not (tmp_path / "set").exists()
    building.check_said(original)
    building.check_unmarked(original)


def test_a_unit_that_takes_workers_down_is_given_up(built_set: Path) -> None:
    tries: dict[str, int] = {}
    unit = SimpleNamespace(id="render/a")
    count_try(tries, unit)  # type: ignore[arg-type]
    count_try(tries, unit)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="died 3 times with the unit render/a"):
        count_try(tries, unit)  # type: ignore[arg-type]


def kill_one(root: Path, found: object, killed: list[int]) -> None:
    """Wait until some units are done, then kill a worker that is in the middle of one."""
    rows = root / ".work" / "rows"
    while not (root / "clips.jsonl").exists():
        if len(list(rows.rglob("*.json"))) >= 3:
            workers = found()  # type: ignore[operator]
            if workers:
                os.kill(workers[0], signal.SIGKILL)
                killed.append(workers[0])
                return
        time.sleep(0.05)


def busy_children(name: str) -> list[int]:
    import psutil

    own = psutil.Process().children(recursive=True)
    return [child.pid for child in own if name in " ".join(child.cmdline())]


@pytest.mark.slow
def test_a_pool_whose_worker_is_killed_ends_in_the_same_manifest(built_set: Path, tmp_path: Path) -> None:
    killed_ones: list[int] = []
    arguments = (tmp_path / "set", lambda: busy_children("spawn_main"), killed_ones)
    killer = threading.Thread(target=kill_one, args=arguments)
    killer.start()
    build(recipe_of(built_set), tmp_path / "set", workers=2)
    killer.join()
    assert killed_ones and manifest_bytes(tmp_path / "set") == manifest_bytes(built_set)


@pytest.mark.slow
def test_the_workers_of_a_killed_build_end_with_it(built_set: Path, tmp_path: Path) -> None:
    import psutil

    script = tmp_path / "run.py"
    script.write_text(
        "from pathlib import Path\nfrom synth.factory.build import build\nif __name__ == '__main__':\n"
        f"    build(Path({str(recipe_of(built_set))!r}), Path({str(tmp_path / 'set')!r}), workers=2)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    main = subprocess.Popen([sys.executable, str(script)], env=environment)
    rows = tmp_path / "set" / ".work" / "rows"
    while len(list(rows.rglob("*.json"))) < 3 and main.poll() is None:
        time.sleep(0.1)
    workers = psutil.Process(main.pid).children(recursive=True)
    main.kill()
    main.wait()
    assert len(workers) >= 2 and not psutil.wait_procs(workers, timeout=20)[1]
    build(recipe_of(built_set), tmp_path / "set", workers=1)
    assert manifest_bytes(tmp_path / "set") == manifest_bytes(built_set)


@pytest.mark.slow
def test_ray_with_a_worker_killed_ends_in_the_same_manifest(built_set: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    killed_ones: list[int] = []

    def workers() -> list[int]:
        import psutil

        titles = [(p.pid, " ".join(p.info["cmdline"] or [])) for p in psutil.process_iter(["cmdline"])]
        return [pid for pid, title in titles if title.startswith("ray::Worker.do")]

    killer = threading.Thread(target=kill_one, args=(tmp_path / "set", workers, killed_ones))
    killer.start()
    build(recipe_of(built_set), tmp_path / "set", executor="ray", workers=2)
    killer.join()
    assert killed_ones and manifest_bytes(tmp_path / "set") == manifest_bytes(built_set)


def test_a_pool_is_made_of_processes(built_set: Path) -> None:
    from synth.factory.units import Site

    pool = Pool(Site(built_set, {}, ("raw",)), 1)
    try:
        assert pool.places == 1 and not pool.running
    finally:
        pool.close()
